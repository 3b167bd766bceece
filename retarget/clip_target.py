"""What retargeting asks of the robot: target poses and prices, for one frame or for all frames of a clip.

Both are named tuples of arrays, so that Pinocchio's engine and compiled code read the same thing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float


class FrameTarget(NamedTuple):
    """What one frame asks of the tasks."""

    pos_w: Float[np.ndarray, "tasks 3"]
    """Target of each task's point [m]."""
    rot_w: Float[np.ndarray, "tasks 3 3"]
    """Target orientation of each task's link."""
    position_weight: Float[np.ndarray, "tasks 3"]
    """Price of distance along each world axis [1/m]."""
    rotation_weight: Float[np.ndarray, " tasks"]
    """Price of the angle [1/rad]."""
    planted: Bool[np.ndarray, " patches"]
    """Patches whose lowest point must lie on the floor, z = 0; the others need only stay above it."""


class ClipTarget(NamedTuple):
    """What all frames of a clip ask of the tasks; the fields are those of :class:`FrameTarget`, frame by frame."""

    pos_w: Float[np.ndarray, "frames tasks 3"]
    rot_w: Float[np.ndarray, "frames tasks 3 3"]
    position_weight: Float[np.ndarray, "frames tasks 3"]
    rotation_weight: Float[np.ndarray, "frames tasks"]
    planted: Bool[np.ndarray, "frames patches"]

    def frame(self, index: int) -> FrameTarget:
        """Return what one frame asks."""
        return FrameTarget(*(field[index] for field in self))

    def part(self, frames: slice | np.ndarray) -> ClipTarget:
        """Return what some of the frames ask."""
        return ClipTarget(*(np.ascontiguousarray(field[frames]) for field in self))

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.pos_w)
