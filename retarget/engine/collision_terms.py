"""Turns the placements of a robot's bodies into the price of parts that touch, with its derivatives.

The price of a pair of capsules is ``(weight * max(0, margin - gap))^2``, where the gap is the distance of their surfaces,
negative where they overlap. A gap does not change with the base, nor with any joint above both bodies, so only the two
branches below their lowest common ancestor feel it. Between the branches the Gauss-Newton matrix has entries that a
tree-sparse matrix has no place for. With ``a`` and ``b`` the parts of the pair's Jacobian, it is replaced by

    (1 + |b|/|a|) a a^T + (1 + |a|/|b|) b b^T,

which is never smaller (Cauchy-Schwarz), has the least trace of all such splits, and is exact where one body is an
ancestor of the other. Costs are sums of squares; gradients and matrices are halved, as those of a frame are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from retarget.engine.jit import compiled
from retarget.engine.tree import KinematicTree
from robots.segments import PARALLEL

TOUCHING_M = 1e-9
"""Axes that are nearer than this cross: there the direction to part in is a choice [m]."""


class CapsuleTable(NamedTuple):
    """Capsules, in the frames of a tree's bodies, and the pairs that are watched.

    Neighbouring capsules of a body share a bounding sphere, and the pairs are listed sphere pair by sphere pair, so that
    one test of two spheres settles most of them.
    """

    body: Int[np.ndarray, " capsules"]
    """Body that carries each capsule."""
    start_b: Float[np.ndarray, "capsules 3"]
    """First end of the axis [m]."""
    end_b: Float[np.ndarray, "capsules 3"]
    """Second end of the axis [m]."""
    radius: Float[np.ndarray, " capsules"]
    """Radius [m]."""
    sphere_body: Int[np.ndarray, " spheres"]
    """Body that carries each bounding sphere."""
    sphere_centre_b: Float[np.ndarray, "spheres 3"]
    """Centre [m]."""
    sphere_radius: Float[np.ndarray, " spheres"]
    """Radius [m]."""
    sphere_pair: Int[np.ndarray, "sphere_pairs 2"]
    """Spheres whose capsules are watched."""
    branch_length: Int[np.ndarray, "sphere_pairs 2"]
    """Joints between each body of the pair and their lowest common ancestor."""
    first_pair: Int[np.ndarray, " sphere_pairs+1"]
    """Where in ``pair`` the capsules of each sphere pair begin."""
    pair: Int[np.ndarray, "pairs 2"]
    """Capsules that must not touch, the first in the pair's first sphere."""


def no_capsules() -> CapsuleTable:
    """Return the table of a robot that may pass through itself."""
    none, point = np.zeros(0, dtype=np.int64), np.zeros((0, 3))
    couple = np.zeros((0, 2), dtype=np.int64)
    return CapsuleTable(
        body=none,
        start_b=point,
        end_b=point,
        radius=np.zeros(0),
        sphere_body=none,
        sphere_centre_b=point,
        sphere_radius=np.zeros(0),
        sphere_pair=couple,
        branch_length=couple,
        first_pair=np.zeros(1, dtype=np.int64),
        pair=couple,
    )


class CollisionWork(NamedTuple):
    """Room that the terms of one frame are computed in."""

    centre: Float[np.ndarray, "spheres 3"]
    """Centres of the bounding spheres, relative to the base [m]."""
    columns: Float[np.ndarray, "2 depth"]
    """How fast the gap of a pair changes with the joints of either branch, leaf first [m/rad]."""
    contact: Float[np.ndarray, " 7"]
    """Gap of a pair [m], direction to part in (3) and its moment about the base (3)."""


def collision_work(table: CapsuleTable, tree: KinematicTree) -> CollisionWork:
    """Make room for the terms of one frame."""
    return CollisionWork(
        centre=np.zeros((len(table.sphere_body), 3)),
        columns=np.zeros((2, tree.chain.shape[1])),
        contact=np.zeros(7),
    )


@compiled
def collision_cost(
    table: CapsuleTable,
    rot: Float[np.ndarray, "bodies 3 3"],
    pos: Float[np.ndarray, "bodies 3"],
    weight: float,
    margin: float,
    work: CollisionWork,
) -> float:
    """Return the cost alone; the arguments are those of :func:`add_collisions`."""
    cost = 0.0
    if weight <= 0.0:
        return cost
    _place_spheres(table, rot, pos, work.centre)
    for near in range(len(table.sphere_pair)):
        if _spheres_apart(table, near, margin, work.centre):
            continue
        for pair in range(table.first_pair[near], table.first_pair[near + 1]):
            depth = margin - _find_contact(table, pair, rot, pos, margin, work.contact)
            if depth > 0.0:
                cost += weight * weight * depth * depth
    return cost


@compiled
def add_collisions(
    table: CapsuleTable,
    tree: KinematicTree,
    rot: Float[np.ndarray, "bodies 3 3"],
    pos: Float[np.ndarray, "bodies 3"],
    axes: Float[np.ndarray, "nv 6"],
    weight: float,
    margin: float,
    work: CollisionWork,
    hessian: Float[np.ndarray, " packed"],
    gradient: Float[np.ndarray, " nv"],
) -> float:
    """Add the collision terms of one frame to a packed Hessian and a gradient, and return their cost.

    Args:
        table: Capsules and pairs.
        tree: Which coordinates move which body.
        rot: Rotations of the bodies' frames in world axes.
        pos: Their origins relative to the base [m].
        axes: Motion of each coordinate in world axes: velocity of the point at the base's origin, angular velocity.
        weight: Price of a gap smaller than the margin [1/m]; 0 for none.
        margin: Gap that costs nothing [m].
        work: Room to compute in.
        hessian: Is added to; halved, majorises the Gauss-Newton matrix.
        gradient: Is added to; halved, exact.
    """
    cost = 0.0
    if weight <= 0.0:
        return cost
    _place_spheres(table, rot, pos, work.centre)
    for near in range(len(table.sphere_pair)):
        if _spheres_apart(table, near, margin, work.centre):
            continue
        for pair in range(table.first_pair[near], table.first_pair[near + 1]):
            depth = margin - _find_contact(table, pair, rot, pos, margin, work.contact)
            if depth > 0.0:
                cost += weight * weight * depth * depth
                _add_contact(table, near, tree, axes, weight, depth, work, hessian, gradient)
    return cost


@compiled
def _place_spheres(table: CapsuleTable, rot: np.ndarray, pos: np.ndarray, centre: np.ndarray) -> None:
    """Write the centres of all bounding spheres relative to the base."""
    for i in range(len(table.sphere_body)):
        body = table.sphere_body[i]
        x, y, z = table.sphere_centre_b[i, 0], table.sphere_centre_b[i, 1], table.sphere_centre_b[i, 2]
        for k in range(3):
            centre[i, k] = pos[body, k] + rot[body, k, 0] * x + rot[body, k, 1] * y + rot[body, k, 2] * z


@compiled
def _spheres_apart(table: CapsuleTable, near: int, margin: float, centre: np.ndarray) -> bool:
    """Whether the bounding spheres alone show that no gap is below the margin."""
    a, b = table.sphere_pair[near, 0], table.sphere_pair[near, 1]
    x, y, z = centre[a, 0] - centre[b, 0], centre[a, 1] - centre[b, 1], centre[a, 2] - centre[b, 2]
    reach = table.sphere_radius[a] + table.sphere_radius[b] + margin
    return x * x + y * y + z * z >= reach * reach


@compiled
def _find_contact(
    table: CapsuleTable, pair: int, rot: np.ndarray, pos: np.ndarray, margin: float, contact: np.ndarray
) -> float:
    """Return the gap of a pair; where it is below the margin, write how the capsules part."""
    a, b = table.pair[pair, 0], table.pair[pair, 1]
    ax, ay, az = _carried(rot[table.body[a]], pos[table.body[a]], table.start_b[a])
    ex, ey, ez = _carried(rot[table.body[a]], pos[table.body[a]], table.end_b[a])
    bx, by, bz = _carried(rot[table.body[b]], pos[table.body[b]], table.start_b[b])
    fx, fy, fz = _carried(rot[table.body[b]], pos[table.body[b]], table.end_b[b])
    ux, uy, uz, vx, vy, vz = ex - ax, ey - ay, ez - az, fx - bx, fy - by, fz - bz
    rx, ry, rz = ax - bx, ay - by, az - bz
    s, t = _closest_shares(
        ux * ux + uy * uy + uz * uz,
        vx * vx + vy * vy + vz * vz,
        ux * vx + uy * vy + uz * vz,
        ux * rx + uy * ry + uz * rz,
        vx * rx + vy * ry + vz * rz,
    )
    dx, dy, dz = rx + s * ux - t * vx, ry + s * uy - t * vy, rz + s * uz - t * vz
    distance = np.sqrt(dx * dx + dy * dy + dz * dz)
    gap = distance - table.radius[a] - table.radius[b]
    if not gap < margin:
        return gap
    if distance > TOUCHING_M:
        scale = 1.0 / distance
        nx, ny, nz = scale * dx, scale * dy, scale * dz
    else:
        nx, ny, nz = _way_out(ux, uy, uz, vx, vy, vz)
    px, py, pz = bx + t * vx, by + t * vy, bz + t * vz
    contact[0], contact[1], contact[2], contact[3] = gap, nx, ny, nz
    contact[4], contact[5], contact[6] = py * nz - pz * ny, pz * nx - px * nz, px * ny - py * nx
    return gap


@compiled
def _carried(rot: np.ndarray, pos: np.ndarray, point: np.ndarray) -> tuple[float, float, float]:
    """Return a point of a body relative to the base."""
    x, y, z = point[0], point[1], point[2]
    return (
        pos[0] + rot[0, 0] * x + rot[0, 1] * y + rot[0, 2] * z,
        pos[1] + rot[1, 0] * x + rot[1, 1] * y + rot[1, 2] * z,
        pos[2] + rot[2, 0] * x + rot[2, 1] * y + rot[2, 2] * z,
    )


@compiled
def _closest_shares(aa: float, bb: float, ab: float, ar: float, br: float) -> tuple[float, float]:
    """Where along two segments their closest points lie; :func:`robots.segments.closest_shares` for one pair.

    Args:
        aa: Squared length of the first segment.
        bb: Squared length of the second.
        ab: Product of both.
        ar: Product of the first with the way from the second's start to the first's.
        br: Product of the second with that way.
    """
    safe_aa, safe_bb = aa if aa > 0.0 else 1.0, bb if bb > 0.0 else 1.0
    sine = aa * bb - ab * ab
    if sine > PARALLEL * aa * bb:
        s = _inside((ab * br - ar * bb) / sine)
    else:
        s = 0.5 * (_inside(-ar / safe_aa) + _inside((ab - ar) / safe_aa))
    t = _inside((ab * s + br) / safe_bb) if bb > 0.0 else 0.0
    s = _inside((ab * t - ar) / safe_aa) if aa > 0.0 else 0.0
    return s, t


@compiled
def _inside(share: float) -> float:
    return min(max(share, 0.0), 1.0)


@compiled
def _way_out(ux: float, uy: float, uz: float, vx: float, vy: float, vz: float) -> tuple[float, float, float]:
    """Return a unit vector across two axes that cross: any of them parts the capsules, the longest way round none."""
    x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    if x * x + y * y + z * z <= 1e-24:  # along each other, or points: any vector across the first
        if abs(ux) <= abs(uz):
            x, y, z = 0.0, uz, -uy
        else:
            x, y, z = uy, -ux, 0.0
    square = x * x + y * y + z * z
    if square <= 1e-24:
        return 0.0, 0.0, 1.0
    scale = 1.0 / np.sqrt(square)
    return scale * x, scale * y, scale * z


@compiled
def _add_contact(
    table: CapsuleTable,
    near: int,
    tree: KinematicTree,
    axes: np.ndarray,
    weight: float,
    depth: float,
    work: CollisionWork,
    hessian: np.ndarray,
    gradient: np.ndarray,
) -> None:
    """Add the derivatives of one pair that is nearer than the margin."""
    square_a = _branch_columns(table, near, 0, tree, axes, work)
    square_b = _branch_columns(table, near, 1, tree, axes, work)
    product = np.sqrt(square_a * square_b)
    squared = weight * weight
    scale_a = squared * (1.0 + product / square_a) if square_a > 0.0 else 0.0
    scale_b = squared * (1.0 + product / square_b) if square_b > 0.0 else 0.0
    _add_branch(table, near, 0, tree, -squared * depth, scale_a, work.columns[0], hessian, gradient)
    _add_branch(table, near, 1, tree, squared * depth, scale_b, work.columns[1], hessian, gradient)


@compiled
def _branch_columns(
    table: CapsuleTable, near: int, side: int, tree: KinematicTree, axes: np.ndarray, work: CollisionWork
) -> float:
    """Write how fast the contact point of a body moves along the way to part, by joint; return the sum of squares."""
    leaf = 5 + table.sphere_body[table.sphere_pair[near, side]]
    contact, columns, square = work.contact, work.columns[side], 0.0
    for k in range(table.branch_length[near, side]):
        i = tree.chain[leaf, k]
        speed = axes[i, 0] * contact[1] + axes[i, 1] * contact[2] + axes[i, 2] * contact[3]
        speed += axes[i, 3] * contact[4] + axes[i, 4] * contact[5] + axes[i, 5] * contact[6]
        columns[k] = speed
        square += speed * speed
    return square


@compiled
def _add_branch(
    table: CapsuleTable,
    near: int,
    side: int,
    tree: KinematicTree,
    pull: float,
    scale: float,
    columns: np.ndarray,
    hessian: np.ndarray,
    gradient: np.ndarray,
) -> None:
    """Add ``pull * columns`` to the gradient of a branch and ``scale * columns columns^T`` to its matrix."""
    leaf = 5 + table.sphere_body[table.sphere_pair[near, side]]
    n = table.branch_length[near, side]
    for k in range(n):
        i = tree.chain[leaf, k]
        gradient[i] += pull * columns[k]
        row, share = tree.row_start[i] - k, scale * columns[k]
        for j in range(k, n):
            hessian[row + j] += share * columns[j]
