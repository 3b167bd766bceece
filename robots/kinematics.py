"""Turns a motion into what every link of the robot does: poses and velocities in the world (MuJoCo's kinematics)."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float

from robots.arrays import checked_array, freeze_fields
from robots.exceptions import JointsDoNotMatch
from robots.model import RobotModel
from robots.motion import RobotMotion


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyStates:
    """Pose and velocity of every link, frame by frame; positions and velocities are those of the link's origin."""

    fps: float
    """Frames per second [1/s]."""
    body_names: tuple[str, ...]
    """Links in MuJoCo's order, without the world."""
    pos_w: Float[np.ndarray, "frames bodies 3"]
    """Origins [m]."""
    quat_wxyz_w: Float[np.ndarray, "frames bodies 4"]
    """Orientations."""
    lin_vel_w: Float[np.ndarray, "frames bodies 3"]
    """Velocities of the origins [m/s]."""
    ang_vel_w: Float[np.ndarray, "frames bodies 3"]
    """Angular velocities [rad/s]."""
    joint_vel: Float[np.ndarray, "frames joints"]
    """Joint speeds in the robot's order of joints [rad/s]."""

    def __post_init__(self) -> None:
        """Check that all arrays agree in frames and bodies."""
        dims = {"bodies": len(self.body_names)}
        widths = {"pos_w": 3, "quat_wxyz_w": 4, "lin_vel_w": 3, "ang_vel_w": 3}
        fields = {
            name: checked_array(name, getattr(self, name), ("frames", "bodies", width), dims)
            for name, width in widths.items()
        }
        freeze_fields(self, {**fields, "joint_vel": checked_array("joint_vel", self.joint_vel, ("frames", "n"), dims)})


def qpos_in_order(robot: RobotModel, motion: RobotMotion) -> Float[np.ndarray, "frames 7+joints"]:
    """Return a motion as generalised positions of ``robot``, its joint columns put in order by name.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
    """
    missing = [name for name in robot.joint_names if name not in motion.joint_names]
    unknown = [name for name in motion.joint_names if name not in robot.joint_names]
    if missing or unknown:
        raise JointsDoNotMatch(robot.name, missing=missing, unknown=unknown)
    columns = [motion.joint_names.index(name) for name in robot.joint_names]
    return np.hstack([motion.root_pos_w, motion.root_quat_wxyz, motion.joint_pos[:, columns]])


def link_poses(
    robot: RobotModel, qpos: Float[np.ndarray, "frames 7+joints"]
) -> tuple[Float[np.ndarray, "frames bodies 3"], Float[np.ndarray, "frames bodies 4"]]:
    """Return world positions [m] and orientations (wxyz) of all links at generalised positions."""
    model = robot.mj_model()
    data = mujoco.MjData(model)
    pos_w = np.empty((len(qpos), model.nbody - 1, 3))
    quat_wxyz_w = np.empty((len(qpos), model.nbody - 1, 4))
    for frame in range(len(qpos)):
        data.qpos[:] = qpos[frame]
        mujoco.mj_kinematics(model, data)
        pos_w[frame], quat_wxyz_w[frame] = data.xpos[1:], data.xquat[1:]
    return pos_w, quat_wxyz_w


def generalised_velocities(
    model: mujoco.MjModel, qpos: Float[np.ndarray, "frames nq"], fps: float
) -> Float[np.ndarray, "frames nv"]:
    """Differentiate generalised positions on their manifold: central inside, one-sided at the ends.

    The angular part is the root's angular velocity in its own frame, as MuJoCo keeps it; one frame stands still.
    """
    qvel = np.zeros((len(qpos), model.nv))
    for frame in range(len(qpos)):
        before, after = max(frame - 1, 0), min(frame + 1, len(qpos) - 1)
        if after > before:
            mujoco.mj_differentiatePos(model, qvel[frame], (after - before) / fps, qpos[before], qpos[after])
    return qvel


def body_states(robot: RobotModel, motion: RobotMotion) -> BodyStates:
    """Compute poses and velocities of all links.

    Velocities are those of MuJoCo's kinematics at finite-differenced generalised velocities, so that they agree
    with each other as a rigid chain's do; they are not differences of the link positions.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
    """
    model = robot.mj_model()
    data = mujoco.MjData(model)
    qpos = qpos_in_order(robot, motion)
    qvel = generalised_velocities(model, qpos, motion.fps)
    frames, bodies = len(qpos), model.nbody - 1
    pos_w, quat_w = np.empty((frames, bodies, 3)), np.empty((frames, bodies, 4))
    lin_vel_w, ang_vel_w = np.empty((frames, bodies, 3)), np.empty((frames, bodies, 3))
    root = model.body(robot.body_names[0]).id
    for frame in range(frames):
        data.qpos[:], data.qvel[:] = qpos[frame], qvel[frame]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        pos_w[frame], quat_w[frame] = data.xpos[1:], data.xquat[1:]
        # cvel is taken at the whole robot's centre of mass; carry it over to each link's origin.
        ang_vel_w[frame] = data.cvel[1:, :3]
        arm = data.xpos[1:] - data.subtree_com[root]
        lin_vel_w[frame] = data.cvel[1:, 3:] + np.cross(ang_vel_w[frame], arm)
    return BodyStates(
        fps=motion.fps,
        body_names=robot.body_names,
        pos_w=pos_w,
        quat_wxyz_w=quat_w,
        lin_vel_w=lin_vel_w,
        ang_vel_w=ang_vel_w,
        joint_vel=qvel[:, 6:],
    )
