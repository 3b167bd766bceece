"""Turns estimates of benchmark clips into the numbers of a table: sums for each clip, then means with intervals.

Every metric is a quotient of two sums over frames, as the literature pools them (long clips weigh more). Frames of one
clip resemble each other, so the intervals draw whole clips with replacement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.kfbench import metrics
from retarget.smpl_motion import SmplMotion
from robots.exceptions import InvalidArray

CONFIDENCE = 0.95
"""How often an interval should hold the value of the population that the clips were drawn from."""

RESAMPLES = 1000
"""Times that the clips are drawn again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What one column of the table holds."""

    key: str
    unit: str
    meaning: str
    digits: int = 1


METRICS = (
    Metric(key="pa_mpjpe_mm", unit="mm", meaning="pose alone"),
    Metric(key="mpjpe_mm", unit="mm", meaning="pose, and how it leans and turns"),
    Metric(key="wa_mpjpe_mm", unit="mm", meaning="world, 100 frames aligned as a whole"),
    Metric(key="w_mpjpe_mm", unit="mm", meaning="world, 100 frames aligned at their start"),
    Metric(key="rte_pct", unit="%", meaning="root path, of paths over 3 m", digits=2),
    Metric(key="drift_cm", unit="cm", meaning="root path, of shorter paths"),
    Metric(key="jitter_x_truth", unit="x", meaning="jerk over the truth's", digits=2),
    Metric(key="foot_slide_mm", unit="mm/frame", meaning="feet that stand"),
    Metric(key="accel", unit="m/s^2", meaning="acceleration"),
    Metric(key="tilt_deg", unit="deg", meaning="direction of gravity"),
    Metric(key="accepted_pct", unit="%", meaning="accepted on the robot", digits=0),
)
"""All columns of an estimator, in order."""

STAGE_METRICS = (
    Metric(key="kp_px", unit="px", meaning="keypoints in the picture"),
    Metric(key="kp_pct", unit="%", meaning="the same, of the person's height", digits=2),
    Metric(key="missed_pct", unit="%", meaning="frames without the person"),
    Metric(key="wrong_pct", unit="%", meaning="frames with somebody else, or elsewhere"),
    Metric(key="swapped_pct", unit="%", meaning="frames with left as right"),
    Metric(key="camera_deg", unit="deg", meaning="camera's rotation", digits=2),
    Metric(key="lost_pct", unit="%", meaning="clips that nothing is made of", digits=0),
)
"""What is said of the keypoints that estimators are given, on the level of pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One metric of one clip: the value is ``total / weight``."""

    total: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One number of the table and how sure it is."""

    mean: float
    low: float
    high: float
    clips: int
    """How many clips it stands on."""


def score_estimate(estimate: SmplMotion, truth: SmplMotion) -> dict[str, Tally]:
    """Hold an estimate against the truth it was made from, frame k against frame k.

    All of SMPL's 24 joints count. The estimate's heading is free: one turn about the vertical for the whole clip is
    taken out before anything is compared as it lies. Metrics that need more frames than there are, another length of
    path, or a foot that stands, are left out.

    Raises:
        InvalidArray: The two differ in length or rate.
    """
    if len(estimate) != len(truth) or abs(estimate.fps - truth.fps) > 1e-6:
        problem = f"has {len(estimate)} frames at {estimate.fps:g} /s, the truth {len(truth)} at {truth.fps:g} /s"
        raise InvalidArray("estimate", problem=problem)
    (found, found_rot), (true, true_rot) = estimate.joints(), truth.joints()
    found = metrics.heading_aligned(found, true)
    feet = list(metrics.FEET)
    frames = {
        "pa_mpjpe_mm": metrics.pa_mpjpe_frames(found, true),
        "mpjpe_mm": metrics.mpjpe_frames(found, true),
        "wa_mpjpe_mm": metrics.wa_mpjpe_frames(found, true),
        "w_mpjpe_mm": metrics.w_mpjpe_frames(found, true),
        "accel": metrics.accel_frames(found, true, truth.fps),
        "foot_slide_mm": metrics.foot_slides(found[:, feet], true[:, feet], truth.fps),
        "tilt_deg": metrics.tilt_frames(found_rot[:, 0], true_rot[:, 0]),
        **_root_path(found, true),
    }
    tallies = {key: Tally(total=float(values.sum()), weight=float(len(values))) for key, values in frames.items()}
    jerks = [float(metrics.jitter_frames(joints, truth.fps).sum()) for joints in (found, true)]
    tallies["jitter_x_truth"] = Tally(total=jerks[0], weight=jerks[1])
    return {key: tally for key, tally in tallies.items() if tally.weight > 0}


def summarise(tallies: Sequence[Mapping[str, Tally]], *, seed: int, resamples: int = RESAMPLES) -> dict[str, Value]:
    """Pool the clips of one group into a value and its interval for each metric that any of them has.

    The interval is the percentile bootstrap over clips (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
    chapter 13); with fewer than two clips there is none, and its ends are those of the line. Shares of accepted clips
    get Wilson's interval instead: resampling "all" or "none" would claim certainty.

    Args:
        tallies: One mapping for each clip, by metric.
        seed: Of the resampling.
        resamples: How many times.
    """
    values: dict[str, Value] = {}
    for metric in (*METRICS, *STAGE_METRICS):
        known = [tally[metric.key] for tally in tallies if metric.key in tally]
        if not known:
            continue
        totals, weights = (np.array([getattr(t, name) for t in known]) for name in ("total", "weight"))
        mean = float(totals.sum() / weights.sum())
        if metric.key in ("accepted_pct", "lost_pct"):
            low, high = (100.0 * end for end in wilson(mean / 100.0, len(known)))
        else:
            low, high = bootstrap(totals, weights, np.random.default_rng(seed), resamples)
        values[metric.key] = Value(mean=mean, low=low, high=high, clips=len(known))
    return values


def bootstrap(
    totals: Float[np.ndarray, " clips"], weights: Float[np.ndarray, " clips"], rng: np.random.Generator, resamples: int
) -> tuple[float, float]:
    """Interval of ``totals.sum() / weights.sum()`` when clips are drawn again with replacement."""
    n = len(totals)
    if n < 2:
        return -np.inf, np.inf
    drawn = rng.integers(0, n, size=(resamples, n))
    quotients = totals[drawn].sum(axis=1) / weights[drawn].sum(axis=1)
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(quotients, [tail, 100.0 - tail])
    return float(low), float(high)


def wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Interval of a share seen in ``n`` cases (Wilson, JASA 22, 1927)."""
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def _root_path(found: metrics.Joints, true: metrics.Joints) -> dict[str, metrics.PerFrame]:
    """The error of the path: in percent if it is long enough, else in centimetres."""
    error, length = metrics.root_error_frames(found, true), metrics.path_length(true)
    if length > metrics.LONG_PATH_M:
        return {"rte_pct": 100.0 * error / length}
    return {"drift_cm": 100.0 * error}
