"""Turns a robot into the capsules that must not touch, and a motion into how deep it runs into itself.

The terms stand here in NumPy, for many frames at once, as the slow twin of the compiled ones and their reference;
the depth is MuJoCo's own, on the robot's own shapes, so that it judges what the capsules achieve.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Float, Int

from retarget.engine.collision_terms import TOUCHING_M, CapsuleTable
from retarget.engine.tree import KinematicTree, attach
from robots.capsules import Capsule, PairRules, capsule_pairs, robot_capsules
from robots.kinematics import qpos_in_order
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.segments import PARALLEL, closest_shares

_TIGHT = 1.5
"""Capsules of a body share a bounding sphere if it is at most this many times as large as the larger one's own."""


def capsule_table(robot: RobotModel, tree: KinematicTree, rules: PairRules | None = None) -> CapsuleTable:
    """Return the capsules of a robot in the frames of its tree, with the pairs that are watched.

    Args:
        robot: What collides.
        tree: Of the same robot.
        rules: Which pairs are watched.

    Raises:
        UnsupportedShape: A shape that collides has no capsule.
    """
    capsules = robot_capsules(robot)
    body, start_b, end_b = _on_tree(robot, tree, capsules)
    radius = np.array([capsule.radius for capsule in capsules])
    groups = _groups(body, start_b, end_b, radius)
    sphere_of = np.empty(len(capsules), dtype=np.int64)
    spheres = np.empty((len(groups), 4))
    for index, group in enumerate(groups):
        sphere_of[group] = index
        spheres[index] = _bounding_sphere(start_b[group], end_b[group], radius[group])
    pair = capsule_pairs(robot, capsules, rules)
    pair = np.take_along_axis(pair, np.argsort(sphere_of[pair], axis=1), axis=1)
    order = np.lexsort((sphere_of[pair[:, 1]], sphere_of[pair[:, 0]]))
    pair = np.ascontiguousarray(pair[order])
    sphere_pair, first = np.unique(sphere_of[pair], axis=0, return_index=True)
    sphere_body = np.array([body[group[0]] for group in groups], dtype=np.int64)
    lengths = [_branch_lengths(tree, int(a), int(b)) for a, b in sphere_body[sphere_pair]]
    return CapsuleTable(
        body=body,
        start_b=start_b,
        end_b=end_b,
        radius=radius,
        sphere_body=sphere_body,
        sphere_centre_b=np.ascontiguousarray(spheres[:, :3]),
        sphere_radius=np.ascontiguousarray(spheres[:, 3]),
        sphere_pair=np.ascontiguousarray(sphere_pair, dtype=np.int64),
        branch_length=np.array(lengths, dtype=np.int64).reshape(-1, 2),
        first_pair=np.append(first, len(pair)).astype(np.int64),
        pair=pair,
    )


def _on_tree(
    robot: RobotModel, tree: KinematicTree, capsules: tuple[Capsule, ...]
) -> tuple[Int[np.ndarray, " capsules"], Float[np.ndarray, "capsules 3"], Float[np.ndarray, "capsules 3"]]:
    """Bodies of the tree that carry the capsules, and both ends in their frames [m]."""
    model = robot.pin_model()
    starts = [attach(model, tree, capsule.body, capsule.start_b) for capsule in capsules]
    ends = [attach(model, tree, capsule.body, capsule.end_b) for capsule in capsules]
    body = np.array([start.body for start in starts], dtype=np.int64)
    return body, np.array([start.point for start in starts]), np.array([end.point for end in ends])


def _groups(body: np.ndarray, start_b: np.ndarray, end_b: np.ndarray, radius: np.ndarray) -> list[list[int]]:
    """Put capsules of a body together, one after the other, as long as their common sphere stays tight."""
    groups: list[list[int]] = []
    for i in range(len(body)):
        own = _bounding_sphere(start_b[[i]], end_b[[i]], radius[[i]])[3]
        for group in groups:
            if body[group[0]] != body[i]:
                continue
            largest = max(own, *(_bounding_sphere(start_b[[k]], end_b[[k]], radius[[k]])[3] for k in group))
            both = [*group, i]
            if _bounding_sphere(start_b[both], end_b[both], radius[both])[3] <= _TIGHT * largest:
                group.append(i)
                break
        else:
            groups.append([i])
    return groups


def _bounding_sphere(start_b: np.ndarray, end_b: np.ndarray, radius: np.ndarray) -> Float[np.ndarray, " 4"]:
    """Centre and radius of a sphere around capsules, about the middle of the box around them [m]."""
    ends, twice = np.concatenate([start_b, end_b]), np.tile(radius, 2)
    low, high = (ends - twice[:, None]).min(axis=0), (ends + twice[:, None]).max(axis=0)
    centre = 0.5 * (low + high)
    return np.append(centre, (np.linalg.norm(ends - centre, axis=1) + twice).max())


def _branch_lengths(tree: KinematicTree, a: int, b: int) -> tuple[int, int]:
    """Joints that move one of two bodies and not the other."""
    chains = [tree.chain[5 + body, : tree.chain_length[5 + body]].tolist() for body in (a, b)]
    common = len(set(chains[0]) & set(chains[1]))
    return len(chains[0]) - common, len(chains[1]) - common


class CollisionTerms(NamedTuple):
    """What self-collision adds to the problem of each frame; gradient and Hessian are halved."""

    cost: Float[np.ndarray, " frames"]
    gradient: Float[np.ndarray, "frames nv"]
    hessian: Float[np.ndarray, "frames packed"]


class _Contacts(NamedTuple):
    """Pairs nearer than the margin, in all frames."""

    frame: Int[np.ndarray, " contacts"]
    sphere_pair: Int[np.ndarray, " contacts"]
    depth: Float[np.ndarray, " contacts"]
    wrench: Float[np.ndarray, "contacts 6"]
    """Direction to part in, and its moment about the base."""


def collision_terms(
    table: CapsuleTable,
    tree: KinematicTree,
    rot: Float[np.ndarray, "frames bodies 3 3"],
    pos: Float[np.ndarray, "frames bodies 3"],
    axes: Float[np.ndarray, "frames nv 6"],
    weight: float,
    margin: float,
) -> CollisionTerms:
    """Return the terms that :func:`retarget.engine.collision_terms.add_contacts` adds, frame by frame.

    Args:
        table: Capsules and pairs.
        tree: Which coordinates move which body.
        rot: Rotations of the tree's bodies in world axes.
        pos: Their origins relative to the base [m].
        axes: Motion of each coordinate in world axes: velocity of the point at the base's origin, angular velocity.
        weight: Price of a gap smaller than the margin [1/m].
        margin: Gap that costs nothing [m].
    """
    found, squared = _find_contacts(table, rot, pos, margin), weight**2
    cost, gradient = np.zeros(len(pos)), np.zeros((len(pos), tree.nv))
    hessian = np.zeros((len(pos), tree.n_packed))
    np.add.at(cost, found.frame, squared * found.depth**2)
    speed = np.einsum("cvk,ck->cv", axes[found.frame], found.wrench)
    sides = [speed * mask[found.sphere_pair] for mask in _branch_masks(table, tree)]
    np.add.at(gradient, found.frame, -squared * found.depth[:, None] * (sides[0] - sides[1]))
    lengths = [np.linalg.norm(side, axis=1) for side in sides]
    rows = np.repeat(np.arange(tree.nv), tree.chain_length)
    columns = np.concatenate([tree.chain[i, :n] for i, n in enumerate(tree.chain_length)])
    for side, own in zip(sides, lengths, strict=True):
        scale = squared * np.where(own > 0, (lengths[0] + lengths[1]) / np.where(own > 0, own, 1.0), 0.0)
        np.add.at(hessian, found.frame, scale[:, None] * side[:, rows] * side[:, columns])
    return CollisionTerms(cost, gradient, hessian)


def _branch_masks(table: CapsuleTable, tree: KinematicTree) -> list[Float[np.ndarray, "sphere_pairs nv"]]:
    """1 where a coordinate moves one body of a pair and not the other, for the first and for the second body."""
    masks = [np.zeros((len(table.sphere_pair), tree.nv)) for _ in range(2)]
    for k, (pair, lengths) in enumerate(zip(table.sphere_pair, table.branch_length, strict=True)):
        for mask, sphere, n in zip(masks, pair, lengths, strict=True):
            mask[k, tree.chain[5 + table.sphere_body[sphere], :n]] = 1.0
    return masks


def _find_contacts(table: CapsuleTable, rot: np.ndarray, pos: np.ndarray, margin: float) -> _Contacts:
    """Find all pairs nearer than the margin; spheres first, for most frames nothing is near."""
    centre = _carried(rot, pos, table.sphere_body, table.sphere_centre_b)
    a, b = table.sphere_pair.T
    reach = table.sphere_radius[a] + table.sphere_radius[b] + margin
    apart = np.linalg.norm(centre[:, a] - centre[:, b], axis=-1)
    frame, near = np.nonzero(apart < reach)
    counts = np.diff(table.first_pair)[near]
    frame, near = np.repeat(frame, counts), np.repeat(near, counts)
    offset = np.arange(len(near)) - np.repeat(np.cumsum(counts) - counts, counts)
    a, b = table.pair[table.first_pair[near] + offset].T
    start, end = (_carried(rot, pos, table.body, ends) for ends in (table.start_b, table.end_b))
    along_a, along_b = end[frame, a] - start[frame, a], end[frame, b] - start[frame, b]
    s, t = closest_shares(start[frame, a], end[frame, a], start[frame, b], end[frame, b])
    point = start[frame, b] + t[:, None] * along_b
    away = start[frame, a] + s[:, None] * along_a - point
    distance = np.linalg.norm(away, axis=1)
    depth = margin - (distance - table.radius[a] - table.radius[b])
    crossing = distance <= TOUCHING_M
    normal = away / np.where(crossing, 1.0, distance)[:, None]
    normal[crossing] = [_way_out(u, v) for u, v in zip(along_a[crossing], along_b[crossing], strict=True)] or 0.0
    wrench = np.concatenate([normal, np.cross(point, normal)], axis=1)
    touching = depth > 0
    return _Contacts(frame[touching], near[touching], depth[touching], wrench[touching])


def _carried(rot: np.ndarray, pos: np.ndarray, body: np.ndarray, points_b: np.ndarray) -> np.ndarray:
    """Points of bodies relative to the base, in all frames."""
    return pos[:, body] + (rot[:, body] @ points_b[:, :, None])[..., 0]


def _way_out(along_a: np.ndarray, along_b: np.ndarray) -> Float[np.ndarray, " 3"]:
    """Return a unit vector across two axes that cross."""
    across = np.cross(along_a, along_b)
    if across @ across <= PARALLEL * (along_a @ along_a) * (along_b @ along_b):
        x, y, z = along_a
        across = np.array([0.0, z, -y]) if abs(x) <= abs(z) else np.array([y, -x, 0.0])
    square = across @ across
    return across / np.sqrt(square) if square > 0 else np.array([0.0, 0.0, 1.0])


class SelfCollision(NamedTuple):
    """Where two parts of a robot overlap in a motion."""

    frame: int
    """Frame."""
    shapes: tuple[str, str]
    """Names of the shapes."""
    depth: float
    """How far they overlap [m]."""


def self_collisions(robot: RobotModel, motion: RobotMotion) -> list[SelfCollision]:
    """Return all overlaps of a robot's own solid shapes, measured by MuJoCo.

    MuJoCo leaves out shapes on one link and on a link and its parent.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
    """
    model = robot.mj_model()
    data = mujoco.MjData(model)
    found = []
    for frame, qpos in enumerate(qpos_in_order(robot, motion)):
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_collision(model, data)
        for contact in data.contact[: data.ncon]:
            shapes = [int(shape) for shape in contact.geom]
            if contact.dist < 0 and all(model.geom_bodyid[shape] > 0 for shape in shapes):
                first, second = sorted(model.geom(shape).name for shape in shapes)
                found.append(SelfCollision(frame, (first, second), -float(contact.dist)))
    return found


def self_collision_depth(robot: RobotModel, motion: RobotMotion) -> Float[np.ndarray, " frames"]:
    """Return the deepest overlap of a robot's own shapes in every frame, 0 where nothing touches [m].

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
    """
    depth = np.zeros(len(motion))
    for collision in self_collisions(robot, motion):
        depth[collision.frame] = max(depth[collision.frame], collision.depth)
    return depth
