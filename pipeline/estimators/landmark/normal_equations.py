"""Turns weighted residual blocks of a whole clip into one banded linear system, and solves it.

Unknowns: ``n`` per frame (in blocks of three) and a few global ones (the border). Residuals couple at most
three neighbouring frames, so J^T J is banded, and time and memory grow linearly with the clip. The band is all that
is kept of a clip: residuals arrive some frames at a time, and the factor takes the band's own place. The border is
eliminated by its Schur complement. Triggs et al., "Bundle Adjustment - A Modern Synthesis", 1999, sec. 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from numpy.lib.stride_tricks import as_strided
from scipy.linalg import cho_solve_banded, cholesky_banded

N_BORDER = 3
"""Global unknowns: two tilts of the up direction, and the height of the floor."""
REACH = 2
"""Residuals of one frame depend on it and on at most this many that follow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Residuals of one kind in units of their standard deviation, in groups that are robust as a whole."""

    residual: Float[np.ndarray, "frames groups rows"]
    jacobians: Callable[[], tuple[Float[np.ndarray, "frames groups rows n"], ...]]
    """Makes the derivatives by the unknowns of frame f, f + 1, ... on demand: a cost is known without them."""
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
    jacobians: Callable[[], tuple[Float[np.ndarray, "frames blocks 3 3"], ...]]
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


AnyRows = Rows | BlockRows


def cost(rows: AnyRows, n_frames: int | None = None) -> float:
    """Robust cost of a set of residuals, or of those of its first frames alone."""
    residual, weight, scale = _first(rows, n_frames)
    values, _ = robust(np.sum(residual**2, axis=-1), rows.kernel, scale)
    return float(np.sum(weight * values))


def _first(rows: AnyRows, n_frames: int | None) -> tuple[np.ndarray, np.ndarray, float | np.ndarray]:
    """Residuals, weights and scales of the first frames."""
    scale = rows.scale
    if isinstance(scale, np.ndarray) and len(scale) > 1:
        scale = scale[:n_frames]
    return rows.residual[:n_frames], rows.weight[:n_frames], scale


@dataclass(slots=True, eq=False)
class NormalEquations:
    """Accumulates J^T W J and J^T W r, some frames at a time; :meth:`solve` gives the step and uses them up."""

    n_frames: int
    n: int
    gradient: np.ndarray = field(init=False)
    corner_gradient: np.ndarray = field(init=False)
    _band: np.ndarray = field(init=False)
    """Lower band, the only thing that is large: entry (i, j) lies at [frame of j, j within it, i - j]."""
    _border: np.ndarray = field(init=False)
    _corner: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Start from zero."""
        frames, n = self.n_frames, self.n
        # Frame f is coupled with f + 2 within blocks of three only: the band ends with the last such block.
        self._band = np.zeros((frames, n, REACH * n + 3))
        self.gradient = np.zeros((frames, n))
        self._border = np.zeros((frames, n, N_BORDER))
        self._corner = np.zeros((N_BORDER, N_BORDER))
        self.corner_gradient = np.zeros(N_BORDER)

    def reset(self) -> None:
        """Go back to zero in the same memory."""
        for array in (self._band, self.gradient, self._border, self._corner, self.corner_gradient):
            array.fill(0.0)

    def add(self, sets: Iterable[AnyRows], first: int = 0, n_frames: int | None = None) -> None:
        """Add sets of residuals, each weighted by its kernel at the present residual.

        Args:
            sets: Residuals of the frames from ``first`` on.
            first: Frame of their first row.
            n_frames: How many frames' rows to add; rows beyond belong to whoever adds the next frames.
        """
        n_frames = self.n_frames - first if n_frames is None else n_frames
        reached = slice(first, min(first + n_frames + REACH, self.n_frames))
        n = self.n
        # Rows of coupling with this frame, the next and the one after; two columns of zeros end the last block.
        coupling = np.zeros((reached.stop - first, n, (1 + REACH) * n + 2))
        for rows in sets:
            residual, weight, scale = _first(rows, n_frames)
            _, kernel_weight = robust(np.sum(residual**2, axis=-1), rows.kernel, scale)
            jacobians = tuple(jacobian[: len(residual)] for jacobian in rows.jacobians())
            if isinstance(rows, BlockRows):
                self._add_blocks(coupling, first, residual, weight * kernel_weight, jacobians, rows.columns)
            else:
                self._add_rows(coupling, first, residual, weight * kernel_weight, jacobians, rows.border)
        self._band[reached] += _skewed(coupling)

    def _add_rows(
        self,
        coupling: np.ndarray,
        first: int,
        residual: np.ndarray,
        weight: np.ndarray,
        jacobians: tuple[np.ndarray, ...],
        border: np.ndarray | None,
    ) -> None:
        frames, groups, k = residual.shape
        root = np.repeat(np.sqrt(weight), k, axis=-1)
        r = root * residual.reshape(frames, groups * k)
        jac = [root[..., None] * j.reshape(frames, groups * k, self.n) for j in jacobians]
        for offset, j in enumerate(jac):
            here = slice(offset, offset + frames)
            j_t = j.transpose(0, 2, 1)
            coupling[here, :, : self.n] += j_t @ j
            self.gradient[first:][here] += (j_t @ r[..., None])[..., 0]
        if len(jac) == 2:
            coupling[:frames, :, self.n : 2 * self.n] += jac[0].transpose(0, 2, 1) @ jac[1]
        if border is not None:
            b = root[..., None] * border[:frames].reshape(frames, groups * k, N_BORDER)
            self._border[first : first + frames] += jac[0].transpose(0, 2, 1) @ b
            self._corner += np.einsum("frb,frc->bc", b, b)
            self.corner_gradient += np.einsum("frb,fr->b", b, r)

    def _add_blocks(
        self,
        coupling: np.ndarray,
        first: int,
        residual: np.ndarray,
        weight: np.ndarray,
        jacobians: tuple[np.ndarray, ...],
        columns: np.ndarray,
    ) -> None:
        frames, within = len(residual), np.arange(3)
        weighted = [weight[..., None, None] * j for j in jacobians]
        row = (3 * columns[:, None, None] + within[:, None]) + 0 * within
        col = (3 * columns[:, None, None] + within) + 0 * within[:, None]
        for a, j_a in enumerate(jacobians):
            here = slice(a, a + frames)
            self.gradient[first:][here][:, row[:, :, 0]] += np.einsum("fbrc,fbr->fbc", weighted[a], residual)
            for b in range(a, len(jacobians)):
                coupling[here][:, row, (b - a) * self.n + col] += j_a.swapaxes(-1, -2) @ weighted[b]

    def solve(self, damping: float) -> tuple[Float[np.ndarray, "frames n"], Float[np.ndarray, " 3"]]:
        """Return the damped Gauss-Newton step of the frames and of the border.

        The factor is made in the band's own memory: afterwards the equations are gone, :meth:`reset` begins anew.

        Raises:
            numpy.linalg.LinAlgError: The damped system is not positive definite.
        """
        band = self._band.reshape(-1, self._band.shape[-1]).T  # LAPACK's column order, without a copy
        band[0] += damping * band[0] + 1e-9
        factor = cholesky_banded(band, lower=True, overwrite_ab=True, check_finite=False)
        right = np.concatenate([self.gradient[..., None], self._border], axis=-1).reshape(-1, 1 + N_BORDER)
        solved = cho_solve_banded((factor, True), right, check_finite=False)
        border = self._border.reshape(-1, N_BORDER)
        corner = self._corner + damping * np.diag(np.diag(self._corner)) + 1e-9 * np.eye(N_BORDER)
        schur = corner - border.T @ solved[:, 1:]
        step_border = np.linalg.solve(schur, border.T @ solved[:, 0] - self.corner_gradient)
        step = -solved[:, 0] - solved[:, 1:] @ step_border
        return step.reshape(self.n_frames, self.n), step_border


def _skewed(coupling: Float[np.ndarray, "frames n columns"]) -> Float[np.ndarray, "frames n band"]:
    """See rows of an upper triangle, each from its diagonal on: a symmetric matrix' lower band, column by column."""
    frames, n, _ = coupling.shape
    by_frame, by_row, by_column = coupling.strides
    shape = (frames, n, REACH * n + 3)
    return as_strided(coupling, shape, (by_frame, by_row + by_column, by_column), writeable=False)
