"""Draws random courses over time: values that wander with a memory."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy.signal import lfilter


def wandering(
    shape: tuple[int, ...], *, lasting_s: float, fps: float, rng: np.random.Generator, smooth_s: float = 0.0
) -> Float32[np.ndarray, "*batch frames values"]:
    """Draw a stationary Gaussian course of mean 0 and variance 1 along the last axis but one.

    It is an AR(1), or with ``smooth_s`` one AR(1) fed into another: as long a memory, but smooth from frame to frame.

    Args:
        shape: Of the result.
        lasting_s: Time after which the correlation of an AR(1) is 1/e [s]; 0 gives white noise.
        fps: Frames a second [1/s].
        rng: Source of chance.
        smooth_s: Memory of the second AR(1) [s]; 0 leaves it out.
    """
    slow, fast = keep(lasting_s, fps), keep(smooth_s, fps)
    *batch, n_frames, values = shape
    course = rng.standard_normal((*batch, values, n_frames), dtype=np.float32)  # so that filters run along memory
    if slow == 0.0 or n_frames == 0:
        return np.swapaxes(course, -1, -2)
    course[..., 1:] *= np.float32(np.sqrt(1.0 - slow**2))
    course = np.asarray(lfilter(_ONE, np.array([1.0, -slow], dtype=np.float32), course))
    if fast > 0.0:
        # The second filter starts as it would be found at any moment: correlated with the first one's start.
        together, variance = 1.0 / (1.0 - slow * fast), (1.0 + slow * fast) / ((1.0 - slow * fast) * (1.0 - fast**2))
        own = rng.standard_normal((*batch, values, 1), dtype=np.float32)
        first = together * course[..., :1] + np.sqrt(max(variance - together**2, 0.0)) * own
        held = (first - course[..., :1]).astype(np.float32)  # in the filter, as the first value comes in
        course, _ = lfilter(_ONE, np.array([1.0, -fast], dtype=np.float32), course, zi=held)
        course *= np.float32(variance**-0.5)
    return np.swapaxes(course, -1, -2)


_ONE = np.ones(1, dtype=np.float32)


def keep(lasting_s: float, fps: float) -> float:
    """Return the share of a value that an AR(1) keeps from one frame to the next."""
    return float(np.exp(-1.0 / (lasting_s * fps))) if lasting_s > 0 else 0.0


def autocorrelation(lags: np.ndarray, *, lasting_s: float, fps: float, smooth_s: float = 0.0) -> np.ndarray:
    """Return the correlation of :func:`wandering` with itself so many frames apart."""
    slow, fast = keep(lasting_s, fps), keep(smooth_s, fps)
    if abs(slow - fast) < 1e-6:
        fast = slow - 1e-6
    apart = slow ** (lags + 1) * (1.0 - fast**2) - fast ** (lags + 1) * (1.0 - slow**2)
    return apart / ((slow - fast) * (1.0 + slow * fast))
