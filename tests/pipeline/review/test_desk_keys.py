"""Laws of the desktop's keys: what each does, and that what a reviewer decides is what they saw."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pipeline.decisions import REASON_CODES
from pipeline.review.desk_keys import HELP, SPEEDS, Controls, Playhead, reasons

ESC, RIGHT, LEFT, DOWN, UP, PAGE_UP, PAGE_DOWN, SHIFT = 256, 262, 263, 264, 265, 266, 267, 340


@dataclass
class Notes:
    """A desk that writes down what it is told."""

    n_clips: int = 3
    made: list[tuple] = field(default_factory=list)

    def accept(self, clip, frames):
        self.made.append(("accept", clip, frames))
        return "accepted"

    def reject(self, clip, reason):
        self.made.append(("reject", clip, reason))
        return f"rejected: {reason}"

    def undo(self, clip):
        self.made.append(("undo", clip))
        return "taken back"


@pytest.fixture
def controls() -> Controls:
    return Controls(Notes(), Playhead(n_frames=100))


def press(controls: Controls, *keys: int | str) -> Controls:
    for key in keys:
        controls.press(ord(key) if isinstance(key, str) else key)
    return controls


def test_the_playhead_pauses_steps_and_goes_round(controls):
    """Space pauses, an arrow steps and pauses, and the motion starts again at its end."""
    head = controls.playhead
    assert head.advance(99.5) == 99 and head.advance(1.0) == 0
    press(controls, " ")
    assert head.advance(5.0) == 0
    press(controls, LEFT)
    assert head.advance(5.0) == 99
    press(controls, RIGHT, PAGE_DOWN, RIGHT)
    assert head.advance(5.0) == 11
    press(controls, PAGE_UP, " ")
    assert head.advance(5.0) == 6


def test_what_is_between_the_marks_is_accepted(controls):
    """Both ends are kept; without a mark, everything; with one, from or to there."""
    press(controls, "A", RIGHT, "[", PAGE_DOWN, "]", "A", "C", "A", "]", "A")
    assert controls.desk.made == [
        ("accept", 0, None),
        ("accept", 0, (1, 12)),
        ("accept", 0, None),
        ("accept", 0, (0, 12)),
    ]
    press(controls, "C", "[", "A")
    assert controls.desk.made[-1] == ("accept", 0, (11, 100))


def test_a_part_that_would_end_before_it_begins_is_not_marked(controls):
    """The marks stay, and it is said."""
    press(controls, PAGE_DOWN, "[", LEFT, "]")
    assert controls.marks == (10, None) and "before it begins" in controls.message


def test_a_rejection_asks_why_and_anything_but_a_digit_takes_it_back(controls):
    """Each digit is the reason that is shown beside it; no key does something else meanwhile."""
    press(controls, "R")
    shown = dict(controls.told())
    press(controls, SHIFT, "2")
    code = dict(reasons())["2"]
    assert controls.desk.made == [("reject", 0, code)] and shown["2"] == REASON_CODES[code]
    for other in (ESC, "A", "J", " "):
        press(controls, "R", other)
        assert len(controls.desk.made) == 1 and controls.clip == 0 and controls.message == "not rejected"
    assert "good" not in dict(reasons()).values() and len(reasons()) == len(REASON_CODES) - 1


def test_the_next_clip_begins_without_the_marks_of_the_one_before(controls):
    """Round and round; a decision is on the clip that is shown."""
    press(controls, " ", "[", "J")
    assert controls.clip == 1
    controls.begin(50)
    assert controls.kept is None and controls.playhead.n_frames == 50 and controls.playhead.paused
    press(controls, DOWN, "J", "K", UP, "U")
    assert controls.desk.made == [("undo", 1)] and controls.message == "taken back"


def test_speed_has_steps_and_ends(controls):
    """Slower and faster, as on the page."""
    press(controls, *"," * 9)
    assert controls.speed == SPEEDS[0]
    press(controls, *"." * 9)
    assert controls.speed == SPEEDS[-1]


def test_the_help_names_keys_that_do_something_and_others_do_nothing(controls):
    """It is shown on request only."""
    assert HELP[0] not in controls.told()
    press(controls, "H", "G")
    assert set(HELP) <= set(controls.told()) and controls.ghost
    before = (controls.told(), controls.speed, controls.clip)
    press(controls, "Z", "Q", 290, SHIFT, -1)
    assert before == (controls.told(), controls.speed, controls.clip) and controls.desk.made == []
