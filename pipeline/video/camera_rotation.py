"""Turns the background of successive pictures into the camera's rotation.

The shot is cut into windows, each with a keyframe; rotations of all pictures of a window are fitted at once, and the
last of them is where the next window starts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8

from pipeline.video.background import BackgroundWindow, background_mask
from pipeline.video.window_fit import NEAR_MOVING_PX, TURNING_PX, WindowFit, fit_window

_STATIC_CAMERA_RAD = np.radians(0.1)


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
        self._window: BackgroundWindow | None = None
        self._fitted: list[tuple[BackgroundWindow, WindowFit]] = []
        self._lost: set[int] = set()
        self._n_pictures = 0

    def update(self, gray: UInt8[np.ndarray, "height width"], person_boxes: Sequence[Float[np.ndarray, " 4"]]) -> None:
        """Take the next picture.

        Args:
            gray: The picture.
            person_boxes: Boxes x0, y0, x1, y1 of everything known to move by itself [px].
        """
        background = background_mask(gray.shape, person_boxes)
        index, window = self._n_pictures, self._window
        self._n_pictures += 1
        if window is not None:
            if not window.follow(index, gray, background):
                self._lost.add(index)
            elif not window.is_worn_out():
                return
            self._close(window)
        self._window = BackgroundWindow.start(index, gray, background)

    def finish(self) -> tuple[Float[np.ndarray, "frames 3 3"], Bool[np.ndarray, " frames"]]:
        """Return rotations from the first picture's camera axes to each one's, and where they were measured.

        Where they were not (too few background points), the rotation of the picture before is carried over.
        """
        if self._window is not None:
            self._close(self._window)
            self._window = None
        self._look_back()
        R_w2c = np.broadcast_to(np.eye(3), (self._n_pictures, 3, 3)).copy()
        measured = np.ones(self._n_pictures, dtype=bool)
        measured[list(self._lost)] = False
        for window, fit in self._fitted:
            self._chain(window, fit, R_w2c, measured)
        return R_w2c, measured

    def _close(self, window: BackgroundWindow) -> None:
        was_moving = bool(self._fitted) and self._fitted[-1][1].moved
        tolerance = NEAR_MOVING_PX if was_moving else TURNING_PX
        self._fitted.append((window, fit_window(window, self._K, tolerance, self._rng)))

    def _look_back(self) -> None:
        """Fit again, less firmly believing in a mere turn, what came before a window in which the camera moved."""
        for i in range(len(self._fitted) - 2, -1, -1):
            window, fit = self._fitted[i]
            if self._fitted[i + 1][1].moved and not fit.moved:
                self._fitted[i] = window, fit_window(window, self._K, NEAR_MOVING_PX, self._rng)

    def _chain(
        self,
        window: BackgroundWindow,
        fit: WindowFit,
        R_w2c: Float[np.ndarray, "frames 3 3"],
        measured: Bool[np.ndarray, " frames"],
    ) -> None:
        """Write a window's rotations, given those of the pictures before it."""
        start = window.keyframe
        R_keyframe = R_w2c[start - 1 if start in self._lost else start].copy()
        R_w2c[start:] = R_keyframe  # a picture without a shift keeps it to the last bit: no drift
        for i, index in enumerate(window.pictures):
            R_w2c[index] = fit.R[i] @ R_keyframe if fit.measured[i] else R_w2c[index - 1]
            measured[index] = fit.measured[i]


def is_static(R_w2c: Float[np.ndarray, "frames 3 3"]) -> bool:
    """Return whether a camera never turned by more than 0.1 degrees, which is below what the tracking can tell."""
    relative = R_w2c @ R_w2c[0].T
    sine = np.linalg.norm(relative - np.swapaxes(relative, 1, 2), axis=(1, 2)) / np.sqrt(8.0)
    forward = np.trace(relative, axis1=1, axis2=2) > 1.0
    return bool((forward & (sine < np.sin(_STATIC_CAMERA_RAD))).all())
