"""Smallest value of a convex quadratic inside a box, exactly on its walls, by a primal active set.

The point never leaves the box and never climbs: go to the minimiser on the present face, stop at the first wall in
the way and stay on it; on a face's minimiser, leave the wall that pushes inward most. Nocedal and
Wright, "Numerical Optimization", 2nd ed., algorithm 16.3, for bounds.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg.lapack import dposv

_ROUNDING = 1e-12
"""Relative size of a slope that counts as none."""


def solve_box_qp(
    hessian: Float[np.ndarray, "n n"],
    gradient: Float[np.ndarray, " n"],
    lower: Float[np.ndarray, " n"],
    upper: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    """Minimise ``x.H.x / 2 + g.x`` subject to ``lower <= x <= upper``.

    Args:
        hessian: Symmetric positive definite matrix H.
        gradient: Vector g.
        lower: Lower walls, ``-inf`` where there is none.
        upper: Upper walls, ``inf`` where there is none.

    Returns:
        The minimiser; variables on a wall equal it to the last bit.

    Raises:
        np.linalg.LinAlgError: H is not positive definite.
    """
    x = np.clip(np.zeros(len(gradient)), lower, upper)
    slope = gradient + hessian @ x if x.any() else gradient
    held = ((x <= lower) & (slope > 0)) | ((x >= upper) & (slope < 0)) | (lower == upper)
    movable = lower < upper
    noise = _ROUNDING * np.abs(gradient).max()
    for _ in range(10 * len(gradient)):  # a handful in practice; cut short, the point is still inside and lower
        goal = _face_minimiser(hessian, gradient, held, x)
        blocked = ~held & ((goal < lower) | (goal > upper))
        if blocked.any():
            wall = np.where(goal < lower, lower, upper)
            share = np.where(blocked, (wall - x) / np.where(blocked, goal - x, 1.0), np.inf)
            first = int(share.argmin())
            x = np.clip(x + share[first] * (goal - x), lower, upper)
            x[first] = wall[first]
            held[first] = True
            continue
        x = goal
        if not held.any():
            return x
        slope = hessian @ x + gradient
        inward = np.where(held & movable, np.where(x <= lower, -slope, slope), -np.inf)
        worst = int(inward.argmax())
        if inward[worst] <= noise:
            return x
        held[worst] = False
    return x


def _face_minimiser(
    hessian: Float[np.ndarray, "n n"],
    gradient: Float[np.ndarray, " n"],
    held: Bool[np.ndarray, " n"],
    x: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    """Return the minimiser over all variables but the held ones, which stay."""
    if held.all():
        return x
    if held.any():
        free = np.flatnonzero(~held)
        block = hessian[free[:, None], free]
        rhs = gradient[free] + hessian[free] @ np.where(held, x, 0.0)
    else:
        free, block, rhs = slice(None), hessian, gradient
    _, solution, info = dposv(block, -rhs, lower=1)
    if info != 0:
        raise np.linalg.LinAlgError("the Hessian of a box problem is not positive definite")
    goal = x.copy()
    goal[free] = solution
    return goal
