"""Turns a robot motion into what one consumer's file holds: its joints, its frame rate, nothing resampled twice.

A format is a small object with a writer, a reader, and its consumer's own way from the file to link positions,
which :func:`fk_error_mm` holds against MuJoCo's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.export.exceptions import MotionTooShort, UnreadableHandoff
from robots.exceptions import JointsDoNotMatch
from robots.g1 import Variant, load_g1
from robots.g1.table import WRIST_JOINTS
from robots.kinematics import link_poses, qpos_in_order
from robots.model import RobotModel
from robots.motion import RobotMotion

UNKNOWN_CONTACT = 0.5
"""Contact probability of a motion read from a format that does not keep it; PBHC reads 0.5 as "do not care"."""

_PALM_B = (0.08, 0.0, 0.0)  # in the frame of the last wrist link [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """A file that was written for a trainer."""

    path: Path
    """The file."""
    n_frames: int
    """Frames in it."""
    fps: int
    """Frames per second in it [1/s]."""
    notes: tuple[str, ...]
    """What the format could not take along, in sentences."""


class HandoffFormat(Protocol):
    """One file format that a trainer of the G1 reads."""

    suffix: ClassVar[str]
    """Ending of its files, with the dot."""
    fps: ClassVar[int]
    """The only frame rate its consumers play rightly [1/s]."""
    variant: ClassVar[Variant]
    """Which G1 its columns belong to."""

    def write(self, motion: RobotMotion, robot: RobotModel, path: Path) -> Handoff:
        """Write a motion of a G1, whole or not at all.

        Raises:
            JointsDoNotMatch: The motion is not one of this robot, or the robot is no G1.
            MotionTooShort: It has a single frame.
            OutputNotWritable: The folder cannot be written.
        """
        ...

    def read(self, path: Path) -> RobotMotion:
        """Read a motion back; joints that the format lacks are absent, unknown contact is :data:`UNKNOWN_CONTACT`.

        Raises:
            UnreadableHandoff: The file is not what the format promises.
            UnsafePickle: It is a pickle that asks for more than arrays.
            OSError: It cannot be opened.
        """
        ...

    def link_positions(self, path: Path) -> Float[np.ndarray, "frames bodies 3"]:
        """Place the links of :attr:`variant` from the file alone, as its consumer does [m].

        Raises:
            UnreadableHandoff: The file is not what the format promises.
            UnsafePickle: It is a pickle that asks for more than arrays.
            OSError: It cannot be opened.
        """
        ...


def prepare(
    motion: RobotMotion, robot: RobotModel, target: HandoffFormat, path: Path
) -> tuple[RobotMotion, tuple[str, ...]]:
    """Put a motion on a format's joints and frame rate, and say what got lost.

    Args:
        motion: At its own rate and with the joints of ``robot``.
        robot: A G1, either variant.
        target: The format.
        path: Where the file will be, for messages.

    Raises:
        JointsDoNotMatch: The motion is not one of this robot, or the robot is no G1.
        MotionTooShort: It has a single frame.
    """
    if len(motion) < 2:
        raise MotionTooShort(path, n_frames=len(motion))
    qpos_in_order(robot, motion)
    fitted, notes = _onto_variant(motion, target.variant)
    return _resampled_within_limits(fitted, target.fps, load_g1(target.variant)), notes


def fk_error_mm(target: HandoffFormat, path: Path, motion: RobotMotion, robot: RobotModel) -> float:
    """Return how far the farthest link of a written file is from MuJoCo's kinematics of the motion [mm].

    Both sides are taken at the format's joints and frame rate, so that what shows is a wrong order, axis,
    quaternion or unit, and rounding.

    Raises:
        UnreadableHandoff: The file is not what the format promises, or has another number of frames.
    """
    expected, _ = prepare(motion, robot, target, path)
    g1 = load_g1(target.variant)
    pos_w, _ = link_poses(g1, qpos_in_order(g1, expected))
    found = target.link_positions(path)
    if len(found) != len(pos_w):
        problem = f"it holds {len(found)} frames, the motion makes {len(pos_w)}"
        raise UnreadableHandoff(path, format_name=target.suffix, problem=problem)
    return 1e3 * float(np.linalg.norm(found - pos_w, axis=-1).max())


def _onto_variant(motion: RobotMotion, variant: Variant) -> tuple[RobotMotion, tuple[str, ...]]:
    """Select a variant's joints by name: wrists may be dropped, or come in at zero; anything else is an error."""
    names = load_g1(variant).joint_names
    missing = [name for name in names if name not in motion.joint_names]
    dropped = [name for name in motion.joint_names if name not in names]
    if set(missing + dropped) - set(WRIST_JOINTS):
        raise JointsDoNotMatch(load_g1(variant).name, missing=missing, unknown=dropped)
    angles = dict(zip(motion.joint_names, motion.joint_pos.T, strict=True))
    zero = np.zeros(len(motion))
    joint_pos = np.stack([angles.get(name, zero) for name in names], axis=1)
    notes = (_wrist_note(motion, dropped),) if dropped else ()
    return replace(motion, joint_names=names, joint_pos=joint_pos), notes


def _wrist_note(motion: RobotMotion, dropped: list[str]) -> str:
    """Say what a consumer without wrists will not see."""
    columns = [motion.joint_names.index(name) for name in dropped]
    angles = np.abs(motion.joint_pos[:, columns])
    worst = dropped[int(angles.max(axis=0).argmax())]
    return (
        f"wrists are locked at zero: the largest angle dropped is {np.rad2deg(angles.max()):.1f} deg ({worst}), "
        f"the palms are up to {1e3 * _palm_shift(motion):.0f} mm from where they were"
    )


def _palm_shift(motion: RobotMotion) -> float:
    """Return how far locking the wrists moves a palm, at most [m]."""
    g1 = load_g1("29dof")
    straight = qpos_in_order(g1, motion)
    bent = straight.copy()
    straight[:, 7 + np.flatnonzero(np.isin(g1.joint_names, WRIST_JOINTS))] = 0
    hands = [g1.body_names.index(f"{side}_wrist_yaw_link") for side in ("left", "right")]
    palms = []
    for qpos in (straight, bent):
        pos_w, quat_w = link_poses(g1, qpos)
        turns = Rotation.from_quat(quat_w[:, hands].reshape(-1, 4), scalar_first=True)
        palms.append(pos_w[:, hands].reshape(-1, 3) + turns.apply(_PALM_B))
    return float(np.linalg.norm(palms[0] - palms[1], axis=-1).max())


def _resampled_within_limits(motion: RobotMotion, fps: int, robot: RobotModel) -> RobotMotion:
    """Resample; a spline may not swing past a joint limit that the motion itself keeps."""
    resampled = motion.resampled(fps)
    lower = np.minimum(robot.joint_lower, motion.joint_pos.min(axis=0))
    upper = np.maximum(robot.joint_upper, motion.joint_pos.max(axis=0))
    return replace(resampled, joint_pos=np.clip(resampled.joint_pos, lower, upper))
