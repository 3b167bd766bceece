"""Turns a robot's generalised positions into what the metrics look at: target points, toes and the lowest of each sole.

One geometry for everybody's output: our G1. A foot is followed at GMR's toe, a point of the ankle-roll link.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from benchmarks.retargeting.clips import BenchClip
from benchmarks.retargeting.exceptions import NotOurRobot
from robots.kinematics import link_poses
from robots.model import RobotModel

TOE_POINT_B = (0.1, 0.0, -0.02)
"""GMR's toe link in the frame of the ankle-roll link, which it is turned like [m]."""

_TOE, _ANKLE = "_toe_link", "_ankle_roll_link"


class TaskPoint(NamedTuple):
    """A point of one of the robot's links that has a target."""

    link: str
    point_b: tuple[float, float, float]
    """In the frame of the link [m]."""


class Traced(NamedTuple):
    """What the robot's links do in every frame."""

    pos_w: Float[np.ndarray, "frames targets 3"]
    """Points that have targets [m]."""
    rot_w: Float[np.ndarray, "frames targets 3 3"]
    """Links that have targets."""
    toe_w: Float[np.ndarray, "frames 2 3"]
    """Toe point of the left and the right foot [m]."""
    sole_height: Float[np.ndarray, "frames 2"]
    """Height of the lowest point of each sole above the floor [m]."""


def task_points(clip: BenchClip, robot: RobotModel) -> tuple[TaskPoint, ...]:
    """Return the points of the robot that the clip's targets are for.

    Raises:
        NotOurRobot: The robot lacks one of the links, or has another number of joints.
    """
    points = tuple(
        TaskPoint(name.replace(_TOE, _ANKLE), TOE_POINT_B) if name.endswith(_TOE) else TaskPoint(name, (0.0, 0.0, 0.0))
        for name in clip.target_robot
    )
    unknown = sorted({point.link for point in points} - set(robot.body_names))
    if not unknown and clip.gmr_qpos.shape[1] != 7 + len(robot.joint_names):
        unknown = [f"a joint (it has {clip.gmr_qpos.shape[1] - 7}, ours {len(robot.joint_names)})"]
    if unknown:
        raise NotOurRobot(clip.name, unknown=unknown)
    return points


def trace(robot: RobotModel, points: Sequence[TaskPoint], qpos: Float[np.ndarray, "frames 7+joints"]) -> Traced:
    """Run the robot's kinematics over a motion."""
    pos, quat = link_poses(robot, qpos)
    rot = Rotation.from_quat(quat.reshape(-1, 4), scalar_first=True).as_matrix().reshape(*quat.shape[:2], 3, 3)
    links = [robot.body_names.index(point.link) for point in points]
    feet = [robot.body_names.index(name) for name in robot.foot_body_names]
    offsets = np.array([point.point_b for point in points]).reshape(-1, 3)
    soles = pos[:, feet, None] + np.einsum("tfij,pj->tfpi", rot[:, feet], robot.sole_points_b)
    return Traced(
        pos_w=pos[:, links] + np.einsum("tbij,bj->tbi", rot[:, links], offsets),
        rot_w=rot[:, links],
        toe_w=pos[:, feet] + rot[:, feet] @ np.array(TOE_POINT_B),
        sole_height=soles[..., 2].min(axis=-1),
    )


SoleEnds = Float[np.ndarray, "frames 2 2 3"]
"""Middles of the edges of both soles, heel and toe [m]."""


def sole_ends(robot: RobotModel, qpos: Float[np.ndarray, "frames 7+joints"]) -> SoleEnds:
    """Return where heel and toe of the left and the right sole are."""
    pos, quat = link_poses(robot, qpos)
    feet = [robot.body_names.index(name) for name in robot.foot_body_names]
    rot = Rotation.from_quat(quat[:, feet].reshape(-1, 4), scalar_first=True).as_matrix().reshape(-1, len(feet), 3, 3)
    sole = np.asarray(robot.sole_points_b)
    ends = np.array([[sole[:, 0].min(), 0.0, sole[:, 2].min()], [sole[:, 0].max(), 0.0, sole[:, 2].min()]])
    return pos[:, feet, None] + np.einsum("tfij,pj->tfpi", rot, ends)


def with_target_sites(robot: RobotModel, points: Sequence[TaskPoint]) -> mujoco.MjModel:
    """Compile the robot with a site ``target_0``, ``target_1``, ... at each point, for programs that follow sites."""
    spec = mujoco.MjSpec.from_string(robot.mjcf)
    for number, point in enumerate(points):
        spec.body(point.link).add_site(name=f"target_{number}", pos=list(point.point_b))
    return spec.compile()
