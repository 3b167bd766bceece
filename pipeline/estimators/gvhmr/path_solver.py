"""Turns what is known of a path and of its steps, with how well it is known, into the likeliest path.

Weighted linear least squares over all frames at once. Every term couples at most three frames in a row, so that the
normal equations are banded and a clip costs time and memory in proportion to its length.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg import solveh_banded

_REACH = 2
"""Frames that a term may lie apart."""
_LOOSE = 1e-9
"""Weight that holds what nothing else does where it is put first [1/m^2]."""

PLACE, STEP, BEND = (1.0,), (-1.0, 1.0), (1.0, -2.0, 1.0)
"""What a term speaks of: a frame's place, its step to the next, the change of steps."""


class PathSolver:
    """Normal equations of a path (frames, 3); terms are added one by one."""

    def __init__(self, frames: int) -> None:
        """Begin with nothing known but that the path is somewhere near the origin."""
        self._frames = frames
        self._blocks = [np.zeros((frames, 3, 3)) for _ in range(_REACH + 1)]
        self._blocks[0][:] = _LOOSE * np.eye(3)
        self._right = np.zeros((frames, 3))

    def add(
        self,
        speaks_of: tuple[float, ...],
        target: Float[np.ndarray, "terms 3"],
        weight: Float[np.ndarray, "terms 3 3"] | Float[np.ndarray, " terms"],
    ) -> None:
        """Add one term a frame, as long as its frames last.

        Args:
            speaks_of: ``PLACE``, ``STEP`` or ``BEND``.
            target: What it should be [m].
            weight: Inverse covariance of its error, or inverse variance alike in all directions [1/m^2].
        """
        n = self._frames - len(speaks_of) + 1
        if n <= 0:
            return
        matrix = weight[:n] if weight.ndim == 3 else weight[:n, None, None] * np.eye(3)
        pull = np.einsum("tij,tj->ti", matrix, target[:n])
        for i, a in enumerate(speaks_of):
            self._right[i : i + n] += a * pull
            for j in range(i, len(speaks_of)):
                self._blocks[j - i][i : i + n] += a * speaks_of[j] * matrix

    def solve(self) -> Float[np.ndarray, "frames 3"]:
        """Return the path [m] of least squares."""
        reach = min(_REACH, self._frames - 1)
        n, width = 3 * self._frames, 3 * (reach + 1)
        banded = np.zeros((width, n))  # lower form: banded[k, j] is the matrix' entry [j + k, j]
        for apart in range(reach + 1):
            for row in range(3):
                for column in range(3):
                    k = 3 * apart + row - column
                    if k >= 0:
                        values = self._blocks[apart][: self._frames - apart, column, row]
                        banded[k, column : n - 3 * apart : 3] += values
        return solveh_banded(banded, self._right.reshape(-1), lower=True).reshape(-1, 3)
