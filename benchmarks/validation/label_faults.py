"""Faults of the contact labels; the motion itself stays as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from benchmarks.validation.faulty import Apply, FaultyMotion
from robots.model import RobotModel
from robots.motion import RobotMotion

MIN_CHANGED_SHARE = 0.1
"""Labels are wrong if they change in at least this share of the frames."""


def empty(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion | None:
    """Deny every contact."""
    return _labelled(motion, np.zeros_like(motion.foot_contact))


def swapped(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion | None:
    """Give each foot the other's labels."""
    return _labelled(motion, motion.foot_contact[:, ::-1])


def inverted(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion | None:
    """Call every contact none and none a contact."""
    return _labelled(motion, 1.0 - motion.foot_contact)


def shifted(seconds: float) -> Apply:
    """Let the labels come too late [s]; what comes before them repeats the first."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion | None:
        frames = np.arange(len(motion)) - round(seconds * motion.fps)
        return _labelled(motion, motion.foot_contact[np.clip(frames, 0, len(motion) - 1)])

    return apply


def _labelled(motion: RobotMotion, contact: Float[np.ndarray, "frames 2"]) -> FaultyMotion | None:
    """Give a motion other labels; None if they are nearly the same."""
    bad = ((contact > 0.5) != (motion.foot_contact > 0.5)).any(axis=1)
    if bad.mean() < MIN_CHANGED_SHARE:
        return None
    return FaultyMotion(motion=replace(motion, foot_contact=contact), bad=bad)
