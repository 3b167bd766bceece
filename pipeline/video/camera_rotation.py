"""Turns the background of successive pictures into the camera's rotation, with people masked out.

Corners of a keyframe are found again directly in each later picture (Lucas-Kanade, forwards and backwards), not handed
on from frame to frame, so no drift builds up while the keyframe lasts. When it wears out, the rotations of all pictures
since are fitted at once, and the next keyframe starts from the last of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from pipeline.video.bundle import adjust_rotations
from pipeline.video.rotation_fit import fit_rotation

_MAX_CORNERS = 400
_CORNER_QUALITY = 0.005
_CORNER_DISTANCE_PX = 8
_MIN_TRACKED = 60
_MIN_TRACKED_SHARE = 0.25
_BACKWARD_PX = 0.5
_STILL_PX = 0.25
_MAX_SHIFT_SHARE = 0.25
_MAX_PICTURES = 30
_TURNED_PX = 1.0
_ONLY_TURNED_PX = 0.25
_STILL_MOVING_PX = 0.1
_MOVED_SHARE = 0.63
_EXPLAINED_PX = 2.0
_MIN_EXPLAINED = 15
_MIN_EXPLAINED_SHARE = 0.4
_STATIC_CAMERA_RAD = np.radians(0.1)
_LK = {
    "winSize": (21, 21),
    "maxLevel": 3,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01),
    "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
}


@dataclass(slots=True, eq=False)
class _Keyframe:
    """A picture whose corners are looked for in later ones, and where they were found."""

    index: int
    gray: UInt8[np.ndarray, "height width"]
    corners: Float[np.ndarray, "points 2"]
    """[px]"""
    seen_at: Float[np.ndarray, "points 2"]
    """Where each was seen last [px]."""
    alive: Bool[np.ndarray, "points"]
    indices: list[int] = field(default_factory=list)
    """Pictures that moved against the keyframe, in which the corners were found."""
    history: list[tuple[Float[np.ndarray, "points 2"], Bool[np.ndarray, "points"]]] = field(default_factory=list)
    """Positions and liveness in those pictures."""

    def shift(self) -> float:
        """Median distance of the corners from the keyframe [px]."""
        return float(np.median(np.linalg.norm((self.seen_at - self.corners)[self.alive], axis=1)))


class CameraRotationTracker:
    """Follows the camera's rotation through one shot; feed it the pictures in order, then ask for the rotations."""

    def __init__(self, K: Float[np.ndarray, "3 3"], *, seed: int = 0) -> None:
        """Start before the first picture.

        Args:
            K: Intrinsics of the pictures that will come [px].
            seed: Seed of the robust fit's samples.
        """
        self._K = K
        self._rng = np.random.default_rng(seed)
        self._keyframe: _Keyframe | None = None
        self._R_w2c: list[np.ndarray] = []
        self._measured: list[bool] = []
        self._is_moving = False

    def update(self, gray: UInt8[np.ndarray, "height width"], person_boxes: Sequence[Float[np.ndarray, "4"]]) -> None:
        """Take the next picture.

        Args:
            gray: The picture.
            person_boxes: Boxes x0, y0, x1, y1 of everything known to move by itself [px].
        """
        background = _background_mask(gray.shape, person_boxes)
        index = len(self._R_w2c)
        keyframe = self._keyframe
        self._R_w2c.append(np.eye(3) if keyframe is None else self._R_w2c[keyframe.index])
        self._measured.append(True)
        if keyframe is not None:
            _track(keyframe, gray, background)
            if keyframe.alive.sum() < _MIN_EXPLAINED:
                self._fit(keyframe)
                self._R_w2c[index] = self._R_w2c[index - 1]
                self._measured[index] = False
            else:
                # Below what can be told from noise the rotation stays the same to the last bit: no drift.
                if keyframe.shift() >= _STILL_PX:
                    keyframe.indices.append(index)
                    keyframe.history.append((keyframe.seen_at, keyframe.alive))
                if not _is_worn_out(keyframe, gray.shape[1]):
                    return
                self._fit(keyframe)
        self._keyframe = _new_keyframe(index, gray, background)

    def finish(self) -> tuple[Float[np.ndarray, "frames 3 3"], Bool[np.ndarray, "frames"]]:
        """Return rotations from the first picture's camera axes to each one's, and where they were measured.

        Where they were not (too few background points), the rotation of the picture before is carried over.
        """
        if self._keyframe is not None:
            self._fit(self._keyframe)
            self._keyframe = None
        return np.array(self._R_w2c).reshape(-1, 3, 3), np.array(self._measured, dtype=bool)

    def _fit(self, keyframe: _Keyframe) -> None:
        """Fit all pictures since a keyframe and chain them to its own rotation."""
        if not keyframe.indices:
            return
        seen = np.stack([points for points, _ in keyframe.history])
        visible = np.stack([alive for _, alive in keyframe.history])
        # A camera that just moved is likely to go on: less is asked to believe it again, as in a short last window.
        tolerance = _STILL_MOVING_PX if self._is_moving else _ONLY_TURNED_PX
        R, measured, self._is_moving = _fit_window(keyframe.corners, seen, visible, self._K, tolerance, self._rng)
        R_keyframe = self._R_w2c[keyframe.index]
        for i, index in enumerate(keyframe.indices):
            self._R_w2c[index] = R[i] @ R_keyframe if measured[i] else self._R_w2c[index - 1]
            self._measured[index] = bool(measured[i])


def is_static(R_w2c: Float[np.ndarray, "frames 3 3"]) -> bool:
    """Return whether a camera never turned by more than 0.1 degrees, which is below what the tracking can tell."""
    relative = R_w2c @ R_w2c[0].T
    sine = np.linalg.norm(relative - np.swapaxes(relative, 1, 2), axis=(1, 2)) / np.sqrt(8.0)
    forward = np.trace(relative, axis1=1, axis2=2) > 1.0
    return bool((forward & (sine < np.sin(_STATIC_CAMERA_RAD))).all())


def _fit_window(
    corners: Float[np.ndarray, "points 2"],
    seen: Float[np.ndarray, "frames points 2"],
    visible: Bool[np.ndarray, "frames points"],
    K: Float[np.ndarray, "3 3"],
    tolerance_px: float,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "frames 3 3"], Bool[np.ndarray, "frames"], bool]:
    """Rotations from the keyframe's axes, whether enough points agree with each, and whether the camera moved too.

    A camera that only turned is fitted as such, and one that also moved only where that explains the points much
    better: on a far wall both look alike, and with translation as a free unknown noise would be read as half of each.
    """
    focal = K[0, 0]
    before, after = _on_unit_plane(corners, K), _on_unit_plane(seen, K)
    R = np.empty((len(seen), 3, 3))
    error = np.empty(visible.shape)
    for i, alive in enumerate(visible):
        a, b = _unit_rays(before), _unit_rays(after[i])
        R[i], _ = fit_rotation(a[alive], b[alive], _TURNED_PX / focal, rng)
        error[i] = focal * np.linalg.norm(a @ R[i].T - b, axis=1)
    turned_px = _typical_error(error[visible])
    moved = False
    if turned_px > tolerance_px:
        R_moved, error_moved = adjust_rotations(before, after, visible, focal, R)
        moved = _typical_error(error_moved[visible]) < _MOVED_SHARE * turned_px
        if moved:
            R, error = R_moved, error_moved
    n_explained = ((error < _EXPLAINED_PX) & visible).sum(axis=1)
    enough = (n_explained >= _MIN_EXPLAINED) & (n_explained >= _MIN_EXPLAINED_SHARE * visible.sum(axis=1))
    return R, enough, moved


def _typical_error(error: Float[np.ndarray, "points"]) -> float:
    """Root mean square of the smaller four fifths [px]: a model must not win by what it makes of wrong matches."""
    n_kept = max(1, int(0.8 * len(error)))
    return float(np.sqrt(np.mean(np.partition(error, n_kept - 1)[:n_kept] ** 2)))


def _on_unit_plane(points: Float[np.ndarray, "*n 2"], K: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "*n 2"]:
    return (points.astype(np.float64) - K[:2, 2]) / K[[0, 1], [0, 1]]


def _unit_rays(points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 3"]:
    rays = np.column_stack([points, np.ones(len(points))])
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def _new_keyframe(
    index: int, gray: UInt8[np.ndarray, "height width"], background: UInt8[np.ndarray, "height width"]
) -> _Keyframe:
    found = cv2.goodFeaturesToTrack(gray, _MAX_CORNERS, _CORNER_QUALITY, _CORNER_DISTANCE_PX, mask=background)
    corners = np.zeros((0, 2), dtype=np.float32) if found is None else found.reshape(-1, 2)
    return _Keyframe(index=index, gray=gray, corners=corners, seen_at=corners, alive=np.ones(len(corners), dtype=bool))


def _is_worn_out(keyframe: _Keyframe, width: int) -> bool:
    n_alive = int(keyframe.alive.sum())
    return (
        n_alive < max(_MIN_TRACKED, _MIN_TRACKED_SHARE * len(keyframe.corners))
        or keyframe.shift() > _MAX_SHIFT_SHARE * width
        or len(keyframe.indices) >= _MAX_PICTURES
    )


def _background_mask(
    shape: tuple[int, ...], person_boxes: Sequence[Float[np.ndarray, "4"]]
) -> UInt8[np.ndarray, "height width"]:
    """255 everywhere but on people, whose boxes are widened: landmarks end at wrists, eyes and toes."""
    mask = np.full(shape, 255, dtype=np.uint8)
    for x0, y0, x1, y1 in person_boxes:
        dx, dy = 0.2 * (x1 - x0), 0.1 * (y1 - y0)
        left, right = np.clip([x0 - dx, x1 + dx], 0, shape[1]).astype(int)
        top, bottom = np.clip([y0 - dy, y1 + dy], 0, shape[0]).astype(int)
        mask[top:bottom, left:right] = 0
    return mask


def _track(
    keyframe: _Keyframe, gray: UInt8[np.ndarray, "height width"], background: UInt8[np.ndarray, "height width"]
) -> None:
    """Find the keyframe's corners in a new picture; those that cannot be followed there and back are given up."""
    alive: Int[np.ndarray, "alive"] = np.flatnonzero(keyframe.alive)
    if len(alive) == 0:
        return
    corners = keyframe.corners[alive]
    ahead, ok_ahead, _ = cv2.calcOpticalFlowPyrLK(keyframe.gray, gray, corners, keyframe.seen_at[alive], **_LK)
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(gray, keyframe.gray, ahead, corners.copy(), **_LK)
    height, width = gray.shape
    column, row = np.clip(ahead, 0, [width - 1, height - 1]).astype(int).T
    good = (
        (ok_ahead.ravel() == 1)
        & (ok_back.ravel() == 1)
        & ((ahead >= 0) & (ahead <= [width - 1, height - 1])).all(axis=1)
        & (np.linalg.norm(back - corners, axis=1) < _BACKWARD_PX)
        & (background[row, column] > 0)
    )
    keyframe.seen_at, keyframe.alive = keyframe.seen_at.copy(), np.zeros_like(keyframe.alive)
    keyframe.seen_at[alive[good]] = ahead[good]
    keyframe.alive[alive[good]] = True
