"""Turns a robot motion into the places where it breaks off: teleports, flips, freezes, limbs that change sides."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.continuity import frozen_duration, swapped_frames, unexplained_steps, unexplained_turns
from pipeline.measurement import Measurement, largest, share
from robots.model import RobotModel

_TURNING_ALIKE = ("pitch", "knee", "elbow")
"""Joints about the axis that points sideways: mirrored, they keep their sign; the others change it."""
_LIMBS = {
    "limbs": ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
    "arms": ("shoulder", "elbow", "wrist"),
    "legs": ("hip", "knee", "ankle"),
}


def measure_breaks(
    robot: RobotModel,
    qpos: Float[np.ndarray, "frames nq"],
    fps: float,
    *,
    freeze_speeds: tuple[float, float],
    min_freeze: float,
    swap_jump: float,
) -> tuple[Measurement, ...]:
    """Measure steps that no motion explains, frozen spans, and spans with left and right exchanged.

    Args:
        robot: Whose motion.
        qpos: In the robot's order of joints.
        fps: Frames per second [1/s].
        freeze_speeds: No joint is faster than the first in a freeze, some joint is than the second next to it [rad/s].
        min_freeze: Shorter repetitions are no freeze [s].
        swap_jump: An exchange of sides shortens the step between two frames by at least this [rad].
    """
    joint_pos = qpos[:, 7:]
    frozen = frozen_duration(
        np.hstack([qpos[:, :3], joint_pos]),
        fps,
        still_speed=freeze_speeds[0],
        moving_speed=freeze_speeds[1],
        min_duration=min_freeze,
    )
    swapped = np.zeros(len(qpos), dtype=bool)
    for limbs in _LIMBS.values():
        mirrored = mirrored_joints(robot, joint_pos, limbs)
        swapped |= swapped_frames(joint_pos, mirrored, min_jump=swap_jump)
    return (
        largest(
            "root_jump", unexplained_steps(qpos[:, :3]), "m", "Largest step that the steps around it do not explain"
        ),
        largest(
            "root_flip", unexplained_turns(qpos[:, 3:7]), "rad", "Largest turn that those around it do not explain"
        ),
        largest(
            "joint_jump", _largest_jump(joint_pos), "rad", "Largest step of a joint that those around do not explain"
        ),
        largest("freeze_duration", frozen, "s", "Longest time for which a motion stops dead and goes on at speed"),
        share(
            "swapped_share",
            swapped,
            "Share of frames in spans that jump in and out, and with left and right exchanged would not",
        ),
    )


def exchange_sides_back(
    robot: RobotModel, joint_pos: Float[np.ndarray, "frames joints"], *, min_jump: float
) -> tuple[Float[np.ndarray, "frames joints"], Bool[np.ndarray, " frames"]]:
    """Exchange left and right in the frames in which they have changed places, all limbs first, then arms or legs.

    Args:
        robot: Whose joints, in its order.
        joint_pos: Joint angles [rad].
        min_jump: An exchange of sides shortens the step between two frames by at least this [rad].

    Returns:
        Joint angles with the sides as they were, and the frames that changed.
    """
    mended, changed = np.array(joint_pos), np.zeros(len(joint_pos), dtype=bool)
    for limbs in _LIMBS.values():
        mirrored = mirrored_joints(robot, mended, limbs)
        swapped = swapped_frames(mended, mirrored, min_jump=min_jump)
        mended[swapped] = mirrored[swapped]
        changed |= swapped
    return mended, changed


def mirrored_joints(
    robot: RobotModel, joint_pos: Float[np.ndarray, "frames joints"], limbs: tuple[str, ...]
) -> Float[np.ndarray, "frames joints"]:
    """Return joint angles with left and right exchanged in the joints whose names hold one of some words."""
    return joint_pos[:, _partners(robot, limbs)] * _signs(robot, limbs)


def _partners(robot: RobotModel, limbs: tuple[str, ...]) -> Int[np.ndarray, " joints"]:
    return np.array([robot.joint_names.index(_partner(name, limbs)) for name in robot.joint_names])


def _signs(robot: RobotModel, limbs: tuple[str, ...]) -> Float[np.ndarray, " joints"]:
    names = robot.joint_names
    turns = [_partner(name, limbs) != name and not any(word in name for word in _TURNING_ALIKE) for name in names]
    return np.where(turns, -1.0, 1.0)


def _partner(name: str, limbs: tuple[str, ...]) -> str:
    """Name of the same joint on the other side; the joint itself where there is none, or where it is left alone."""
    side, _, rest = name.partition("_")
    if side not in ("left", "right") or not any(word in rest for word in limbs):
        return name
    return f"{'right' if side == 'left' else 'left'}_{rest}"


def _largest_jump(joint_pos: Float[np.ndarray, "frames joints"]) -> Float[np.ndarray, " frames"]:
    return np.max([unexplained_steps(column[:, None]) for column in joint_pos.T], axis=0)
