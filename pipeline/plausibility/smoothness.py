"""Turns joint paths into how they tremble, and how much of their fast motion a filter has taken away."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.ndimage import uniform_filter1d

from pipeline.measurement import Measurement
from pipeline.plausibility.breaks import LIMB_ENDS
from robots.differences import derivative
from robots.filters import filtered

SLOW_BAND, FAST_BAND = (1.0, 5.0), (5.0, 10.0)
"""What a body does on purpose, and what strikes, steps and tremor add [Hz]."""

_WINDOW = 0.2
"""Paths are cubic over so long [s]: noise is what no cubic follows."""

_PUBLISHED_STEP = 1 / 30
"""Step of the differences that published figures of jitter are made with [s]."""

_LIVELY = 0.5
"""Accelerations of the slow band below this are no motion that a filter could have smoothed [m/s^2]."""


def measure_smoothness(local: Float[np.ndarray, "frames 24 3"], fps: float) -> tuple[Measurement, ...]:
    """Measure jitter, jerk and over-smoothing of the limbs, seen from the pelvis.

    Args:
        local: Joints in the pelvis's own axes [m].
        fps: Frames per second [1/s].
    """
    ends = local[:, LIMB_ENDS]
    jitter, jerk, calm = jitter_size(ends, fps), jerk_size(ends, fps), oversmoothing(ends, fps)
    return (
        Measurement(
            name="joint_jitter",
            value=float(np.median(jitter)),
            unit="m",
            meaning="How far knees, ankles, elbows and wrists tremble about smooth paths, in half of the frames",
            series=jitter,
        ),
        Measurement(
            name="joint_jitter_p95",
            value=float(np.percentile(jitter, 95)),
            unit="m",
            meaning="How far knees, ankles, elbows and wrists tremble about smooth paths, more in 5 % of the frames",
            series=jitter,
        ),
        Measurement(
            name="joint_jerk_median",
            value=float(np.median(jerk)),
            unit="m/s^3",
            meaning="Mean jerk of knees, ankles, elbows and wrists over 1/30 s, in half of the frames",
            series=jerk,
        ),
        Measurement(
            name="oversmoothing",
            value=calm[0],
            unit="dB",
            meaning="Power of the limbs' accelerations at 1-5 Hz over that at 5-10 Hz: a filter has taken impacts away",
            series=calm[1],
        ),
    )


def jitter_size(ends: Float[np.ndarray, "frames ends 3"], fps: float) -> Float[np.ndarray, " frames"]:
    """Mean distance of the limbs' ends from local cubics [m] (Savitzky and Golay 1964)."""
    from scipy.signal import savgol_filter  # slow to import: see robots.filters

    window = max(2 * round(_WINDOW * fps / 2) + 1, 5)
    if len(ends) < window:
        return np.zeros(len(ends))
    return np.linalg.norm(ends - savgol_filter(ends, window, 3, axis=0), axis=-1).mean(axis=-1)


def jerk_size(ends: Float[np.ndarray, "frames ends 3"], fps: float) -> Float[np.ndarray, " frames"]:
    """Mean size of the third difference over 1/30 s, whatever the rate [m/s^3], at the frame where it begins."""
    stride = max(round(fps * _PUBLISHED_STEP), 1)
    phases = [np.linalg.norm(derivative(ends[i::stride], fps / stride, order=3), axis=-1) for i in range(stride)]
    jerk = np.zeros(len(ends))
    for i, phase in enumerate(phases):
        jerk[i::stride] = phase.mean(axis=-1)
    return jerk


def oversmoothing(ends: Float[np.ndarray, "frames ends 3"], fps: float) -> tuple[float, Float[np.ndarray, " frames"]]:
    """Ratio of the slow to the fast band's power of acceleration [dB]: in half of the seconds, and round each frame.

    Recorded people have 0 to 19 dB; a Gaussian of two frames at 30 Hz leaves 13 to 34. The series is NaN where nobody
    moves, or where the clip is too short or its rate too low to hold the fast band, and the value zero if all of it is.
    """
    acceleration = derivative(ends, fps, order=2).reshape(len(ends), -1)
    if len(ends) < fps or fps <= 2 * FAST_BAND[1]:
        return 0.0, np.full(len(ends), np.nan)
    slow, fast = (uniform_filter1d(_power(acceleration, band, fps), round(fps)) for band in (SLOW_BAND, FAST_BAND))
    # Of a fast band below a millionth, nothing is left but the rounding of numbers.
    decibel = 10 * np.log10(np.maximum(slow, 1e-12) / np.maximum(fast, 1e-6 * np.maximum(slow, 1e-12)))
    series = np.where(slow > _LIVELY**2, decibel, np.nan)
    return float(np.nanmedian(series)) if np.isfinite(series).any() else 0.0, series


def _power(x: np.ndarray, band: tuple[float, float], fps: float) -> np.ndarray:
    """Mean square over the columns of what moves within a band of frequencies."""
    return (filtered(x, band, fps, order=4, kind="bandpass", pad=min(27, len(x) - 1)) ** 2).mean(axis=1)
