"""Turns what is known of some paths and of their steps, with how well it is known, into the likeliest paths.

Weighted linear least squares over all frames at once. Every term couples at most three frames in a row, so that the
normal equations are banded and a clip costs time and memory in proportion to its length.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg import solveh_banded

_REACH = 2
"""Frames that a term may lie apart."""
_LOOSE = 1e-7
"""Weight that keeps at the origin what no term holds anywhere [1/m^2]."""

PLACE, STEP, BEND = (1.0,), (-1.0, 1.0), (1.0, -2.0, 1.0)
"""What a term speaks of: a frame's place, its step to the next, the change of steps."""


class PathSolver:
    """Normal equations of one or more paths in three dimensions; terms are added one by one."""

    def __init__(self, frames: int, paths: int = 1) -> None:
        """Begin with nothing known but that the paths are not infinitely far away."""
        self._frames, self._width = frames, 3 * paths
        self._blocks = [np.zeros((frames, self._width, self._width)) for _ in range(_REACH + 1)]
        self._blocks[0][:] = _LOOSE * np.eye(self._width)
        self._right = np.zeros((frames, self._width))
        self._square = 0.0

    def add(
        self,
        speaks_of: tuple[float, ...],
        target: Float[np.ndarray, "terms 3"],
        weight: Float[np.ndarray, "terms 3 3"] | Float[np.ndarray, " terms"],
        of: tuple[float, ...] = (1.0,),
    ) -> None:
        """Add one term for each frame that has as many frames after it as the term needs.

        Args:
            speaks_of: ``PLACE``, ``STEP`` or ``BEND``.
            target: What it should be [m].
            weight: Inverse covariance of its error, or inverse variance alike in all directions [1/m^2].
            of: Which sum of the paths is meant; ``(1, -1)`` is the first less the second.
        """
        n = self._frames - len(speaks_of) + 1
        if n <= 0:
            return
        matrix = weight[:n] if weight.ndim == 3 else weight[:n, None, None] * np.eye(3)
        pull = np.einsum("tij,tj->ti", matrix, target[:n])
        self._square += float((pull * target[:n]).sum())
        for p, share in enumerate(of):
            rows = slice(3 * p, 3 * p + 3)
            for i, a in enumerate(speaks_of):
                self._right[i : i + n, rows] += share * a * pull
            for q, other in enumerate(of):
                columns = slice(3 * q, 3 * q + 3)
                for i, a in enumerate(speaks_of):
                    for j in range(i, len(speaks_of)):
                        self._blocks[j - i][i : i + n, rows, columns] += share * other * a * speaks_of[j] * matrix

    def solve(self) -> tuple[Float[np.ndarray, "frames paths 3"], float]:
        """Return the paths [m] that fit best, and the weighted sum of squares that they leave."""
        reach = min(_REACH, self._frames - 1)
        width = self._width
        n = width * self._frames
        banded = np.zeros((width * (reach + 1), n))  # lower form: banded[k, j] is the matrix' entry [j + k, j]
        for apart in range(reach + 1):
            for row in range(width):
                for column in range(width):
                    k = width * apart + row - column
                    if k >= 0:
                        values = self._blocks[apart][: self._frames - apart, column, row]
                        banded[k, column : n - width * apart : width] += values
        right = self._right.reshape(-1)
        solution = solveh_banded(banded, right, lower=True)
        return solution.reshape(self._frames, -1, 3), self._square - float(right @ solution)


def wandering_weights(spread: float, lasting: float) -> tuple[float, float]:
    """Return inverse variances of an error and of its change from frame to frame, which together describe its course.

    An error that wanders about zero (an Ornstein-Uhlenbeck process) has this quadratic form, but for its ends.

    Args:
        spread: Standard deviation.
        lasting: Frames over which it forgets itself.
    """
    memory = float(np.exp(-1.0 / lasting))
    noise = spread**2 * (1.0 - memory**2)
    return (1.0 - memory) ** 2 / noise, memory / noise
