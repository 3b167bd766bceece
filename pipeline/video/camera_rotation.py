"""Turns the background of successive pictures into the camera's rotation and zoom.

The shot is cut into windows, each with a keyframe; rotations of all pictures of a window are fitted at once, and the
last of them is where the next window starts. What a window saw is let go as soon as the one after it is fitted, so that
an hour of video needs no more memory than its rotations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from pipeline.video.background import BackgroundWindow, WindowTracks, background_mask
from pipeline.video.shake import find_shaken
from pipeline.video.window_fit import NEAR_MOVING_PX, TURNING_PX, WindowFit, fit_window
from pipeline.video.zoom import find_zooming

_STATIC_CAMERA_RAD = np.radians(0.1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraMotion:
    """How the camera turned and zoomed through one shot, and where that is doubtful."""

    R_w2c: Float[np.ndarray, "pictures 3 3"]
    """Rotation from the first picture's camera axes to each one's."""
    measured: Bool[np.ndarray, " pictures"]
    """Whether it was measured; where not (too few background points), that of the picture before is carried over."""
    zooming: Bool[np.ndarray, " pictures"]
    """Whether the focal length is changing."""
    shaken: Bool[np.ndarray, " pictures"]
    """Whether the camera is jolted so that a rolling shutter bends the picture; see :func:`find_shaken`."""
    zoom: Float[np.ndarray, " pictures"]
    """Focal length relative to the first picture's."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FittedWindow:
    keyframe: int
    pictures: Int[np.ndarray, " frames"]
    fit: WindowFit


class CameraRotationTracker:
    """Follows the camera's rotation through one shot; feed it the pictures in order, then ask for the rotations."""

    def __init__(self, K: Float[np.ndarray, "3 3"], *, seed: int = 0) -> None:
        """Start before the first picture.

        Args:
            K: Intrinsics of the pictures that will come; those of the first one, if the lens zooms [px].
            seed: Seed of the robust fit's samples.
        """
        self._K = K
        self._rng = np.random.default_rng(seed)
        self._window: BackgroundWindow | None = None
        self._before: WindowTracks | None = None  # of the latest fitted window, which may have to be fitted again
        self._fitted: list[_FittedWindow] = []
        self._lost: set[int] = set()
        self._n_pictures = 0
        self._height_px = 0
        self._zoom = 1.0  # of the open window's keyframe

    def update(self, gray: UInt8[np.ndarray, "height width"], person_boxes: Sequence[Float[np.ndarray, " 4"]]) -> None:
        """Take the next picture.

        Args:
            gray: The picture.
            person_boxes: Boxes x0, y0, x1, y1 of everything known to move by itself [px].
        """
        background = background_mask(gray.shape, person_boxes)
        index, window = self._n_pictures, self._window
        self._n_pictures += 1
        self._height_px = gray.shape[0]
        if window is not None:
            if not window.follow(index, gray, background):
                self._lost.add(index)
            elif not window.is_worn_out():
                return
            self._close(window.tracks())
        self._window = BackgroundWindow.start(index, gray, background)

    def finish(self, times: Float[np.ndarray, " pictures"] | None = None) -> CameraMotion:
        """Return how the camera turned and zoomed.

        Args:
            times: Time of each picture, where they are not evenly spaced [s]; only the shake's measure needs it.
        """
        if self._window is not None:
            self._close(self._window.tracks())
            self._window = self._before = None
        n = self._n_pictures
        R_w2c = np.broadcast_to(np.eye(3), (n, 3, 3)).copy()
        zoom, bend = np.ones(n), np.zeros(n)
        measured = np.ones(n, dtype=bool)
        measured[list(self._lost)] = False
        for window in self._fitted:
            self._chain(window, R_w2c, zoom, bend, measured)
        return CameraMotion(
            R_w2c=R_w2c,
            measured=measured,
            zooming=find_zooming(zoom),
            shaken=find_shaken(R_w2c, measured, focal_per_height=self._focal_per_height(zoom), bend=bend, times=times),
            zoom=zoom,
        )

    def _focal_per_height(self, zoom: Float[np.ndarray, " pictures"]) -> Float[np.ndarray, " pictures"]:
        return self._K[1, 1] * zoom / max(1, self._height_px)

    def _close(self, tracks: WindowTracks) -> None:
        """Fit a window, and the one before again, less firmly believing in a mere turn, if the camera moved in this."""
        before = self._fitted[-1] if self._fitted else None
        was_moving = before is not None and before.fit.moved
        fit = self._fit(tracks, NEAR_MOVING_PX if was_moving else TURNING_PX, self._zoom)
        if fit.moved and before is not None and not was_moving and self._before is not None:
            self._fitted[-1] = self._refit(before, self._before)
        self._fitted.append(_FittedWindow(keyframe=tracks.keyframe, pictures=tracks.pictures, fit=fit))
        self._before = tracks
        if len(fit.zoom):
            self._zoom *= float(fit.zoom[-1]) if fit.measured[-1] else 1.0

    def _refit(self, window: _FittedWindow, tracks: WindowTracks) -> _FittedWindow:
        last = window.fit.zoom[-1] if len(window.fit.zoom) and window.fit.measured[-1] else 1.0
        fit = self._fit(tracks, NEAR_MOVING_PX, self._zoom / float(last))
        return _FittedWindow(keyframe=window.keyframe, pictures=window.pictures, fit=fit)

    def _fit(self, tracks: WindowTracks, tolerance_px: float, zoom: float) -> WindowFit:
        return fit_window(tracks, self._K * np.array([[zoom, 1, 1], [1, zoom, 1], [1, 1, 1]]), tolerance_px, self._rng)

    def _chain(
        self,
        window: _FittedWindow,
        R_w2c: Float[np.ndarray, "pictures 3 3"],
        zoom: Float[np.ndarray, " pictures"],
        bend: Float[np.ndarray, " pictures"],
        measured: Bool[np.ndarray, " pictures"],
    ) -> None:
        """Write what a window tells, given what the pictures before it do."""
        start, fit = window.keyframe, window.fit
        known = start - 1 if start in self._lost else start
        R_keyframe, zoom_keyframe = R_w2c[known].copy(), float(zoom[known])
        R_w2c[start:] = R_keyframe  # a picture without a shift keeps it to the last bit: no drift
        zoom[start:] = zoom_keyframe
        for i, index in enumerate(window.pictures):
            R_w2c[index] = fit.R[i] @ R_keyframe if fit.measured[i] else R_w2c[index - 1]
            zoom[index] = fit.zoom[i] * zoom_keyframe if fit.measured[i] else zoom[index - 1]
            bend[index] = fit.bend[i]
            measured[index] = fit.measured[i]


def is_static(R_w2c: Float[np.ndarray, "frames 3 3"]) -> bool:
    """Return whether a camera never turned by more than 0.1 degrees, which is below what the tracking can tell."""
    relative = R_w2c @ R_w2c[0].T
    sine = np.linalg.norm(relative - np.swapaxes(relative, 1, 2), axis=(1, 2)) / np.sqrt(8.0)
    forward = np.trace(relative, axis1=1, axis2=2) > 1.0
    return bool((forward & (sine < np.sin(_STATIC_CAMERA_RAD))).all())
