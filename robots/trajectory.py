"""Turns a motion into generalised positions, velocities and accelerations, as dynamics needs them; smoothed or not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import mujoco
import numpy as np
from jaxtyping import Float

from robots.arrays import checked_array, freeze_fields
from robots.filters import filtered
from robots.kinematics import qpos_in_order
from robots.model import RobotModel
from robots.motion import RobotMotion

DYNAMICS_LOW_PASS_HZ = 6.0
"""Where motions are cut off before forces are asked of them [Hz]: second differences at 30 fps make noise of a
millimetre into 2 m/s^2, while a body moves below 6 Hz (Winter, Biomechanics and Motor Control of Human Movement)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RobotTrajectory:
    """A motion on the robot's own manifold, with its derivatives; columns are MuJoCo's (root first)."""

    fps: float
    """Frames per second [1/s]."""
    qpos: Float[np.ndarray, "frames nq"]
    """Root position, root wxyz, joints in the robot's order."""
    qvel: Float[np.ndarray, "frames nv"]
    """Root velocity in the world, root angular velocity in its own frame, joint speeds."""
    qacc: Float[np.ndarray, "frames nv"]
    """Their rates of change."""

    def __post_init__(self) -> None:
        """Check that all arrays have one row a frame."""
        dims: dict[str, int] = {}
        widths = {"qpos": "nq", "qvel": "nv", "qacc": "nv"}
        checked = {name: checked_array(name, getattr(self, name), ("frames", w), dims) for name, w in widths.items()}
        freeze_fields(self, checked)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.qpos)


def robot_trajectory(robot: RobotModel, motion: RobotMotion, low_pass_hz: float | None = None) -> RobotTrajectory:
    """Differentiate a motion, low-passed before if a frequency is given.

    Velocities are means of the steps before and after a frame, accelerations differences of these steps; the ends
    repeat their neighbours. One or two frames have no acceleration.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
    """
    qpos = qpos_in_order(robot, motion if low_pass_hz is None else low_passed(motion, low_pass_hz))
    model = robot.mj_model()
    frames = len(qpos)
    steps = np.zeros((max(frames - 1, 1), model.nv))
    for i in range(frames - 1):
        mujoco.mj_differentiatePos(model, steps[i], 1 / motion.fps, qpos[i], qpos[i + 1])
    before, after = np.vstack([steps[:1], steps]), np.vstack([steps, steps[-1:]])
    qacc = np.zeros((frames, model.nv))
    if frames > 2:
        qacc[1:-1] = (steps[1:] - steps[:-1]) * motion.fps
        qacc[0], qacc[-1] = qacc[1], qacc[-2]
    return RobotTrajectory(fps=motion.fps, qpos=qpos, qvel=(before + after)[:frames] / 2, qacc=qacc)


def low_passed(motion: RobotMotion, cutoff_hz: float) -> RobotMotion:
    """Return a motion without what moves faster than a frequency, delayed by nothing; contacts are kept.

    A second-order Butterworth filter runs forwards and backwards. Where the frame rate is too low to hold more than
    that frequency, the motion is returned as it is.
    """
    if cutoff_hz >= motion.fps / 2 or len(motion) < 3:
        return motion
    smooth = filtered(motion.qpos, cutoff_hz, motion.fps, order=2, pad=min(len(motion) - 1, 15))
    quat = smooth[:, 3:7] / np.linalg.norm(smooth[:, 3:7], axis=1, keepdims=True)
    return replace(motion, root_pos_w=smooth[:, :3], root_quat_wxyz=quat, joint_pos=smooth[:, 7:])
