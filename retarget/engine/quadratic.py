"""Turns a configuration and a frame's targets into the cost, its gradient and its Gauss-Newton Hessian, compiled.

Every task adds ``X^T W X`` to its body, a symmetric 6x6 matrix about the base's origin, and a force to match. Summed up
the tree, those of a body and all that hangs on it give the rows of its hinge, just as composite inertias give the mass
matrix (Featherstone, "Rigid Body Dynamics Algorithms", table 6.2): with equal weights on all axes the Hessian *is* the
mass matrix of a robot whose links weigh ``position_weight^2``. The gradient is that of half the cost, and exact: the
rows of an orientation leave out ``Jl^-1(e)``, but ``Jl^-T(e) e = e``. The Hessian is that of half the cost too.

Each 6x6 matrix is kept as 15 numbers: the diagonal of its linear block (0 1 2; weights are along world axes, so it
stays diagonal), the linear-angular block, whose diagonal is zero (3: xy, 4: xz, 5: yx, 6: yz, 7: zx, 8: zy), and the
angular block (9: xx, 10: yy, 11: zz, 12: xy, 13: xz, 14: yz).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from retarget.clip_target import ClipTarget, FrameTarget
from retarget.engine.collision_terms import add_contacts, price_collisions
from retarget.engine.frame_problem import FrameProblem, Workspace
from retarget.engine.jit import compiled, inlined, piece
from retarget.engine.rotation_error import rotation_error
from retarget.engine.tree import KinematicTree


@inlined
def place_base(q: np.ndarray, rot: np.ndarray, pos: np.ndarray) -> None:
    """Set the frame of the base; its origin is where positions are counted from."""
    x, y, z, w = q[3], q[4], q[5], q[6]
    rot[0, 0, 0], rot[0, 0, 1], rot[0, 0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)
    rot[0, 1, 0], rot[0, 1, 1], rot[0, 1, 2] = 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)
    rot[0, 2, 0], rot[0, 2, 1], rot[0, 2, 2] = 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)
    pos[0, 0] = pos[0, 1] = pos[0, 2] = 0.0


@inlined
def place_bodies(
    q: Float[np.ndarray, " nq"],
    tree: KinematicTree,
    rot: Float[np.ndarray, "bodies 3 3"],
    pos: Float[np.ndarray, "bodies 3"],
    axes: Float[np.ndarray, "nv 6"],
) -> None:
    """Set frames and axes of all bodies, in world axes and from the base's origin; see :class:`Workspace`."""
    place_base(q, rot, pos)
    for b in range(1, len(tree.body_parent)):
        p = tree.body_parent[b]
        s, c = np.sin(q[6 + b]), np.cos(q[6 + b])
        t0, t1, t2 = tree.placement_pos[b, 0], tree.placement_pos[b, 1], tree.placement_pos[b, 2]
        m = tree.placement_rot[b]
        m00, m01, m02 = m[0, 0], m[0, 1], m[0, 2]
        m10, m11, m12 = m[1, 0], m[1, 1], m[1, 2]
        m20, m21, m22 = m[2, 0], m[2, 1], m[2, 2]
        for i in range(3):
            r0, r1, r2 = rot[p, i, 0], rot[p, i, 1], rot[p, i, 2]
            a, d = r0 * m00 + r1 * m10 + r2 * m20, r0 * m01 + r1 * m11 + r2 * m21
            rot[b, i, 0], rot[b, i, 1] = c * a + s * d, c * d - s * a
            rot[b, i, 2] = r0 * m02 + r1 * m12 + r2 * m22
            pos[b, i] = pos[p, i] + r0 * t0 + r1 * t1 + r2 * t2
        wx, wy, wz = rot[b, 0, 2], rot[b, 1, 2], rot[b, 2, 2]
        x, y, z = pos[b, 0], pos[b, 1], pos[b, 2]
        axes[5 + b, 0], axes[5 + b, 1], axes[5 + b, 2] = y * wz - z * wy, z * wx - x * wz, x * wy - y * wx
        axes[5 + b, 3], axes[5 + b, 4], axes[5 + b, 5] = wx, wy, wz


@inlined
def carried(rot: np.ndarray, pos: np.ndarray, b: int, point: np.ndarray) -> tuple[float, float, float]:
    """Return a point of body ``b`` from the base's origin, in world axes."""
    x, y, z = point[0], point[1], point[2]
    return (
        pos[b, 0] + rot[b, 0, 0] * x + rot[b, 0, 1] * y + rot[b, 0, 2] * z,
        pos[b, 1] + rot[b, 1, 0] * x + rot[b, 1, 1] * y + rot[b, 1, 2] * z,
        pos[b, 2] + rot[b, 2, 0] * x + rot[b, 2, 1] * y + rot[b, 2, 2] * z,
    )


@inlined
def add_point(
    stiffness: np.ndarray,
    force: np.ndarray,
    b: int,
    x: float,
    y: float,
    z: float,
    wx: float,
    wy: float,
    wz: float,
    fx: float,
    fy: float,
    fz: float,
) -> None:
    """Add a point at (x, y, z) with squared prices (wx, wy, wz) along the world's axes, pulled by a force."""
    row, pull = stiffness[b], force[b]
    row[0] += wx
    row[1] += wy
    row[2] += wz
    row[3] += wx * z
    row[4] -= wx * y
    row[5] -= wy * z
    row[6] += wy * x
    row[7] += wz * y
    row[8] -= wz * x
    row[9] += wy * z * z + wz * y * y
    row[10] += wx * z * z + wz * x * x
    row[11] += wx * y * y + wy * x * x
    row[12] -= wz * x * y
    row[13] -= wy * x * z
    row[14] -= wx * y * z
    pull[0] += fx
    pull[1] += fy
    pull[2] += fz
    pull[3] += y * fz - z * fy
    pull[4] += z * fx - x * fz
    pull[5] += x * fy - y * fx


@inlined
def add_tasks(
    q: np.ndarray,
    target: FrameTarget,
    problem: FrameProblem,
    rot: np.ndarray,
    pos: np.ndarray,
    stiffness: np.ndarray,
    force: np.ndarray,
) -> float:
    """Add all tasks to their bodies and return their cost."""
    cost = 0.0
    for i in range(len(problem.task_body)):
        b = problem.task_body[i]
        x, y, z = carried(rot, pos, b, problem.task_point[i])
        ex, ey, ez = x + q[0] - target.pos_w[i, 0], y + q[1] - target.pos_w[i, 1], z + q[2] - target.pos_w[i, 2]
        price = target.position_weight[i]
        wx, wy, wz = price[0] * price[0], price[1] * price[1], price[2] * price[2]
        fx, fy, fz = wx * ex, wy * ey, wz * ez
        add_point(stiffness, force, b, x, y, z, wx, wy, wz, fx, fy, fz)
        cost += fx * ex + fy * ey + fz * ez
        w = target.rotation_weight[i] * target.rotation_weight[i]
        if w > 0.0:
            vx, vy, vz = rotation_error(rot, b, problem.task_rot[i], target.rot_w[i])
            row, pull = stiffness[b], force[b]
            row[9] += w
            row[10] += w
            row[11] += w
            pull[3] += w * vx
            pull[4] += w * vy
            pull[5] += w * vz
            cost += w * (vx * vx + vy * vy + vz * vz)
    return cost


@inlined
def add_floor(
    q: np.ndarray,
    planted: np.ndarray,
    expected: np.ndarray,
    problem: FrameProblem,
    rot: np.ndarray,
    pos: np.ndarray,
    stiffness: np.ndarray,
    force: np.ndarray,
) -> float:
    """Add the points under the floor, and the lowest of each planted patch wherever it is; return their cost.

    Points that a solver expects on the floor pull even from above, at no cost.
    """
    cost, w = 0.0, problem.sole_weight * problem.sole_weight
    for i in range(len(problem.patch_body)):
        b = problem.patch_body[i]
        above = q[2] + pos[b, 2]
        if not planted[i] and above > problem.patch_reach[i]:  # none of it is near
            continue
        lowest, first, last = 0, problem.patch_start[i], problem.patch_start[i + 1]
        least = np.inf
        for k in range(first, last):
            x, y, z = carried(rot, pos, b, problem.patch_point[k])
            height = q[2] + z - problem.patch_radius[i]
            if height < least:
                least, lowest = height, k
            if height < 0.0 or expected[k]:
                add_point(stiffness, force, b, x, y, z, 0.0, 0.0, w, 0.0, 0.0, w * height)
                cost += w * min(height, 0.0) ** 2
        if planted[i] and least > 0.0:
            cost += w * least * least
            if not expected[lowest]:
                x, y, z = carried(rot, pos, b, problem.patch_point[lowest])
                add_point(stiffness, force, b, x, y, z, 0.0, 0.0, w, 0.0, 0.0, w * least)
    return cost


@inlined
def gather(parent: np.ndarray, stiffness: np.ndarray, force: np.ndarray) -> None:
    """Sum the bodies' tasks up the tree."""
    for b in range(len(parent) - 1, 0, -1):
        p = parent[b]
        for k in range(15):
            stiffness[p, k] += stiffness[b, k]
        for k in range(6):
            force[p, k] += force[b, k]


@inlined
def project_base(stiffness: np.ndarray, force: np.ndarray, hessian: np.ndarray, gradient: np.ndarray) -> None:
    """Write the rows of the base."""
    g = stiffness[0]
    hessian[0] = g[0]
    hessian[1], hessian[2] = g[1], 0.0
    hessian[3], hessian[4], hessian[5] = g[2], 0.0, 0.0
    hessian[6], hessian[7], hessian[8], hessian[9] = g[9], g[7], g[5], 0.0
    hessian[10], hessian[11], hessian[12], hessian[13], hessian[14] = g[10], g[12], g[8], 0.0, g[3]
    hessian[15], hessian[16], hessian[17] = g[11], g[14], g[13]
    hessian[18], hessian[19], hessian[20] = 0.0, g[6], g[4]
    for k in range(6):
        gradient[k] = force[0, k]


@inlined
def project(
    tree: KinematicTree,
    axes: np.ndarray,
    stiffness: np.ndarray,
    force: np.ndarray,
    hessian: np.ndarray,
    gradient: np.ndarray,
) -> None:
    """Write all rows of the packed Hessian and the gradient from the summed tasks."""
    project_base(stiffness, force, hessian, gradient)
    for i in range(6, len(tree.chain_length)):
        s, g, pull = axes[i], stiffness[i - 5], force[i - 5]
        vx, vy, vz = s[0], s[1], s[2]
        wx, wy, wz = s[3], s[4], s[5]
        fx = g[0] * vx + g[3] * wy + g[4] * wz
        fy = g[1] * vy + g[5] * wx + g[6] * wz
        fz = g[2] * vz + g[7] * wx + g[8] * wy
        nx = g[5] * vy + g[7] * vz + g[9] * wx + g[12] * wy + g[13] * wz
        ny = g[3] * vx + g[8] * vz + g[12] * wx + g[10] * wy + g[14] * wz
        nz = g[4] * vx + g[6] * vy + g[13] * wx + g[14] * wy + g[11] * wz
        gradient[i] = vx * pull[0] + vy * pull[1] + vz * pull[2] + wx * pull[3] + wy * pull[4] + wz * pull[5]
        row, hinges = tree.row_start[i], tree.chain_length[i] - 6
        hessian[row] = vx * fx + vy * fy + vz * fz + wx * nx + wy * ny + wz * nz
        for k in range(1, hinges):
            a = axes[tree.chain[i, k]]
            hessian[row + k] = a[0] * fx + a[1] * fy + a[2] * fz + a[3] * nx + a[4] * ny + a[5] * nz
        row += hinges  # the axes of the base are the unit vectors
        hessian[row], hessian[row + 1], hessian[row + 2] = nz, ny, nx
        hessian[row + 3], hessian[row + 4], hessian[row + 5] = fz, fy, fx


@inlined
def add_pull(
    tree: KinematicTree,
    q: np.ndarray,
    wanted: np.ndarray,
    weight: np.ndarray,
    hessian: np.ndarray,
    gradient: np.ndarray,
) -> float:
    """Add a price on joints away from ``wanted``, one for each joint, and return its cost."""
    cost = 0.0
    for j in range(len(wanted)):
        w, away = weight[j] * weight[j], q[7 + j] - wanted[j]
        hessian[tree.row_start[6 + j]] += w
        gradient[6 + j] += w * away
        cost += w * away * away
    return cost


@inlined
def pull_cost(q: np.ndarray, wanted: np.ndarray, weight: np.ndarray) -> float:
    """Return what joints away from ``wanted`` cost."""
    cost = 0.0
    for j in range(len(wanted)):
        away = weight[j] * (q[7 + j] - wanted[j])
        cost += away * away
    return cost


@piece
def price_frame(q: np.ndarray, target: FrameTarget, problem: FrameProblem, work: Workspace) -> tuple[float, int]:
    """Return the cost of a frame and how many pairs of links are too near; leave in ``work`` what made it.

    That is about half of what a step needs, and all that tells whether another is to be taken.
    """
    work.stiffness[:] = 0.0
    work.force[:] = 0.0
    place_bodies(q, problem.tree, work.rot, work.pos, work.axes)
    cost = add_tasks(q, target, problem, work.rot, work.pos, work.stiffness, work.force)
    cost += add_floor(q, target.planted, work.expected, problem, work.rot, work.pos, work.stiffness, work.force)
    cost += pull_cost(q, problem.posture, problem.posture_weight)
    if len(problem.capsules.sphere_pair) == 0:
        return cost, 0
    near, number = price_collisions(
        problem.capsules,
        work.rot,
        work.pos,
        problem.collision_weight,
        problem.collision_margin_m,
        work.collision,
    )
    return cost + near, number


@piece
def priced_quadratic(
    q: np.ndarray, number: int, problem: FrameProblem, work: Workspace, hessian: np.ndarray, gradient: np.ndarray
) -> None:
    """Set gradient and Gauss-Newton Hessian of half the cost that :func:`price_frame` has just returned, once."""
    tree = problem.tree
    gather(tree.body_parent, work.stiffness, work.force)
    project(tree, work.axes, work.stiffness, work.force, hessian, gradient)
    add_pull(tree, q, problem.posture, problem.posture_weight, hessian, gradient)
    if number > 0:
        add_contacts(
            problem.capsules,
            tree,
            work.axes,
            problem.collision_weight,
            number,
            work.collision,
            hessian,
            gradient,
        )


@piece
def frame_quadratic(
    q: Float[np.ndarray, " nq"],
    target: FrameTarget,
    problem: FrameProblem,
    work: Workspace,
    hessian: Float[np.ndarray, " packed"],
    gradient: Float[np.ndarray, " nv"],
) -> float:
    """Return the cost of a frame; set gradient and Gauss-Newton Hessian of half the cost.

    Leaves the frames of all bodies in ``work.rot``, ``work.pos`` and ``work.axes``.
    """
    cost, number = price_frame(q, target, problem, work)
    priced_quadratic(q, number, problem, work, hessian, gradient)
    return cost


@compiled
def frame_cost(q: Float[np.ndarray, " nq"], target: FrameTarget, problem: FrameProblem, work: Workspace) -> float:
    """Return the cost of a frame."""
    return price_frame(q, target, problem, work)[0]


@inlined
def frame_of(target: ClipTarget, frame: int) -> FrameTarget:
    """Return what one frame of a clip asks."""
    return FrameTarget(
        target.pos_w[frame],
        target.rot_w[frame],
        target.position_weight[frame],
        target.rotation_weight[frame],
        target.planted[frame],
    )


@compiled
def clip_quadratic(
    q: Float[np.ndarray, "frames nq"],
    target: ClipTarget,
    problem: FrameProblem,
    work: Workspace,
    cost: Float[np.ndarray, " frames"],
    gradient: Float[np.ndarray, "frames nv"],
    hessian: Float[np.ndarray, "frames packed"],
) -> None:
    """Do :func:`frame_quadratic` for every frame."""
    for t in range(len(q)):
        cost[t] = frame_quadratic(q[t], frame_of(target, t), problem, work, hessian[t], gradient[t])


@compiled
def place_frames(
    q: Float[np.ndarray, "frames nq"],
    tree: KinematicTree,
    rot: Float[np.ndarray, "frames bodies 3 3"],
    pos: Float[np.ndarray, "frames bodies 3"],
    axes: Float[np.ndarray, "frames nv 6"],
) -> None:
    """Do :func:`place_bodies` for every frame."""
    for t in range(len(q)):
        place_bodies(q[t], tree, rot[t], pos[t], axes[t])


@piece
def integrate(q: Float[np.ndarray, " nq"], step: Float[np.ndarray, " nv"], out: Float[np.ndarray, " nq"]) -> None:
    """Set ``out`` to where a step from ``q`` leads."""
    for k in range(3):
        out[k] = q[k] + step[k]
    wx, wy, wz = step[3], step[4], step[5]
    angle = np.sqrt(wx * wx + wy * wy + wz * wz)
    share = 0.5 - angle * angle / 48.0 if angle < 1e-4 else np.sin(0.5 * angle) / angle
    a, b, c, d = share * wx, share * wy, share * wz, np.cos(0.5 * angle)
    x, y, z, w = q[3], q[4], q[5], q[6]
    nx, ny, nz = d * x + a * w + b * z - c * y, d * y + b * w + c * x - a * z, d * z + c * w + a * y - b * x
    nw = d * w - a * x - b * y - c * z
    norm = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz + nw * nw)
    out[3], out[4], out[5], out[6] = nx * norm, ny * norm, nz * norm, nw * norm
    for k in range(7, len(q)):
        out[k] = q[k] + step[k - 1]
