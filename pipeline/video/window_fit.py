"""Turns the tracked background of one keyframe into the camera's rotations since, turning, zooming or moving.

A camera that only turned is fitted as such, and one that also zoomed or moved only where that explains the points much
better: on a far wall all look alike, and with translation as a free unknown noise would be read as half of each.

Going forward and zooming both drive the points apart. They are told apart by parallax: what is near moves faster when
the camera goes, and not when it zooms. Where everything is equally far (a backdrop that fills the picture) nothing can
tell, and the simpler account, a zoom, is taken; the rotation is much the same by either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.video.background import MIN_CORNERS, WindowTracks
from pipeline.video.bundle import BundleFit, adjust_rotations
from pipeline.video.rotation_fit import fit_rotation, fit_rotation_and_zoom, unit_rays

TURNING_PX = 0.25
"""Typical error up to which a camera counts as turning only, where nothing else is known [px]."""

NEAR_MOVING_PX = 0.1
"""The same for a camera that moved just before or just after: it is likely to have gone on [px]."""

_INLIER_PX = 1.0
_BETTER_SHARE = 0.63  # of the simpler account's error: what a richer one must get below to be believed
_CHUNK = 8  # pictures; an account must hold for the worst few of them: a zoom may begin at the end of a window
_PARALLAX_PX = 1.0  # a point explained to within this by a camera that moved, and not by one that zoomed, has parallax
_MAX_PARALLAX_SHARE = 0.05
# A zoom lets a camera that moves seem to go forward past points at impossible depths: if it takes the advance away, a
# little better an explanation is enough.
_CONFIRMED_SHARE = 0.93
_MIN_ZOOM = 0.004  # smaller changes of the focal length cannot be told from what a real lens does to straight lines
_MIN_ADVANCE = 0.01  # of the typical depth; a camera that went less far cannot be mistaken for one that zoomed
_EXPLAINED_PX = 2.0
_MIN_EXPLAINED_SHARE = 0.4
# A keyframe most of whose corners are gone two pictures on had corners of grain, and what is left goes anywhere. Later
# they leave the picture, or go behind somebody.
_FRESH, _MIN_FRESH_SHARE = 2, 0.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowFit:
    """The camera's rotations within one window."""

    R: Float[np.ndarray, "frames 3 3"]
    """Keyframe's camera axes -> camera axes of each recorded picture."""
    zoom: Float[np.ndarray, " frames"]
    """Focal length of each recorded picture, that of the keyframe being one."""
    bend: Float[np.ndarray, " frames"]
    """By how much the lowest row is shifted sideways against the topmost, beyond what the turn explains and unlike in
    the pictures before and after, as a share of the picture's height: a rolling shutter's work. Parallax and a tilted
    lens do the same, but steadily."""
    measured: Bool[np.ndarray, " frames"]
    """Whether enough points agree with the rotation."""
    moved: bool
    """Whether the camera changed place as well."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Account:
    """One way to explain a window."""

    R: Float[np.ndarray, "frames 3 3"]
    zoom: Float[np.ndarray, " frames"]
    error: Float[np.ndarray, "frames points"]
    typical_px: float
    moved: bool = False


def fit_window(
    tracks: WindowTracks, K: Float[np.ndarray, "3 3"], tolerance_px: float, rng: np.random.Generator
) -> WindowFit:
    """Return the rotations of a window's recorded pictures.

    Args:
        tracks: Tracked corners.
        K: Intrinsics of the keyframe [px].
        tolerance_px: A camera that turns explains the points to within this, typically [px].
        rng: Draws the samples of the robust fit.
    """
    n_frames = len(tracks.pictures)
    if n_frames == 0:
        none = np.zeros(0)
        return WindowFit(R=np.zeros((0, 3, 3)), zoom=none, bend=none, measured=none.astype(bool), moved=False)
    visible, focal = tracks.visible, float(K[0, 0])
    before, after = _on_unit_plane(tracks.corners, K), _on_unit_plane(tracks.seen, K)
    turned = best = _turning(before, after, visible, focal, rng)
    if turned.typical_px > tolerance_px:
        best = _best_account(turned, before, after, visible, focal, rng)
    n_explained = ((best.error < _EXPLAINED_PX) & visible).sum(axis=1)
    enough = (n_explained >= MIN_CORNERS) & (not _is_grain(tracks))
    enough &= n_explained >= _MIN_EXPLAINED_SHARE * visible.sum(axis=1)
    bend = _unlike_neighbours(_row_skew(before, after, visible, best, focal), tracks.pictures)
    return WindowFit(R=best.R, zoom=best.zoom, bend=bend, measured=enough, moved=best.moved)


def _is_grain(tracks: WindowTracks) -> bool:
    fresh = tracks.pictures <= tracks.keyframe + _FRESH
    return bool((tracks.visible[fresh].sum(axis=1) < _MIN_FRESH_SHARE * len(tracks.corners)).any())


def _best_account(
    turned: _Account,
    before: Float[np.ndarray, "points 2"],
    after: Float[np.ndarray, "frames points 2"],
    visible: Bool[np.ndarray, "frames points"],
    focal_px: float,
    rng: np.random.Generator,
) -> _Account:
    """Choose between having turned, zoomed, moved, or zoomed and moved; the fewer unknowns the better."""
    zoomed = _zooming(before, after, visible, focal_px, rng)
    bundle = adjust_rotations(before, after, visible, focal_px, turned.R)
    moved = _moving(bundle, visible)
    has_zoomed = zoomed.typical_px < _BETTER_SHARE * turned.typical_px and _zooms(zoomed)
    if has_zoomed and _parallax_share(zoomed, moved, visible) < _MAX_PARALLAX_SHARE:
        return zoomed
    if moved.typical_px >= _BETTER_SHARE * turned.typical_px:
        return turned
    if _advance(bundle) > _MIN_ADVANCE:
        bundle_both = adjust_rotations(before, after, visible, focal_px, zoomed.R, zoomed.zoom)
        both = _moving(bundle_both, visible)
        explains = both.typical_px < _CONFIRMED_SHARE * moved.typical_px and _zooms(both)
        if explains and _advance(bundle_both) < 0.5 * _advance(bundle):
            return both
    return moved


def _advance(bundle: BundleFit) -> float:
    """How far the camera went forward or back at most, in units of the typical depth."""
    return float(np.abs(bundle.t[:, 2]).max())


def _zooms(account: _Account) -> bool:
    return bool(np.abs(np.log(account.zoom)).max() > _MIN_ZOOM)


def _parallax_share(zoomed: _Account, moved: _Account, visible: Bool[np.ndarray, "frames points"]) -> float:
    """Share of the points that a zoom leaves unexplained and a moving camera does not, where it zoomed most.

    A share, since the typical point hardly tells: most are on the far wall.
    """
    log_zoom = np.abs(np.log(zoomed.zoom))
    most = log_zoom >= 0.5 * log_zoom.max()
    told = (zoomed.error[most] > _PARALLAX_PX) & (moved.error[most] < _PARALLAX_PX) & visible[most]
    return float(told.sum() / max(1, visible[most].sum()))


def _turning(
    before: Float[np.ndarray, "points 2"],
    after: Float[np.ndarray, "frames points 2"],
    visible: Bool[np.ndarray, "frames points"],
    focal_px: float,
    rng: np.random.Generator,
) -> _Account:
    """Fit each picture by a turn alone."""
    R = np.empty((len(after), 3, 3))
    error = np.empty(visible.shape)
    a = unit_rays(before)
    for i, alive in enumerate(visible):
        b = unit_rays(after[i])
        R[i], _ = fit_rotation(a[alive], b[alive], _INLIER_PX / focal_px, rng)
        error[i] = focal_px * np.linalg.norm(a @ R[i].T - b, axis=1)
    return _Account(R=R, zoom=np.ones(len(after)), error=error, typical_px=_typical_error(error, visible))


def _zooming(
    before: Float[np.ndarray, "points 2"],
    after: Float[np.ndarray, "frames points 2"],
    visible: Bool[np.ndarray, "frames points"],
    focal_px: float,
    rng: np.random.Generator,
) -> _Account:
    """Fit each picture by a turn and a focal length."""
    R, zoom = np.empty((len(after), 3, 3)), np.empty(len(after))
    for i, alive in enumerate(visible):
        R[i], zoom[i] = fit_rotation_and_zoom(before[alive], after[i][alive], _INLIER_PX / focal_px, rng)
    error = focal_px * np.linalg.norm(_reprojection_residual(before, after, R, zoom), axis=2)
    return _Account(R=R, zoom=zoom, error=error, typical_px=_typical_error(error, visible))


def _moving(bundle: BundleFit, visible: Bool[np.ndarray, "frames points"]) -> _Account:
    typical = _typical_error(bundle.error, visible)
    return _Account(R=bundle.R, zoom=bundle.zoom, error=bundle.error, typical_px=typical, moved=True)


def _row_skew(
    before: Float[np.ndarray, "points 2"],
    after: Float[np.ndarray, "frames points 2"],
    visible: Bool[np.ndarray, "frames points"],
    account: _Account,
    focal_px: float,
) -> Float[np.ndarray, " frames"]:
    """Slope, over the rows, of how far points lie beside where turn and zoom would have them (weighted fit)."""
    dx = -_reprojection_residual(before, after, account.R, account.zoom)[..., 0]
    y = after[..., 1]
    error = focal_px * np.abs(dx - np.median(dx, axis=1, keepdims=True))
    weight = visible / (1.0 + (error / _EXPLAINED_PX) ** 2)
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    y = y - (weight * y).sum(axis=1, keepdims=True) / total
    dx = dx - (weight * dx).sum(axis=1, keepdims=True) / total
    return (weight * y * dx).sum(axis=1) / np.maximum((weight * y * y).sum(axis=1), 1e-9)


def _unlike_neighbours(
    values: Float[np.ndarray, " frames"], pictures: Int[np.ndarray, " frames"]
) -> Float[np.ndarray, " frames"]:
    """Difference from the mean of the pictures before and after; zero where one of them was not recorded."""
    unlike = np.zeros(len(values))
    unlike[1:-1] = values[1:-1] - 0.5 * (values[:-2] + values[2:])
    unlike[1:-1][np.diff(pictures, n=1)[1:] + np.diff(pictures, n=1)[:-1] != 2] = 0.0
    return unlike


def _reprojection_residual(
    before: Float[np.ndarray, "points 2"],
    after: Float[np.ndarray, "frames points 2"],
    R: Float[np.ndarray, "frames 3 3"],
    zoom: Float[np.ndarray, " frames"],
) -> Float[np.ndarray, "frames points 2"]:
    """Where a turn and a zoom take the points, less where they are, on the plane z = 1."""
    ray = np.column_stack([before, np.ones(len(before))]) @ np.swapaxes(R, 1, 2)
    return zoom[:, None, None] * ray[..., :2] / np.maximum(ray[..., 2:], 1e-3) - after


def _typical_error(error: Float[np.ndarray, "frames points"], visible: Bool[np.ndarray, "frames points"]) -> float:
    """Root mean square of the smaller four fifths [px], in the worst stretch of a few pictures.

    Of four fifths, since a model must not win by what it makes of wrong matches.
    """
    n_chunks = max(1, len(error) // _CHUNK)
    chunks = zip(np.array_split(error, n_chunks), np.array_split(visible, n_chunks), strict=True)
    return max(_trimmed_rms(e[v]) for e, v in chunks)


def _trimmed_rms(error: Float[np.ndarray, " points"]) -> float:
    if len(error) == 0:
        return 0.0
    n_kept = max(1, int(0.8 * len(error)))
    return float(np.sqrt(np.mean(np.partition(error, n_kept - 1)[:n_kept] ** 2)))


def _on_unit_plane(points: Float[np.ndarray, "*n 2"], K: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "*n 2"]:
    return (points.astype(np.float64) - K[:2, 2]) / K[[0, 1], [0, 1]]
