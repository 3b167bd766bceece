"""Turns where a robot's soles are into what they say of the floor: which way is up, how high it lies, who stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from robots.differences import derivative
from robots.kinematics import link_poses, qpos_in_order
from robots.model import RobotModel
from robots.motion import RobotMotion

LOW_M, SLOW_M_S = 0.025, 0.25
"""A sole bears weight where it is lower than this over the usual stance and its slowest corner slower than this."""
CHUNK = 1024
"""Frames whose links are all held at once: bounds the memory for motions of any length."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Soles:
    """Corners and up axes of both soles in the world."""

    fps: float
    origin_w: Float[np.ndarray, "frames 2 3"]
    """Origins of the links that carry the soles [m]."""
    corners_w: Float[np.ndarray, "frames 2 points 3"]
    """Corners [m]."""
    up_w: Float[np.ndarray, "frames 2 3"]
    """Unit vectors that point out of the floor where the sole stands flat."""

    @classmethod
    def of(cls, motion: RobotMotion, robot: RobotModel) -> Soles:
        """Pose the feet."""
        qpos = qpos_in_order(robot, motion)
        feet = [robot.body_names.index(name) for name in robot.foot_body_names]
        origin, quat = np.empty((len(qpos), 2, 3)), np.empty((len(qpos), 2, 4))
        for start in range(0, len(qpos), CHUNK):
            rows = slice(start, start + CHUNK)
            pos_w, quat_w = link_poses(robot, qpos[rows])
            origin[rows], quat[rows] = pos_w[:, feet], quat_w[:, feet]
        rot_w = _matrices(quat)
        corners = np.einsum("fsij,pj->fspi", rot_w, robot.sole_points_b) + origin[:, :, None]
        return cls(fps=motion.fps, origin_w=origin, corners_w=corners, up_w=rot_w[..., 2])

    @property
    def height(self) -> Float[np.ndarray, "frames 2"]:
        """Height of each sole's lowest corner [m]."""
        return self.corners_w[..., 2].min(axis=2)

    @property
    def slip_speed(self) -> Float[np.ndarray, "frames 2"]:
        """Speed of each sole's slowest corner [m/s]."""
        return np.linalg.norm(derivative(self.corners_w, self.fps), axis=-1).min(axis=2)

    def standing(self) -> Bool[np.ndarray, "frames 2"]:
        """Say which foot bears weight, from where the soles are alone.

        The usual stance is the median of the lower foot among slow ones, so neither a constant height nor some
        frames in the air matter.
        """
        slow = self.slip_speed < SLOW_M_S
        lower = np.where(slow, self.height, np.inf).min(axis=1)
        known = np.isfinite(lower)
        floor = np.median(lower[known]) if known.any() else np.median(self.height.min(axis=1))
        return slow & (self.height < floor + LOW_M)

    def mean_up(self, contact: Bool[np.ndarray, "frames 2"]) -> Float[np.ndarray, " 3"] | None:
        """Which way the soles that bear weight look on the whole, None without any contact."""
        if not contact.any():
            return None
        middle = np.median(self.up_w[contact], axis=0)  # a toe stance here and there does not turn it
        length = np.linalg.norm(middle)
        return None if length < 1e-6 else middle / length


def _matrices(quat_wxyz: Float[np.ndarray, "frames 2 4"]) -> Float[np.ndarray, "frames 2 3 3"]:
    flat = Rotation.from_quat(quat_wxyz.reshape(-1, 4), scalar_first=True).as_matrix()
    return flat.reshape(*quat_wxyz.shape[:2], 3, 3)
