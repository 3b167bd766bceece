"""Turns a human's motion into target poses of a robot's links, as a table says.

By the product's own table the targets have the robot's bones and the human's directions. The human's world shrinks by
the ratio of leg lengths, so that strides fit legs and feet that stand still stay still; arms hang from where the
robot's shoulders would be and are scaled bone by bone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from retarget.body_trajectory import BodyTrajectory
from retarget.correspondence import Correspondence
from retarget.rest_pose import RobotRest, subject_bones
from retarget.target_map import map_clip, target_map
from robots.exceptions import UnknownName


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyTargets:
    """Where each tracked point of the robot should be, and how its link should be turned."""

    pos_w: Float[np.ndarray, "frames bodies 3"]
    """Target points [m]; the floor is z = 0."""
    rot_w: Float[np.ndarray, "frames bodies 3 3"]
    """Target orientations."""
    scale: float
    """Robot metres per human metre in the world."""


def human_points(
    trajectory: BodyTrajectory, correspondence: Correspondence
) -> tuple[Float[np.ndarray, "frames bodies 3"], Float[np.ndarray, "frames bodies 3 3"]]:
    """Points [m] and orientations of the human bodies that the table reads, in its order.

    Raises:
        UnknownName: The trajectory lacks a body of the table.
    """
    column = {name: i for i, name in enumerate(trajectory.names)}
    for name in correspondence.human_names:
        if name not in column:
            raise UnknownName("human body", name, trajectory.names)
    pos = np.stack(
        [trajectory.pos_w[:, [column[name] for name in names]].mean(axis=1) for names in correspondence.human_points],
        axis=1,
    )
    quat = trajectory.quat_wxyz_w[:, [column[body.human] for body in correspondence.bodies]]
    rot = Rotation.from_quat(quat.reshape(-1, 4), scalar_first=True).as_matrix()
    return pos, rot.reshape(*quat.shape[:2], 3, 3)


def build_targets(
    human_pos: Float[np.ndarray, "frames bodies 3"],
    human_rot: Float[np.ndarray, "frames bodies 3 3"],
    correspondence: Correspondence,
    rest: RobotRest,
    *,
    human_ankle_height: float,
    robot_ankle_height: float,
) -> BodyTargets:
    """Map human points and orientations onto the robot.

    Args:
        human_pos: Points of the table's human bodies [m].
        human_rot: Their orientations.
        correspondence: The table.
        rest: The robot in the human's rest pose.
        human_ankle_height: Height of the human's foot point when the foot stands flat [m].
        robot_ankle_height: Height of the robot's foot point when the sole lies on the floor [m].

    Raises:
        CollapsedBone: A human bone has no length.
    """
    subject = subject_bones(human_pos, human_rot, correspondence)
    mapping = target_map(
        correspondence,
        rest,
        subject,
        start_w=human_pos[0, 0],  # the world shrinks about where the human begins
        human_ankle_height=human_ankle_height,
        robot_ankle_height=robot_ankle_height,
    )
    pos_w, rot_w = map_clip(mapping, human_pos, human_rot)
    return BodyTargets(pos_w=pos_w, rot_w=rot_w, scale=float(mapping.ratio[0]))
