"""Turns points that should lie on a level floor into how much that floor tilts and how fast it rises or sinks.

Both fits weigh large misses by their inverse (iteratively reweighted least squares, which ends at the least sum of
absolute misses), so that a wrong span of a clip does not speak for the whole of it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

_ROUNDS = 15
"""Reweightings; the weights settle in about ten."""
_LEFT_OUT = tuple((start, start + 0.4) for start in (0.0, 0.15, 0.3, 0.45, 0.6))
"""Shares of a clip left out by turns: any quarter of it lies within one of them."""


def without_a_part(count: int) -> list[Bool[np.ndarray, " points"]]:
    """Return which points to keep, in time order, so that any wrong quarter of a clip is left out at least once.

    What is wrong with the whole of a clip stays wrong in each of these selections, so the least of their figures
    belongs to the whole.
    """
    place = np.arange(count) / max(count, 1)
    return [(place < start) | (place >= stop) for start, stop in _LEFT_OUT]


def floor_slope(pos_w: Float[np.ndarray, "points 3"], *, noise: float, usual_slope: float) -> Float[np.ndarray, " 2"]:
    """Fit a plane to points of a floor and return its slope along x and y [m/m].

    The slope is drawn towards level by as much as the points cannot tell: where they lie closer together than
    ``noise / usual_slope``, a tilt is not to be told from noise, and none is reported (ridge regression).

    Args:
        pos_w: Points that touched the floor [m].
        noise: Error of their heights [m]; smaller misses weigh alike.
        usual_slope: Slope of a floor that is expected to tilt.
    """
    if len(pos_w) < 3:
        return np.zeros(2)
    weights = np.ones(len(pos_w))
    slope = np.zeros(2)
    for _ in range(_ROUNDS):
        centre = np.average(pos_w, axis=0, weights=weights)
        away = pos_w - centre
        spread = (weights[:, None] * away[:, :2]).T @ away / weights.sum()
        slope = np.linalg.solve(spread[:, :2] + (noise / usual_slope) ** 2 * np.eye(2), spread[:, 2])
        weights = 1.0 / np.maximum(np.abs(away[:, 2] - away[:, :2] @ slope), noise)
    return slope


def height_rate(
    height: Float[np.ndarray, " points"], time: Float[np.ndarray, " points"], *, noise: float, usual_rate: float
) -> float:
    """Fit a line to heights over time and return its slope [m/s], drawn towards zero as :func:`floor_slope` is.

    Args:
        height: Heights that should be the same [m].
        time: When [s].
        noise: Error of the heights [m].
        usual_rate: Rate that is expected of a height that drifts [m/s].
    """
    if len(height) < 3:
        return 0.0
    weights = np.ones(len(height))
    rate = 0.0
    for _ in range(_ROUNDS):
        since = time - np.average(time, weights=weights)
        above = height - np.average(height, weights=weights)
        rate = float((weights @ (since * above)) / (weights @ since**2 + weights.sum() * (noise / usual_rate) ** 2))
        weights = 1.0 / np.maximum(np.abs(above - rate * since), noise)
    return rate
