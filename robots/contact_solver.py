"""Turns a least-squares problem whose unknowns may not be negative into its solution, fast if a like one was solved."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import nnls

ROUNDS = 12
"""Exchanges of whole blocks that are tried before unknowns are exchanged one by one."""


def nonnegative_minimum(
    effect: Float[np.ndarray, "n rows"], wanted: Float[np.ndarray, " rows"], price: float, free: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Minimise |effect' x - wanted|^2 + |price x|^2 over x >= 0.

    Block principal pivoting: guess which unknowns are free, solve for them as if they could be negative, exchange
    all that break a condition, and so on; from the answer of a neighbouring frame it takes one or two solutions
    (Portugal, Judice and Vicente, "A comparison of block pivoting and interior-point algorithms for linear least
    squares problems with nonnegative variables", 1994). Blocks may run in circles; then Lawson and Hanson's slower
    method, which cannot, starts afresh.

    The equations are solved for y = (wanted - effect' x) / price^2, one unknown a row, because a robot that lies has
    many more unknowns than rows; then x = effect y, and the conditions say that those free are the positive ones.

    Args:
        effect: What one unit of each unknown gives.
        wanted: What all should give together.
        price: What one unit of an unknown counts like, greater than zero, which makes the minimum unique.
        free: Guess of the unknowns that are greater than zero.

    Returns:
        The minimum, and which unknowns are free in it.
    """
    n, rows = effect.shape
    tolerance = 1e-10 * float(np.abs(effect @ wanted).max(initial=0.0)) / price**2
    for _ in range(ROUNDS):
        pushing = effect[free]
        normal = pushing.T @ pushing
        normal.flat[:: rows + 1] += price**2
        x = effect @ np.linalg.solve(normal, wanted)
        broken = np.where(free, x < 0, x > tolerance)
        if not broken.any():
            return np.where(free, x, 0.0), free
        free = free ^ broken
    x, _ = nnls(np.vstack([effect.T, price * np.eye(n)]), np.concatenate([wanted, np.zeros(n)]), maxiter=30 * n)
    return x, x > 0
