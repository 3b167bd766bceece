"""What a person decided is never lost, never rewritten, and never holds of a motion that they did not see."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import signal
from dataclasses import replace

import pytest

from pipeline.decisions import (
    DECISIONS_FILE,
    Decision,
    Ruling,
    add_decision,
    can_undo,
    read_decisions,
    standing,
)
from pipeline.exceptions import OutputNotWritable
from pipeline.store import Dataset
from robots.exceptions import InvalidArray

CLIP, SEEN = "c0ffee", "f1"


@pytest.fixture
def dataset(tmp_path):
    return Dataset.open_or_create(tmp_path / "set")


def ruled(ruling="accept", by="ann", **other) -> Decision:
    words = {"clip_id": CLIP, "fingerprint": SEEN, "at": "2026-11-22T08:30:00+00:00", **other}
    return Decision(ruling=Ruling(ruling), by=by, **words)


def path_of(dataset):
    return dataset.clip_dir(CLIP) / DECISIONS_FILE


def test_decisions_come_back_in_order_as_they_were_made(dataset):
    """Frames, reasons and notes in any writing survive the disk; lines that stand are never touched again."""
    made = [
        ruled(frames=(10, 50), reason="good-middle"),
        ruled("reject", "Bj\u00f6rn", reason="foot-skate", note="r\u00e9sum\u00e9\nline two \u2028 \U0001f94b"),
        ruled("undo", "Bj\u00f6rn"),
    ]
    contents = []
    for decision in made:
        add_decision(dataset, decision)
        contents.append(path_of(dataset).read_bytes())
    assert read_decisions(dataset, CLIP).items == tuple(made)
    assert contents[2].startswith(contents[1])
    assert contents[1].startswith(contents[0])
    assert read_decisions(dataset, "0ther").items == ()


def test_a_note_of_several_lines_is_told_on_one():
    """It stands in the middle of sentences, and on a terminal that obeys what it prints."""
    told = ruled("reject", reason="foot-skate", note="first\n  second\x1b[2J\u2028third").told
    assert told.endswith("(foot-skate: first second [2J third)")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("clip_id", "../up", "letters and digits"),
        ("fingerprint", "", "letters and digits"),
        ("by", " ", "a name on one line"),
        ("by", "two\nlines", "a name on one line"),
        ("at", "yesterday", "a time in UTC"),
        ("at", "2026-11-22T08:30:00", "a time in UTC"),
        ("at", "2026-11-22T08:30:00+02:00", "a time in UTC"),
        ("reason", "Foot Skate", "a code in lower case"),
        ("note", "x" * 2001, "2000 are kept"),
        ("frames", (5, 5), "is no span"),
        ("frames", (-1, 5), "is no span"),
    ],
)
def test_a_decision_that_nobody_could_read_later_is_refused(field, value, said):
    """One sentence names the field."""
    with pytest.raises(InvalidArray, match=f"^{field}: .*{said}"):
        ruled(**{field: value})


def test_only_an_acceptance_has_frames():
    """A rejection speaks of the whole clip."""
    with pytest.raises(InvalidArray, match="name no frames"):
        ruled("reject", frames=(0, 5))


def test_the_last_ruling_stands_until_its_reviewer_takes_it_back():
    """An undo takes back that reviewer's last, and no one else's; what stood before stands again."""
    ann, bob, no = ruled(), ruled("reject", "bob"), ruled("undo")
    found = lambda *made: standing(made, SEEN).decision  # noqa: E731
    assert found() is None
    assert found(ann, bob) is bob
    assert found(ann, bob, no) is bob
    assert found(ann, bob, ruled("undo", "bob")) is ann
    assert found(ann, bob, ruled("undo", "bob"), no) is None
    assert found(no, ann) is ann
    assert found(bob, ann, no, no) is bob


def test_one_can_take_back_only_what_one_said(dataset):
    """A second undo has nothing left."""
    add_decision(dataset, ruled())
    assert can_undo(read_decisions(dataset, CLIP), "ann")
    assert not can_undo(read_decisions(dataset, CLIP), "bob")
    add_decision(dataset, ruled("undo"))
    assert not can_undo(read_decisions(dataset, CLIP), "ann")


@pytest.mark.parametrize(
    ("decision", "now", "accepts", "keeps_out"),
    [
        (ruled(), SEEN, True, False),
        (ruled(), "f2", False, False),
        (ruled(), None, False, False),
        (ruled(frames=(1, 9)), SEEN, True, False),
        (ruled(frames=(1, 9)), "f2", False, True),
        (ruled("reject"), SEEN, False, True),
        (ruled("reject"), "f2", False, True),
    ],
)
def test_a_stale_acceptance_lets_nothing_in_and_a_stale_rejection_keeps_out(decision, now, accepts, keeps_out):
    """The motion that was accepted is not the one that is there now; the doubts may still be."""
    held = standing([decision], now)
    assert (held.accepts, held.keeps_out, held.stale) == (accepts, keeps_out, now != SEEN)


def test_a_line_cut_off_by_a_crash_is_told_and_the_next_begins_anew(dataset):
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
    assert len(read.damaged) == 1
    assert standing(read, SEEN).decision == last
    assert not standing(read, SEEN).doubtful


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


def _decide_often(root, by, n):
    for number in range(n):
        add_decision(Dataset(root), ruled(by=by, note=f"{number}" * 200))


def test_two_writers_at_once_lose_nothing(dataset):
    """Two reviewers, or a page and a command; each one's lines stay in their order."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_decide_often, args=(dataset.root, by, 40)) for by in ("ann", "bob")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    read = read_decisions(dataset, CLIP)
    assert not read.damaged
    for by in ("ann", "bob"):
        assert [d.note for d in read.items if d.by == by] == [f"{number}" * 200 for number in range(40)]


def test_decisions_that_cannot_be_read_at_all_keep_the_clip_out(dataset):
    """They may have been rejections; nothing else stops because of them."""
    path_of(dataset).mkdir(parents=True)
    read = read_decisions(dataset, CLIP)
    assert re.search(r"decisions\.jsonl: cannot be read \(is a directory\)", read.damaged[0])
    assert standing(read, SEEN).keeps_out


def test_a_decision_survives_another_programs_reading(dataset):
    """Each line is one JSON object that tools read; text that was added by hand counts for nothing, and is told."""
    add_decision(dataset, ruled(note="caf\u00e9"))
    (line,) = path_of(dataset).read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["note"] == "caf\u00e9"
    with path_of(dataset).open("a", encoding="utf-8") as file:
        file.write(json.dumps({**json.loads(line), "ruling": "reject"}) + os.linesep)
    read = read_decisions(dataset, CLIP)
    assert read.items == (ruled(note="caf\u00e9"),)
    assert len(read.damaged) == 1
    assert replace(read.items[0], note="") == ruled()
