"""Factors, solves and multiplies matrices that couple only coordinates of one chain, without filling any gap.

The factorisation is ``H = L^T D L`` from the leaves down, which keeps the pattern of the tree (Featherstone, IJRR
2005). All matrices are packed as :mod:`retarget.engine.tree` says.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from retarget.engine.jit import inlined
from retarget.engine.tree import KinematicTree


@inlined
def factorise(tree: KinematicTree, factor: Float[np.ndarray, " packed"]) -> bool:
    """Overwrite a packed symmetric matrix with its factors, each row ``1/d, l, l, ...``.

    Returns:
        False if the matrix is not positive definite; then the factors are of no use.
    """
    chain, start, bad = tree.chain, tree.row_start, 0
    for k in range(len(tree.chain_length) - 1, 5, -1):
        row, n = start[k], tree.chain_length[k]
        pivot = factor[row]
        if not pivot > 0.0:
            bad += 1
        inverse = 1.0 / pivot
        factor[row] = inverse
        base = n - 6
        for a in range(1, base):
            share = factor[row + a] * inverse
            above = start[chain[k, a]]
            for b in range(n - a):
                factor[above + b] -= share * factor[row + a + b]
            # Not needed unscaled any more: later rounds read only the entries after this one.
            factor[row + a] = share
        _take_from_base(factor, row + base, float(inverse))
    for k in range(5, -1, -1):
        row = k * (k + 1) // 2
        pivot = factor[row]
        if not pivot > 0.0:
            bad += 1
        inverse = 1.0 / pivot
        factor[row] = inverse
        for a in range(1, k + 1):
            share = factor[row + a] * inverse
            above = (k - a) * (k - a + 1) // 2
            for b in range(k + 1 - a):
                factor[above + b] -= share * factor[row + a + b]
            factor[row + a] = share
    return bad == 0


@inlined
def _take_from_base(factor: np.ndarray, first: int, inverse: float) -> None:
    """Take what a hinge adds off the rows of the base, to which each chain leads: lengths are known, no loop runs."""
    for a in range(6):
        share, above = factor[first + a] * inverse, (5 - a) * (6 - a) // 2
        for b in range(6 - a):
            factor[above + b] -= share * factor[first + a + b]
        factor[first + a] = share


@inlined
def solve_factored(tree: KinematicTree, factor: Float[np.ndarray, " packed"], x: Float[np.ndarray, " nv"]) -> None:
    """Overwrite ``x`` with the solution of ``H y = x``, given the factors of H."""
    chain, start, nv = tree.chain, tree.row_start, len(tree.chain_length)
    for i in range(nv - 1, -1, -1):
        row, value = start[i], x[i]
        for a in range(1, tree.chain_length[i]):
            x[chain[i, a]] -= factor[row + a] * value
    for i in range(nv):
        row, value = start[i], x[i] * factor[start[i]]
        for a in range(1, tree.chain_length[i]):
            value -= factor[row + a] * x[chain[i, a]]
        x[i] = value


@inlined
def multiply(
    tree: KinematicTree,
    matrix: Float[np.ndarray, " packed"],
    x: Float[np.ndarray, " nv"],
    out: Float[np.ndarray, " nv"],
) -> None:
    """Set ``out`` to the product of a packed symmetric matrix and a vector; they must not be the same vector."""
    chain, start = tree.chain, tree.row_start
    for i in range(len(tree.chain_length)):
        row, value = start[i], x[i]
        total = matrix[row] * value
        for a in range(1, tree.chain_length[i]):
            entry, above = matrix[row + a], chain[i, a]
            total += entry * x[above]
            out[above] += entry * value
        out[i] = total
