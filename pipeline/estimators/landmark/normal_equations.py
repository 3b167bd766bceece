"""Turns weighted residual blocks of a whole clip into one banded linear system, and solves it.

Unknowns: ``n`` per frame (in blocks of three) and a few global ones (the border). Residuals couple at most
three neighbouring frames, so J^T J is banded, and time and memory grow linearly with the clip. The border is
eliminated by its Schur complement. Triggs et al., "Bundle Adjustment - A Modern Synthesis", 1999, sec. 6.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import cho_solve_banded, cholesky_banded

N_BORDER = 3
"""Global unknowns: two tilts of the up direction, and the height of the floor."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Residuals of one kind in units of their standard deviation, in groups that are robust as a whole."""

    residual: Float[np.ndarray, "frames groups rows"]
    jacobians: tuple[Float[np.ndarray, "frames groups rows n"], ...]
    """Derivatives by the unknowns of frame f, f + 1, ... ``frames`` shrinks accordingly."""
    weight: Float[np.ndarray, "frames groups"]
    border: Float[np.ndarray, "frames groups rows 3"] | None = None
    """Derivative by the global unknowns."""
    kernel: str = "quadratic"
    scale: float | Float[np.ndarray, "#frames #groups"] = 1.0
    """Standard deviations at which the kernel begins to doubt."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockRows:
    """Residuals of three components, each depending on the same three unknowns in up to three frames."""

    residual: Float[np.ndarray, "frames blocks 3"]
    jacobians: tuple[Float[np.ndarray, "frames blocks 3 3"], ...]
    weight: Float[np.ndarray, "frames blocks"]
    columns: Int[np.ndarray, " blocks"]
    """Which block of three unknowns each depends on."""
    kernel: str = "quadratic"
    scale: float | Float[np.ndarray, "#frames #blocks"] = 1.0


def robust(
    squared: Float[np.ndarray, "*batch"], kernel: str, scale: float | np.ndarray
) -> tuple[Float[np.ndarray, "*batch"], Float[np.ndarray, "*batch"]]:
    """Return cost and weight (its derivative) of squared residuals under a robust kernel.

    Barron, "A General and Adaptive Robust Loss Function", CVPR 2019, for alpha = 2, 0 and -2.
    """
    if kernel == "quadratic":
        return squared, np.ones_like(squared)
    ratio = squared / scale**2
    if kernel == "cauchy":
        return scale**2 * np.log1p(ratio), 1.0 / (1.0 + ratio)
    if kernel == "geman_mcclure":
        return scale**2 * ratio / (1.0 + ratio), 1.0 / (1.0 + ratio) ** 2
    raise ValueError(f"no kernel named {kernel!r}")


def cost(rows: Rows | BlockRows) -> float:
    """Robust cost of a set of residuals."""
    values, _ = robust(np.sum(rows.residual**2, axis=-1), rows.kernel, rows.scale)
    return float(np.sum(rows.weight * values))


@dataclass(slots=True, eq=False)
class NormalEquations:
    """Accumulates J^T W J and J^T W r frame by frame; :meth:`solve` gives the step."""

    n_frames: int
    n: int
    diagonal: np.ndarray = field(init=False)
    next_frame: np.ndarray = field(init=False)
    """Coupling of frame f (rows) with f + 1 (columns)."""
    after_next: np.ndarray = field(init=False)
    """Coupling of frame f with f + 2, block by block."""
    gradient: np.ndarray = field(init=False)
    border: np.ndarray = field(init=False)
    corner: np.ndarray = field(init=False)
    corner_gradient: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Start from zero."""
        frames, n = self.n_frames, self.n
        self.diagonal = np.zeros((frames, n, n))
        self.next_frame = np.zeros((frames - 1, n, n))
        self.after_next = np.zeros((frames - 2, n // 3, 3, 3))
        self.gradient = np.zeros((frames, n))
        self.border = np.zeros((frames, n, N_BORDER))
        self.corner = np.zeros((N_BORDER, N_BORDER))
        self.corner_gradient = np.zeros(N_BORDER)

    def add(self, rows: Rows | BlockRows) -> None:
        """Add one set of residuals, each weighted by its kernel at the present residual."""
        _, kernel_weight = robust(np.sum(rows.residual**2, axis=-1), rows.kernel, rows.scale)
        weight = rows.weight * kernel_weight
        if isinstance(rows, BlockRows):
            self._add_blocks(rows, weight)
        else:
            self._add_rows(rows, weight)

    def _add_rows(self, rows: Rows, weight: np.ndarray) -> None:
        frames, groups, k = rows.residual.shape
        root = np.repeat(np.sqrt(weight), k, axis=-1)
        r = root * rows.residual.reshape(frames, groups * k)
        jac = [root[..., None] * j.reshape(frames, groups * k, self.n) for j in rows.jacobians]
        for offset, j in enumerate(jac):
            here = slice(offset, offset + frames)
            j_t = j.transpose(0, 2, 1)
            self.diagonal[here] += j_t @ j
            self.gradient[here] += (j_t @ r[..., None])[..., 0]
        if len(jac) == 2:
            self.next_frame[:frames] += jac[0].transpose(0, 2, 1) @ jac[1]
        if rows.border is not None:
            b = root[..., None] * rows.border.reshape(frames, groups * k, N_BORDER)
            self.border[:frames] += jac[0].transpose(0, 2, 1) @ b
            self.corner += np.einsum("frb,frc->bc", b, b)
            self.corner_gradient += np.einsum("frb,fr->b", b, r)

    def _add_blocks(self, rows: BlockRows, weight: np.ndarray) -> None:
        frames, columns = len(rows.residual), rows.columns
        jac = rows.jacobians
        weighted = [weight[..., None, None] * j for j in jac]
        blocks = np.arange(3)
        row = (3 * columns[:, None, None] + blocks[:, None]) + 0 * blocks
        col = (3 * columns[:, None, None] + blocks) + 0 * blocks[:, None]
        for a, j_a in enumerate(jac):
            here = slice(a, a + frames)
            self.gradient[here][:, row[:, :, 0]] += np.einsum("fbrc,fbr->fbc", weighted[a], rows.residual)
            for b in range(a, len(jac)):
                product = j_a.swapaxes(-1, -2) @ weighted[b]
                if b == a:
                    self.diagonal[here][:, row, col] += product
                elif b == a + 1:
                    self.next_frame[here][:, row, col] += product
                else:
                    self.after_next[here][:, columns] += product

    def solve(self, damping: float) -> tuple[Float[np.ndarray, "frames n"], Float[np.ndarray, " 3"]]:
        """Return the damped Gauss-Newton step of the frames and of the border.

        Raises:
            numpy.linalg.LinAlgError: The damped system is not positive definite.
        """
        factor = cholesky_banded(self._banded(damping), overwrite_ab=True, check_finite=False)
        right = np.concatenate([self.gradient[..., None], self.border], axis=-1).reshape(-1, 1 + N_BORDER)
        solved = cho_solve_banded((factor, False), right, check_finite=False)
        border = self.border.reshape(-1, N_BORDER)
        corner = self.corner + damping * np.diag(np.diag(self.corner)) + 1e-9 * np.eye(N_BORDER)
        schur = corner - border.T @ solved[:, 1:]
        step_border = np.linalg.solve(schur, border.T @ solved[:, 0] - self.corner_gradient)
        step = -solved[:, 0] - solved[:, 1:] @ step_border
        return step.reshape(self.n_frames, self.n), step_border

    def _banded(self, damping: float) -> np.ndarray:
        """Upper banded storage of LAPACK: entry (i, j) lies at [width + i - j, j]."""
        n, frames = self.n, self.n_frames
        width = 2 * n + 2
        banded = np.zeros((width + 1, frames, n))
        i, j = np.triu_indices(n)
        banded[width + i - j, :, j] = self.diagonal[:, i, j].T
        i, j = (index.ravel() for index in np.indices((n, n)))
        banded[width + i - j - n, 1:, j] = self.next_frame[:, i, j].T
        block, r, c = (index.ravel() for index in np.indices((n // 3, 3, 3)))
        banded[width + r - c - 2 * n, 2:, 3 * block + c] = self.after_next[:, block, r, c].T
        banded[width] += damping * banded[width] + 1e-9
        return banded.reshape(width + 1, frames * n)
