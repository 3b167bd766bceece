"""What a line says of a hand-over is what the hand-over takes."""

from __future__ import annotations

import pytest

from pipeline.decisions import read_decisions
from pipeline.handing import HandoffOptions, accept_means, hands_over
from pipeline.handing.selection import select
from pipeline.manifest import read_row
from pipeline.review_desk.clip_view import clip_view


def told(build, clip):
    return hands_over(build.dataset, read_row(build.dataset, clip.id), read_decisions(build.dataset, clip.id))


WHOLE = {"accepted": "all 60 frames as they stood", "mended": "piece 1, frames 30 to 59"}
WHOLE["rejected"] = f"{WHOLE['accepted']}, though refused"


@pytest.mark.parametrize("variants", [("29dof", "23dof"), ("23dof",)])
@pytest.mark.parametrize("outcome", WHOLE)
def test_accepting_means_what_is_handed_over_then(build, outcome, variants):
    """Before anybody decides; then that is what is taken, whichever robot is shown."""
    clip = build.add("kick", outcome=outcome, variants=variants)
    row = read_row(build.dataset, clip.id)
    before = told(build, clip)
    assert before.startswith("nothing: ") if outcome == "rejected" else before == WHOLE[outcome]
    assert accept_means(build.dataset, row) == WHOLE[outcome]
    if variants[0] == "29dof":
        build.decide(clip, "accept")
        assert told(build, clip) == WHOLE[outcome]


@pytest.mark.parametrize(
    ("outcome", "ruling", "words", "said"),
    [
        ("accepted", "reject", {"reason": "jitter"}, "nothing: reject by ann, 2026-11-22 (jitter)."),
        ("mended", "accept", {"frames": (0, 60)}, "all 60 frames as they stood, not repaired"),
        ("rejected", "accept", {"frames": (10, 40)}, "frames 10 to 39 as they stood"),
        ("mended", "accept", {"ground_m": 0.01}, "all 60 frames, raised by 1 cm, not repaired"),
        ("accepted", "accept", {"frames": (10, 40), "ground_m": 0.01}, "frames 10 to 39, raised by 1 cm"),
    ],
)
def test_a_decision_is_told_by_what_it_hands_over(build, outcome, ruling, words, said):
    """And the frames are those that a hand-over takes."""
    clip = build.add("kick", outcome=outcome)
    build.decide(clip, ruling, **words)
    assert told(build, clip) == said
    taken = select(build.dataset, HandoffOptions(to="mjlab")).taken
    assert bool(taken) == (not said.startswith("nothing"))
    assert all(f"{item.frames[1] - 1}" in said or f"all {item.frames[1]} " in said for item in taken)


def test_of_a_clip_without_a_motion_nothing_is_handed_over(build):
    """With the reason, and whatever anybody decides."""
    clip = build.add("kick", outcome="broken")
    row = read_row(build.dataset, clip.id)
    assert told(build, clip) == accept_means(build.dataset, row) == "nothing: it is no motion: nobody is seen."


def test_the_page_of_a_clip_tells_both(build):
    """What is handed over now, and what an acceptance would mean."""
    clip = build.add("kick", outcome="mended")
    build.decide(clip, "reject")
    view = clip_view(build.dataset, clip.id)
    assert view.hands_over == "nothing: reject by ann, 2026-11-22."
    assert view.accept_means == WHOLE["mended"]
