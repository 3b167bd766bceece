"""Reads off robot and human the rest pose in which both stand alike: where their bodies lie and how they are turned.

A table's targets follow from these two poses; neither needs to be seen in a motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pinocchio as pin
from jaxtyping import Float

from retarget.correspondence import Correspondence
from robots.exceptions import UnknownName


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RobotRest:
    """The robot in the human's rest pose: base at the origin, facing +x."""

    links: tuple[str, ...]
    """Links that follow, one a body of the table; where the robot lacks a link, the one it is welded to."""
    pos: Float[np.ndarray, "bodies 3"]
    """Tracked points [m]."""
    rot: Float[np.ndarray, "bodies 3 3"]
    """Orientations of the links."""
    point_b: Float[np.ndarray, "bodies 3"]
    """Tracked points in the frames of their links [m]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubjectBones:
    """What is constant of one human: its points at rest and the lengths of its bones."""

    rest_pos: Float[np.ndarray, "bodies 3"]
    """Points at rest, facing +x, relative to the root's point [m]."""
    bone_length: Float[np.ndarray, " bodies"]
    """Distance of each body's point from its parent's [m]; 0 for the root."""


def robot_rest(model: pin.Model, correspondence: Correspondence) -> RobotRest:
    """Put the robot in the human's rest pose and read off its links.

    Raises:
        UnknownName: The correspondence names a joint or link that the robot lacks.
    """
    data = model.createData()
    pin.framesForwardKinematics(model, data, _rest_configuration(model, correspondence))
    frames = {f.name: data.oMf[i] for i, f in enumerate(model.frames) if f.type == pin.FrameType.BODY}
    names, points, turns, local = [], [], [], []
    for body in correspondence.bodies:
        link, _ = correspondence.find_link(body.robot, tuple(frames))
        at = frames[link]
        origins = []
        for name in body.robot_point_of or (body.robot,):
            other, offset = correspondence.find_link(name, tuple(frames))
            origins.append(frames[other].act(offset))
        point = np.mean(origins, axis=0) + at.rotation @ np.array(body.robot_point_m)
        names.append(link)
        points.append(point)
        turns.append(at.rotation.copy())
        local.append(at.rotation.T @ (point - at.translation))
    return RobotRest(links=tuple(names), pos=np.array(points), rot=np.array(turns), point_b=np.array(local))


def standing_ankle_height(rest: RobotRest, foot: int, sole_points_b: Float[np.ndarray, "points 3"]) -> float:
    """Height of the point of a foot, a body of the table, when the robot's sole lies on the floor [m]."""
    return float(rest.point_b[foot, 2]) - float(np.asarray(sole_points_b)[:, 2].min())


def _rest_configuration(model: pin.Model, correspondence: Correspondence) -> Float[np.ndarray, " nq"]:
    """The robot's configuration in the human's rest pose."""
    q = pin.neutral(model)
    joints = tuple(model.names)[2:]
    for name, angle in correspondence.robot_rest_pose.items():
        if name not in joints:
            raise UnknownName("robot joint", name, joints)
        q[model.joints[model.getJointId(name)].idx_q] = angle
    return q


def subject_bones(
    pos: Float[np.ndarray, "frames bodies 3"],
    rot: Float[np.ndarray, "frames bodies 3 3"],
    correspondence: Correspondence,
) -> SubjectBones:
    """Read a human's bones off its motion; one frame does where bones are rigid.

    The joints of a body in its rest pose, with identity orientations, are such a frame.

    Args:
        pos: Points of the table's bodies [m].
        rot: Their orientations.
        correspondence: The table.
    """
    length = np.zeros(len(correspondence.bodies))
    for i, body in enumerate(correspondence.bodies):
        if body.parent is not None:
            bone = pos[:, i] - pos[:, correspondence.index(body.parent)]
            length[i] = np.median(np.linalg.norm(bone, axis=-1))
    return SubjectBones(rest_pos=human_rest(pos, rot, correspondence), bone_length=length)


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
    pairs = [
        (correspondence.index(f), correspondence.index(str(correspondence.leg_top(f))))
        for f in correspondence.feet.values()
    ]
    return np.array([np.linalg.norm(rest_pos[foot] - rest_pos[top]) for foot, top in pairs])
