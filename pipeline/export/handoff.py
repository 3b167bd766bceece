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

from pipeline.export.exceptions import JointsWouldBeLost, MotionTooShort, UnreadableHandoff
from robots.exceptions import JointsDoNotMatch
from robots.g1 import Variant, load_g1
from robots.g1.table import WRIST_JOINTS
from robots.kinematics import link_poses, qpos_in_order
from robots.model import RobotModel
from robots.motion import RobotMotion

UNKNOWN_CONTACT = 0.5
"""Contact probability of a motion read from a format that does not keep it; PBHC reads 0.5 as "do not care"."""


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
    """What the reader of the file should know, in sentences."""


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
            JointsWouldBeLost: It moves joints that the format lacks.
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

    def check(self, path: Path) -> tuple[str, ...]:
        """Say all that is wrong with a file for its consumer, in sentences; nothing, if it can be trained on.

        The consumer's own way of taking the file decides: its keys, types, orders, clocks, and the traps in them. It
        is other code than that of the writer and the reader, so that both cannot be wrong together.

        Raises:
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
    """Put a motion on a format's joints and frame rate, and say what a reader should know of it.

    Args:
        motion: At its own rate and with the joints of ``robot``.
        robot: A G1, either variant.
        target: The format.
        path: Where the file will be, for messages.

    Raises:
        JointsDoNotMatch: The motion is not one of this robot, or the robot is no G1.
        JointsWouldBeLost: It moves joints that the format lacks.
        MotionTooShort: It has a single frame.
    """
    if len(motion) < 2:
        raise MotionTooShort(path, n_frames=len(motion))
    qpos_in_order(robot, motion)
    fitted, notes = _onto_variant(motion, target.variant, path)
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


def _onto_variant(motion: RobotMotion, variant: Variant, path: Path) -> tuple[RobotMotion, tuple[str, ...]]:
    """Select a variant's joints by name; no link moves by it, because wrists that come or go stand at zero."""
    names = load_g1(variant).joint_names
    missing = [name for name in names if name not in motion.joint_names]
    unknown = [name for name in motion.joint_names if name not in names]
    if set(missing + unknown) - set(WRIST_JOINTS):
        raise JointsDoNotMatch(load_g1(variant).name, missing=missing, unknown=unknown)
    angles = dict(zip(motion.joint_names, motion.joint_pos.T, strict=True))
    if moving := [name for name in unknown if angles[name].any()]:
        raise JointsWouldBeLost(path, joints=moving, robot=load_g1(variant).name)
    zero = np.zeros(len(motion))
    joint_pos = np.stack([angles.get(name, zero) for name in names], axis=1)
    notes = ("the wrists stand at zero: the motion was made for a robot that has none",) if missing else ()
    return replace(motion, joint_names=names, joint_pos=joint_pos), notes


def _resampled_within_limits(motion: RobotMotion, fps: int, robot: RobotModel) -> RobotMotion:
    """Resample; a spline may not swing past a joint limit that the motion itself keeps."""
    resampled = motion.resampled(fps)
    lower = np.minimum(robot.joint_lower, motion.joint_pos.min(axis=0))
    upper = np.maximum(robot.joint_upper, motion.joint_pos.max(axis=0))
    return replace(resampled, joint_pos=np.clip(resampled.joint_pos, lower, upper))
