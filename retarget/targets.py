"""Turns a human's body frames into target poses for a robot's links: one orientation offset a link, one scale.

The target skeleton has the robot's bones and the human's directions. The human's world shrinks by the
ratio of leg lengths, so that strides fit legs and feet that stand still stay still; arms hang from
where the robot's shoulders would be and are scaled bone by bone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pinocchio as pin
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from retarget.body_trajectory import BodyTrajectory
from retarget.correspondence import Correspondence
from retarget.exceptions import CollapsedBone
from robots.exceptions import UnknownName

_SHORTEST_BONE_M = 0.02
"""No limb of a person has a shorter bone [m]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RobotRest:
    """The robot in the human's rest pose: base at the origin, facing +x."""

    pos: Float[np.ndarray, "bodies 3"]
    """Tracked points [m]."""
    rot: Float[np.ndarray, "bodies 3 3"]
    """Orientations of the links."""
    point_b: Float[np.ndarray, "bodies 3"]
    """Tracked points in the frames of their links [m]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyTargets:
    """Where each tracked point of the robot should be, and how its link should be turned."""

    pos_w: Float[np.ndarray, "frames bodies 3"]
    """Target points [m]; the floor is z = 0."""
    rot_w: Float[np.ndarray, "frames bodies 3 3"]
    """Target orientations."""
    scale: float
    """Robot metres per human metre in the world."""


def robot_rest(model: pin.Model, correspondence: Correspondence) -> RobotRest:
    """Put the robot in the human's rest pose and read off its links.

    Raises:
        UnknownName: The correspondence names a joint or link that the robot lacks.
    """
    q = pin.neutral(model)
    joints = tuple(model.names)[2:]
    for name, angle in correspondence.robot_rest_pose.items():
        if name not in joints:
            raise UnknownName("robot joint", name, joints)
        q[model.joints[model.getJointId(name)].idx_q] = angle
    data = model.createData()
    pin.framesForwardKinematics(model, data, q)
    links = {f.name: data.oMf[i] for i, f in enumerate(model.frames) if f.type == pin.FrameType.BODY}
    for body in correspondence.bodies:
        for name in (body.robot, *body.robot_point_of):
            if name not in links:
                raise UnknownName("robot link", name, links)
    pos = np.array(
        [np.mean([links[n].translation for n in b.robot_point_of or (b.robot,)], axis=0) for b in correspondence.bodies]
    )
    rot = np.array([links[b.robot].rotation for b in correspondence.bodies])
    origin = np.array([links[b.robot].translation for b in correspondence.bodies])
    return RobotRest(pos=pos, rot=rot, point_b=np.einsum("bji,bj->bi", rot, pos - origin))


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
        [
            trajectory.pos_w[:, [column[n] for n in body.human_point_of or (body.human,)]].mean(axis=1)
            for body in correspondence.bodies
        ],
        axis=1,
    )
    quat = trajectory.quat_wxyz_w[:, [column[body.human] for body in correspondence.bodies]]
    rot = Rotation.from_quat(quat.reshape(-1, 4), scalar_first=True).as_matrix()
    return pos, rot.reshape(*quat.shape[:2], 3, 3)


def human_rest(
    pos: Float[np.ndarray, "frames bodies 3"],
    rot: Float[np.ndarray, "frames bodies 3 3"],
    correspondence: Correspondence,
) -> Float[np.ndarray, "bodies 3"]:
    """The subject's points in its rest pose, facing +x, relative to the root's point [m].

    A trajectory has no rest pose, but a bone is constant in the frame of its parent, and at rest all frames
    agree: the rest pose is the sum of the bones so read, median over frames.
    """
    turned = rot @ correspondence.rest_axes.T
    rest = np.zeros((len(correspondence.bodies), 3))
    for i, body in enumerate(correspondence.bodies):
        if body.parent is not None:
            parent = correspondence.index(body.parent)
            bone = np.einsum("fji,fj->fi", turned[:, parent], pos[:, i] - pos[:, parent])
            rest[i] = rest[parent] + np.median(bone, axis=0)
    return rest


def leg_lengths(rest_pos: Float[np.ndarray, "bodies 3"], correspondence: Correspondence) -> Float[np.ndarray, " legs"]:
    """Distance at rest from each foot to the body fixed to the trunk that its leg hangs from [m]."""
    lengths = []
    for foot in correspondence.feet.values():
        top = index = correspondence.index(foot)
        while top == index or correspondence.bodies[top].placement != "rigid":
            top = correspondence.index(str(correspondence.bodies[top].parent))
        lengths.append(np.linalg.norm(rest_pos[index] - rest_pos[top]))
    return np.array(lengths)


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
    turned = human_rot @ correspondence.rest_axes.T  # how far each body has turned away from rest
    subject = human_rest(human_pos, human_rot, correspondence)
    scale = float(np.mean(leg_lengths(rest.pos, correspondence) / leg_lengths(subject, correspondence)))
    start = human_pos[0, 0] * [1.0, 1.0, 0.0]  # the world shrinks about where the human begins
    world = scale * (human_pos - start - [0.0, 0.0, human_ankle_height]) + start + [0.0, 0.0, robot_ankle_height]
    pos = np.empty_like(human_pos)
    for i, body in enumerate(correspondence.bodies):
        if body.placement == "world":
            # Robots have wider hips. Feet keep the difference at rest, in their own frames, so that legs keep the
            # human's angles and a foot that stands still has a target that stands still, whatever the pelvis does.
            wider = rest.pos[i] - rest.pos[0] - scale * subject[i]
            pos[:, i] = world[:, i] + turned[:, i] @ wider
            continue
        parent = correspondence.index(str(body.parent))
        bone = rest.pos[i] - rest.pos[parent]
        if body.placement == "rigid":
            pos[:, i] = pos[:, parent] + turned[:, parent] @ bone
        else:
            human_bone = human_pos[:, i] - human_pos[:, parent]
            length = float(np.median(np.linalg.norm(human_bone, axis=-1)))
            if length < _SHORTEST_BONE_M:
                raise CollapsedBone(str(body.parent), body.human)
            pos[:, i] = pos[:, parent] + np.linalg.norm(bone) / length * human_bone
    return BodyTargets(pos_w=pos, rot_w=turned @ rest.rot, scale=scale)
