"""Turns the linearised problem of a whole clip into a step, by conjugate gradients on packed per-frame matrices.

The preconditioner is each frame's own block: its tree-sparse matrix with the diagonal of the couplings in time, plus
the rank-three term of the centre of mass by the identity of Sherman and Morrison, one axis after the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from retarget.engine.factor import factorise, multiply, solve_factored
from retarget.engine.jit import compiled, piece
from retarget.engine.tree import KinematicTree


class ClipSystem(NamedTuple):
    """A quadratic model of the cost of a clip, all entries halved: gradient . x + x . (matrix x) / 2."""

    hessian: Float[np.ndarray, "frames nnz"]
    """Packed matrix of each frame."""
    gradient: Float[np.ndarray, "frames nv"]
    damping: Float[np.ndarray, " frames"]
    """Added to every diagonal entry of a frame."""
    velocity: Float[np.ndarray, "pairs nv"]
    """Curvature along the difference of two frames."""
    acceleration: Float[np.ndarray, " nv"]
    """Curvature along the second difference of three frames."""
    fixed: Bool[np.ndarray, "frames nv"]
    """Coordinates that must not move."""
    middle: Int[np.ndarray, " flights"]
    """Middle frames of the second differences of the centre of mass that are priced."""
    com_row: Int[np.ndarray, " frames"]
    """Row of each frame in ``com_jacobian``, -1 for frames that have none."""
    com_jacobian: Float[np.ndarray, "rows 3 nv"]
    """Jacobians of the centre of mass, zero for fixed coordinates."""
    com_curvature: float
    """Curvature along the second difference of the centre of mass."""


class BlockInverse(NamedTuple):
    """The preconditioner."""

    factor: Float[np.ndarray, "frames nnz"]
    """Factors of the frames' blocks."""
    com_solved: Float[np.ndarray, "rows 3 nv"]
    """Blocks solved for the rows of the centre of mass, those of the axes before added to the blocks."""
    com_share: Float[np.ndarray, "rows 3"]
    """Of the products of these vectors with themselves: what is taken off the blocks' inverses."""


@piece
def time_diagonal(system: ClipSystem, t: int, i: int) -> float:
    """Diagonal entry of the couplings in time."""
    frames = system.gradient.shape[0]
    entry = system.damping[t]
    if t > 0:
        entry += system.velocity[t - 1, i]
    if t < frames - 1:
        entry += system.velocity[t, i]
    bends = (4.0 if 0 < t < frames - 1 else 0.0) + (1.0 if t > 1 else 0.0) + (1.0 if t < frames - 2 else 0.0)
    return entry + system.acceleration[i] * bends


@piece
def prepare(system: ClipSystem, tree: KinematicTree, inverse: BlockInverse) -> None:
    """Factorise the blocks of all frames."""
    for t in range(system.gradient.shape[0]):
        block, held = inverse.factor[t], False
        for k in range(block.shape[0]):
            block[k] = system.hessian[t, k]
        for i in range(system.gradient.shape[1]):
            block[tree.row_start[i]] += time_diagonal(system, t, i)
            held = held or system.fixed[t, i]
        if held:
            _cut_off(tree, system.fixed[t], block)
        factorise(tree, block)
        if system.com_row[t] >= 0:
            _prepare_com(system, tree, inverse, t)


@piece
def _cut_off(tree: KinematicTree, fixed: np.ndarray, block: np.ndarray) -> None:
    """Make the rows and columns of fixed coordinates those of a unit matrix."""
    for i in range(fixed.shape[0]):
        start = tree.row_start[i]
        for k in range(1, tree.chain_length[i]):
            if fixed[i] or fixed[tree.chain[i, k]]:
                block[start + k] = 0.0
        if fixed[i]:
            block[start] = 1.0


@piece
def _prepare_com(system: ClipSystem, tree: KinematicTree, inverse: BlockInverse, t: int) -> None:
    """Add a frame's rows of the centre of mass to its block, one after the other, in the inverse."""
    row = system.com_row[t]
    jacobian, solved, share = system.com_jacobian[row], inverse.com_solved[row], inverse.com_share[row]
    curvature = 0.0
    for k in range(system.middle.shape[0]):
        away = abs(system.middle[k] - t)
        if away < 2:
            curvature += system.com_curvature * (4.0 if away == 0 else 1.0)
    for a in range(3):
        for i in range(jacobian.shape[1]):
            solved[a, i] = jacobian[a, i]
        solve_factored(tree, inverse.factor[t], solved[a])
        for b in range(a):
            _add_scaled(-share[b] * _dot(solved[b], jacobian[a]), solved[b], solved[a])
        share[a] = 1.0 / (1.0 / curvature + _dot(jacobian[a], solved[a]))


@piece
def _dot(a: np.ndarray, b: np.ndarray) -> float:
    total = 0.0
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@piece
def _add_scaled(scale: float, a: np.ndarray, out: np.ndarray) -> None:
    for i in range(a.shape[0]):
        out[i] += scale * a[i]


@piece
def _apply_inverse(
    system: ClipSystem, tree: KinematicTree, inverse: BlockInverse, residual: np.ndarray, out: np.ndarray
) -> float:
    """Write the preconditioned residual; return its product with the residual."""
    product = 0.0
    for t in range(residual.shape[0]):
        z = out[t]
        for i in range(z.shape[0]):
            z[i] = residual[t, i]
        solve_factored(tree, inverse.factor[t], z)
        row = system.com_row[t]
        if row >= 0:
            for a in range(3):
                solved = inverse.com_solved[row, a]
                _add_scaled(-inverse.com_share[row, a] * _dot(solved, residual[t]), solved, z)
        product += _dot(residual[t], z)
    return product


@piece
def apply_system(system: ClipSystem, tree: KinematicTree, x: np.ndarray, out: np.ndarray) -> float:
    """Write matrix times ``x``, zero for fixed coordinates; return its product with ``x``."""
    frames, nv = x.shape
    for t in range(frames):
        multiply(tree, system.hessian[t], x[t], out[t])
        for i in range(nv):
            out[t, i] += system.damping[t] * x[t, i]
    for t in range(frames - 1):
        for i in range(nv):
            pull = system.velocity[t, i] * (x[t + 1, i] - x[t, i])
            out[t + 1, i] += pull
            out[t, i] -= pull
    for t in range(1, frames - 1):
        for i in range(nv):
            pull = system.acceleration[i] * (x[t + 1, i] - 2.0 * x[t, i] + x[t - 1, i])
            out[t - 1, i] += pull
            out[t, i] -= 2.0 * pull
            out[t + 1, i] += pull
    _apply_com(system, x, out)
    product = 0.0
    for t in range(frames):
        for i in range(nv):
            if system.fixed[t, i]:
                out[t, i] = 0.0
            product += x[t, i] * out[t, i]
    return product


@piece
def _apply_com(system: ClipSystem, x: np.ndarray, out: np.ndarray) -> None:
    """Add the second differences of the centre of mass."""
    for k in range(system.middle.shape[0]):
        middle = system.middle[k]
        for axis in range(3):
            bend = 0.0
            for shift in range(-1, 2):
                scale = -2.0 if shift == 0 else 1.0
                t = middle + shift
                bend += scale * _dot(system.com_jacobian[system.com_row[t], axis], x[t])
            for shift in range(-1, 2):
                scale = -2.0 if shift == 0 else 1.0
                t = middle + shift
                jacobian = system.com_jacobian[system.com_row[t], axis]
                for i in range(x.shape[1]):
                    out[t, i] += scale * system.com_curvature * bend * jacobian[i]


def solve_clip_step(
    system: ClipSystem,
    tree: KinematicTree,
    inverse: BlockInverse,
    tolerance: float,
    max_iterations: int,
    step: Float[np.ndarray, "frames nv"],
) -> int:
    """Minimise the quadratic model by preconditioned conjugate gradients (Nocedal & Wright 2006, algorithm 5.3).

    Args:
        system: The model; its gradient is met only in coordinates that are free.
        tree: Pattern of the packed matrices.
        inverse: Room for the preconditioner.
        tolerance: Stops when the preconditioned residual has fallen to this share of the first.
        max_iterations: Stops in any case.
        step: Receives the solution.

    Returns:
        Number of iterations.
    """
    room = np.empty((4, *system.gradient.shape))
    return conjugate_gradients(system, tree, inverse, tolerance, max_iterations, room, step)


@compiled
def conjugate_gradients(
    system: ClipSystem,
    tree: KinematicTree,
    inverse: BlockInverse,
    tolerance: float,
    max_iterations: int,
    room: np.ndarray,
    step: np.ndarray,
) -> int:
    """Do :func:`solve_clip_step` with room for the iteration's four vectors."""
    frames, nv = system.gradient.shape
    residual, image, solved, direction = room[0], room[1], room[2], room[3]
    prepare(system, tree, inverse)
    for t in range(frames):
        for i in range(nv):
            step[t, i] = 0.0
            residual[t, i] = 0.0 if system.fixed[t, i] else -system.gradient[t, i]
    product = _apply_inverse(system, tree, inverse, residual, solved)
    for t in range(frames):
        for i in range(nv):
            direction[t, i] = solved[t, i]
    goal = tolerance * tolerance * product
    if product <= 0.0:
        return 0
    for iteration in range(max_iterations):
        length = product / apply_system(system, tree, direction, image)
        for t in range(frames):
            for i in range(nv):
                step[t, i] += length * direction[t, i]
                residual[t, i] -= length * image[t, i]
        before, product = product, _apply_inverse(system, tree, inverse, residual, solved)
        if not product > goal:
            return iteration + 1
        for t in range(frames):
            for i in range(nv):
                direction[t, i] = solved[t, i] + product / before * direction[t, i]
    return max_iterations
