"""What was tried to save a clip, what each attempt came to, and the pieces that can be used."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.manifest import Attempt, Usable
from pipeline.measurement import Span
from pipeline.verdict import Verdict
from retarget.smpl_motion import SmplMotion
from robots.g1 import Variant
from robots.motion import RobotMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceOfVariant:
    """A piece solved for, and judged on, another variant of the robot."""

    variant: Variant
    motion: RobotMotion
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a clip that is accepted as it is here."""

    edits: tuple[str, ...]
    """What was done to the original motion, in order; empty if only accepted as it stood."""
    frames: Span
    """Frames of the original motion that it is made of."""
    motion: RobotMotion
    """Of the robot that is shown."""
    verdict: Verdict
    human: SmplMotion | None = None
    """What it was retargeted from; None where the robot's motion is all there is."""
    variants: tuple[PieceOfVariant, ...] = ()
    """The same piece of the robot's other variants that a format needs."""

    @property
    def duration_s(self) -> float:
        """Its length [s]."""
        return len(self.motion) / self.motion.fps

    @property
    def usable(self) -> Usable:
        """What the dataset's index tells of it."""
        return Usable(frames=self.frames, edits=self.edits, duration_s=self.duration_s, score=self.verdict.score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """All that was tried for a clip; nothing, if it was accepted as it stood."""

    attempts: tuple[Attempt, ...]
    pieces: tuple[Piece, ...]
    """What can be used, in the order of time."""

    @property
    def usable(self) -> tuple[Usable, ...]:
        """What the dataset's index tells of the pieces."""
        return tuple(piece.usable for piece in self.pieces)

    @property
    def usable_s(self) -> float:
        """Length of what can be used [s]."""
        return sum(piece.duration_s for piece in self.pieces)
