"""Turns keyed values and rotations into smooth curves of time, without overshoot between the keys."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from robots.motion import hemisphere_continuous

SMOOTHING_S = 0.05
"""Width (standard deviation) of the Gaussian that rounds the keys off [s]: muscles do not switch."""


def value_track(
    key_times: Float[np.ndarray, " keys"],
    values: Float[np.ndarray, "keys ..."],
    times: Float[np.ndarray, " samples"],
    *,
    smoothing_s: float = SMOOTHING_S,
) -> Float[np.ndarray, "samples ..."]:
    """Interpolate keyed values: monotone between keys (Fritsch and Carlson 1980), then rounded off.

    Two equal keys in a row are therefore a hold and nothing swings past it. ``times`` must be evenly spaced.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(key_times) == 1:
        return np.repeat(values, len(times), axis=0)
    inside = np.clip(times, key_times[0], key_times[-1])
    curve = PchipInterpolator(key_times, values, axis=0)(inside)
    sigma = smoothing_s / (times[1] - times[0])
    return gaussian_filter1d(curve, sigma, axis=0, mode="nearest")


def rotation_track(
    key_times: Float[np.ndarray, " keys"],
    rotations: Float[np.ndarray, "keys 3 3"],
    times: Float[np.ndarray, " samples"],
    *,
    smoothing_s: float = SMOOTHING_S,
) -> Float[np.ndarray, "samples 3 3"]:
    """Interpolate keyed rotations through their quaternions, with the holds of :func:`value_track`.

    For keys less than a half turn apart the path stays within a few degrees of the geodesic.
    """
    quat = hemisphere_continuous(Rotation.from_matrix(rotations).as_quat(scalar_first=True))
    curve = value_track(key_times, quat, times, smoothing_s=smoothing_s)
    return Rotation.from_quat(curve, scalar_first=True).as_matrix()


def minimum_jerk(s: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " samples"]:
    """Rise from 0 to 1 with no speed and no acceleration at both ends (Flash and Hogan 1985)."""
    s = np.clip(s, 0.0, 1.0)
    return s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
