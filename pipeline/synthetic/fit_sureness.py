"""Turns what a detector said of how sure it was into the tables of confidence and trust."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.optimize import bisect
from scipy.stats import norm

from pipeline.synthetic.moments import autocovariance, fit_memory, lags_of, mirror_pairs
from pipeline.synthetic.point_sets import KEYPOINTS
from pipeline.synthetic.samples import Residuals, Sample, at_fault, outside
from pipeline.synthetic.situation import COVARIATES
from pipeline.synthetic.tables import ErrorTable, SurenessTable

_ROUNDS = 40
_LEAST_CONFIDENCE = 1e-3


def fit_confidence(
    samples: Sequence[Sample],
    shown: Sequence[Residuals],
    unrest: Sequence[Float[np.ndarray, "frames 21"]],
    errors: ErrorTable,
    fps: float,
) -> SurenessTable:
    """Regress the logit of confidence on the situation and on how large the error is against what is usual."""
    clipped = [np.clip(s.keypoints[..., 2], _LEAST_CONFIDENCE, 1.0 - _LEAST_CONFIDENCE) for s in samples]
    latent = [np.log(c / (1.0 - c)) for c in clipped]
    return _fit(samples, shown, unrest, errors, latent, (-np.inf, np.inf), fps)


def fit_trust(
    samples: Sequence[Sample],
    shown: Sequence[Residuals],
    unrest: Sequence[Float[np.ndarray, "frames 21"]],
    errors: ErrorTable,
    fps: float,
) -> SurenessTable:
    """The same for trust, most of which is 1: a normal number cut off at 0 and 1 (Tobin 1958; by EM)."""
    return _fit(samples, shown, unrest, errors, [s.trust for s in samples], (1e-3, 1.0 - 1e-3), fps)


def _fit(
    samples: Sequence[Sample],
    shown: Sequence[Residuals],
    unrest: Sequence[np.ndarray],
    errors: ErrorTable,
    latent: Sequence[np.ndarray],
    bounds: tuple[float, float],
    fps: float,
) -> SurenessTable:
    n, k = len(KEYPOINTS.names), len(COVARIATES)
    weights, of_unrest, spread = np.zeros((n, k)), np.zeros(n), np.zeros(n)
    usual = [_usual(sample) for sample in samples]
    rest = [np.full(sample.trust.shape, np.nan) for sample in samples]
    for group in mirror_pairs(KEYPOINTS):
        x = np.concatenate([np.concatenate([c.covariates[:, group], u[:, group, None]], axis=2)[ok[:, group]]
                            for c, u, ok in zip(shown, unrest, usual, strict=True)])  # fmt: skip
        y = np.concatenate([part[:, group][ok[:, group]] for part, ok in zip(latent, usual, strict=True)])
        found, sigma = _censored(x, y, bounds)
        seen_unrest = float(np.nanvar(x[:, -1]))
        own = float(errors.unrest[group[0]])
        weights[group], of_unrest[group] = found[:k], found[k] * seen_unrest / max(own, 0.1)
        gained = max(of_unrest[group[0]] ** 2 - found[k] ** 2 * seen_unrest, 0.0)
        spread[group] = np.sqrt(max(sigma**2 - gained, 0.01 * sigma**2))
        for part, clip, u, y_clip, ok in zip(rest, shown, unrest, latent, usual, strict=True):
            predicted = (clip.covariates[:, group] * found[:k]).sum(axis=2) + found[k] * np.nan_to_num(u[:, group])
            part[:, group] = np.where(ok[:, group], y_clip[:, group] - np.clip(predicted, *bounds), np.nan)
    lags = lags_of(fps)
    variance = np.nanmean(np.concatenate(rest) ** 2, axis=0)
    curves = np.stack([autocovariance(rest, lag) for lag in lags]) / np.maximum(variance, 1e-9)
    drawn = np.random.default_rng(0)
    noisy = [_predicted(c, weights) + drawn.standard_normal(s.trust.shape) * np.hypot(spread, of_unrest)
             for c, s in zip(shown, samples, strict=True)]  # fmt: skip
    unseen = [(s.hidden | outside(s)) & s.seen[:, None] for s in samples]
    wrong = [at_fault(s) & s.seen[:, None] for s in samples]
    return SurenessTable(
        weights=weights,
        of_unrest=of_unrest,
        spread=spread,
        spread_s=fit_memory(lags, curves, fps)[1],
        hidden=_shift(noisy, latent, unseen, bounds),
        faulty=_shift(noisy, latent, wrong, bounds),
    )


def _predicted(clip: Residuals, weights: Float[np.ndarray, "21 7"]) -> Float[np.ndarray, "frames 21"]:
    return (clip.covariates * weights).sum(axis=2)


def _shift(
    predicted: Sequence[np.ndarray],
    found: Sequence[np.ndarray],
    where: Sequence[np.ndarray],
    bounds: tuple[float, float],
) -> float:
    """Return what has to be added for the mean (of what is reported, after all bounds) to be right there."""
    a = np.concatenate([part[mask] for part, mask in zip(predicted, where, strict=True)])
    b = np.concatenate([part[mask] for part, mask in zip(found, where, strict=True)])
    if len(a) < 50:
        return -2.0 if np.isinf(bounds[0]) else -0.5

    def reported(values: np.ndarray) -> float:
        return float((1.0 / (1.0 + np.exp(-values)) if np.isinf(bounds[0]) else np.clip(values, 0.0, 1.0)).mean())

    return float(np.asarray(bisect(lambda shift: reported(a + shift) - reported(b), -20.0, 20.0)))


def _usual(sample: Sample) -> np.ndarray:
    """Where a point was seen in the picture and nothing hid it."""
    return ~outside(sample) & sample.seen[:, None] & ~sample.hidden & ~at_fault(sample)


def _censored(
    x: Float[np.ndarray, "items columns"], y: Float[np.ndarray, " items"], bounds: tuple[float, float]
) -> tuple[np.ndarray, float]:
    """Regress numbers that are cut off at both bounds; returns weights and spread."""
    use = np.isfinite(x).all(axis=1) & np.isfinite(y)
    x, y = x[use], y[use]
    low, high = y <= bounds[0], y >= bounds[1]
    gram = x.T @ x + 1.5 * np.diag(np.arange(x.shape[1]) > 0)
    guess, extra = y.copy(), np.zeros(len(y))
    weights, sigma = np.linalg.solve(gram, x.T @ guess), float(np.std(y)) + 1e-3
    for _ in range(_ROUNDS if low.any() or high.any() else 1):
        weights = np.linalg.solve(gram, x.T @ guess)
        mean = x @ weights
        sigma = float(np.sqrt(np.mean((guess - mean) ** 2 + extra)))
        for cut, bound, sign in ((low, bounds[0], -1.0), (high, bounds[1], 1.0)):
            if cut.any():
                edge = sign * (bound - mean[cut]) / sigma
                ratio = np.exp(norm.logpdf(edge) - norm.logsf(edge))
                guess[cut] = mean[cut] + sign * sigma * ratio
                extra[cut] = sigma**2 * np.clip(1.0 + edge * ratio - ratio**2, 0.0, 1.0)
    return weights, sigma
