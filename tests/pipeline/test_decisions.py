"""What a person decided is never lost, never rewritten, and never holds of a motion that they did not see."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from itertools import pairwise

import pytest

from pipeline.decisions import (
    DECISIONS_FILE,
    REASON_CODES,
    Decision,
    Ruling,
    add_decision,
    can_undo,
    contradicted,
    disputed,
    read_decisions,
    standing,
)
from pipeline.exceptions import DecidedMeanwhile
from pipeline.hand_edits import ContactEdit
from pipeline.sealed import SEAL
from pipeline.store import Dataset
from robots.exceptions import InvalidArray

CLIP, SEEN = "c0ffee", "f1"
LEFT = ContactEdit(foot="left", frames=(3, 9), stands=True)


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


def test_decisions_come_back_in_order_as_they_were_made(dataset):
    """Frames, reasons and notes in any writing survive the disk; lines that stand are never touched again."""
    made = [
        ruled(frames=(10, 50), reason="good-middle"),
        ruled(ground_m=-0.02, contacts=(LEFT, replace(LEFT, foot="right", stands=False))),
        ruled("reject", "Bj\u00f6rn", reason="foot-skate", note="r\u00e9sum\u00e9\nline two \u2028 \U0001f94b"),
        ruled("undo", "Bj\u00f6rn"),
    ]
    contents = []
    for decision in made:
        add_decision(dataset, decision)
        contents.append(path_of(dataset).read_bytes())
    assert read_decisions(dataset, CLIP).items == tuple(made)
    for before, after in pairwise(contents):
        assert after.startswith(before)
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
        ("reason", "x" * 61, r"got 'x+\.\.\.; 60 characters at most$"),
        ("note", "x" * 2001, "2000 are kept"),
        ("frames", (5, 5), "is no span"),
        ("frames", (-1, 5), "is no span"),
        ("ground_m", 0.3, "raised by -0.2 to 0.2 m"),
        ("ground_m", float("nan"), "raised by -0.2 to 0.2 m"),
        ("contacts", (LEFT,) * 201, "200 are kept"),
        ("note", "half \ud83e", "half of a character"),
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


@pytest.mark.parametrize(("field", "value"), [("ground_m", 0.01), ("contacts", (LEFT,))])
@pytest.mark.parametrize("ruling", ["reject", "undo"])
def test_only_an_acceptance_changes_the_motion(ruling, field, value):
    """What is not handed off need not be edited."""
    with pytest.raises(InvalidArray, match=f"^{field}: a ruling '{ruling}' changes nothing of the motion"):
        ruled(ruling, **{field: value})


@pytest.mark.parametrize(("foot", "frames"), [("middle", (0, 5)), ("left", (5, 5)), ("right", (-1, 3))])
def test_a_contact_edit_names_a_foot_and_frames(foot, frames):
    with pytest.raises(InvalidArray, match=r"^contacts: "):
        ContactEdit(foot=foot, frames=frames, stands=True)


def test_what_was_changed_is_told_with_who_did(dataset):
    """In a few words, before the name."""
    told = ruled(frames=(10, 50), ground_m=0.015, contacts=(LEFT,)).told
    assert told == "accept of frames 10 to 49 (raised by 1.5 cm, 1 contact edited) by ann, 2026-11-22"


def test_lines_of_former_times_still_read(dataset):
    """They know nothing of edits."""
    document = {"clip_id": CLIP, "fingerprint": SEEN, "ruling": "accept", "by": "ann", "frames": [1, 9]}
    document |= {"at": "2026-11-22T08:30:00+00:00", "reason": "", "note": ""}
    dump = lambda content: json.dumps(content, sort_keys=True, separators=(",", ":")).encode()  # noqa: E731
    path_of(dataset).write_bytes(dump({**document, SEAL: hashlib.sha256(dump(document)).hexdigest()}) + b"\n")
    assert read_decisions(dataset, CLIP).items == (ruled(frames=(1, 9)),)


def test_the_reasons_that_all_share_are_reasons():
    """Each can be given, and says something."""
    for code, text in REASON_CODES.items():
        assert ruled("reject", reason=code).reason == code
        assert text


def test_reviewers_differ_until_they_agree_or_one_takes_it_back():
    """Of the motion that was decided on last: what was said of a former one is another matter."""
    ann, bob = ruled(), ruled("reject", "bob")
    assert not disputed([])
    assert not disputed([ann, ruled(by="bob", reason="good")])
    assert disputed([ann, bob])
    assert disputed([ann, ruled(by="bob", frames=(1, 9))])
    assert disputed([ann, ruled(by="bob", ground_m=0.01)])
    assert not disputed([ann, bob, ruled("reject")])
    assert not disputed([ann, bob, ruled("undo", "bob")])
    assert not disputed([ann, ruled("reject", "bob", fingerprint="f2")])
    assert contradicted([ann, bob], ruled("reject", "carl")) == ann
    assert contradicted([ann], ruled("undo", "bob")) is None
    assert contradicted([ann], ruled("reject", "ann")) is None


def test_nobody_overrules_what_they_did_not_see(dataset):
    """The other's ruling is named, the file stays as it is, and who has seen it may decide."""
    add_decision(dataset, ruled("reject", "bob", reason="jitter"), seen=0)
    before = path_of(dataset).read_bytes()
    with pytest.raises(DecidedMeanwhile, match=r"c0ffee: decided meanwhile: reject by bob, 2026-11-22 \(jitter\)"):
        add_decision(dataset, ruled(), seen=0)
    assert path_of(dataset).read_bytes() == before
    add_decision(dataset, ruled(), seen=1)
    add_decision(dataset, ruled("undo"), seen=1)  # one's own lines hide nobody's
    assert [item.by for item in read_decisions(dataset, CLIP).items] == ["bob", "ann", "ann"]


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
        (ruled(ground_m=0.01), "f2", False, True),
        (ruled(contacts=(LEFT,)), "f2", False, True),
        (ruled("reject"), SEEN, False, True),
        (ruled("reject"), "f2", False, True),
    ],
)
def test_a_stale_acceptance_lets_nothing_in_and_a_stale_rejection_keeps_out(decision, now, accepts, keeps_out):
    """The motion that was accepted is not the one that is there now; the doubts may still be."""
    held = standing([decision], now)
    assert (held.accepts, held.keeps_out, held.stale) == (accepts, keeps_out, now != SEEN)


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


def _decide_by_what_is_seen(root, by, n, start):
    """Note in each decision how many its reviewer had seen."""
    start.wait(60)
    kept = 0
    while kept < n:
        seen = len(read_decisions(Dataset(root), CLIP).items)
        try:
            add_decision(Dataset(root), ruled(by=by, note=str(seen)), seen)
            kept += 1
        except DecidedMeanwhile:
            continue


def test_two_at_once_never_overrule_each_other_unseen(dataset):
    """However their reading and writing falls together, no line of the other stands behind those that were seen."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    words = [(dataset.root, by, 40, start) for by in ("ann", "bob")]
    writers = [context.Process(target=_decide_by_what_is_seen, args=args) for args in words]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    items = read_decisions(dataset, CLIP).items
    assert len(items) == 80
    for place, decision in enumerate(items):
        assert {other.by for other in items[int(decision.note) : place]} <= {decision.by}


_KEPT_ON = """
    import sys
    from pathlib import Path
    from pipeline.decisions import Decision, Ruling, add_decision
    from pipeline.store import Dataset

    dataset = Dataset(Path(sys.argv[1]))
    for number in range(100_000):
        note = f"{number:06d}" + "x" * 1900
        at = "2026-11-22T08:30:00+00:00"
        ruling = Decision(clip_id="c0ffee", fingerprint="f1", ruling=Ruling.ACCEPT, by="ann", at=at, note=note)
        add_decision(dataset, ruling)
        print(number, flush=True)
"""


def test_a_kill_in_the_middle_loses_nothing_that_was_said_to_be_kept(dataset):
    """Every decision whose keeping was told is there, in its order; the next one is kept as if nothing had been."""
    last = -1
    for told in (1, 40, 7):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_KEPT_ON), str(dataset.root)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(told):
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        last = max([last, *map(int, writer.stdout.read().split())])
        writer.wait(30)
        writer.stdout.close()
        add_decision(dataset, ruled("reject", "bob"), len(read_decisions(dataset, CLIP).items))
        items = read_decisions(dataset, CLIP).items
        assert items[-1] == ruled("reject", "bob")
        mark = max((place for place, item in enumerate(items[:-1]) if item.by == "bob"), default=-1)
        numbers = [int(item.note[:6]) for item in items[mark + 1 : -1]]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) in (last + 1, last + 2)  # the last may have been on the disk before it was told


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
