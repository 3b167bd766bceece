"""A person's decision comes first, the verdict second, and whatever is not handed over is told with its reason."""

from __future__ import annotations

import pytest

from pipeline.decisions import DECISIONS_FILE
from pipeline.hand_edits import ContactEdit
from pipeline.handing import hand_over
from pipeline.handing.candidate import Why
from pipeline.handing.exceptions import NothingToHandOver
from pipeline.handing.options import HandoffOptions
from pipeline.handing.selection import select
from robots.exceptions import InvalidArray


def chosen(build, to="mjlab", **options):
    return select(build.dataset, HandoffOptions(to=to, **options))


def names(selection):
    return [item.name for item in selection.taken]


def test_the_verdict_decides_where_nobody_did(build):
    """Accepted clips whole, mended ones by their parts, and a sentence for each other one."""
    good, mended = build.add("good"), build.add("mended", outcome="mended")
    bad, broken = build.add("bad", outcome="rejected"), build.add("broken", outcome="broken")
    found = chosen(build)
    assert sorted(names(found)) == sorted([good.id, f"{mended.id}.part1"])
    told = {item.name: item for item in found.left_out}
    assert told[bad.id].why is Why.REFUSED
    assert "skate_mean" in told[bad.id].sentence
    assert told[broken.id].why is Why.BROKEN
    assert "nobody is seen" in told[broken.id].sentence
    assert [item.duration_s for item in found.taken if item.kind == "part"] == [1.0]


def test_what_a_person_rejected_is_not_handed_over(build):
    """Who, when and why is told; after they took it back, the verdict decides again."""
    clip = build.add("good")
    build.decide(clip, "reject", reason="wrong-person", note="the referee")
    (left,) = chosen(build).left_out
    assert left.why is Why.REJECTED
    assert left.sentence == "reject by ann, 2026-11-22 (wrong-person: the referee)."
    build.decide(clip, "undo")
    assert names(chosen(build)) == [clip.id]


@pytest.mark.parametrize(("outcome", "frames"), [("rejected", None), ("mended", (0, 60))])
def test_what_a_person_accepted_is_handed_over_as_it_was_solved(build, outcome, frames):
    """Whatever the checks say; of a mended clip whose frames they named, instead of the pieces of its repair."""
    clip = build.add("kick", outcome=outcome)
    build.decide(clip, "accept", frames=frames)
    (item,) = chosen(build).taken
    assert (item.name, item.kind, item.by_hand, item.frames) == (clip.id, "whole", True, (0, 60))
    assert item.decision.by == "ann"


def test_a_mended_clip_that_a_person_accepted_is_handed_over_as_it_was_mended(build):
    """They saw the repair and agreed: the pieces, as the verdict takes them, and not the motion that was refused."""
    clip = build.add("kick", outcome="mended")
    without = chosen(build).taken
    build.decide(clip, "accept")
    (item,) = chosen(build).taken
    assert (item.name, item.kind, item.by_hand, item.frames) == (f"{clip.id}.part1", "part", False, (30, 60))
    assert [other.name for other in without] == [item.name]
    assert item.decision.by == "ann"


def test_what_reviewers_differ_on_is_told(build):
    """The last ruling holds; both are named, until one is taken back."""
    clip = build.add("kick")
    build.decide(clip, "reject", by="bob", reason="jitter")
    build.decide(clip, "accept")
    found = chosen(build)
    assert names(found) == [clip.id]
    (note,) = found.notes
    assert note.startswith(f"{clip.id} (kick")
    assert "accept by ann, 2026-11-22 is the last word, against reject by bob, 2026-11-22 (jitter)." in note
    build.decide(clip, "undo", by="bob")
    assert chosen(build).notes == ()


@pytest.mark.parametrize("outcome", ["accepted", "rejected"])
def test_a_trim_is_what_is_handed_over(build, outcome):
    """Only the frames that a person kept, under a name that tells them."""
    clip = build.add("kick", outcome=outcome)
    build.decide(clip, "accept", frames=(10, 40))
    (item,) = chosen(build).taken
    assert (item.name, item.kind, item.frames) == (f"{clip.id}.kept10-40", "part", (10, 40))
    assert item.duration_s == pytest.approx(1.0)


@pytest.mark.parametrize("outcome", ["accepted", "mended", "rejected"])
def test_an_edited_clip_is_what_is_handed_over(build, outcome):
    """Under a name that tells it from the clip as it was solved: all of its frames were kept."""
    clip = build.add("kick", outcome=outcome)
    build.decide(clip, "accept", ground_m=0.01)
    (item,) = chosen(build).taken
    assert (item.name, item.kind, item.frames, item.by_hand) == (f"{clip.id}.kept0-60", "whole", (0, 60), True)
    build.decide(clip, "accept", ground_m=0.01, stale=True)
    (left,) = chosen(build).left_out
    assert left.why is Why.OUTDATED
    assert "the edits are those of another motion" in left.sentence


def test_contacts_beyond_the_clip_hand_over_nothing(build):
    """As frames do."""
    clip = build.add("kick")
    build.decide(clip, "accept", contacts=(ContactEdit(foot="left", frames=(10, 400), stands=True),))
    (left,) = chosen(build).left_out
    assert "it has only 60 frames" in left.sentence


def test_a_trim_beyond_the_clip_hands_over_nothing(build):
    """The clip was cut anew; which frames were meant is not known."""
    clip = build.add("kick")
    build.decide(clip, "accept", frames=(10, 400))
    (left,) = chosen(build).left_out
    assert "it has only 60 frames" in left.sentence


@pytest.mark.parametrize(
    ("outcome", "ruling", "frames", "taken"),
    [
        ("accepted", "accept", None, True),
        ("rejected", "accept", None, False),
        ("accepted", "accept", (10, 40), False),
        ("accepted", "reject", None, False),
    ],
)
def test_a_decision_on_another_motion_lets_nothing_in(build, outcome, ruling, frames, taken):
    """It is told; a rejection and a trim keep the clip out, an acceptance leaves it to the verdict."""
    clip = build.add("kick", outcome=outcome)
    build.decide(clip, ruling, frames=frames, stale=True)
    found = chosen(build)
    assert names(found) == ([clip.id] if taken else [])
    told = " ".join([*found.notes, *(item.sentence for item in found.left_out)])
    assert "the motion was solved anew since" in told
    assert all(item.decision is None for item in found.taken)


def test_a_decision_that_cannot_be_read_keeps_the_clip_out(build):
    """It may have been a rejection; the line is named."""
    clip = build.add("kick")
    build.decide(clip, "reject")
    path = build.dataset.clip_dir(clip.id) / DECISIONS_FILE
    path.write_bytes(path.read_bytes().replace(b'"reject"', b'"accept"'))
    found = chosen(build)
    assert not found.taken
    assert "cannot be read" in found.left_out[0].sentence
    assert "line 1" in found.notes[0]


def test_each_format_gets_the_motion_that_was_solved_for_it(build):
    """PBHC's robot has no wrists; a dataset that never solved for it says how to."""
    clip = build.add("kick")
    only = build.add("only", variants=("29dof",))
    assert {item.variant for item in chosen(build, "mjlab").taken} == {"29dof"}
    found = chosen(build, "pbhc")
    assert [(item.name, item.variant) for item in found.taken] == [(clip.id, "23dof")]
    (left,) = found.left_out
    assert (left.name, left.why) == (only.id, Why.NO_MOTION)
    assert "no motion of g1_23dof" in left.sentence
    assert "with `pbhc` among the formats" in left.sentence


def test_a_decision_does_not_speak_of_a_motion_that_nobody_saw(build):
    """Neither of an accepted clip nor of a refused one; the reason is that of the motion itself."""
    clip = build.add("kick", withheld=("23dof",))
    (left,) = chosen(build, "pbhc").left_out
    assert (left.why, left.sentence) == (Why.WITHHELD, "the motion of it was refused.")
    build.decide(clip, "accept")
    bad = build.add("bad", outcome="rejected")
    build.decide(bad, "accept")
    assert sorted(names(chosen(build))) == sorted([clip.id, bad.id])
    found = chosen(build, "pbhc")
    assert not found.taken
    assert {item.name: item.why for item in found.left_out} == {clip.id: Why.WITHHELD, bad.id: Why.WITHHELD}
    for item in found.left_out:
        assert "was refused" in item.sentence
        assert "The motion that a person accepted is that of g1_29dof" in item.sentence


def test_a_decision_takes_along_another_robots_motion_that_its_own_verdict_accepted(build):
    """With its own score, not that of the motion that was refused."""
    clip = build.add("kick", outcome="rejected", score=0.2, accepted_for=("23dof",))
    build.decide(clip, "accept")
    (item,) = chosen(build, "pbhc", min_score=0.5).taken
    assert (item.name, item.variant, item.unseen, item.score) == (clip.id, "23dof", True, 0.9)
    (left,) = chosen(build, "mjlab", min_score=0.5).left_out
    assert (left.why, left.sentence) == (Why.SCORE, "its score is 0.20, 0.50 was asked for.")


def test_a_part_that_a_person_cut_is_judged_by_itself(build, tmp_path):
    """When it is cut: of a robot that nobody saw it may be refused, and it has a score of its own."""
    clip = build.add("kick", outcome="rejected", bend_rad=3.0)
    build.decide(clip, "accept", frames=(10, 40))
    with pytest.raises(NothingToHandOver, match=r"1 refused for this robot.*g1_23dof was refused.*is that of g1_29dof"):
        hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="pbhc"))
    with pytest.raises(NothingToHandOver, match=r"1 scored too low"):
        hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv", min_score=1.0))


def test_the_refined_version_is_taken_where_there_is_one(build):
    """Never beside the clip itself, which is the same performance."""
    plain_, refined = build.add("plain"), build.add("refined", refined=True)
    assert sorted(names(chosen(build))) == sorted([plain_.id, refined.id])
    assert sorted(names(chosen(build, version="refined"))) == sorted([plain_.id, f"{refined.id}.refined"])


def test_what_was_not_asked_for_is_left_out_and_told(build):
    """Parts, low scores."""
    build.add("mended", outcome="mended", score=0.9)
    low = build.add("low", score=0.3)
    found = chosen(build, whole_only=True, min_score=0.5)
    assert not found.taken
    assert {item.why for item in found.left_out} == {Why.PART, Why.SCORE}
    assert next(i for i in found.left_out if i.name == low.id).sentence == "its score is 0.30, 0.50 was asked for."


def test_commercial_takes_only_what_is_known_to_be_free(build):
    """A clip that anything non-commercial touched, and one of which nothing is known, are told apart."""
    free = build.add("free", licences=("CC BY 4.0", "BlazePose: Apache-2.0"))
    build.add("nc", licences=("CC BY 4.0", "body 'smpl': non-commercial"))
    build.add("dark", licences=("unknown",))
    assert len(chosen(build).taken) == 3
    found = chosen(build, commercial=True)
    assert names(found) == [free.id]
    told = sorted(item.sentence for item in found.left_out)
    assert told[0].startswith("what it was made with forbids commercial use: CC BY 4.0; body 'smpl'")
    assert told[1] == "what it was made with is not known to allow commercial use: unknown."


def test_harm_to_one_clip_costs_that_clip(build):
    """A flipped byte in a row, or in a motion, stops none of the others."""
    good, row, motion = build.add("good"), build.add("row"), build.add("motion")
    (build.dataset.clip_dir(row.id) / "row.json").write_text("{}")
    path = next(build.dataset.clip_dir(motion.id).glob("leads-*.npz"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    found = chosen(build)
    assert names(found) == [good.id]
    assert {item.name: item.why for item in found.left_out} == {row.id: Why.DAMAGED, motion.id: Why.DAMAGED}


@pytest.mark.parametrize(("option", "value"), [("val_share", 1.0), ("val_share", -0.1), ("min_score", 1.5)])
def test_options_outside_their_range_are_refused(option, value):
    """By name."""
    with pytest.raises(InvalidArray, match=f"^{option}: must lie between 0 and 1"):
        HandoffOptions(to="mjlab", **{option: value})
