"""KF-Bench on the level of pixels: every view is drawn, encoded, watched by the front end, and then estimated.

The same view is also estimated from what the model of the detector says of it (the keypoint level) and from the true
keypoints, so that the loss of each step can be read off: truth -> projected -> detected -> estimator -> robot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np

from pipeline.bench_estimate.clips import choose_clips, group_sizes
from pipeline.bench_estimate.config import FPS, BenchConfig, StepListener
from pipeline.bench_estimate.contenders import make_estimators
from pipeline.bench_estimate.filming import FrontEnd
from pipeline.bench_estimate.judging import judge_sample
from pipeline.bench_estimate.matching import Match, Piece, match
from pipeline.bench_estimate.sheet import Sheet, chance
from pipeline.bench_estimate.stages import (
    CAMERA_TOLD,
    DETECTED,
    KEYPOINT,
    LANDMARKS_TOLD,
    MODELLED,
    PROJECTED,
    projected_evidence,
    with_true_camera,
    with_true_landmarks,
)
from pipeline.bench_estimate.views import View, draw_view, embodied, projected
from pipeline.body import SkinnedBody, load_body
from pipeline.estimators import Estimator
from pipeline.evidence import Evidence
from pipeline.exceptions import MachineFault, NoPersonFound
from pipeline.home import Home
from pipeline.kfbench.bench_cameras import MOVING_KINDS, STATIC
from pipeline.kfbench.bench_clips import BenchClip
from pipeline.kfbench.bench_result import GROUPS, TRUTH, BenchResult
from pipeline.kfbench.bench_score import Tally, score_estimate, summarise
from pipeline.render import MissingRenderer
from pipeline.synthetic import load_detector_model
from retarget.progress import Progress, silent
from retarget.smpl_motion import SmplMotion
from robots.exceptions import WushuError

Watch = Callable[[View, Progress], list[Evidence]]
"""Says what is seen of a view: one evidence for each clip made of it; raises ``NoPersonFound`` where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Result:
    """What an estimator made of one view, from one kind of evidence."""

    tally: dict[str, Tally]
    longest: SmplMotion


def bench_pixels(
    config: BenchConfig, home: Home, on_step: StepListener = lambda step: silent, *, folder: Path
) -> BenchResult:
    """Run KF-Bench on the level of pixels.

    Args:
        config: What is run.
        home: Where bodies and networks are.
        on_step: Told of each step.
        folder: Where videos and recordings are kept; what is there is not made again.

    Raises:
        NoClips: There is nothing to run on.
        WushuError: An estimator that was named cannot be made; the networks or OpenGL are missing.
    """
    estimators, notes = make_estimators(config)
    front_end = FrontEnd(folder, load_body(search_dir=home.bodies_dir), config.settings, home)
    notes.append(f"videos and recordings: {folder}")
    return bench_watched(estimators, config, home, front_end, on_step, notes=notes)


def bench_watched(
    estimators: Mapping[str, Estimator],
    config: BenchConfig,
    home: Home,
    watch: Watch,
    on_step: StepListener = lambda step: silent,
    *,
    varied: bool = True,
    notes: Sequence[str] = (),
) -> BenchResult:
    """Run the pixel level with any front end.

    Args:
        estimators: By the names that they have in the result.
        config: What is run.
        home: Where bodies are.
        watch: The front end.
        on_step: Told of each step.
        varied: Draw bodies, cuts and looks; else motions, cameras and modelled evidence are the keypoint level's.
        notes: What a reader should know of the estimators.

    Raises:
        NoClips: There is nothing to run on.
        MachineFault: The machine lacks what filming or watching needs.
        MissingRenderer: No OpenGL on this machine.
    """
    body = load_body(search_dir=home.bodies_dir)
    sheet = Sheet(on_view=lambda kind: None)
    clips, told = choose_clips(config, body, estimators, sheet, on_step("reading clips"))
    if varied:
        clips = [embodied(clip, body, config.seed) for clip in clips]
    order = np.random.default_rng([config.seed, 2]).permutation(len(clips))
    sample = [clips[i] for i in sorted(order[: config.robot_clips])] if config.robot else []
    told_views: list[str] = []
    lost: list[str] = []
    views = _views(config, clips, body, varied=varied)
    filming = on_step("filming and watching")
    kinds: Counter[str] = Counter()
    for number, (view, groups) in enumerate(views):
        kinds[view.kind] += 1
        _measure(view, groups, estimators, body, sheet, lost, told_views, watch, _part(filming, number, len(views)))
    notes = [*notes, *told, "views: " + ", ".join(f"{kinds[kind]} {kind}" for kind in (STATIC, *MOVING_KINDS))]
    notes += [_cast(views), *told_views]
    judged = [clip for clip in sample if all((clip.name, name) in sheet.kept for name in estimators)]
    if judged:
        notes += judge_sample(config, judged, estimators, body, sheet, on_step("on the robot"))
    return _result(estimators, config, clips, sheet, notes, lost)


def _views(
    config: BenchConfig, clips: Sequence[BenchClip], body: SkinnedBody, *, varied: bool
) -> list[tuple[View, tuple[str, ...]]]:
    """Each clip before a camera at rest and before one that moves, with the groups that it counts in."""
    detector = load_detector_model()
    views = []
    for clip in clips:
        moving = str(chance(config.seed, clip.name, "kind").choice(MOVING_KINDS))
        for kind, groups in ((STATIC, ("static_camera",)), (moving, clip.groups)):
            views.append((draw_view(clip, kind, body, detector, config.seed, varied=varied), groups))
    return views


def _part(progress: Progress, number: int, count: int) -> Progress:
    """Report one view's share of all views, in hundredths of a view."""

    def report(done: int, total: int | None) -> None:
        progress(100 * number + (100 * done // total if total else 0), 100 * count)

    return report


def _measure(
    view: View,
    groups: Sequence[str],
    estimators: Mapping[str, Estimator],
    body: SkinnedBody,
    sheet: Sheet,
    lost: list[str],
    told: list[str],
    watch: Watch,
    progress: Progress,
) -> None:
    """Watch one view, say what was lost of it, and run all estimators on the evidence of each step."""
    points_px = projected(view, body.motion_keypoints(view.clip.motion))
    who = "front end"
    try:
        seen = match(view, _watched(watch, view, progress), points_px)
        modelled = match(view, [shot.modelled for shot in view.shots], points_px, known=True)
        true = match(view, projected_evidence(view, body, points_px), points_px, known=True)
        lost += [f"{view.name}: {sentence}" for sentence in seen.lost]
        told.append(_line(view, seen))
        found: dict[str, _Result] = {}
        if seen.pieces:
            steps = {
                "": seen,
                CAMERA_TOLD: with_true_camera(view, seen),
                LANDMARKS_TOLD: with_true_landmarks(view, seen, true),
                KEYPOINT: modelled,
                PROJECTED: true,
            }
            for name, (step, evidence) in product(estimators, steps.items()):
                who = f"{name}_{step}" if step else name
                begun = perf_counter()
                found[who] = _estimated(view, evidence.pieces, estimators[name], body)
                if not step:
                    sheet.seconds[name] = sheet.seconds.get(name, 0.0) + perf_counter() - begun
    except (MachineFault, MissingRenderer):  # no fault of the view: the next would fare no better
        raise
    except WushuError as error:
        sheet.failures.append(f"{view.name}, {who}: {error}")
        return
    sheet.add(DETECTED, groups, view.clip.name, seen.tally)
    sheet.add(MODELLED, groups, view.clip.name, modelled.tally)
    sheet.add(PROJECTED, groups, view.clip.name, true.tally)
    sheet.frames += sum(len(piece.evidence) for piece in seen.pieces)
    for row, result in found.items():
        sheet.add(row, groups, view.clip.name, result.tally)
        if row in estimators and seen.whole and view.kind != STATIC:
            sheet.kept[view.clip.name, row] = result.longest


def _line(view: View, seen: Match) -> str:
    """What became of one video, so that a figure can be traced to its pictures."""
    means = {key: tally.total / tally.weight for key, tally in seen.tally.items()}
    if not seen.pieces:
        return f"{view.name}: {view.look.words}: lost"
    return (
        f"{view.name}: {view.look.words}: keypoints {means['kp_px']:.1f} px ({means['kp_pct']:.1f} % of the height), "
        f"missed {means['missed_pct']:.0f} %, somebody else {means['wrong_pct']:.0f} %, swapped "
        f"{means['swapped_pct']:.0f} %, camera {means['camera_deg']:.2f} deg"
    )


def _watched(watch: Watch, view: View, progress: Progress) -> list[Evidence]:
    try:
        return watch(view, progress)
    except NoPersonFound:
        return []


def _estimated(view: View, pieces: Sequence[Piece], estimator: Estimator, body: SkinnedBody) -> _Result:
    """Estimate every piece and hold each against the truth of its own frames."""
    sums: dict[str, Tally] = {}
    motions = []
    for piece in pieces:
        estimate = estimator.estimate(piece.evidence, body)
        motions.append(estimate)
        truth = view.clip.motion
        if len(piece.frames) != len(truth) or piece.frames[0] != 0:
            at = piece.frames[piece.inside]
            truth = truth.frames(int(at[0]), int(at[-1]) + 1)
            estimate = estimate.frames(piece.inside.start, piece.inside.start + len(truth))
        for key, tally in score_estimate(estimate, truth).items():
            before = sums.get(key, Tally(total=0.0, weight=0.0))
            sums[key] = Tally(total=before.total + tally.total, weight=before.weight + tally.weight)
    return _Result(tally=sums, longest=max(motions, key=len))


def _cast(views: Sequence[tuple[View, tuple[str, ...]]]) -> str:
    looks = [view.look for view, _ in views]
    cuts = sum(len(view.shots) > 1 for view, _ in views)
    bystanders = sum(look.bystander is not None for look in looks)
    return (
        f"{len(views)} videos: {cuts} with a cut, {bystanders} with a bystander, "
        f"{sum(look.post is not None for look in looks)} with a post, {sum(look.shutter > 0 for look in looks)} blurred"
    )


def _result(
    estimators: Mapping[str, Estimator],
    config: BenchConfig,
    clips: Sequence[BenchClip],
    sheet: Sheet,
    notes: Sequence[str],
    lost: Sequence[str],
) -> BenchResult:
    rows = [PROJECTED, MODELLED, DETECTED]
    for name in estimators:
        rows += [name, *(f"{name}_{step}" for step in (CAMERA_TOLD, LANDMARKS_TOLD, KEYPOINT, PROJECTED))]
    keys = [(row, group) for group in GROUPS for row in (*rows, TRUTH)]
    return BenchResult(
        values={
            key: summarise(list(sheet.tallies[key].values()), seed=config.seed) for key in keys if key in sheet.tallies
        },
        clips=group_sizes(clips),
        frames=sheet.frames,
        x_real_time={name: sheet.frames / FPS / seconds for name, seconds in sheet.seconds.items() if seconds},
        notes=tuple(notes),
        failures=tuple(sheet.failures),
        lost=tuple(lost),
    )
