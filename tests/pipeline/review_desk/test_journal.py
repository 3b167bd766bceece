"""A reviewer decides on what they saw, hears of what others said meanwhile, and is told why if it cannot be kept."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace

import pytest

from pipeline.decisions import DECISIONS_FILE, Ruling, disputed, read_decisions, standing
from pipeline.exceptions import CorruptArtefact, DecidedMeanwhile
from pipeline.hand_edits import ContactEdit
from pipeline.handing import seen_by_reviewers
from pipeline.manifest import read_row
from pipeline.review_desk.clip_item import read_item
from pipeline.review_desk.exceptions import (
    FramesNotThere,
    NothingToSee,
    NothingToUndo,
    NotKept,
    StaleView,
    UnknownClip,
)
from pipeline.review_desk.journal import DecisionRequest, decide, decide_many, why_read_only
from robots.exceptions import InvalidArray

AT = "2026-11-22T08:30:00+00:00"


def asked(build, clip, ruling="accept", by="ann", **words) -> DecisionRequest:
    seen = seen_by_reviewers(read_row(build.dataset, clip.id))
    assert seen is not None
    return DecisionRequest(**{"clip_id": clip.id, "fingerprint": seen, "ruling": Ruling(ruling), "by": by, **words})


def kept(build, clip):
    return [(str(item.ruling), item.by) for item in read_decisions(build.dataset, clip.id).items]


@pytest.fixture
def clip(build):
    return build.add("kick", outcome="rejected")


def test_what_is_decided_is_kept_and_told(build, clip):
    """All of it, and what stands after it."""
    lifted = ContactEdit(foot="left", frames=(5, 60), stands=False)
    request = asked(build, clip, frames=(0, 60), ground_m=-0.01, contacts=(lifted,), reason="good", note="high")
    told = decide(build.dataset, request, AT)
    assert told.row.clip == clip
    assert told.decisions == read_decisions(build.dataset, clip.id)
    (decision,) = told.decisions.items
    assert (decision.frames, decision.ground_m, decision.contacts) == ((0, 60), -0.01, (lifted,))
    assert (decision.at, decision.reason, decision.note) == (AT, "good", "high")


def test_a_motion_that_was_solved_anew_is_looked_at_first(build, clip):
    with pytest.raises(StaleView, match=r"kick.*: the motion was solved anew since it was looked at \(0000"):
        decide(build.dataset, asked(build, clip, fingerprint="0" * 16), AT)
    assert kept(build, clip) == []


@pytest.mark.parametrize(
    "words",
    [
        {"frames": (0, 61)},
        {"contacts": (ContactEdit(foot="left", frames=(5, 61), stands=True),)},
    ],
)
def test_frames_that_the_motion_does_not_have_are_refused(build, clip, words):
    """Those of a trim as those of a contact."""
    with pytest.raises(FramesNotThere, match="frame 60 is named, and there are 0 to 59"):
        decide(build.dataset, asked(build, clip, **words), AT)


def test_only_what_one_said_can_be_taken_back(build, clip):
    decide(build.dataset, asked(build, clip, by="bob"), AT)
    with pytest.raises(NothingToUndo, match="ann decided nothing here"):
        decide(build.dataset, asked(build, clip, "undo"), AT)
    assert not decide(build.dataset, asked(build, clip, "undo", "bob"), AT).decisions.items[1:-1]
    assert kept(build, clip) == [("accept", "bob"), ("undo", "bob")]


def test_a_ruling_of_another_is_overruled_only_knowingly(build, clip):
    """Unseen it cannot be, seen it must be said; then both stand side by side until they agree."""
    decide(build.dataset, asked(build, clip, "reject", "bob", seen=0), AT)
    for request in (asked(build, clip, seen=0), asked(build, clip, seen=0, overrule=True), asked(build, clip, seen=1)):
        with pytest.raises(DecidedMeanwhile, match="reject by bob"):
            decide(build.dataset, request, AT)
    assert kept(build, clip) == [("reject", "bob")]
    assert disputed(decide(build.dataset, asked(build, clip, seen=1, overrule=True), AT).decisions)
    assert not disputed(decide(build.dataset, asked(build, clip, "undo", "bob", seen=2), AT).decisions)


def test_one_who_agrees_with_what_they_saw_overrules_nobody(build, clip):
    decide(build.dataset, asked(build, clip, by="bob"), AT)
    decide(build.dataset, asked(build, clip, seen=1, reason="good"), AT)
    assert kept(build, clip) == [("accept", "bob"), ("accept", "ann")]


def test_what_is_sent_again_is_kept_once(build, clip):
    """The answer was lost, as when the server ends in the middle: an undo sent twice takes one ruling back."""
    for _ in range(2):
        decide(build.dataset, asked(build, clip, "reject", seen=0), AT)
    assert kept(build, clip) == [("reject", "ann")]
    decide(build.dataset, asked(build, clip, seen=1), AT)
    for _ in range(2):
        told = decide(build.dataset, asked(build, clip, "undo", seen=2), AT)
    held = standing(told.decisions, asked(build, clip).fingerprint).decision
    assert held is not None and held.ruling is Ruling.REJECT
    decide(build.dataset, asked(build, clip, "reject", seen=3), AT)  # said once more, knowingly
    assert len(kept(build, clip)) == 4


def test_what_is_sent_again_after_another_window_took_it_back_is_not_told_as_kept(build, clip):
    """It is not what this reviewer said last; once they have seen that, they may say it again."""
    decide(build.dataset, asked(build, clip, seen=0), AT)
    decide(build.dataset, asked(build, clip, "undo", seen=1), AT)
    with pytest.raises(DecidedMeanwhile, match="undo by ann"):
        decide(build.dataset, asked(build, clip, seen=0), AT)
    assert len(kept(build, clip)) == 2
    told = decide(build.dataset, asked(build, clip, seen=2, overrule=True), AT)
    assert standing(told.decisions, asked(build, clip).fingerprint).accepts


def test_who_saw_decisions_that_are_gone_looks_again(build, clip):
    """The page showed more than there is: perhaps another copy of the dataset lies there now."""
    decide(build.dataset, asked(build, clip, "reject", by="bob"), AT)
    with pytest.raises(DecidedMeanwhile, match="99 decisions were seen, and there are 1"):
        decide(build.dataset, asked(build, clip, seen=99, overrule=True), AT)


def test_a_line_that_was_harmed_lets_nobody_overrule_unseen(build, clip):
    """It still counts as a line, in what the list tells and in what was seen."""
    for words in ({}, {"ruling": "reject"}):
        decide(build.dataset, asked(build, clip, **words), AT)
    path = build.dataset.clip_dir(clip.id) / DECISIONS_FILE
    path.write_bytes(path.read_bytes().replace(b'"reject"', b'"rejecT"'))
    decide(build.dataset, asked(build, clip, by="mei", overrule=True), AT)
    with pytest.raises(DecidedMeanwhile, match="accept by mei"):
        decide(build.dataset, asked(build, clip, "reject", seen=2, overrule=True), AT)
    assert read_item(build.dataset, clip.id).n_decisions == 3
    decide(build.dataset, asked(build, clip, "reject", seen=3, overrule=True), AT)


def test_an_undo_takes_back_no_ruling_of_another_window(build, clip):
    """The same reviewer decided there, and this window does not show it."""
    decide(build.dataset, asked(build, clip, "reject", seen=0), AT)
    decide(build.dataset, asked(build, clip, "accept", seen=1), AT)
    with pytest.raises(DecidedMeanwhile, match="accept by ann"):
        decide(build.dataset, asked(build, clip, "undo", seen=1), AT)


def test_of_many_each_is_kept_or_told_by_itself(build, clip):
    """What is wrong with one stops no other."""
    other, broken = build.add("other"), build.add("broken", outcome="broken")
    requests = [
        asked(build, clip, "reject"),
        asked(build, clip, "reject", clip_id="../../x"),
        asked(build, clip, "reject", clip_id="0" * 16),
        asked(build, clip, "reject", clip_id=broken.id),
        asked(build, other, "reject", fingerprint="f" * 16),
        asked(build, other, "reject", by=""),
        asked(build, other, "reject"),
    ]
    answers = decide_many(build.dataset, requests, AT)
    found = [type(answer.error) for answer in answers]
    none = type(None)
    assert found == [none, UnknownClip, UnknownClip, NothingToSee, StaleView, InvalidArray, none]
    assert [answer.request for answer in answers] == requests
    assert [answer.kept is not None for answer in answers] == [error is none for error in found]
    assert kept(build, clip) == kept(build, other) == [("reject", "ann")]


def test_a_row_that_cannot_be_read_is_decided_on_by_nobody(build, clip):
    request = asked(build, clip)
    (build.dataset.clip_dir(clip.id) / "row.json").write_text("{}")
    with pytest.raises(CorruptArtefact, match=r"row\.json"):
        decide(build.dataset, request, AT)


def test_what_cannot_be_written_is_told_and_changes_nothing(build, clip):
    """Something lies where the decisions go; a page can go on with other clips."""
    (build.dataset.clip_dir(clip.id) / DECISIONS_FILE).mkdir()
    with pytest.raises(NotKept, match=r"decisions\.jsonl: the decision was not kept \(Is a directory\)"):
        decide(build.dataset, asked(build, clip), AT)
    assert why_read_only(build.dataset) is None


def _decide_on_all(root, by, ruling, requests, start):
    start.wait(60)
    from pipeline.store import Dataset

    for request in requests:
        for answer in decide_many(Dataset(root), [replace(request, by=by, ruling=ruling)], AT):
            assert answer.error is None or isinstance(answer.error, DecidedMeanwhile)


def test_of_two_at_once_one_hears_of_the_other(build):
    """Each clip gets the ruling of one of them: neither overrules the other, and none is lost."""
    clips = [build.add(f"clip {number}") for number in range(12)]
    requests = [asked(build, clip, seen=0) for clip in clips]
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    said = (("ann", Ruling.ACCEPT), ("bob", Ruling.REJECT))
    reviewers = [
        context.Process(target=_decide_on_all, args=(build.dataset.root, *words, requests, start)) for words in said
    ]
    for reviewer in reviewers:
        reviewer.start()
    for reviewer in reviewers:
        reviewer.join(120)
    assert [reviewer.exitcode for reviewer in reviewers] == [0, 0]
    assert all(len(kept(build, clip)) == 1 for clip in clips)
