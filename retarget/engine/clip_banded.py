"""Turns the linearised problem of a whole clip into a step, by LAPACK's banded Cholesky factorisation.

Frames follow each other, so frames that are two apart are the farthest that are coupled: the band is twice as wide as
a frame. It fills the gaps that the tree leaves and needs no compiled code of ours.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg.lapack import dpbsv

from retarget.engine.clip_pcg import ClipSystem
from retarget.engine.tree import KinematicTree
from robots.exceptions import InvalidArray


def solve_clip_banded(system: ClipSystem, tree: KinematicTree) -> Float[np.ndarray, "frames nv"]:
    """Minimise the quadratic model of a clip exactly.

    Raises:
        InvalidArray: The matrix is not positive definite: targets or weights are not finite.
    """
    frames, nv = system.gradient.shape
    band = _band(system, tree)
    free = np.where(system.fixed, 0.0, -system.gradient).reshape(-1)
    _, step, info = dpbsv(band.reshape(frames * nv, -1).T, free, lower=1, overwrite_ab=1)
    if info != 0:
        raise InvalidArray("target", problem="gives a cost without a minimum; check for NaN and negative weights")
    return step.reshape(frames, nv)


def _band(system: ClipSystem, tree: KinematicTree) -> Float[np.ndarray, "frames nv width"]:
    """Column ``(frame, i)`` holds what is ``k`` rows below its diagonal at ``[frame, i, k]``."""
    frames, nv = system.gradient.shape
    reach = 3 * nv if len(system.middle) else 2 * nv + 1  # the centre of mass couples whole frames with each other
    band = np.zeros((frames, nv, min(reach, frames * nv)))
    rows = np.repeat(np.arange(nv), tree.chain_length)
    columns = np.concatenate([tree.chain[i, :n] for i, n in enumerate(tree.chain_length)])
    band[:, columns, rows - columns] = system.hessian
    band[:, :, 0] += _time_diagonal(system)
    if frames > 1:
        band[:-1, :, nv] -= system.velocity
    if frames > 2:
        bend = system.acceleration
        band[:-2, :, nv] -= 2.0 * bend
        band[1:-1, :, nv] -= 2.0 * bend
        band[:-2, :, 2 * nv] += bend
    _add_com(band, system)
    return _without_fixed(band, system.fixed)


def _time_diagonal(system: ClipSystem) -> Float[np.ndarray, "frames nv"]:
    """Diagonal of damping and of the couplings in time."""
    diagonal = np.repeat(system.damping[:, None], system.gradient.shape[1], axis=1)
    diagonal[:-1] += system.velocity
    diagonal[1:] += system.velocity
    if len(diagonal) > 2:
        diagonal[:-2] += system.acceleration
        diagonal[1:-1] += 4.0 * system.acceleration
        diagonal[2:] += system.acceleration
    return diagonal


def _add_com(band: np.ndarray, system: ClipSystem) -> None:
    """Add the second differences of the centre of mass: dense blocks among three frames."""
    nv = band.shape[1]
    for middle in system.middle:
        parts = {
            middle + shift: scale * system.com_jacobian[system.com_row[middle + shift]]
            for shift, scale in ((-1, 1.0), (0, -2.0), (1, 1.0))
        }
        for early, a in parts.items():
            for late, b in parts.items():
                if late < early:
                    continue
                block = system.com_curvature * (b.T @ a)  # rows of the later frame, columns of the earlier one
                first = np.arange(nv) if late == early else np.zeros(nv, int)
                for column in range(nv):
                    start = (late - early) * nv + first[column] - column
                    band[early, column, start : start + nv - first[column]] += block[first[column] :, column]


def _without_fixed(band: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Cut fixed coordinates off from the others; their diagonal becomes 1."""
    frames, nv, width = band.shape
    flat = band.reshape(frames * nv, width)
    held = fixed.reshape(-1)
    flat[held] = 0.0
    beyond = np.concatenate([held, np.zeros(width, dtype=bool)])
    flat[np.lib.stride_tricks.sliding_window_view(beyond, width)[: len(held)]] = 0.0
    flat[held, 0] = 1.0
    return band
