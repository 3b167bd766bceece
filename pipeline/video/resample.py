"""Turns values at a video's own times into values at a fixed rate, by time and not by counting frames."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation, Slerp

_ON_A_FRAME_S = 1e-6


def uniform_times(first_s: float, last_s: float, fps: float) -> Float[np.ndarray, " frames"]:
    """Return first_s, first_s + 1 / fps, ... up to the last time that is not after ``last_s`` (but for rounding)."""
    return first_s + np.arange(int(np.floor((last_s - first_s + _ON_A_FRAME_S) * fps)) + 1) / fps


def neighbours(
    native: Float[np.ndarray, " native"], times: Float[np.ndarray, " frames"]
) -> tuple[Int[np.ndarray, " frames"], Int[np.ndarray, " frames"]]:
    """Return the native frames at or before and at or after each time; the same one where they coincide.

    Args:
        native: Strictly increasing times [s].
        times: Times between the first and the last of them [s].
    """
    before = np.clip(np.searchsorted(native, times + _ON_A_FRAME_S, side="right") - 1, 0, len(native) - 1)
    after = np.clip(np.searchsorted(native, times - _ON_A_FRAME_S, side="left"), 0, len(native) - 1)
    return before, np.maximum(before, after)


def resample_values(
    native: Float[np.ndarray, " native"],
    values: Float[np.ndarray, " native *dims"],
    times: Float[np.ndarray, " frames"],
    longest_curve_s: float,
) -> Float[np.ndarray, " frames *dims"]:
    """Interpolate by cubic Hermite pieces, or straight across intervals longer than ``longest_curve_s``.

    Slopes are second-order finite differences over unequal steps, so straight lines and parabolas come out exactly
    (parabolas not in the first and last interval). Across a long gap a curve would swing out on the slope of one
    noisy frame; there the line is the safer guess.

    Args:
        native: Strictly increasing times [s].
        values: A value at each.
        times: Where to evaluate, between the first and the last [s].
        longest_curve_s: Longest interval to bridge by a curve [s].
    """
    if len(native) == 1:
        return np.repeat(values, len(times), axis=0)
    times = np.clip(times, native[0], native[-1])
    slopes = np.gradient(values, native, axis=0)
    curved = CubicHermiteSpline(native, values, slopes, axis=0)(times)
    piece = np.clip(np.searchsorted(native, times, side="right") - 1, 0, len(native) - 2)
    span = native[piece + 1] - native[piece]
    share = ((times - native[piece]) / span).reshape(-1, *[1] * (values.ndim - 1))
    straight = (1.0 - share) * values[piece] + share * values[piece + 1]
    is_curve = (span <= longest_curve_s).reshape(share.shape)
    return np.where(is_curve, curved, straight)


def resample_confidence(
    native: Float[np.ndarray, " native"],
    confidence: Float[np.ndarray, "native points"],
    times: Float[np.ndarray, " frames"],
) -> Float[np.ndarray, "frames points"]:
    """Return the smaller confidence of the two neighbours: what lies between them is as doubtful as the worse."""
    before, after = neighbours(native, times)
    return np.minimum(confidence[before], confidence[after])


def resample_rotations(
    native: Float[np.ndarray, " native"], R: Float[np.ndarray, "native 3 3"], times: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, "frames 3 3"]:
    """Interpolate rotations along the shortest arc (slerp); times outside the native ones take the nearest."""
    if len(native) == 1 or np.array_equal(R, np.broadcast_to(R[0], R.shape)):
        return np.repeat(R[:1], len(times), axis=0)  # a camera that stood still stays so to the last bit
    return Slerp(native, Rotation.from_matrix(R))(np.clip(times, native[0], native[-1])).as_matrix()


def lies_between(
    native: Float[np.ndarray, " native"], times: Float[np.ndarray, " frames"], fps: float
) -> Bool[np.ndarray, " frames"]:
    """Return which times are more than a quarter of a frame from the nearest native one."""
    before, after = neighbours(native, times)
    return np.minimum(np.abs(times - native[before]), np.abs(native[after] - times)) > 0.25 / fps + _ON_A_FRAME_S
