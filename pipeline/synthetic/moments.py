"""Small statistics that fitting needs: regression, autocovariance, memory, and what is alike on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import least_squares

from pipeline.synthetic.point_sets import PointSet
from pipeline.synthetic.processes import autocorrelation

_RIDGE_FRAMES = 1.5  # a covariate that hardly varied must not earn a large coefficient
_LAGS_S = (0.034, 1.0)  # over which memories are fitted


def regress(x: Float[np.ndarray, "items 7"], y: Float[np.ndarray, " items"]) -> tuple[Float[np.ndarray, " 7"], float]:
    """Least squares with a little ridge on all but the constant; items with NaN do not count. Returns also the spread."""
    use = np.isfinite(y) & np.isfinite(x).all(axis=1)
    x, y = x[use], y[use]
    mean = x.mean(axis=0) * (np.arange(x.shape[1]) > 0)
    centred = x - mean
    ridge = _RIDGE_FRAMES * np.diag(np.arange(x.shape[1]) > 0)
    weights = np.linalg.solve(centred.T @ centred + ridge, centred.T @ y)
    spread = float(np.std(y - centred @ weights))
    weights[0] -= mean @ weights
    return weights, spread


def mirror_pairs(points: PointSet) -> list[list[int]]:
    """Points that are the same but for the side."""
    groups: dict[str, list[int]] = {}
    for number, name in enumerate(points.names):
        groups.setdefault(name.replace("left", "").replace("right", ""), []).append(number)
    return list(groups.values())


def autocovariance(clips: Sequence[np.ndarray], lag: int) -> np.ndarray:
    """Mean product of values so many frames apart, over frames of all clips; NaN is left out."""
    products = [clip[: len(clip) - lag] * clip[lag:] for clip in clips if len(clip) > lag]
    return np.nanmean(np.concatenate(products), axis=0)


def fit_memory(
    lags: Int[np.ndarray, " lags"], correlation: Float[np.ndarray, "lags curves"], fps: float
) -> tuple[Float[np.ndarray, " curves"], float, float]:
    """Fit autocorrelations by a share of :func:`wandering`, the rest white; memories are common to all curves.

    Returns:
        The shares, the memory and the memory of the smoothing filter [s].
    """

    def course(logs: np.ndarray) -> np.ndarray:
        slow, fast = np.exp(logs)
        return autocorrelation(lags, lasting_s=float(slow), fps=fps, smooth_s=float(fast))[:, None]

    def shares(shape: np.ndarray) -> np.ndarray:
        return np.clip((shape * correlation).sum(axis=0) / (shape**2).sum(), 0.0, 1.0)

    def residual(logs: np.ndarray) -> np.ndarray:
        shape = course(logs)
        return (shares(shape) * shape - correlation).ravel()

    bounds = (np.log([0.05, 0.004]), np.log([3.0, 0.3]))
    best = least_squares(residual, np.log([0.3, 0.05]), bounds=bounds).x
    return shares(course(best)), float(np.exp(best[0])), float(np.exp(best[1]))


def lags_of(fps: float) -> Int[np.ndarray, " lags"]:
    """Return lags from one frame to a second, closer together at first [frames]."""
    return np.unique(np.round(np.geomspace(_LAGS_S[0], _LAGS_S[1], 12) * fps).astype(int))


def pooled(values: Float[np.ndarray, "points axes"], pairs: list[list[int]]) -> Float[np.ndarray, "points axes"]:
    """Give both of a pair their root mean square."""
    out = values.copy()
    for group in pairs:
        out[group] = np.sqrt((values[group] ** 2).mean(axis=0))
    return out


def other_side(name: str) -> str:
    """Return the name of the same point on the other side."""
    return name.replace("left", "right") if "left" in name else name.replace("right", "left")
