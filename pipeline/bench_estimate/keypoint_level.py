"""Turns motions that are known into figures for every estimator: KF-Bench on the level of keypoints.

A motion is performed by the body, filmed by a camera that a seed drew, reported by a detector with measured errors,
estimated, and held against itself. No picture is drawn, so that a hall full of clips takes seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

import numpy as np

from pipeline.bench_estimate.clips import choose_clips, group_sizes
from pipeline.bench_estimate.config import FPS, BenchConfig, StepListener
from pipeline.bench_estimate.contenders import make_estimators
from pipeline.bench_estimate.judging import judge_sample
from pipeline.bench_estimate.sheet import Sheet, chance
from pipeline.body import SkinnedBody, load_body
from pipeline.estimators import Estimator
from pipeline.evidence import Evidence
from pipeline.home import Home
from pipeline.kfbench.bench_cameras import IMAGE_SIZE, MOVING_KINDS, STATIC, sample_camera
from pipeline.kfbench.bench_clips import BenchClip
from pipeline.kfbench.bench_result import GROUPS, TRUTH, BenchResult
from pipeline.kfbench.bench_score import Tally, score_estimate, summarise
from pipeline.synthetic import DetectorModel, load_detector_model, observe, sample_occlusions
from retarget.progress import Progress, silent
from retarget.smpl_motion import SmplMotion
from robots.exceptions import WushuError


def bench_estimators(config: BenchConfig, home: Home, on_step: StepListener = lambda step: silent) -> BenchResult:
    """Run KF-Bench on the level of keypoints.

    Every clip is seen twice, by a camera at rest and by one that moves, of a kind that the seed draws. What an
    estimator cannot do counts for none of them, so that all stand on the same views; it is in ``failures``.

    Raises:
        NoClips: There is nothing to run on.
        WushuError: An estimator that was named cannot be made, e.g. for want of its weights.
    """
    estimators, notes = make_estimators(config)
    return bench_these(estimators, config, home, on_step, notes=notes)


def bench_these(
    estimators: Mapping[str, Estimator],
    config: BenchConfig,
    home: Home,
    on_step: StepListener = lambda step: silent,
    *,
    on_view: Callable[[str], None] = lambda kind: None,
    notes: Sequence[str] = (),
) -> BenchResult:
    """Run the bench on estimators that were made elsewhere, as variants of one are that differ in a switch.

    Clips, cameras and noise are those of :func:`bench_estimators` for the same settings and the same clips known.

    Args:
        estimators: By the names that they have in the result; ``config.estimators`` is not asked.
        config: What is run.
        home: Where bodies are.
        on_step: Told of each step.
        on_view: Told the kind of camera before each view is estimated.
        notes: What a reader should know of the estimators.

    Raises:
        NoClips: There is nothing to run on.
    """
    body = load_body(search_dir=home.bodies_dir)
    sheet = Sheet(on_view=on_view)
    clips, told = choose_clips(config, body, estimators, sheet, on_step("reading clips"))
    notes = [*notes, *told]
    order = np.random.default_rng([config.seed, 2]).permutation(len(clips))
    sample = [clips[i] for i in sorted(order[: config.robot_clips])] if config.robot else []
    notes += _film(config, clips, sample, estimators, body, sheet, on_step("estimating"))
    if sample:
        notes += judge_sample(config, sample, estimators, body, sheet, on_step("on the robot"))
    values = {
        key: summarise(list(by_clip.values()), seed=config.seed) for key, by_clip in sheet.tallies.items() if by_clip
    }
    return BenchResult(
        values={key: values[key] for key in ordered_keys(estimators) if key in values},
        clips=group_sizes(clips),
        frames=sheet.frames,
        x_real_time={name: sheet.frames / FPS / seconds for name, seconds in sheet.seconds.items()},
        notes=tuple(notes),
        failures=tuple(sheet.failures),
    )


def ordered_keys(estimators: Mapping[str, Estimator]) -> list[tuple[str, str]]:
    """Names of the rows of a table, in order."""
    return [(name, group) for group in GROUPS for name in (*estimators, TRUTH)]


def _film(
    config: BenchConfig,
    clips: Sequence[BenchClip],
    sample: Sequence[BenchClip],
    estimators: Mapping[str, Estimator],
    body: SkinnedBody,
    sheet: Sheet,
    progress: Progress,
) -> list[str]:
    """Let every clip be seen and estimated; return which cameras there were."""
    detector = load_detector_model()
    judged = {clip.name for clip in sample}
    kinds: Counter[str] = Counter()
    for done, clip in enumerate(clips):
        progress(done, len(clips))
        moving = str(chance(config.seed, clip.name, "kind").choice(MOVING_KINDS))
        for kind, groups in ((STATIC, ("static_camera",)), (moving, clip.groups)):
            found = _estimated(clip, kind, config.seed, detector, estimators, body, sheet)
            if found is None:
                continue
            kinds[kind] += 1
            sheet.frames += len(clip.motion)
            for name, (estimate, tally) in found.items():
                sheet.add(name, groups, clip.name, tally)
                if clip.name in judged and kind != STATIC:
                    sheet.kept[clip.name, name] = estimate
    progress(len(clips), len(clips))
    return ["views: " + ", ".join(f"{kinds[kind]} {kind}" for kind in (STATIC, *MOVING_KINDS))]


def _seen(clip: BenchClip, kind: str, body: SkinnedBody, detector: DetectorModel, seed: int) -> Evidence:
    """What the detector says of a clip before one camera; something hides a part of the person four times a minute."""
    rng = chance(seed, clip.name, "static view" if kind == STATIC else "moving view")
    motion = clip.motion
    camera = sample_camera(kind, motion.joints()[0], motion.fps, rng)
    hidden = sample_occlusions(len(motion) / motion.fps, rng)
    return observe(motion, body, camera, IMAGE_SIZE, detector, rng, occlusions=hidden)


def _estimated(
    clip: BenchClip,
    kind: str,
    seed: int,
    detector: DetectorModel,
    estimators: Mapping[str, Estimator],
    body: SkinnedBody,
    sheet: Sheet,
) -> dict[str, tuple[SmplMotion, dict[str, Tally]]] | None:
    """Run all estimators on one view and score them; None if it cannot be filmed, or one of them cannot do it."""
    found: dict[str, tuple[SmplMotion, dict[str, Tally]]] = {}
    spent: dict[str, float] = {}
    who = "detector"
    try:
        evidence = _seen(clip, kind, body, detector, seed)
        sheet.on_view(kind)
        for who, estimator in estimators.items():
            begun = perf_counter()
            estimate = estimator.estimate(evidence, body)
            spent[who] = perf_counter() - begun
            found[who] = estimate, score_estimate(estimate, clip.motion)
    except WushuError as error:
        sheet.failures.append(f"{clip.name} ({kind} camera), {who}: {error}")
        return None
    sheet.seconds |= {name: sheet.seconds.get(name, 0.0) + seconds for name, seconds in spent.items()}
    return found
