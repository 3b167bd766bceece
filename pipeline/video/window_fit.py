"""Turns the tracked background of one keyframe into the camera's rotations since, turning or moving.

A camera that only turned is fitted as such, and one that also moved only where that explains the points much better:
on a far wall both look alike, and with translation as a free unknown noise would be read as half of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from pipeline.video.background import MIN_CORNERS, BackgroundWindow
from pipeline.video.bundle import adjust_rotations
from pipeline.video.rotation_fit import fit_rotation

TURNING_PX = 0.25
"""Typical error up to which a camera counts as turning only, where nothing else is known [px]."""

NEAR_MOVING_PX = 0.1
"""The same for a camera that moved just before or just after: it is likely to have gone on [px]."""

_INLIER_PX = 1.0
_MOVED_SHARE = 0.63
_EXPLAINED_PX = 2.0
_MIN_EXPLAINED_SHARE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowFit:
    """The camera's rotations within one window."""

    R: Float[np.ndarray, "frames 3 3"]
    """Keyframe's camera axes -> camera axes of each recorded picture."""
    measured: Bool[np.ndarray, " frames"]
    """Whether enough points agree with the rotation."""
    moved: bool
    """Whether the camera changed place as well."""


def fit_window(
    window: BackgroundWindow, K: Float[np.ndarray, "3 3"], tolerance_px: float, rng: np.random.Generator
) -> WindowFit:
    """Return the rotations of a window's recorded pictures.

    Args:
        window: Tracked corners.
        K: Intrinsics of its pictures [px].
        tolerance_px: A camera that turns explains the points to within this, typically [px].
        rng: Draws the samples of the robust fit.
    """
    if not window.pictures:
        return WindowFit(R=np.zeros((0, 3, 3)), measured=np.zeros(0, dtype=bool), moved=False)
    visible, focal = np.stack(window.visible), K[0, 0]
    before, after = _on_unit_plane(window.corners, K), _on_unit_plane(np.stack(window.seen), K)
    R, error = _fit_turns(before, after, visible, focal, rng)
    turned_px = _typical_error(error[visible])
    moved = False
    if turned_px > tolerance_px:
        R_moved, error_moved = adjust_rotations(before, after, visible, focal, R)
        moved = _typical_error(error_moved[visible]) < _MOVED_SHARE * turned_px
        if moved:
            R, error = R_moved, error_moved
    n_explained = ((error < _EXPLAINED_PX) & visible).sum(axis=1)
    enough = (n_explained >= MIN_CORNERS) & (n_explained >= _MIN_EXPLAINED_SHARE * visible.sum(axis=1))
    return WindowFit(R=R, measured=enough, moved=moved)


def _fit_turns(
    before: Float[np.ndarray, "points 2"],
    after: Float[np.ndarray, "frames points 2"],
    visible: Bool[np.ndarray, "frames points"],
    focal_px: float,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "frames 3 3"], Float[np.ndarray, "frames points"]]:
    """Fit each picture by a turn alone; also return the points' errors [px]."""
    R = np.empty((len(after), 3, 3))
    error = np.empty(visible.shape)
    a = _unit_rays(before)
    for i, alive in enumerate(visible):
        b = _unit_rays(after[i])
        R[i], _ = fit_rotation(a[alive], b[alive], _INLIER_PX / focal_px, rng)
        error[i] = focal_px * np.linalg.norm(a @ R[i].T - b, axis=1)
    return R, error


def _typical_error(error: Float[np.ndarray, " points"]) -> float:
    """Root mean square of the smaller four fifths [px]: a model must not win by what it makes of wrong matches."""
    n_kept = max(1, int(0.8 * len(error)))
    return float(np.sqrt(np.mean(np.partition(error, n_kept - 1)[:n_kept] ** 2)))


def _on_unit_plane(points: Float[np.ndarray, "*n 2"], K: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "*n 2"]:
    return (points.astype(np.float64) - K[:2, 2]) / K[[0, 1], [0, 1]]


def _unit_rays(points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 3"]:
    rays = np.column_stack([points, np.ones(len(points))])
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)
