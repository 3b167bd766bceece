"""What a fault is: a seeded change of a motion, and the frames that it spoils."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float

from retarget.smpl_motion import SmplMotion
from retarget.spans import Span
from robots.arrays import checked_array, freeze_fields
from robots.model import RobotModel
from robots.motion import RobotMotion

SPAN_SHARE = (0.15, 0.30)
"""Shortest and longest span of a fault that does not last, as a share of the clip."""

STEP_REACH_S = 0.1
"""A fault of one moment spoils the motion for so long before and after it [s]."""


Motion = TypeVar("Motion", RobotMotion, SmplMotion)


@dataclass(frozen=True, kw_only=True, eq=False)  # no slots: Python 3.11 cannot call the alias of such a class
class Faulty(Generic[Motion]):
    """A motion with a fault, and where the fault is."""

    motion: Motion
    """What is handed to the checks."""
    bad: Bool[np.ndarray, " frames"]
    """Frames of ``motion`` that are wrong; all of them if the fault lasts."""

    def __post_init__(self) -> None:
        """Check that the truth speaks of this motion."""
        bad = checked_array("bad", self.bad, ("frames",), {"frames": len(self.motion)}, dtype=np.bool_)
        freeze_fields(self, {"bad": bad})


FaultyMotion = Faulty[RobotMotion]
FaultyHuman = Faulty[SmplMotion]

Apply = Callable[[RobotMotion, RobotModel, np.random.Generator], FaultyMotion | None]
"""Puts a fault into a motion; None where the motion has no room for it, e.g. no flight to be stretched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault at one strength."""

    name: str
    """Family, e.g. ``drift``."""
    strength: str
    """How strong, with its unit, e.g. ``3 cm/s``; empty where there is but one."""
    key: str
    """Begin of its keys in the JSON file, e.g. ``drift_3cms``."""
    meaning: str
    """What it imitates."""
    apply: Apply
    asked: bool = True
    """Whether it must be found; weaker strengths are tried and published all the same."""
    local: bool = False
    """Whether it spoils a part of the clip only, the rest of which could be kept."""


def everywhere(motion: Motion) -> Faulty[Motion]:
    """Call every frame of a motion wrong."""
    return Faulty(motion=motion, bad=np.ones(len(motion), dtype=bool))


def within(motion: Motion, span: Span) -> Faulty[Motion]:
    """Call the frames of a span wrong."""
    bad = np.zeros(len(motion), dtype=bool)
    bad[slice(*span)] = True
    return Faulty(motion=motion, bad=bad)


def near_step(motion: Motion, frame: int) -> Faulty[Motion]:
    """Call the frames round the step that leads to ``frame`` wrong."""
    reach = round(STEP_REACH_S * motion.fps)
    return within(motion, (max(frame - reach, 0), min(frame + reach, len(motion))))


def moved(motion: RobotMotion, shift_w: Float[np.ndarray, "frames 3"]) -> RobotMotion:
    """Move the whole robot, frame by frame [m]."""
    return replace(motion, root_pos_w=motion.root_pos_w + shift_w)


def heading(rng: np.random.Generator) -> Float[np.ndarray, " 3"]:
    """Draw a horizontal direction."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    return np.array([np.cos(angle), np.sin(angle), 0.0])


def joint_speed(motion: RobotMotion) -> Float[np.ndarray, " frames"]:
    """Root mean square speed of the joints, this frame to the next [rad/s]."""
    steps = np.sqrt((np.diff(motion.joint_pos, axis=0) ** 2).mean(axis=1)) * motion.fps
    return np.append(steps, steps[-1:]) if len(steps) else np.zeros(1)


def draw_span(
    motion: RobotMotion,
    rng: np.random.Generator,
    worth: Float[np.ndarray, " frames"],
    least: float,
    shortest_s: float = 0.0,
) -> Span | None:
    """Draw a span of :data:`SPAN_SHARE` of the clip whose mean ``worth`` is at least ``least``.

    Spans last at least ``shortest_s`` [s] and keep a tenth of a second off the ends, so that a fault has two sides.
    None if there is no such span.
    """
    margin = round(STEP_REACH_S * motion.fps)
    length = max(round(rng.uniform(*SPAN_SHARE) * len(motion)), round(shortest_s * motion.fps), 3)
    if length > SPAN_SHARE[1] * len(motion) + 1:
        return None
    starts = np.arange(margin, len(motion) - margin - length + 1)
    if not len(starts):
        return None
    total = np.concatenate([[0.0], np.cumsum(worth)])
    means = (total[starts + length] - total[starts]) / length
    good = starts[means >= least]
    if not len(good):
        return None
    start = int(rng.choice(good))
    return start, start + length


def ramped(span: Span, frames: int, fps: float, ramp_s: float) -> Float[np.ndarray, " frames"]:
    """Return a weight that rises from 0 to 1 and falls again within a span, without a corner."""
    time = np.arange(frames) / fps
    rise = np.clip((time - span[0] / fps) / ramp_s, 0.0, 1.0)
    fall = np.clip(((span[1] - 1) / fps - time) / ramp_s, 0.0, 1.0)
    share = np.minimum(rise, fall)
    return share**2 * (3.0 - 2.0 * share)
