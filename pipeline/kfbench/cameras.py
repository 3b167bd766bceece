"""Places the cameras that film the demo: one on a tripod, one that walks and pans."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from pipeline.camera import CameraPath, default_intrinsics
from pipeline.kfbench.tracks import minimum_jerk
from pipeline.render.stage import look_at

_AIM_HEIGHT = 0.94  # of the optical axis at the person, so that raised arms and feet both stay in the frame [m]


def tripod(
    n_frames: int, *, pos_w: Float[np.ndarray, " 3"], aim_w: Float[np.ndarray, " 3"], size: tuple[int, int]
) -> CameraPath:
    """Return a camera that stands still.

    Args:
        n_frames: How long it films.
        pos_w: Where it stands [m].
        aim_w: What it looks at [m].
        size: Frame width and height [px]; the lens is the one that everybody assumes of an unknown camera.
    """
    return CameraPath(
        K=default_intrinsics(*size),
        R_w2c=np.tile(look_at(np.asarray(aim_w) - pos_w), (n_frames, 1, 1)),
        pos_w=np.tile(pos_w, (n_frames, 1)),
    )


def walking_camera(
    subject_w: Float[np.ndarray, "frames 3"],
    *,
    start_w: Float[np.ndarray, " 3"],
    end_w: Float[np.ndarray, " 3"],
    fps: float,
    size: tuple[int, int],
) -> CameraPath:
    """Return a camera that walks from one place to another while it keeps the subject in the middle.

    Args:
        subject_w: What it looks at, followed as calmly as a person would; only the place on the floor counts [m].
        start_w: Where it begins [m].
        end_w: Where it ends [m].
        fps: Frames per second [1/s].
        size: Frame width and height [px].
    """
    n_frames = len(subject_w)
    aim = gaussian_filter1d(subject_w, 0.4 * fps, axis=0, mode="nearest")
    aim[:, 2] = _AIM_HEIGHT
    share = minimum_jerk(np.linspace(0.0, 1.0, n_frames))[:, None]
    pos = np.asarray(start_w) + share * (np.asarray(end_w) - start_w)
    steps = np.arange(n_frames) / fps
    pos[:, 2] += 0.012 * np.sin(2.0 * np.pi * 1.7 * steps)  # the walker's gait
    return CameraPath(K=default_intrinsics(*size), R_w2c=np.stack([look_at(line) for line in aim - pos]), pos_w=pos)
