"""What a person changes of a motion before it is handed off: how high it stands, and which foot bears weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal, get_args

from pipeline.measurement import Span
from robots.exceptions import InvalidArray
from robots.motion import RobotMotion

Foot = Literal["left", "right"]

FEET: tuple[Foot, ...] = get_args(Foot)
"""In the order of the columns of ``RobotMotion.foot_contact``."""

HIGHEST_M = 0.2
"""Farther from where it was solved nobody may put the robot: that motion is wrong, not its floor [m]."""

MOST_CONTACTS = 200
"""Contact edits that one motion may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEdit:
    """What a person says of one foot in some frames."""

    foot: Foot
    frames: Span
    """First frame of the clip's motion, and one after the last."""
    stands: bool
    """True: it bears weight. False: it does not."""

    def __post_init__(self) -> None:
        """Check foot and span.

        Raises:
            InvalidArray: There is no such foot, or the frames are none.
        """
        if self.foot not in FEET:
            raise InvalidArray("contacts", problem=f"name a foot, left or right, got {self.foot!r:.60}")
        start, stop = self.frames
        if not 0 <= start < stop:
            problem = f"{start}:{stop} is no span: give the first frame and the one after the last"
            raise InvalidArray("contacts", problem=problem)

    @property
    def told(self) -> str:
        """What was said, in words for the middle of a sentence."""
        start, stop = self.frames
        does = "to bear weight" if self.stands else "to bear no weight"
        return f"the {self.foot} foot was set {does} in frames {start} to {stop - 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandEdits:
    """All that a person changed of one motion; frames are counted before anything is cut."""

    ground_m: float = 0.0
    """The robot is raised by this, lowered where negative [m]."""
    contacts: tuple[ContactEdit, ...] = ()
    """In order: a later one holds where two speak of the same frames."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: The robot is moved too far, or there are too many edits.
        """
        if not (isfinite(self.ground_m) and abs(self.ground_m) <= HIGHEST_M):
            problem = f"the robot is raised by {-HIGHEST_M} to {HIGHEST_M} m, got {self.ground_m}"
            raise InvalidArray("ground_m", problem=problem)
        if len(self.contacts) > MOST_CONTACTS:
            raise InvalidArray("contacts", problem=f"has {len(self.contacts)} edits; {MOST_CONTACTS} are kept")

    def __bool__(self) -> bool:
        """Tell whether anything is changed."""
        return bool(self.ground_m or self.contacts)

    @property
    def last_frame(self) -> int:
        """One after the last frame that is spoken of; 0 if none is."""
        return max((edit.frames[1] for edit in self.contacts), default=0)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was done, in order, for the middle of sentences."""
        raised = "raised" if self.ground_m > 0 else "lowered"
        moved = (f"the robot was {raised} by {100 * abs(self.ground_m):.3g} cm",) if self.ground_m else ()
        return moved + tuple(edit.told for edit in self.contacts)

    @property
    def brief(self) -> str:
        """All of it in a few words; empty if nothing is changed."""
        raised = "raised" if self.ground_m > 0 else "lowered"
        moved = [f"{raised} by {100 * abs(self.ground_m):.3g} cm"] if self.ground_m else []
        n = len(self.contacts)
        return ", ".join(moved + ([f"{n} contact{'s' * (n > 1)} edited"] if n else []))

    def applied(self, motion: RobotMotion) -> RobotMotion:
        """Return a motion as the person wants it.

        Raises:
            InvalidArray: An edit speaks of frames that are not there.
        """
        if not self:
            return motion
        if self.last_frame > len(motion):
            raise InvalidArray("contacts", problem=f"speak of frame {self.last_frame - 1}, and there are {len(motion)}")
        root_pos_w, contact = motion.root_pos_w.copy(), motion.foot_contact.copy()
        root_pos_w[:, 2] += self.ground_m
        for edit in self.contacts:
            contact[slice(*edit.frames), FEET.index(edit.foot)] = float(edit.stands)
        return replace(motion, root_pos_w=root_pos_w, foot_contact=contact)

    def within(self, frames: Span) -> tuple[str, ...]:
        """Say what was done to some frames only: an edit beyond them is none."""
        kept: Sequence[ContactEdit] = [e for e in self.contacts if e.frames[0] < frames[1] and frames[0] < e.frames[1]]
        return replace(self, contacts=tuple(kept)).sentences


NO_EDITS = HandEdits()
"""Nothing is changed."""
