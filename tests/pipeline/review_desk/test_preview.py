"""What a preview shows is what would be handed over."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.hand_edits import NO_EDITS, ContactEdit, HandEdits
from pipeline.handing import HandoffOptions
from pipeline.handing.hand_over import deliverable
from pipeline.handing.selection import select
from pipeline.review_desk.exceptions import FramesNotThere, NothingToSee, UnknownClip
from pipeline.review_desk.preview import preview
from robots.exceptions import InvalidArray

EDITS = HandEdits(ground_m=0.01, contacts=(ContactEdit(foot="left", frames=(20, 30), stands=False),))


@pytest.mark.parametrize("outcome", ["accepted", "mended", "rejected"])
@pytest.mark.parametrize(
    ("frames", "edits"), [(None, NO_EDITS), ((10, 50), NO_EDITS), (None, EDITS), ((10, 50), EDITS)]
)
def test_a_preview_is_what_is_handed_over(build, outcome, frames, edits):
    """The same motion, leads, verdict and notes, whatever was cut or edited."""
    clip = build.add("kick", outcome=outcome)
    shown = preview(build.dataset, clip.id, frames, edits)
    build.decide(clip, "accept", frames=frames, ground_m=edits.ground_m, contacts=edits.contacts)
    (chosen,) = select(build.dataset, HandoffOptions(to="mjlab")).taken
    given = deliverable(build.dataset, chosen)
    np.testing.assert_array_equal(shown.motion.qpos, given.motion.qpos)
    np.testing.assert_array_equal(shown.motion.foot_contact, given.motion.foot_contact)
    assert (shown.item.verdict, shown.item.notes) == (given.verdict, given.notes)
    assert (shown.item.n_lead_in, shown.item.n_lead_out) == (given.n_lead_in, given.n_lead_out)
    assert (shown.item.name, shown.frames) == (given.name, given.frames)


def test_a_preview_says_what_changes(build):
    """As JSON, with the verdict before; the same request has the same key, another one another."""
    clip = build.add("kick", outcome="rejected", score=0.4)
    told = preview(build.dataset, clip.id, (10, 50), EDITS).as_json
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert (told["frames"], told["fps"], told["n_frames"]) == ([10, 50], 30.0, 40)
    assert told["before"] == {"accepted": False, "score": 0.4}
    assert "the robot was raised by 1 cm, by hand" in told["notes"]
    keys = [
        preview(build.dataset, clip.id, *words).key
        for words in (((10, 50), EDITS), ((10, 50), NO_EDITS), ((10, 49), EDITS), (None, EDITS))
    ]
    assert keys[0] == told["key"] and len(set(keys)) == 4


def test_spans_of_its_checks_are_frames_of_the_clip(build):
    """As everything else on the page; the sentences of the reasons are the verdict's own, which is told."""
    clip = build.add("kick", outcome="rejected", bend_rad=3.0)
    shown = preview(build.dataset, clip.id, (10, 50))
    moved = [(check, own) for check, own in zip(shown.checks, shown.item.verdict.checks, strict=True) if own.spans]
    assert moved
    for check, own in moved:
        assert [(a - 10, b - 10) for a, b in check.spans] == list(own.spans)
        assert all(10 <= a < b <= 50 for a, b in check.spans)
    assert "reasons count frames from the first one kept" in shown.as_json["notes"]


def test_a_mended_clip_and_the_same_frames_as_they_stood_are_two_previews(build):
    """Nobody is shown the one for the other."""
    clip = build.add("kick", outcome="mended")
    mended, stood = preview(build.dataset, clip.id, None), preview(build.dataset, clip.id, (30, 60))
    assert mended.frames == stood.frames
    assert mended.key != stood.key


def test_a_preview_writes_nothing(build):
    clip = build.add("kick")
    files = sorted(build.dataset.root.rglob("*.*"))
    preview(build.dataset, clip.id, (10, 50))
    assert [path for path in sorted(build.dataset.root.rglob("*.*")) if ".locks" not in path.parts] == files


def test_what_cannot_be_previewed_is_one_sentence(build):
    clip, broken = build.add("kick"), build.add("broken", outcome="broken")
    with pytest.raises(UnknownClip):
        preview(build.dataset, "../kick", None)
    with pytest.raises(NothingToSee, match="nobody is seen"):
        preview(build.dataset, broken.id, None)
    with pytest.raises(FramesNotThere):
        preview(build.dataset, clip.id, (0, 61))
    for frames in ((5, 5), (-1, 5), (9, 3)):
        with pytest.raises(InvalidArray, match=r"^frames: .* is no span"):
            preview(build.dataset, clip.id, frames)
