"""Turns a human's body points and orientations into target poses of a robot's tasks, by one formula for all placements.

For task i, with the human's points p and orientations R and targets c before offsets::

    c_i        = origin_i + c_base(i) + R_turn(i) @ offset_i + ratio_i * (p_i - p_ref(i))
    rot_w_i    = R_i @ rot_offset_i
    pos_w_i    = c_i + rot_w_i @ link_offset_i

where ``base`` and ``ref`` are earlier tasks or the world's origin. A point in the world has neither; a point that is
fixed to its parent has ``ratio`` zero; a bone has both and no offset. ``link_offset`` is added last, so that moving one
body's target moves no other's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from retarget.correspondence import BodyMatch, Correspondence
from retarget.engine.jit import piece
from retarget.exceptions import CollapsedBone
from retarget.rest_pose import RobotRest, SubjectBones, leg_lengths
from robots.exceptions import UnknownName

WORLD = -1
"""Stands for the world's origin where a task may be named."""

_SHORTEST_BONE_M = 0.02
"""No limb of a person has a shorter bone [m]."""


class TargetMap(NamedTuple):
    """The formula's constants for one subject and one robot; tasks are in the order of the table's bodies."""

    point_start: Int[np.ndarray, " tasks+1"]
    """Task i follows the mean of the human bodies ``point_body[point_start[i]:point_start[i + 1]]``."""
    point_body: Int[np.ndarray, " entries"]
    """Rows of the human's positions."""
    rot_body: Int[np.ndarray, " tasks"]
    """Row of the human's orientations that each link takes over."""
    origin: Float[np.ndarray, "tasks 3"]
    """Constant shift of the target in the world [m]; zero for tasks that have a base."""
    base: Int[np.ndarray, " tasks"]
    """Earlier task whose target is added, or ``WORLD``."""
    turn: Int[np.ndarray, " tasks"]
    """Task whose human orientation turns ``offset``."""
    offset: Float[np.ndarray, "tasks 3"]
    """Shift in the frame of the human body ``turn`` [m]."""
    ratio: Float[np.ndarray, " tasks"]
    """Robot metres per human metre."""
    ref: Int[np.ndarray, " tasks"]
    """Task from whose human point the human's point is measured, or ``WORLD``."""
    rot_offset: Float[np.ndarray, "tasks 3 3"]
    """Orientation of the link in the frame of the human body."""
    link_offset: Float[np.ndarray, "tasks 3"]
    """Shift of the target in the frame of the target orientation, not passed on to other tasks [m]."""


def target_map(
    correspondence: Correspondence,
    rest: RobotRest,
    subject: SubjectBones,
    *,
    names: Sequence[str] | None = None,
    start_w: Sequence[float] | Float[np.ndarray, " 3"] = (0.0, 0.0, 0.0),
    human_ankle_height: float = 0.0,
    robot_ankle_height: float = 0.0,
) -> TargetMap:
    """Put a table, a robot and a subject together.

    Args:
        correspondence: The table.
        rest: The robot in the human's rest pose.
        subject: The human's bones.
        names: Human bodies in the order in which the map will be given their poses; left out, it is given one point
            and one orientation a task, as :func:`retarget.targets.human_points` returns them.
        start_w: Place in the world about which the human's world shrinks [m]; only x and y count.
        human_ankle_height: Height of the human's foot point when the foot stands flat [m].
        robot_ankle_height: Height of the robot's foot point when the sole lies on the floor [m].

    Raises:
        UnknownName: ``names`` lacks a body of the table.
        CollapsedBone: A human bone has no length.
    """
    bodies = correspondence.bodies
    world_ratio = _world_ratio(correspondence, rest, subject)
    parents = np.array([WORLD if b.parent is None else correspondence.index(b.parent) for b in bodies])
    ratio = np.array(
        [_ratio(i, int(parents[i]), correspondence, rest, subject, world_ratio) for i in range(len(bodies))]
    )
    placed = np.array([body.placement for body in bodies])
    hangs_from = np.where(placed == "scaled", 0, parents)
    in_world, rigid = placed == "world", placed == "rigid"
    floor_human = np.array([start_w[0], start_w[1], human_ankle_height])
    floor_robot = np.array([start_w[0], start_w[1], robot_ankle_height])
    shift = floor_robot - ratio[:, None] * floor_human
    point_start, point_body, rot_body = _columns(bodies, names)
    return TargetMap(
        point_start=point_start,
        point_body=point_body,
        rot_body=rot_body,
        origin=np.where(in_world[:, None], shift, 0.0),
        base=np.where(in_world, WORLD, hangs_from),
        turn=np.where(rigid, parents, np.arange(len(bodies))),
        offset=_offsets(placed, parents, ratio, rest, subject) @ correspondence.rest_axes,
        ratio=ratio,
        ref=np.where(in_world | rigid, WORLD, hangs_from),
        rot_offset=rotation_offsets(correspondence, rest),
        link_offset=np.array([body.offset_m for body in bodies], dtype=float),
    )


def rotation_offsets(correspondence: Correspondence, rest: RobotRest) -> Float[np.ndarray, "tasks 3 3"]:
    """Orientations of the links in the frames of their human bodies: as the table says, else as both are at rest."""
    explicit = [body.rotation_offset for body in correspondence.bodies]
    at_rest = correspondence.rest_axes.T @ rest.rot
    return np.array([at_rest[i] if turn is None else turn for i, turn in enumerate(explicit)])


def _world_ratio(correspondence: Correspondence, rest: RobotRest, subject: SubjectBones) -> float:
    """Robot metres per human metre in the world: the ratio of leg lengths."""
    return float(np.mean(leg_lengths(rest.pos, correspondence) / leg_lengths(subject.rest_pos, correspondence)))


def _ratio(
    index: int,
    parent: int,
    correspondence: Correspondence,
    rest: RobotRest,
    subject: SubjectBones,
    world_ratio: float,
) -> float:
    """Robot metres per human metre of one task."""
    body = correspondence.bodies[index]
    if body.placement == "rigid":
        return 0.0
    if body.scale is not None:
        if correspondence.human_leg_m is None:
            return body.scale
        return body.scale * correspondence.human_leg_m / float(leg_lengths(subject.rest_pos, correspondence).mean())
    if body.placement != "bone":
        return world_ratio
    length = float(subject.bone_length[index])
    if length < _SHORTEST_BONE_M:
        raise CollapsedBone(str(body.parent), body.human)
    return float(np.linalg.norm(rest.pos[index] - rest.pos[parent])) / length


def _offsets(
    placed: np.ndarray, parents: np.ndarray, ratio: np.ndarray, rest: RobotRest, subject: SubjectBones
) -> Float[np.ndarray, "tasks 3"]:
    """Shifts along the axes of the rest pose [m]."""
    offset = np.zeros_like(rest.pos)
    for i, placement in enumerate(placed):
        if placement == "rigid":
            offset[i] = rest.pos[i] - rest.pos[parents[i]]
        elif placement == "world":
            # Robots have wider hips. Feet keep the difference at rest, in their own frames, so that legs keep the
            # human's angles and a foot that stands still has a target that stands still, whatever the pelvis does.
            offset[i] = rest.pos[i] - rest.pos[0] - ratio[i] * subject.rest_pos[i]
    return offset


def _columns(
    bodies: Sequence[BodyMatch], names: Sequence[str] | None
) -> tuple[Int[np.ndarray, " tasks+1"], Int[np.ndarray, " entries"], Int[np.ndarray, " tasks"]]:
    """Rows of the human's poses that each task reads."""
    if names is None:
        tasks = np.arange(len(bodies))
        return np.arange(len(bodies) + 1), tasks, tasks
    column = {name: i for i, name in enumerate(names)}
    groups = [body.human_point_of or (body.human,) for body in bodies]
    for name in (n for body, group in zip(bodies, groups, strict=True) for n in (body.human, *group)):
        if name not in column:
            raise UnknownName("human body", name, names)
    start = np.concatenate([[0], np.cumsum([len(group) for group in groups])])
    rows = np.array([column[name] for group in groups for name in group])
    return start, rows, np.array([column[body.human] for body in bodies])


@piece
def _human_point(start, rows, task, axis, pos):  # noqa: ANN001, ANN202
    """One coordinate of the human point that a task follows; the world's origin for ``WORLD``."""
    if task < 0:
        return 0.0
    total = 0.0
    for entry in range(start[task], start[task + 1]):
        total += pos[rows[entry], axis]
    return total / (start[task + 1] - start[task])


@piece
def _turned(rot, vector, axis):  # noqa: ANN001, ANN202
    """One coordinate of a rotated vector."""
    return rot[axis, 0] * vector[0] + rot[axis, 1] * vector[1] + rot[axis, 2] * vector[2]


@piece
def map_frame(mapping, pos, rot, out_pos, out_rot):  # noqa: ANN001, ANN201
    """Target poses of one frame; compiled, allocates nothing.

    Args:
        mapping: A :class:`TargetMap`.
        pos: Positions of the human's bodies (bodies, 3) [m].
        rot: Their orientations (bodies, 3, 3).
        out_pos: Filled with the target points (tasks, 3) [m].
        out_rot: Filled with the target orientations (tasks, 3, 3).
    """
    start, rows = mapping.point_start, mapping.point_body
    for i in range(len(mapping.ratio)):
        turn = rot[mapping.rot_body[mapping.turn[i]]]
        for axis in range(3):
            value = mapping.origin[i, axis] + _turned(turn, mapping.offset[i], axis)
            if mapping.base[i] >= 0:
                value += out_pos[mapping.base[i], axis]
            if mapping.ratio[i] != 0.0:
                point = _human_point(start, rows, i, axis, pos)
                value += mapping.ratio[i] * (point - _human_point(start, rows, mapping.ref[i], axis, pos))
            out_pos[i, axis] = value
        own = rot[mapping.rot_body[i]]
        for axis in range(3):
            for column in range(3):
                out_rot[i, axis, column] = _turned(own, mapping.rot_offset[i, :, column], axis)
    for i in range(len(mapping.ratio)):  # last, for targets above are built on targets without their own offsets
        for axis in range(3):
            out_pos[i, axis] += _turned(out_rot[i], mapping.link_offset[i], axis)


@piece
def matrices_from_quats(quat_wxyz, out_rot):  # noqa: ANN001, ANN201
    """Rotation matrices of unit quaternions (bodies, 4) -> (bodies, 3, 3); compiled, allocates nothing."""
    for i in range(len(quat_wxyz)):
        w, x, y, z = quat_wxyz[i, 0], quat_wxyz[i, 1], quat_wxyz[i, 2], quat_wxyz[i, 3]
        out_rot[i, 0, 0], out_rot[i, 0, 1], out_rot[i, 0, 2] = (
            1 - 2 * (y * y + z * z),
            2 * (x * y - w * z),
            2 * (x * z + w * y),
        )
        out_rot[i, 1, 0], out_rot[i, 1, 1], out_rot[i, 1, 2] = (
            2 * (x * y + w * z),
            1 - 2 * (x * x + z * z),
            2 * (y * z - w * x),
        )
        out_rot[i, 2, 0], out_rot[i, 2, 1], out_rot[i, 2, 2] = (
            2 * (x * z - w * y),
            2 * (y * z + w * x),
            1 - 2 * (x * x + y * y),
        )


def map_clip(
    mapping: TargetMap, pos: Float[np.ndarray, "frames bodies 3"], rot: Float[np.ndarray, "frames bodies 3 3"]
) -> tuple[Float[np.ndarray, "frames tasks 3"], Float[np.ndarray, "frames tasks 3 3"]]:
    """Target points [m] and orientations of all frames; the same as :func:`map_frame` frame by frame."""
    n_tasks = len(mapping.ratio)
    human = np.stack(
        [pos[:, mapping.point_body[slice(*mapping.point_start[i : i + 2])]].mean(axis=1) for i in range(n_tasks)],
        axis=1,
    )
    turned = rot[:, mapping.rot_body]
    out_pos = np.empty((len(pos), n_tasks, 3))
    for i in range(n_tasks):
        out_pos[:, i] = mapping.origin[i] + turned[:, mapping.turn[i]] @ mapping.offset[i]
        if mapping.base[i] != WORLD:
            out_pos[:, i] += out_pos[:, mapping.base[i]]
        if mapping.ratio[i] != 0.0:
            reference = 0.0 if mapping.ref[i] == WORLD else human[:, mapping.ref[i]]
            out_pos[:, i] += mapping.ratio[i] * (human[:, i] - reference)
    out_rot = turned @ mapping.rot_offset
    return out_pos + np.einsum("fbij,bj->fbi", out_rot, mapping.link_offset), out_rot
