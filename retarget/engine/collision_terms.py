"""Turns the placements of a robot's bodies into the price of parts that touch, with its derivatives.

The price of a pair of capsules is ``(weight * max(0, margin - gap))^2``, where the gap is the distance of their
surfaces, negative where they overlap. A gap does not change with the base, nor with any joint above both bodies, so
only the two branches below their lowest common ancestor feel it. Between the branches the Gauss-Newton matrix has
entries that a tree-sparse matrix has no place for. With ``a`` and ``b`` the two parts of the Jacobian of a gap, it is
replaced by

    (1 + |b|/|a|) a a^T + (1 + |a|/|b|) b b^T,

which is never smaller (Cauchy-Schwarz), has the least trace of all such splits, and is exact where one body is an
ancestor of the other. Costs are sums of squares; gradients and matrices are halved, as those of a frame are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from retarget.engine.jit import compiled, piece
from retarget.engine.tree import KinematicTree
from robots.segments import PARALLEL

TOUCHING_M = 1e-9
"""Axes that are nearer than this cross: there the direction to part in is a choice [m]."""

SLACK_M = 0.05
"""Pairs are listed that are nearer than the margin and this. Until an end of a capsule has moved by half of it, no
other pair can come near, and the list is kept [m]."""


class CapsuleTable(NamedTuple):
    """Capsules, in the frames of a tree's bodies, and the pairs that are watched.

    Neighbouring capsules of a body share a bounding sphere, and pairs are listed sphere pair by sphere pair, so that
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


class CollisionWork(NamedTuple):
    """Room that the terms of one frame are computed in, for one table; all places are relative to the base [m].

    It remembers which pairs may come near, which saves time where poses follow one another, and changes no result.
    """

    centre: Float[np.ndarray, "spheres 3"]
    """Centres of the bounding spheres."""
    start: Float[np.ndarray, "capsules 3"]
    """First ends of the capsules' axes."""
    along: Float[np.ndarray, "capsules 3"]
    """Way from there to the second ends."""
    near: Int[np.ndarray, " sphere_pairs"]
    """Sphere pairs that are near each other."""
    listed: Int[np.ndarray, "pairs 2"]
    """Pairs that may come near before the list is renewed, and the sphere pair of each."""
    n_listed: Int[np.ndarray, " 1"]
    """Number of them."""
    listed_margin: Float[np.ndarray, " 1"]
    """Margin that they were listed for [m]; negative before the first list."""
    listed_start: Float[np.ndarray, "capsules 3"]
    """Where the first ends were then."""
    listed_end: Float[np.ndarray, "capsules 3"]
    """Where the second ends were then."""
    found: Int[np.ndarray, " pairs"]
    """Sphere pair that each pair nearer than the margin belongs to."""
    contact: Float[np.ndarray, "pairs 7"]
    """Of each such pair: how far it is inside the margin [m], the direction that parts it (3), and the moment of a unit
    force along it about the base (3)."""
    columns: Float[np.ndarray, "2 depth"]
    """How fast the gap of a pair changes with the joints of either branch, leaf first [m/rad]."""
    square: Float[np.ndarray, " 2"]
    """Sums of their squares."""


def collision_work(table: CapsuleTable, tree: KinematicTree) -> CollisionWork:
    """Make room for the terms of one frame."""
    return CollisionWork(
        centre=np.zeros((len(table.sphere_body), 3)),
        start=np.zeros((len(table.body), 3)),
        along=np.zeros((len(table.body), 3)),
        near=np.zeros(len(table.sphere_pair), dtype=np.int64),
        listed=np.zeros((len(table.pair), 2), dtype=np.int64),
        n_listed=np.zeros(1, dtype=np.int64),
        listed_margin=np.full(1, -1.0),
        listed_start=np.zeros((len(table.body), 3)),
        listed_end=np.zeros((len(table.body), 3)),
        found=np.zeros(len(table.pair), dtype=np.int64),
        contact=np.zeros((len(table.pair), 7)),
        columns=np.zeros((2, tree.chain.shape[1])),
        square=np.zeros(2),
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
    """Return the cost alone; the arguments are those of :func:`price_collisions`."""
    return price_collisions(table, rot, pos, weight, margin, work)[0]


@piece
def price_collisions(
    table: CapsuleTable,
    rot: Float[np.ndarray, "bodies 3 3"],
    pos: Float[np.ndarray, "bodies 3"],
    weight: float,
    margin: float,
    work: CollisionWork,
) -> tuple[float, int]:
    """Return the cost of one frame and the number of pairs that pay, which :func:`add_contacts` finds in ``work``.

    Args:
        table: Capsules and pairs.
        rot: Rotations of the bodies' frames in world axes.
        pos: Their origins relative to the base [m].
        weight: Price of a gap smaller than the margin [1/m]; 0 for none.
        margin: Gap that costs nothing [m].
        work: Room to compute in.
    """
    cost, number = 0.0, 0
    if weight <= 0.0 or len(table.sphere_pair) == 0:
        return cost, number
    number = _find_contacts(table, rot, pos, margin, work)
    for k in range(number):
        depth = weight * work.contact[k, 0]
        cost += depth * depth
    return cost, number


@piece
def add_contacts(
    table: CapsuleTable,
    tree: KinematicTree,
    axes: Float[np.ndarray, "nv 6"],
    weight: float,
    number: int,
    work: CollisionWork,
    hessian: Float[np.ndarray, " packed"],
    gradient: Float[np.ndarray, " nv"],
) -> None:
    """Add the terms of the pairs that :func:`price_collisions` has just found to a packed Hessian and a gradient.

    Args:
        table: Capsules and pairs.
        tree: Which coordinates move which body.
        axes: Motion of each coordinate in world axes: velocity of the point at the base's origin, angular velocity.
        weight: Price of a gap smaller than the margin [1/m].
        number: Number of pairs found.
        work: Where they were found.
        hessian: Is added to; halved, majorises the Gauss-Newton matrix.
        gradient: Is added to; halved, exact.
    """
    for k in range(number):
        near, depth = work.found[k], weight * work.contact[k, 0]
        for side in range(2):
            work.square[side] = _branch_columns(table, near, side, tree, axes, k, work)
        for side in range(2):
            _add_branch(table, near, side, tree, weight, depth if side == 1 else -depth, work, hessian, gradient)


@piece
def _find_contacts(table: CapsuleTable, rot: np.ndarray, pos: np.ndarray, margin: float, work: CollisionWork) -> int:
    """Write all pairs nearer than the margin and return their number."""
    _place_capsules(table, rot, pos, work.start, work.along)
    if work.listed_margin[0] != margin or _moved(work.start, work.along, work.listed_start, work.listed_end):
        _list_pairs(table, rot, pos, margin, work)
    # Taken out of their records once: compiled code counts references wherever it reaches into one.
    pair, radius, start, along, listed = table.pair, table.radius, work.start, work.along, work.listed
    found, contact, n = work.found, work.contact, 0
    for i in range(work.n_listed[0]):
        a, b = pair[listed[i, 0], 0], pair[listed[i, 0], 1]
        x, y, z, share = _parting(start, along, a, b)
        reach, square = radius[a] + radius[b] + margin, x * x + y * y + z * z
        if square < reach * reach:
            distance = np.sqrt(square)
            if distance > TOUCHING_M:
                x, y, z = x / distance, y / distance, z / distance
            else:
                x, y, z = _way_out(along, a, b)
            # The closest points of both lie on one line along (x, y, z): its moment is that of either.
            px, py = start[b, 0] + share * along[b, 0], start[b, 1] + share * along[b, 1]
            pz = start[b, 2] + share * along[b, 2]
            found[n] = listed[i, 1]
            contact[n, 0], contact[n, 1], contact[n, 2], contact[n, 3] = reach - distance, x, y, z
            contact[n, 4], contact[n, 5], contact[n, 6] = py * z - pz * y, pz * x - px * z, px * y - py * x
            n += 1
    return n


@piece
def _place_capsules(
    table: CapsuleTable, rot: np.ndarray, pos: np.ndarray, start: np.ndarray, along: np.ndarray
) -> None:
    """Write where all capsules are."""
    bodies, start_b, end_b = table.body, table.start_b, table.end_b
    for i in range(len(bodies)):
        body = bodies[i]
        x, y, z = start_b[i, 0], start_b[i, 1], start_b[i, 2]
        ux, uy, uz = end_b[i, 0] - x, end_b[i, 1] - y, end_b[i, 2] - z
        for k in range(3):
            r0, r1, r2 = rot[body, k, 0], rot[body, k, 1], rot[body, k, 2]
            start[i, k] = pos[body, k] + r0 * x + r1 * y + r2 * z
            along[i, k] = r0 * ux + r1 * uy + r2 * uz


@piece
def _moved(start: np.ndarray, along: np.ndarray, listed_start: np.ndarray, listed_end: np.ndarray) -> bool:
    """Whether an end of a capsule has moved so far that the list no longer holds (Verlet, Phys. Rev. 159, 1967)."""
    limit = 0.25 * SLACK_M * SLACK_M
    for i in range(len(start)):
        first = second = 0.0
        for k in range(3):
            away = start[i, k] - listed_start[i, k]
            first += away * away
            away = start[i, k] + along[i, k] - listed_end[i, k]
            second += away * away
        if not (first < limit and second < limit):
            return True
    return False


@piece
def _list_pairs(table: CapsuleTable, rot: np.ndarray, pos: np.ndarray, margin: float, work: CollisionWork) -> None:
    """Write all pairs nearer than margin and slack."""
    _place_spheres(table, rot, pos, work.centre)
    reach = margin + SLACK_M
    n_near = _find_near(table.sphere_pair, table.sphere_radius, reach, work.centre, work.near)
    pair, first, radius, start, along = table.pair, table.first_pair, table.radius, work.start, work.along
    near, listed, n = work.near, work.listed, 0
    for i in range(n_near):
        for k in range(first[near[i]], first[near[i] + 1]):
            a, b = pair[k, 0], pair[k, 1]
            x, y, z, _ = _parting(start, along, a, b)
            apart = radius[a] + radius[b] + reach
            if x * x + y * y + z * z < apart * apart:
                listed[n, 0], listed[n, 1] = k, near[i]
                n += 1
    work.n_listed[0], work.listed_margin[0] = n, margin
    for i in range(len(start)):
        for k in range(3):
            work.listed_start[i, k] = start[i, k]
            work.listed_end[i, k] = start[i, k] + along[i, k]


@piece
def _place_spheres(table: CapsuleTable, rot: np.ndarray, pos: np.ndarray, centre: np.ndarray) -> None:
    """Write where all bounding spheres are."""
    bodies, centre_b = table.sphere_body, table.sphere_centre_b
    for i in range(len(bodies)):
        body = bodies[i]
        for k in range(3):
            r0, r1, r2 = rot[body, k, 0], rot[body, k, 1], rot[body, k, 2]
            centre[i, k] = pos[body, k] + r0 * centre_b[i, 0] + r1 * centre_b[i, 1] + r2 * centre_b[i, 2]


@piece
def _find_near(sphere_pair: np.ndarray, radius: np.ndarray, margin: float, centre: np.ndarray, near: np.ndarray) -> int:
    """Write the pairs of spheres that leave it open whether a gap is below the margin, and return their number."""
    n = 0
    for k in range(len(sphere_pair)):
        a, b = sphere_pair[k, 0], sphere_pair[k, 1]
        x, y, z = centre[a, 0] - centre[b, 0], centre[a, 1] - centre[b, 1], centre[a, 2] - centre[b, 2]
        reach = radius[a] + radius[b] + margin
        if x * x + y * y + z * z < reach * reach:
            near[n] = k
            n += 1
    return n


@piece
def _parting(start: np.ndarray, along: np.ndarray, a: int, b: int) -> tuple[float, float, float, float]:
    """Return the way from the axis of capsule ``b`` to that of ``a`` where they are closest, and where along ``b``."""
    ux, uy, uz, vx, vy, vz = along[a, 0], along[a, 1], along[a, 2], along[b, 0], along[b, 1], along[b, 2]
    rx, ry, rz = start[a, 0] - start[b, 0], start[a, 1] - start[b, 1], start[a, 2] - start[b, 2]
    s, t = _closest_shares(
        ux * ux + uy * uy + uz * uz,
        vx * vx + vy * vy + vz * vz,
        ux * vx + uy * vy + uz * vz,
        ux * rx + uy * ry + uz * rz,
        vx * rx + vy * ry + vz * rz,
    )
    return rx + s * ux - t * vx, ry + s * uy - t * vy, rz + s * uz - t * vz, t


@piece
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


@piece
def _inside(share: float) -> float:
    return min(max(share, 0.0), 1.0)


@piece
def _way_out(along: np.ndarray, a: int, b: int) -> tuple[float, float, float]:
    """Return a unit vector across two axes that cross; across both, as that is the shortest way to part them."""
    ux, uy, uz, vx, vy, vz = along[a, 0], along[a, 1], along[a, 2], along[b, 0], along[b, 1], along[b, 2]
    x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    if x * x + y * y + z * z <= PARALLEL * (ux * ux + uy * uy + uz * uz) * (vx * vx + vy * vy + vz * vz):
        if abs(ux) <= abs(uz):  # along each other, or a point: any vector across the first
            x, y, z = 0.0, uz, -uy
        else:
            x, y, z = uy, -ux, 0.0
    square = x * x + y * y + z * z
    if square <= 0.0:
        return 0.0, 0.0, 1.0
    scale = 1.0 / np.sqrt(square)
    return scale * x, scale * y, scale * z


@piece
def _branch_columns(
    table: CapsuleTable,
    near: int,
    side: int,
    tree: KinematicTree,
    axes: np.ndarray,
    k: int,
    work: CollisionWork,
) -> float:
    """Write how fast each joint of a branch moves its body along the way to part; return the sum of squares."""
    contact, columns, chain = work.contact, work.columns, tree.chain
    leaf, square = 5 + table.sphere_body[table.sphere_pair[near, side]], 0.0
    for j in range(table.branch_length[near, side]):
        i = chain[leaf, j]
        speed = axes[i, 0] * contact[k, 1] + axes[i, 1] * contact[k, 2] + axes[i, 2] * contact[k, 3]
        speed += axes[i, 3] * contact[k, 4] + axes[i, 4] * contact[k, 5] + axes[i, 5] * contact[k, 6]
        columns[side, j] = speed
        square += speed * speed
    return square


@piece
def _add_branch(
    table: CapsuleTable,
    near: int,
    side: int,
    tree: KinematicTree,
    weight: float,
    pull: float,
    work: CollisionWork,
    hessian: np.ndarray,
    gradient: np.ndarray,
) -> None:
    """Add what a pair adds to the gradient and the matrix of one branch; see the module for the split."""
    square, other_square = work.square[side], work.square[1 - side]
    if square <= 0.0:
        return
    columns, chain, row_start = work.columns, tree.chain, tree.row_start
    leaf, n = 5 + table.sphere_body[table.sphere_pair[near, side]], table.branch_length[near, side]
    scale = weight * weight * (1.0 + np.sqrt(other_square / square))
    for k in range(n):
        i = chain[leaf, k]
        gradient[i] += weight * pull * columns[side, k]
        row, share = row_start[i] - k, scale * columns[side, k]
        for j in range(k, n):
            hessian[row + j] += share * columns[side, j]
