"""A world-grounded human motion in SMPL's pose space, z up.

SMPL's rest pose is y up; in this z-up world an upright person therefore has a ``global_orient``
that contains the quarter turn about x, as in AMASS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline, interp1d
from scipy.spatial.transform import Rotation, Slerp

from retarget.body_trajectory import BodyTrajectory
from retarget.smpl_skeleton import SMPL_JOINT_NAMES, forward_kinematics, local_rotations
from robots.arrays import checked_array, freeze_fields
from robots.exceptions import InvalidArray

FOOT_REGIONS = ("left_foot", "right_foot")
"""Contact regions every estimator may report, in the order of ``foot_contact``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmplMotion:
    """Pose parameters of one person, with the shape and the skeleton they belong to."""

    fps: float
    """Frames per second [1/s]."""
    body: str
    """Name of the body model that ``betas`` belong to; betas of two models never mix."""
    betas: Float[np.ndarray, " 10"]
    """Shape coefficients of ``body``."""
    rest_joint_pos: Float[np.ndarray, "24 3"]
    """Joints of the shaped body in its rest pose, y up [m]."""
    global_orient: Float[np.ndarray, "frames 3"]
    """Axis-angle of the pelvis in the z-up world [rad]."""
    body_pose: Float[np.ndarray, "frames 21 3"]
    """Axis-angle of the other body joints relative to their parents [rad]."""
    transl: Float[np.ndarray, "frames 3"]
    """SMPL translation [m]: the pelvis lies at ``rest_joint_pos[0] + transl``."""
    foot_contact: Float[np.ndarray, "frames 2"] | None = None
    """Probability that the left and right foot bears weight, where the estimator knows."""
    joint_trust: Float[np.ndarray, "frames 24"] | None = None
    """Weight in [0, 1] of each joint's place: 1 = seen well, 0 = made up between what was seen. Not given is 1."""

    def __post_init__(self) -> None:
        """Check shapes and finiteness."""
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise InvalidArray("fps", problem=f"must be positive, got {self.fps}")
        dims: dict[str, int] = {}
        fields = {
            "fps": float(self.fps),
            "betas": checked_array("betas", self.betas, (10,)),
            "rest_joint_pos": checked_array("rest_joint_pos", self.rest_joint_pos, (24, 3)),
            "global_orient": checked_array("global_orient", self.global_orient, ("frames", 3), dims),
            "body_pose": checked_array("body_pose", self.body_pose, ("frames", 21, 3), dims),
            "transl": checked_array("transl", self.transl, ("frames", 3), dims),
        }
        if self.foot_contact is not None:
            fields["foot_contact"] = checked_array("foot_contact", self.foot_contact, ("frames", 2), dims)
        trust = np.ones((dims["frames"], 24)) if self.joint_trust is None else self.joint_trust
        fields["joint_trust"] = checked_array("joint_trust", trust, ("frames", 24), dims)
        if (fields["joint_trust"] < 0).any() or (fields["joint_trust"] > 1).any():
            raise InvalidArray("joint_trust", problem="holds a weight outside [0, 1]")
        if dims["frames"] == 0:
            raise InvalidArray("transl", problem="has no frames")
        freeze_fields(self, fields)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.transl)

    def part(self, start_s: float, end_s: float) -> SmplMotion:
        """Return the frames from one time to another, at least one [s]."""
        first = min(max(0, round(start_s * self.fps)), len(self) - 1)
        return self.frames(first, max(first, min(round(end_s * self.fps), len(self) - 1)) + 1)

    def frames(self, start: int, stop: int) -> SmplMotion:
        """Return some of the frames, ``stop`` left out.

        Raises:
            InvalidArray: There are none between the two.
        """
        return self._with(lambda values: values[start:stop], lambda rotvec: rotvec[start:stop])

    def moved(self, by: tuple[float, float, float] | Float[np.ndarray, "frames 3"]) -> SmplMotion:
        """Return the motion elsewhere [m], by one way for all frames or by one for each."""
        return replace(self, transl=self.transl + np.asarray(by, dtype=float))

    def at_speed(self, speed: float) -> SmplMotion:
        """Return the motion played this many times as fast, at the same frame rate.

        Rotations go along the shortest arc, the path along a cubic spline, contact and trust linearly.
        """
        if len(self) < 3:
            return self
        old = np.arange(len(self)) / speed
        new = np.arange(int(np.floor(old[-1] + 1e-9)) + 1, dtype=float)

        def turned(rotvec: np.ndarray) -> np.ndarray:
            return Slerp(old, Rotation.from_rotvec(rotvec.copy()))(new).as_rotvec()

        def between(values: np.ndarray) -> np.ndarray:
            return interp1d(old, values, axis=0)(new).clip(values.min(), values.max())

        part = self._with(between, turned)
        return replace(part, transl=CubicSpline(old, self.transl)(new))

    def _with(
        self, values: Callable[[np.ndarray], np.ndarray], rotvec: Callable[[np.ndarray], np.ndarray]
    ) -> SmplMotion:
        """Put other frames into everything that has frames."""
        pose = [rotvec(self.body_pose[:, joint]) for joint in range(self.body_pose.shape[1])]
        return replace(
            self,
            global_orient=rotvec(self.global_orient),
            body_pose=np.stack(pose, axis=1),
            transl=values(self.transl),
            foot_contact=None if self.foot_contact is None else values(self.foot_contact),
            joint_trust=None if self.joint_trust is None else values(self.joint_trust),
        )

    def joints(self) -> tuple[Float[np.ndarray, "frames 24 3"], Float[np.ndarray, "frames 24 3 3"]]:
        """World positions [m] and world rotations of the 24 joints."""
        rotations = local_rotations(self.global_orient, self.body_pose)
        return forward_kinematics(rotations, self.rest_joint_pos, self.transl)

    def body_trajectory(self) -> BodyTrajectory:
        """Return what retargeting reads: named body frames in the world."""
        pos_w, rot_w = self.joints()
        quat = Rotation.from_matrix(rot_w.reshape(-1, 3, 3)).as_quat(scalar_first=True)
        return BodyTrajectory(
            fps=self.fps,
            names=SMPL_JOINT_NAMES,
            pos_w=pos_w,
            quat_wxyz_w=quat.reshape(len(self), 24, 4),
            contact_regions=() if self.foot_contact is None else FOOT_REGIONS,
            contact_prob=np.zeros((len(self), 0)) if self.foot_contact is None else self.foot_contact,
            trust=self.joint_trust,
        )
