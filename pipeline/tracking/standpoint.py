"""Turns a motion so that it begins at the origin and faces +x, and brings what became of it back to where it was.

MuJoCo's friction pyramids stand still in the world, so that friction depends on where a robot faces; whatever is
simulated is simulated from one standpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from robots.motion import RobotMotion

_Motion = TypeVar("_Motion", RobotMotion, RobotMotion | None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standpoint:
    """Where a motion begins, along the floor."""

    turn: Rotation
    """From +x to the heading, about the vertical."""
    start_w: Float[np.ndarray, " 3"]
    """Place of the root on the floor [m]."""

    @classmethod
    def of(cls, motion: RobotMotion) -> Standpoint:
        """Return the standpoint of the first frame.

        The heading is told by the root's forward or left axis, whichever is more level: one of them is within 45
        degrees of it however the root lies, where Euler angles lose theirs as soon as it bows by 90.
        """
        forward, left = Rotation.from_quat(motion.root_quat_wxyz[0], scalar_first=True).as_matrix().T[:2]
        level = forward if abs(forward[2]) < abs(left[2]) else np.array([left[1], -left[0], 0.0])
        turn = Rotation.from_euler("z", float(np.arctan2(level[1], level[0])))
        return cls(turn=turn, start_w=np.array([*motion.root_pos_w[0, :2], 0.0]))

    def leave(self, motion: _Motion) -> _Motion:
        """Move a motion from here to the origin, facing +x; nothing stays nothing."""
        back = self.turn.inv()
        return _moved(motion, back, -back.apply(self.start_w))

    def take(self, motion: _Motion) -> _Motion:
        """Move a motion from the origin to here; nothing stays nothing."""
        return _moved(motion, self.turn, self.start_w)


def facing_x(motion: RobotMotion) -> RobotMotion:
    """Return the motion moved to the origin and turned about the vertical so that it begins facing +x."""
    return Standpoint.of(motion).leave(motion)


def _moved(motion: _Motion, turn: Rotation, shift: Float[np.ndarray, " 3"]) -> _Motion:
    """Turn a motion about the origin, then shift it."""
    if motion is None:
        return motion
    rotation = turn * Rotation.from_quat(motion.root_quat_wxyz, scalar_first=True)
    return replace(
        motion,
        root_pos_w=motion.root_pos_w @ turn.as_matrix().T + shift,
        root_quat_wxyz=rotation.as_quat(scalar_first=True),
    )
