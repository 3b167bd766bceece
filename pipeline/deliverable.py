"""A motion as it goes to trainers: with its leads, at its own rate, of one variant of the robot; and what does not go.

Hand-off files of every format are written from it, so that nothing is resampled twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pipeline.measurement import Span
from pipeline.verdict import Verdict
from retarget.lead import LedMotion
from robots.exceptions import InvalidArray
from robots.g1 import Variant
from robots.motion import RobotMotion

Kind = Literal["whole", "part", "refined"]
"""All of a clip, a part of it (mended, or cut by a person), or the version of the simulated robot."""

REFINED = ".refined"
"""What the name of a refined version ends in."""

_NAME = re.compile(r"[0-9a-f]+(\.refined|\.part[0-9]+|\.kept[0-9]+-[0-9]+)?")
"""What motions are called; files are named by it, so nothing else may stand in a record."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deliverable:
    """One motion that may be handed off."""

    name: str
    """Of its files, without the format: ``<clip id>``, or that with ``.part1``, ``.refined`` or ``.kept10-40``: the
    frames that a person kept; all of them where the motion was edited and not cut."""
    kind: Kind
    variant: Variant
    """The G1 that the motion is of."""
    motion: RobotMotion
    """Lead-in, the motion itself, lead-out; at the clip's own rate."""
    n_lead_in: int
    """Frames before the motion itself."""
    n_lead_out: int
    """Frames after it."""
    frames: Span
    """Frames of the clip's motion that it is made of."""
    edits: tuple[str, ...] = ()
    """What was done to these frames, in order, as sentences."""
    verdict: Verdict
    """On the motion itself, without leads."""
    notes: tuple[str, ...] = ()
    """What its reader should know, in sentences: why there is no lead, above all."""

    def __post_init__(self) -> None:
        """Check the name, and that the leads leave something of the motion.

        Raises:
            InvalidArray: It is no name of ours, or they do not.
        """
        _check_name(self.name)
        if min(self.n_lead_in, self.n_lead_out) < 0 or self.n_lead_in + self.n_lead_out >= len(self.motion):
            problem = f"{self.n_lead_in} and {self.n_lead_out} frames of leads do not fit into {len(self.motion)}"
            raise InvalidArray("motion", problem=problem)

    @property
    def core(self) -> RobotMotion:
        """The motion without leads."""
        return self.motion.frames(self.n_lead_in, len(self.motion) - self.n_lead_out)

    @property
    def core_s(self) -> float:
        """Length of the motion without leads [s]."""
        return (len(self.motion) - self.n_lead_in - self.n_lead_out) / self.motion.fps

    def leads_at(self, fps: float) -> tuple[int, int]:
        """Return how many frames lead in and out once the whole is resampled to another rate."""
        led = LedMotion(motion=self.motion, n_lead_in=self.n_lead_in, n_lead_out=self.n_lead_out, notes=())
        return led.frames_at(fps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A motion that is not handed off."""

    name: str
    """What it would be called."""
    variant: Variant
    """The G1 that it would be of."""
    reason: str
    """Why not, one sentence or more."""

    def __post_init__(self) -> None:
        """Check the name.

        Raises:
            InvalidArray: It is no name of ours.
        """
        _check_name(self.name)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deliverables:
    """All that a clip gives to trainers; nothing, if neither it nor a piece of it was accepted."""

    items: tuple[Deliverable, ...]
    """In the order of their names, the shown variant first."""
    withheld: tuple[Withheld, ...] = ()
    """Variants of them, and refined versions, that were refused or could not be made."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the motions, also of those that are withheld, in order."""
        return tuple(dict.fromkeys([item.name for item in self.items] + [item.name for item in self.withheld]))

    def find(self, name: str, variant: Variant) -> Deliverable | None:
        """Return the motion of that name and variant, None where there is none."""
        return next((item for item in self.items if (item.name, item.variant) == (name, variant)), None)

    def reason_withheld(self, name: str, variant: Variant) -> str | None:
        """Return why there is no motion of that name and variant, None where nobody asked for one."""
        return next((item.reason for item in self.withheld if (item.name, item.variant) == (name, variant)), None)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidArray("name", problem=f"must be a clip's id, or a part or version of one, got {name!r:.60}")
