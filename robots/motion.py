"""A robot motion in time: root pose and joint angles of one robot, frame by frame.

World is right-handed with z up; metres, radians, seconds; quaternions are wxyz.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline, interp1d
from scipy.spatial.transform import Rotation, Slerp

from robots.arrays import checked_array, checked_unit_quat, freeze_fields
from robots.exceptions import InvalidArray

RATES = (0.01, 1e5)
"""Frame rates beyond these are none [1/s]; what averages over a time would average over any number of frames."""
FARTHEST = 1e5
"""A root farther from the origin than this is in another unit than metres [m]; squares of more lose all digits."""
WIDEST = 1e3
"""An angle of more than this is no joint's [rad]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RobotMotion:
    """Motion of one floating-base robot, sampled at a fixed rate."""

    fps: float
    """Frames per second [1/s]."""
    joint_names: tuple[str, ...]
    """Names of the columns of ``joint_pos``, without the floating base."""
    root_pos_w: Float[np.ndarray, "frames 3"]
    """Position of the root link's origin [m]."""
    root_quat_wxyz: Float[np.ndarray, "frames 4"]
    """Orientation of the root link, hemisphere-continuous."""
    joint_pos: Float[np.ndarray, "frames joints"]
    """Joint angles [rad]."""
    foot_contact: Float[np.ndarray, "frames 2"]
    """Probability that the left and right foot bears weight."""

    def __post_init__(self) -> None:
        """Check shapes, sizes, unit quaternions and the frame rate."""
        if not RATES[0] <= self.fps <= RATES[1]:
            raise InvalidArray("fps", problem=f"must be positive, from {RATES[0]:g} to {RATES[1]:g}, got {self.fps}")
        if len(set(self.joint_names)) < len(self.joint_names):
            raise InvalidArray("joint_names", problem="names a joint twice")
        dims: dict[str, int] = {"joints": len(self.joint_names)}
        root_pos_w = checked_array("root_pos_w", self.root_pos_w, ("frames", 3), dims)
        if len(root_pos_w) == 0:
            raise InvalidArray("root_pos_w", problem="has no frames")
        joint_pos = checked_array("joint_pos", self.joint_pos, ("frames", "joints"), dims)
        _check_size("root_pos_w", root_pos_w, FARTHEST, "give metres")
        _check_size("joint_pos", joint_pos, WIDEST, "give radians")
        quat = checked_unit_quat("root_quat_wxyz", self.root_quat_wxyz, ("frames", 4), dims)
        contact = checked_array("foot_contact", self.foot_contact, ("frames", 2), dims)
        if contact.min() < 0 or contact.max() > 1:
            raise InvalidArray("foot_contact", problem="holds a probability outside [0, 1]")
        freeze_fields(
            self,
            {
                "fps": float(self.fps),
                "joint_names": tuple(self.joint_names),
                "root_pos_w": root_pos_w,
                "root_quat_wxyz": hemisphere_continuous(quat),
                "joint_pos": joint_pos,
                "foot_contact": contact,
            },
        )

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.root_pos_w)

    @property
    def duration_s(self) -> float:
        """Time from the first to the last frame [s]."""
        return (len(self) - 1) / self.fps

    @property
    def qpos(self) -> Float[np.ndarray, "frames 7+joints"]:
        """MuJoCo's generalised positions: root position, root wxyz, joints."""
        return np.hstack([self.root_pos_w, self.root_quat_wxyz, self.joint_pos])

    @classmethod
    def from_qpos(
        cls,
        qpos: Float[np.ndarray, "frames 7+joints"],
        *,
        fps: float,
        joint_names: tuple[str, ...],
        foot_contact: Float[np.ndarray, "frames 2"],
    ) -> RobotMotion:
        """Build a motion from MuJoCo's generalised positions."""
        return cls(
            fps=fps,
            joint_names=joint_names,
            root_pos_w=qpos[:, :3],
            root_quat_wxyz=qpos[:, 3:7],
            joint_pos=qpos[:, 7:],
            foot_contact=foot_contact,
        )

    def frames(self, start: int, stop: int) -> RobotMotion:
        """Return some of the frames, ``stop`` left out.

        Raises:
            InvalidArray: There are none between the two.
        """
        return RobotMotion.from_qpos(
            self.qpos[start:stop],
            fps=self.fps,
            joint_names=self.joint_names,
            foot_contact=self.foot_contact[start:stop],
        )

    def resampled(self, fps: float) -> RobotMotion:
        """Return the same motion at another frame rate, within the original time span.

        Cubic splines for positions and joints, slerp for the root, linear for contact. Call it once
        on the way out: every resampling costs bandwidth.

        Raises:
            InvalidArray: ``fps`` is not a positive number.
        """
        if not (np.isfinite(fps) and fps > 0):
            raise InvalidArray("fps", problem=f"must be positive, got {fps}")
        if len(self) == 1 or fps == self.fps:
            return RobotMotion.from_qpos(
                self.qpos, fps=fps, joint_names=self.joint_names, foot_contact=self.foot_contact
            )
        old = np.arange(len(self)) / self.fps
        new = np.arange(int(np.floor(self.duration_s * fps + 1e-6)) + 1) / fps
        new = np.minimum(new, old[-1])
        rotations = Slerp(old, Rotation.from_quat(self.root_quat_wxyz, scalar_first=True))
        return RobotMotion(
            fps=fps,
            joint_names=self.joint_names,
            root_pos_w=CubicSpline(old, self.root_pos_w)(new),
            root_quat_wxyz=rotations(new).as_quat(scalar_first=True),
            joint_pos=CubicSpline(old, self.joint_pos)(new),
            foot_contact=np.clip(interp1d(old, self.foot_contact, axis=0)(new), 0.0, 1.0),  # rounding may leave [0, 1]
        )


def _check_size(name: str, array: np.ndarray, largest: float, remedy: str) -> None:
    """Refuse numbers that are finite and nothing else."""
    found = float(np.abs(array).max(initial=0.0))
    if found > largest:
        raise InvalidArray(name, problem=f"holds {found:.3g}, beyond {largest:g}: {remedy}")


def hemisphere_continuous(quat: Float[np.ndarray, "frames 4"]) -> Float[np.ndarray, "frames 4"]:
    """Flip signs so that neighbouring quaternions lie in one hemisphere (q and -q are one rotation)."""
    dots = np.einsum("ij,ij->i", quat[1:], quat[:-1])
    signs = np.concatenate([[1.0], np.cumprod(np.where(dots < 0, -1.0, 1.0))])
    continuous = quat * signs[:, None]
    continuous.setflags(write=False)
    return continuous
