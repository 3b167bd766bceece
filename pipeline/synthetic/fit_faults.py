"""Turns where limbs were exchanged, lost or hidden into how often that happens and how long it lasts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from scipy.special import digamma
from scipy.stats import norm

from pipeline.synthetic.point_sets import KEYPOINTS, LIMBS
from pipeline.synthetic.processes import wandering
from pipeline.synthetic.samples import (
    Sample,
    exchanges,
    keypoint_residuals,
    losses,
    members,
    outside,
)
from pipeline.synthetic.situation import COVARIATES, Situation, situation
from pipeline.synthetic.tables import ErrorTable, FaultTable

_HIDDEN_FACTOR = 3.0  # where nothing was hidden, nothing tells of it
_SMALLEST = 1e-5
_RIDGE = 2.0
_LAGS = (1, 2, 4, 7, 11)
_MEMORIES_S = np.geomspace(0.02, 1.0, 12)


def fit_faults(samples: Sequence[Sample], offset: Float[np.ndarray, "21 3"], keypoints: ErrorTable) -> FaultTable:
    """Fit the shares of time in which limbs are exchanged or lost, how long that lasts and how far off they are.

    Args:
        samples: The clips.
        offset: As in the tables.
        keypoints: Usual errors, against which those of hidden points are measured.
    """
    fps = samples[0].fps
    views = [situation(s.keypoints_c, KEYPOINTS, focal_px=float(s.K[0, 0]), fps=s.fps) for s in samples]
    swaps, lost = [exchanges(sample) for sample in samples], [losses(sample) for sample in samples]
    swap_weights = [_swap_weights(samples, views, swaps, pair) for pair in (0, 1)]
    lost_weights = [_lost_weights(samples, views, lost, kind) for kind in ("arm", "leg")]
    size, middle = _lost_size(samples, offset, lost)
    return FaultTable(
        swap=np.stack(swap_weights),
        swap_s=_memory_for([clip[:, pair] for clip in swaps for pair in (0, 1)], fps),
        lost=np.stack(lost_weights),
        lost_s=_memory_for([clip[:, limb] for clip in lost for limb in range(len(LIMBS))], fps),
        lost_size=size,
        lost_middle=middle,
        hidden_factor=_hidden_factor(samples, offset, keypoints),
    )


def _swap_weights(
    samples: Sequence[Sample], views: Sequence[Situation], swaps: Sequence[np.ndarray], pair: int
) -> Float[np.ndarray, " 7"]:
    left, right = members(KEYPOINTS, ("arm", "leg")[pair])
    x = [view.covariates_of(left + right, unsigned=True)[s.seen] for view, s in zip(views, samples, strict=True)]
    return probit(np.concatenate(x), np.concatenate([on[s.seen, pair] for on, s in zip(swaps, samples, strict=True)]))


def _lost_weights(
    samples: Sequence[Sample], views: Sequence[Situation], lost: Sequence[np.ndarray], kind: str
) -> Float[np.ndarray, " 7"]:
    x, y = [], []
    for number, limb in enumerate(LIMBS):
        if limb.endswith(kind):
            x += [view.covariates_of(KEYPOINTS.limb(limb))[s.seen] for view, s in zip(views, samples, strict=True)]
            y += [on[s.seen, number] for on, s in zip(lost, samples, strict=True)]
    return probit(np.concatenate(x), np.concatenate(y))


def probit(x: Float[np.ndarray, "items 7"], y: Bool[np.ndarray, " items"]) -> Float[np.ndarray, " 7"]:
    """Regress a probability: P(y) = Phi(weights . x), with a little ridge on all but the constant."""
    sign = np.where(y, 1.0, -1.0)
    ridge = _RIDGE * (np.arange(len(COVARIATES)) > 0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        z = sign * (x @ weights)
        slope = np.exp(norm.logpdf(z) - norm.logcdf(z)) * sign
        return float(-norm.logcdf(z).sum() + 0.5 * (ridge * weights**2).sum()), -slope @ x + ridge * weights

    start = np.zeros(len(COVARIATES))
    start[0] = norm.ppf(np.clip(y.mean(), 1e-4, 0.5))
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)


def _memory_for(on: Sequence[Bool[np.ndarray, " frames"]], fps: float) -> float:
    """Return the memory with which faults last as they did, found by drawing many [s].

    What is compared is how probably a fault is still, or again, there some frames later.
    """
    share = float(np.clip(np.concatenate(on).mean(), 1e-3, 0.5))
    wanted, apart = _persistence(on), []
    for memory in _MEMORIES_S:
        rng = np.random.default_rng(0)
        course = wandering((60_000, 1), lasting_s=float(memory), fps=fps, rng=rng, smooth_s=float(memory) / 2)
        apart.append(np.abs(_persistence([course[:, 0] < norm.ppf(share)]) - wanted).sum())
    return float(_MEMORIES_S[int(np.argmin(apart))])


def _persistence(on: Sequence[Bool[np.ndarray, " frames"]]) -> Float[np.ndarray, " lags"]:
    """Probability that what is at fault is at fault so many frames later."""
    later = []
    for lag in _LAGS:
        pairs = [(clip[:-lag], clip[lag:]) for clip in on if len(clip) > lag]
        later.append(sum(int((a & b).sum()) for a, b in pairs) / max(sum(int(a.sum()) for a, _ in pairs), 1))
    return np.array(later)


def _lost_size(
    samples: Sequence[Sample], offset: Float[np.ndarray, "21 3"], lost: Sequence[np.ndarray]
) -> tuple[float, float]:
    """Return how far off ends of lost limbs are along each axis [statures], and what share of that the middles."""
    ends, middles = [], []
    for sample, on in zip(samples, lost, strict=True):
        error = keypoint_residuals(sample, offset, whole=True).error
        for number, limb in enumerate(LIMBS):
            limb_points = KEYPOINTS.limb(limb)
            middles.append(error[on[:, number], limb_points[0]].ravel())
            ends.append(error[on[:, number], limb_points[1]].ravel())
    if sum(map(len, ends)) == 0:
        return 0.0, 0.0
    size, middle = (float(np.sqrt(np.mean(np.concatenate(part) ** 2))) for part in (ends, middles))
    return size, min(middle / size, 1.0)


def _hidden_factor(samples: Sequence[Sample], offset: Float[np.ndarray, "21 3"], keypoints: ErrorTable) -> float:
    growth = []
    for sample in samples:
        clip = keypoint_residuals(sample, offset, whole=True)
        size = np.sqrt(((clip.error / keypoints.axis_scale) ** 2).mean(axis=2)) + _SMALLEST
        usual = (clip.covariates * keypoints.log_scale).sum(axis=2)
        growth.append((np.log(size) - usual)[(sample.hidden | outside(sample)) & sample.seen[:, None]])
    unseen = np.concatenate(growth) - 0.5 * float(digamma(1.0))
    return float(np.exp(unseen.mean())) if len(unseen) > 100 else _HIDDEN_FACTOR
