"""Smallest value of a convex quadratic inside a box, exactly on its walls.

Block principal pivoting for strictly convex box problems: guess which variables lie on a wall, solve
for the others, exchange all that disagree; when that stops making progress, exchange only the last one
(Murty's rule), which is certain to end. Judice and Pires, "A block principal pivoting algorithm for
large-scale strictly monotone linear complementarity problems", Computers & OR 21 (1994).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg.lapack import dposv

_BLOCK_TRIES = 8
"""Exchanges of whole blocks without progress before the slow, certain rule takes over."""


def solve_box_qp(
    hessian: Float[np.ndarray, "n n"],
    gradient: Float[np.ndarray, "n"],
    lower: Float[np.ndarray, "n"],
    upper: Float[np.ndarray, "n"],
    *,
    max_pivots: int = 500,
) -> Float[np.ndarray, "n"]:
    """Minimise ``x.H.x / 2 + g.x`` subject to ``lower <= x <= upper``.

    Args:
        hessian: Symmetric positive definite matrix H.
        gradient: Vector g.
        lower: Lower walls, ``-inf`` where there is none.
        upper: Upper walls, ``inf`` where there is none.
        max_pivots: Changes of the active set allowed.

    Returns:
        The minimiser; variables on a wall equal it to the last bit.

    Raises:
        np.linalg.LinAlgError: H is not positive definite, or rounding made the pivots go in circles.
    """
    at_lower = np.zeros(len(gradient), dtype=bool)
    at_upper = at_lower.copy()
    fewest, tries = len(gradient) + 1, _BLOCK_TRIES
    scale = 1e-12 * (1.0 + np.abs(gradient).max())
    for _ in range(max_pivots):
        x = np.where(at_lower, lower, np.where(at_upper, upper, 0.0))
        free = ~(at_lower | at_upper)
        _solve_free(hessian, gradient, free, x)
        multiplier = hessian @ x + gradient
        below, above = free & (x < lower), free & (x > upper)
        leave_lower, leave_upper = at_lower & (multiplier < -scale), at_upper & (multiplier > scale)
        wrong = below | above | leave_lower | leave_upper
        n_wrong = int(wrong.sum())
        if n_wrong == 0:
            return x
        if n_wrong < fewest:
            fewest, tries = n_wrong, _BLOCK_TRIES
        elif tries > 0:
            tries -= 1
        else:
            last = np.flatnonzero(wrong)[-1]
            wrong[:] = False
            wrong[last] = True
        at_lower = (at_lower & ~(leave_lower & wrong)) | (below & wrong)
        at_upper = (at_upper & ~(leave_upper & wrong)) | (above & wrong)
    raise np.linalg.LinAlgError("the active set of a box problem does not settle")


def _solve_free(
    hessian: Float[np.ndarray, "n n"], gradient: Float[np.ndarray, "n"], free: np.ndarray, x: Float[np.ndarray, "n"]
) -> None:
    """Fill the free entries of ``x`` with the minimiser for the others held as they are."""
    if free.all():
        block, rhs = hessian, gradient
    elif free.any():
        block, rhs = hessian[np.ix_(free, free)], gradient[free] + hessian[free] @ x
    else:
        return
    _, solution, info = dposv(block, -rhs, lower=1)
    if info != 0:
        raise np.linalg.LinAlgError("the Hessian of a box problem is not positive definite")
    x[free] = solution
