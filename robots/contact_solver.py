"""Turns a least-squares problem whose unknowns may not be negative into its solution, fast if a like one was solved."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

PATIENCE = 3
"""Exchanges of whole blocks that may fail to improve before unknowns are exchanged one by one."""


def nonnegative_minimum(
    gram: Float[np.ndarray, "n n"], target: Float[np.ndarray, " n"], free: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Minimise x' gram x / 2 - target' x over x >= 0.

    Block principal pivoting: guess which unknowns are free, solve for them as if they could be negative, exchange
    all that break a condition, and so on; from the answer of a neighbouring frame it takes one or two solutions.
    Exchanging only the last one that breaks a condition, when the blocks run in circles, makes it finite (Portugal,
    Judice and Vicente, "A comparison of block pivoting and interior-point algorithms for linear least squares
    problems with nonnegative variables", 1994, with Murty's rule).

    Args:
        gram: Symmetric and positive definite.
        target: Linear term.
        free: Guess of the unknowns that are greater than zero.

    Returns:
        The minimum, and which unknowns are free in it.
    """
    n = len(target)
    free = free.copy()
    tolerance = 1e-10 * max(float(np.abs(target).max(initial=0.0)), 1e-300)
    fewest, patience = n + 1, PATIENCE
    while True:
        x = np.zeros(n)
        chosen = np.flatnonzero(free)
        if len(chosen):
            x[chosen] = np.linalg.solve(gram[np.ix_(chosen, chosen)], target[chosen])
        slope = gram @ x - target
        broken = np.where(free, x < 0, slope < -tolerance)
        count = int(broken.sum())
        if count == 0:
            return x, free
        if count < fewest:
            fewest, patience = count, PATIENCE
        elif patience:
            patience -= 1
        else:
            last = int(np.flatnonzero(broken)[-1])
            broken = np.arange(n) == last
        free = free ^ broken
