"""Lets motions be followed without help at the root: how many are certified, how fast, what refining is worth.

T1 is the plan with a whole-body controller, T2 sampling control, see :mod:`pipeline.tracking`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.report import Figure
from benchmarks.validation.sweep import GoodClip
from pipeline.measurement import Measurements
from pipeline.tracking.certificate import T1Result, certify
from pipeline.tracking.exceptions import TrackingError
from pipeline.tracking.follow import FollowConfig, force_residual
from pipeline.tracking.measure import facing_x
from pipeline.tracking.plan import make_plan
from pipeline.tracking.reference import reference
from pipeline.tracking.sampling import follow_best
from pipeline.tracking.sampling_result import T2Result
from pipeline.validation import ValidationConfig, measure_robot
from retarget.progress import Progress, silent

SLOW_M_S = 1.0
"""A motion is slow if its pelvis is slower than this in 95 % of the frames [m/s]: a punch, not a kick."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Certified:
    """A motion, what became of it without help, and its refined version."""

    clip: GoodClip
    result: T1Result
    cpu_s: float
    residual: tuple[float, float] | None
    """Mean force that no contact could give, before and after, as shares of the weight; None without a version."""
    refined: Measurements | None
    """Of the refined version; None without one."""


def certify_clips(clips: Sequence[GoodClip], progress: Progress = silent) -> Iterator[Certified]:
    """Plan and follow every motion; those of a length that is not followed are left out."""
    config = FollowConfig()
    for done, clip in enumerate(clips, start=1):
        start = time.process_time()
        try:
            result = certify(clip.robot, clip.motion, config.t1)
        except TrackingError:
            continue
        finally:
            progress(done, len(clips))
        cpu_s = time.process_time() - start
        version = result.refined
        residual = refined = None
        if version is not None:
            residual = (force_residual(clip.robot, clip.motion), force_residual(clip.robot, version))
            refined = measure_robot(version, clip.robot, ValidationConfig())
        yield Certified(clip=clip, result=result, cpu_s=cpu_s, residual=residual, refined=refined)


def certificate_figures(done: Sequence[Certified]) -> list[Figure]:
    """Return how many motions are certified and how fast, and how good the refined versions are."""
    if not done:
        return []
    certified = [one.result.certified for one in done]
    seconds = sum(one.clip.motion.duration_s for one in done)
    speed = sum(one.cpu_s for one in done) / seconds
    figures = [
        _figure(
            "t1_x_realtime", speed, "s/s", f"CPU time of one core a second of motion; {len(done)} motions", "<= 0.5"
        ),
        _figure("t1_certified_pct", 100.0 * float(np.mean(certified)), "%", f"of {len(done)} motions, without help"),
    ]
    released = [one for one in done if one.clip.source == "pbhc"]
    if released:
        value = 100.0 * float(np.mean([one.result.certified for one in released]))
        figures.append(_figure("t1_certified_pbhc_pct", value, "%", f"of {len(released)} in PBHC's format"))
    return figures + _refined_figures(released or done)


def _refined_figures(done: Sequence[Certified]) -> list[Figure]:
    """Return what the refined versions are worth, of released motions where they are given, else of all.

    A version that asks the floor for more than the motion does is not kept by the product, and not counted here.
    """
    made = [one for one in done if one.residual is not None]
    kept = [
        (one, one.residual[1] / max(one.residual[0], 1e-6), one.refined)
        for one in made
        if one.residual is not None and one.refined is not None and one.residual[1] < one.residual[0]
    ]
    if not kept:
        return []
    told = f"{len(kept)} refined versions kept of {len(made)} made"
    ratios = [ratio for _, ratio, _ in kept]
    depth = max(1e3 * refined["penetration_p95"].value for _, _, refined in kept)
    slow = [refined["skate_mean"].value for one, _, refined in kept if _is_slow(one.clip)]
    figures = [
        _figure("refined_residual_ratio", float(np.mean(ratios)), "1", f"force residual to before; {told}", "<= 0.5"),
        _figure("refined_residual_ratio_worst", max(ratios), "1", f"the worst of {told}"),
        _figure("refined_penetration_p95_mm", depth, "mm", f"the worst of {told}", "<= 10"),
    ]
    if slow:
        told = f"stance, worst of {len(slow)} slow motions"
        figures.append(_figure("refined_skate", max(slow), "m/s", told, "<= 0.03"))
    return figures


def follow_clips(clips: Sequence[GoodClip], progress: Progress = silent) -> list[T2Result]:
    """Follow every motion by sampling control, with the second seed where the first falls; see `certify_clips`.

    Followed is the plan that was certified, or, where none was, the light plan of sampling control's own.
    """
    config, results = FollowConfig(), []
    for done, clip in enumerate(clips, start=1):
        try:
            followed = reference(clip.robot, facing_x(clip.motion), config.t1.reference)
        except TrackingError:
            continue
        certified = certify(clip.robot, clip.motion, config.t1).certified
        target = make_plan(clip.robot, followed, config.t1.plan) if certified else None
        results.append(follow_best(followed, clip.robot, config.t2, seeds=config.seeds, target=target))
        progress(done, len(clips))
    return results


def sampling_figures(results: Sequence[T2Result]) -> list[Figure]:
    """Return how far sampling control comes, how near it stays and what it costs; the worst of all motions."""
    if not results:
        return []
    told = f"worst of {len(results)} motions, the better of two seeds"
    survival = min(result.survival for result in results)
    root_cm = max(100.0 * float(result.root_error.mean()) for result in results)
    cost = max(result.seconds_per_second for result in results)
    return [
        _figure("t2_survival_min", survival, "1", f"share of the motion before a fall, {told}", "1"),
        _figure("t2_root_cm", root_cm, "cm", f"mean distance of the root, {told}", "<= 5"),
        _figure("t2_s_per_s", cost, "s/s", f"CPU time of one attempt a second of motion, {told}", "<= 8"),
    ]


def _is_slow(clip: GoodClip) -> bool:
    """Tell whether the pelvis hardly ever hurries."""
    steps = np.linalg.norm(np.diff(clip.motion.root_pos_w, axis=0), axis=1) * clip.motion.fps
    return float(np.percentile(steps, 95)) < SLOW_M_S


def _figure(key: str, value: float, unit: str, meaning: str, bar: str = "") -> Figure:
    return Figure(key=key, value=value, unit=unit, meaning=meaning, bar=bar)
