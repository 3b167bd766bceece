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
    """Return weights (a little ridge on all but the constant) and the spread about them; NaN does not count."""
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
    lags: Int[np.ndarray, " lags"], correlation: Float[np.ndarray, "lags curves"], fps: float, *, quick: bool = False
) -> tuple[Float[np.ndarray, " curves"], float, float, float]:
    """Fit autocorrelations by a share of :func:`wandering` and a rest that is white, or remembers for a moment.

    Args:
        lags: In frames, from 1.
        correlation: A column a curve; memories are common to all.
        fps: Frames a second [1/s].
        quick: The rest is an AR(1); otherwise it is white.

    Returns:
        The shares, the memory, the memory of its smoothing filter and that of the rest [s].
    """

    def parts(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slow, fast, rest = np.exp(logs)
        shape = autocorrelation(lags, lasting_s=float(slow), fps=fps, smooth_s=float(fast))[:, None]
        return shape, (np.exp(-lags / fps / rest) if quick else 0.0 * lags)[:, None]

    def shares(shape: np.ndarray, rest: np.ndarray) -> np.ndarray:
        apart = shape - rest
        return np.clip((apart * (correlation - rest)).sum(axis=0) / (apart**2).sum(), 0.0, 1.0)

    def residual(logs: np.ndarray) -> np.ndarray:
        shape, rest = parts(logs)
        share = shares(shape, rest)
        return (share * shape + (1.0 - share) * rest - correlation).ravel()

    bounds = (np.log([0.05, 0.004, 0.01]), np.log([3.0, 0.3, 0.3]))
    best = least_squares(residual, np.log([0.5, 0.05, 0.06]), bounds=bounds).x
    slow, fast, rest = (float(value) for value in np.exp(best))
    return shares(*parts(best)), slow, fast, rest if quick else 0.0


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
