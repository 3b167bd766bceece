"""Places the cameras of the trials: on a tripod or in a hand, panning, walking, jolted."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from benchmarks.trials.moves import FPS
from pipeline.camera import CameraPath, default_intrinsics
from pipeline.render.stage import look_at

SIZE = (1280, 720)
"""Width and height of every trial [px]."""

K = default_intrinsics(*SIZE)
"""Lens of every trial where its zoom is 1."""


def orbit(
    n_frames: int,
    *,
    azimuth_deg: float = 6.0,
    distance: float = 5.0,
    height: float = 1.25,
    aim: tuple[float, float, float] = (0.0, 0.0, 0.9),
) -> CameraPath:
    """Return a camera at rest.

    Args:
        n_frames: How long it films.
        azimuth_deg: Where it stands, seen from where it aims: 0 = at +x, counted to +y [deg].
        distance: Level distance from there [m].
        height: Of the camera over the floor [m].
        aim: What it looks at [m].
    """
    azimuth = np.radians(azimuth_deg)
    pos = np.array([aim[0] + distance * np.cos(azimuth), aim[1] + distance * np.sin(azimuth), height])
    return CameraPath(
        K=K, R_w2c=np.tile(look_at(np.array(aim) - pos), (n_frames, 1, 1)), pos_w=np.tile(pos, (n_frames, 1))
    )


def turned(
    camera: CameraPath,
    *,
    yaw_deg: Float[np.ndarray, " frames"],
    pitch_deg: Float[np.ndarray, " frames"] | None = None,
    roll_deg: Float[np.ndarray, " frames"] | None = None,
    shift_w: Float[np.ndarray, "frames 3"] | None = None,
) -> CameraPath:
    """Turn a camera to its right, up and clockwise by these angles, and move it [m]."""
    zero = np.zeros_like(yaw_deg)
    angles = [zero if roll_deg is None else roll_deg, zero if pitch_deg is None else pitch_deg]
    world = Rotation.from_euler("z", -np.asarray(yaw_deg)[:, None], degrees=True).as_matrix()
    # Points of the scene turn against the camera: seen from it, the other way round.
    own = Rotation.from_euler("zx", -np.stack(angles, axis=1), degrees=True).as_matrix()
    return CameraPath(
        K=camera.K,
        R_w2c=own @ camera.R_w2c @ np.swapaxes(world, 1, 2),
        pos_w=camera.pos_w + (0.0 if shift_w is None else shift_w),
    )


def hand(n_frames: int, *, seed: int, degrees: float) -> Float[np.ndarray, "frames 3"]:
    """Slow wander of a camera in a calm hand: yaw, pitch and roll of this standard deviation [deg]."""
    noise = np.random.default_rng(seed).normal(size=(n_frames + 120, 3))
    smooth = gaussian_filter1d(noise, 0.35 * FPS, axis=0)[60:-60]
    return degrees * (smooth - smooth[0]) / smooth.std()


def sliced_camera(camera: CameraPath, span: slice) -> CameraPath:
    """Keep some of the frames."""
    return CameraPath(K=camera.K, R_w2c=camera.R_w2c[span], pos_w=camera.pos_w[span])
