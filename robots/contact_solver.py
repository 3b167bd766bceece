"""Turns a least-squares problem whose unknowns may not be negative into its solution, fast if a like one was solved."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

ROUNDS = 12
"""Exchanges of whole blocks that are tried before unknowns are exchanged one by one."""


def nonnegative_minimum(
    gram: Float[np.ndarray, "n n"], target: Float[np.ndarray, " n"], free: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Minimise x' gram x / 2 - target' x over x >= 0.

    Block principal pivoting: guess which unknowns are free, solve for them as if they could be negative, exchange
    all that break a condition, and so on; from the answer of a neighbouring frame it takes one or two solutions
    (Portugal, Judice and Vicente, "A comparison of block pivoting and interior-point algorithms for linear least
    squares problems with nonnegative variables", 1994). Blocks may run in circles; then Lawson and Hanson's slower
    method, which cannot, starts afresh.

    Args:
        gram: Symmetric and positive definite.
        target: Linear term.
        free: Guess of the unknowns that are greater than zero.

    Returns:
        The minimum, and which unknowns are free in it.
    """
    n = len(target)
    tolerance = 1e-10 * float(np.abs(target).max(initial=0.0))
    for _ in range(ROUNDS):
        x = np.zeros(n)
        chosen = np.flatnonzero(free)
        if len(chosen):
            x[chosen] = np.linalg.solve(gram[np.ix_(chosen, chosen)], target[chosen])
        broken = np.where(free, x < 0, gram @ x - target < -tolerance)
        if not broken.any():
            return x, free
        free = free ^ broken
    # |U x - U^-T target|^2 is the same function up to a constant, if gram = U' U.
    upper = np.linalg.cholesky(gram).T
    x, _ = nnls(upper, solve_triangular(upper, target, trans=1), maxiter=30 * n)
    return x, x > 0
