"""A file of decisions holds what was said to be kept, whatever the disk, a crash or a stranger did to it."""

from __future__ import annotations

import os
import re
import resource
import signal

import pytest

from pipeline.decisions import DECISIONS_FILE, Decision, Ruling, add_decision, read_decisions, standing
from pipeline.exceptions import DecidedMeanwhile, OutputNotWritable
from pipeline.store import Dataset

CLIP, SEEN = "c0ffee", "f1"


@pytest.fixture
def dataset(tmp_path):
    made = Dataset.open_or_create(tmp_path / "set")
    made.clip_dir(CLIP).mkdir(parents=True)
    return made


def ruled(ruling="accept", by="ann", **other) -> Decision:
    words = {"clip_id": CLIP, "fingerprint": SEEN, "at": "2026-11-22T08:30:00+00:00", **other}
    return Decision(ruling=Ruling(ruling), by=by, **words)


def path_of(dataset):
    return dataset.clip_dir(CLIP) / DECISIONS_FILE


def test_a_line_cut_off_by_a_crash_is_told_and_gone_with_the_next(dataset):
    """Nobody was told that it was kept; what stands before and after it counts."""
    first, last = ruled(), ruled("reject", "bob")
    add_decision(dataset, first)
    whole = path_of(dataset).read_bytes()
    for length in range(1, len(whole) - 1, 40):
        path_of(dataset).write_bytes(whole + whole[:length])
        read = read_decisions(dataset, CLIP)
        assert read.items == (first,)
        assert "line 2 was cut off" in read.damaged[0]
        assert standing(read, SEEN).accepts
    add_decision(dataset, last)
    read = read_decisions(dataset, CLIP)
    assert read.items == (first, last)
    assert not read.damaged
    assert standing(read, SEEN).decision == last
    add_decision(dataset, ruled("undo", "bob"))
    held = standing(read_decisions(dataset, CLIP), SEEN)
    assert (held.decision, held.doubtful) == (first, False)


def test_a_line_nested_beyond_measure_is_damaged_as_any_other(dataset):
    """And the line after it counts."""
    path_of(dataset).parent.mkdir(parents=True, exist_ok=True)
    path_of(dataset).write_bytes(b"[" * 200_000 + b"\n")
    add_decision(dataset, ruled())
    read = read_decisions(dataset, CLIP)
    assert read.items == (ruled(),) and "line 1 is cut off or has changed" in read.damaged[0]


def test_any_flipped_byte_of_a_kept_line_keeps_the_clip_out_until_someone_decides_again(dataset):
    """The line may have been a rejection, or an undo of what stands."""
    add_decision(dataset, ruled())
    kept = path_of(dataset).read_bytes()
    add_decision(dataset, ruled("reject", "bob", reason="floats"))
    whole = path_of(dataset).read_bytes()
    for at in range(len(kept), len(whole) - 1, 7):
        path_of(dataset).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        read = read_decisions(dataset, CLIP)
        assert "line 2 is cut off or has changed" in read.damaged[0]
        held = standing(read, SEEN)
        assert held.doubtful
        assert held.keeps_out
        assert not held.accepts
    add_decision(dataset, ruled(by="eve"))
    assert standing(read_decisions(dataset, CLIP), SEEN).accepts


def test_a_decision_that_cannot_be_kept_leaves_the_file_as_it_was(dataset):
    """A full disk costs one sentence, and neither a line nor half of one."""
    add_decision(dataset, ruled())
    before = path_of(dataset).read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 40, limit[1]))
    try:
        with pytest.raises(OutputNotWritable, match=r"decisions\.jsonl: cannot be written"):
            add_decision(dataset, ruled("reject"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert path_of(dataset).read_bytes() == before


def test_a_line_of_which_only_the_end_was_cut_off_is_kept(dataset):
    """It may have been on the disk when its writer was stopped; the next one stands on a line of its own."""
    add_decision(dataset, ruled())
    path_of(dataset).write_bytes(path_of(dataset).read_bytes()[:-1])
    add_decision(dataset, ruled("reject", "bob"))
    read = read_decisions(dataset, CLIP)
    assert (read.items, read.damaged) == ((ruled(), ruled("reject", "bob")), ())


@pytest.mark.parametrize(
    ("what", "said"),
    [("link", "is a link"), ("folder", "is a directory"), ("pipe", "is no file"), ("lock", "symbolic")],
)
def test_what_is_no_file_of_decisions_is_neither_followed_nor_waited_for(dataset, tmp_path, what, said):
    """Reading tells it and keeps the clip out; deciding tells it, and what a link leads to stays as it is."""
    path, victim = path_of(dataset), tmp_path / "victim"
    victim.write_text("mine")
    if what == "lock":
        path, victim = path.with_name(".decisions.lock"), tmp_path / "not there"
    if what in ("link", "lock"):
        path.symlink_to(victim)
    else:
        path.mkdir() if what == "folder" else os.mkfifo(path)
    read = read_decisions(dataset, CLIP)
    if what != "lock":
        assert re.search(rf"decisions\.jsonl: cannot be read \({said}\).*decide again", read.damaged[0])
        assert standing(read, SEEN).keeps_out
    with pytest.raises(OutputNotWritable, match=rf"(?i)cannot be written \(.*{said}"):
        add_decision(dataset, ruled())
    assert victim.exists() == (what != "lock")
    assert what == "lock" or victim.read_text() == "mine"


def test_a_clips_folder_that_is_a_link_takes_no_decision(dataset, tmp_path):
    """What lies behind it is somebody else's; what was decided there counts for nothing here."""
    folder, elsewhere = dataset.clip_dir(CLIP), tmp_path / "elsewhere"
    add_decision(dataset, ruled())
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    before = sorted((path.name, path.read_bytes()) for path in elsewhere.iterdir())
    read = read_decisions(dataset, CLIP)
    assert read.items == ()
    assert "the clip's folder is a link" in read.damaged[0]
    with pytest.raises(OutputNotWritable, match="clip's folder is a link"):
        add_decision(dataset, ruled("reject"))
    assert sorted((path.name, path.read_bytes()) for path in elsewhere.iterdir()) == before


def test_a_clip_that_is_gone_does_not_come_back_by_a_decision(dataset):
    dataset.clip_dir(CLIP).rmdir()
    with pytest.raises(OutputNotWritable, match="No such file"):
        add_decision(dataset, ruled())
    assert not dataset.clip_dir(CLIP).exists()


def test_a_disk_that_keeps_nothing_is_one_sentence(dataset, monkeypatch):
    """Also where it fails while the folder is written, or while what was written is taken back."""
    add_decision(dataset, ruled())
    before = path_of(dataset).read_bytes()
    real, calls = os.fsync, []

    def failing(handle):
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        real(handle)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OutputNotWritable, match=r"decisions\.jsonl: cannot be written \(Input/output error\)"):
        add_decision(dataset, ruled("reject"))
    assert path_of(dataset).read_bytes() == before

    def refused(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "ftruncate", refused)
    with pytest.raises(OutputNotWritable, match=r"decisions\.jsonl: cannot be written \(Input/output error\)"):
        add_decision(dataset, ruled("reject"))


def test_lines_that_cannot_be_read_any_more_hide_nobodys_ruling(dataset):
    """They count among those that were seen: what came after them is unseen as before."""
    for decision in (ruled(), ruled("reject"), ruled(by="mei")):
        add_decision(dataset, decision)
    lines = path_of(dataset).read_bytes().splitlines(keepends=True)
    path_of(dataset).write_bytes(lines[0] + lines[1].replace(b"ann", b"anN") + lines[2])
    read = read_decisions(dataset, CLIP)
    assert (len(read.items), read.count, read.since(2)) == (2, 3, (ruled(by="mei"),))
    with pytest.raises(DecidedMeanwhile, match="accept by mei"):
        add_decision(dataset, ruled("reject"), seen=2)
    with pytest.raises(DecidedMeanwhile, match="a decision that cannot be read"):
        add_decision(dataset, ruled("reject", "mei"), seen=1)
    add_decision(dataset, ruled("reject"), seen=3)


def test_who_saw_more_than_there_is_looks_again(dataset):
    """The file is another one, perhaps an older copy: what they know of is not what stands."""
    add_decision(dataset, ruled())
    with pytest.raises(DecidedMeanwhile, match="2 decisions were seen, and there are 1"):
        add_decision(dataset, ruled("reject"), seen=2)


def test_a_reviewer_is_the_same_however_the_name_was_typed(dataset):
    """Blanks around it, two in it, letters with their accents apart."""
    add_decision(dataset, ruled(by="Bj\u00f6rn  Lind "))
    add_decision(dataset, ruled("undo", by=" Bjo\u0308rn Lind"))
    assert [item.by for item in read_decisions(dataset, CLIP).items] == ["Bj\u00f6rn Lind"] * 2
    assert standing(read_decisions(dataset, CLIP), SEEN).decision is None
