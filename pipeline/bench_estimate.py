"""Turns motions that are known into figures for every estimator: KF-Bench on the level of keypoints.

A motion is performed by the body, filmed by a camera that a seed drew, reported by a detector with measured errors,
estimated, and held against itself. No picture is drawn, so that a hall full of clips takes seconds.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np

from pipeline.body import SkinnedBody, load_body
from pipeline.estimators import ESTIMATORS, Estimator
from pipeline.evidence import Evidence
from pipeline.home import Home
from pipeline.kfbench import PIECES, perform
from pipeline.kfbench.bench_cameras import IMAGE_SIZE, MOVING_KINDS, STATIC, sample_camera
from pipeline.kfbench.bench_clips import (
    BenchClip,
    ClipFile,
    NoClips,
    choose,
    clip_names,
    cut_window,
    is_seen,
    list_clips,
)
from pipeline.kfbench.bench_result import GROUPS, TRUTH, BenchResult
from pipeline.kfbench.bench_score import Tally, score_estimate, summarise
from pipeline.limits import find_limits
from pipeline.readers import read_motion
from pipeline.repair import HumanMender
from pipeline.settings import Settings
from pipeline.synthetic import DetectorModel, load_detector_model, observe, sample_occlusions
from retarget.progress import Progress, silent
from retarget.retargeter import Retargeter
from retarget.smpl_motion import SmplMotion
from robots.exceptions import InvalidArray, UnknownName, WushuError
from robots.g1 import Variant, load_g1

FPS = 30.0
"""Rate of motions and evidence [1/s]."""

_SHORTEST_S = 1.0
_PIECE_GROUPS = {"kungfu_form": "kungfu", "dance": "dance"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchConfig:
    """What is run."""

    mocap: Path | None = None
    """Folder with ``.bvh`` and ``.bvh.gz`` files; None = the built-in choreographies."""
    seed: int = 0
    """Decides windows, cameras, noise, samples and resampling."""
    estimators: tuple[str, ...] = ()
    """Names; empty = all there are."""
    clips: int = 24
    """At most so many clips, drawn evenly from the groups; 0 = all."""
    longest_s: float = 10.0
    """Longest piece of a clip that is performed [s]."""
    views: int = 6
    """How often each built-in choreography is filmed, by a camera at rest and by one that moves."""
    seen: bool = False
    """Also clips that the weights of an estimator were trained on."""
    flagged: bool = False
    """Also clips whose index names defects of the recording."""
    robot: bool = True
    """Also put a sample of the motions on the robot and judge them."""
    robot_clips: int = 12
    """Size of that sample."""
    settings: Settings = field(default_factory=Settings)
    """Of the estimators, and of what judges."""

    def __post_init__(self) -> None:
        """Check names and numbers.

        Raises:
            UnknownName: An estimator does not exist.
            InvalidArray: A number makes no sense.
        """
        for name in self.estimators:
            if name not in ESTIMATORS:
                raise UnknownName("estimator", name, ESTIMATORS)
        for name, lowest in {"seed": 0, "clips": 0, "views": 1, "robot_clips": 1}.items():
            if getattr(self, name) < lowest:
                raise InvalidArray(name, problem=f"must be {lowest} or more, got {getattr(self, name)}")
        if not (np.isfinite(self.longest_s) and self.longest_s >= _SHORTEST_S):
            raise InvalidArray("longest_s", problem=f"must be {_SHORTEST_S:g} s or more, got {self.longest_s}")


StepListener = Callable[[str], Progress]
"""Called with the name of a step when it begins; returns what the step reports its progress to."""


@dataclass(slots=True, kw_only=True)
class _Sheet:
    """What is written down while the bench runs, and who is told."""

    on_view: Callable[[str], None]
    tallies: dict[tuple[str, str], dict[str, dict[str, Tally]]] = field(default_factory=dict)
    """By estimator and group, then by clip, then by metric."""
    seconds: dict[str, float] = field(default_factory=dict)
    frames: int = 0
    failures: list[str] = field(default_factory=list)
    kept: dict[tuple[str, str], SmplMotion] = field(default_factory=dict)
    """Estimates that will be put on the robot, by clip and estimator."""

    def add(self, estimator: str, groups: Sequence[str], clip: str, tally: Mapping[str, Tally]) -> None:
        """Count a clip in its groups."""
        for group in groups:
            self.tallies.setdefault((estimator, group), {}).setdefault(clip, {}).update(tally)


def bench_estimators(config: BenchConfig, home: Home, on_step: StepListener = lambda step: silent) -> BenchResult:
    """Run KF-Bench on the level of keypoints.

    Every clip is seen twice, by a camera at rest and by one that moves, of a kind that the seed draws. What an
    estimator cannot do counts for none of them, so that all stand on the same views; it is in ``failures``.

    Raises:
        NoClips: There is nothing to run on.
        WushuError: An estimator that was named cannot be made, e.g. for want of its weights.
    """
    estimators, notes = _make(config)
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
    sheet = _Sheet(on_view=on_view)
    clips, told = _clips(config, body, estimators, sheet, on_step("reading clips"))
    notes = [*notes, *told]
    order = np.random.default_rng([config.seed, 2]).permutation(len(clips))
    sample = [clips[i] for i in sorted(order[: config.robot_clips])] if config.robot else []
    notes += _film(config, clips, sample, estimators, body, sheet, on_step("estimating"))
    if sample:
        notes += _judge(config, sample, estimators, body, sheet, on_step("on the robot"))
    values = {
        key: summarise(list(by_clip.values()), seed=config.seed) for key, by_clip in sheet.tallies.items() if by_clip
    }
    return BenchResult(
        values={key: values[key] for key in _keys(estimators) if key in values},
        clips=_sizes(clips),
        frames=sheet.frames,
        x_real_time={name: sheet.frames / FPS / seconds for name, seconds in sheet.seconds.items()},
        notes=tuple(notes),
        failures=tuple(sheet.failures),
    )


def _make(config: BenchConfig) -> tuple[dict[str, Estimator], list[str]]:
    """Make the estimators; of those that nobody named, one that cannot be made (no weights here) is left out."""
    made: dict[str, Estimator] = {}
    notes = []
    for name in dict.fromkeys(config.estimators or ESTIMATORS):
        config_type, make = ESTIMATORS[name]
        try:
            made[name] = make(getattr(config.settings, name, None) or config_type())
        except WushuError as error:
            if config.estimators:
                raise
            notes.append(f"{name} is left out: {error}")
    return made, notes


def _keys(estimators: Mapping[str, Estimator]) -> list[tuple[str, str]]:
    return [(name, group) for group in GROUPS for name in (*estimators, TRUTH)]


def _sizes(clips: Sequence[BenchClip]) -> dict[str, int]:
    counted = Counter(group for clip in clips for group in clip.groups)
    return {group: counted[group] for group in GROUPS[:-1]} | {"static_camera": len(clips)}


def _clips(
    config: BenchConfig, body: SkinnedBody, estimators: Mapping[str, Estimator], sheet: _Sheet, progress: Progress
) -> tuple[list[BenchClip], list[str]]:
    """Return the clips that are performed, and what a reader should know of the choice."""
    known = frozenset[str]().union(*(getattr(made, "trained_on", ()) for made in estimators.values()))
    trained_on = frozenset[str]() if config.seen else known
    if config.mocap is None:
        return _built_in(config, body, trained_on)
    folder = list_clips(config.mocap)
    notes = [] if folder.index else ["no index.csv was found: all clips are in the group 'all' only"]
    if folder.unlisted:
        notes.append(f"{len(folder.unlisted)} files are not in {folder.index}: they count in 'all' only")
    files = list(folder.files)
    files, gone = _without(files, lambda file: is_seen(file.name, trained_on))
    if config.seen:
        seen = sum(is_seen(file.name, known) for file in files)
        notes.append(f"not held out: weights were trained on {seen} of {len(files)} clips")
    else:
        notes.append(f"held out: {gone} clips that weights were trained on are left out, {len(files)} are left")
    if not config.flagged:
        files, gone = _without(files, lambda file: bool(file.defects))
        notes += [f"{gone} clips with known defects (column qa_flags) are left out"] if gone else []
    if not files:
        raise NoClips(config.mocap, problem="no clip is left to run on. Say --seen or --flagged to take those left out")
    clips = _read(config, files, body, sheet, notes, progress)
    if not clips:
        problem = sheet.failures[0] if sheet.failures else f"every clip is shorter than {_SHORTEST_S:g} s"
        raise NoClips(config.mocap, problem=f"no clip could be used ({problem})")
    chosen = choose(clips, config.clips, np.random.default_rng([config.seed, 1]))
    drawn = "" if len(chosen) == len(clips) else ", drawn evenly from the groups (--clips 0: all)"
    notes.append(f"{len(chosen)} of {len(clips)} clips{drawn}; of each at most {config.longest_s:g} s")
    return chosen, notes


def _without(files: list[ClipFile], bad: Callable[[ClipFile], bool]) -> tuple[list[ClipFile], int]:
    kept = [file for file in files if not bad(file)]
    return kept, len(files) - len(kept)


def _read(
    config: BenchConfig,
    files: Sequence[ClipFile],
    body: SkinnedBody,
    sheet: _Sheet,
    notes: list[str],
    progress: Progress,
) -> list[BenchClip]:
    """Read the files; one that is broken is written down, and the rest goes on."""
    clips: list[BenchClip] = []
    short = 0
    names = clip_names([(config.mocap or Path(), file.path) for file in files])
    for done, (file, name) in enumerate(zip(files, names, strict=True)):
        progress(done, len(files))
        try:
            motion = read_motion(file.path, body, fps=FPS).motion
        except WushuError as error:
            sheet.failures.append(str(error))
            continue
        if len(motion) < _SHORTEST_S * FPS:
            short += 1
            continue
        window = cut_window(motion, config.longest_s, _chance(config.seed, name, "window"))
        clips.append(BenchClip(name=name, motion=window, group=file.group))
    if short:
        notes.append(f"{short} clips are shorter than {_SHORTEST_S:g} s and left out")
    return clips


def _built_in(config: BenchConfig, body: SkinnedBody, trained_on: frozenset[str]) -> tuple[list[BenchClip], list[str]]:
    pieces = {name: piece for name, piece in PIECES.items() if not is_seen(name, trained_on)}
    if not pieces:
        problem = "weights were trained on all of them. Name a folder with --mocap, or say --seen"
        raise NoClips(Path("built-in choreographies"), problem=problem)
    clips = []
    for name, piece in pieces.items():
        motion = perform(piece, body)
        motion = cut_window(motion, config.longest_s, _chance(config.seed, name, "window"))
        clips += [
            BenchClip(name=f"{name} {number}", motion=motion, group=_PIECE_GROUPS.get(name))
            for number in range(1, config.views + 1)
        ]
    clips = choose(clips, config.clips, np.random.default_rng([config.seed, 1]))
    note = (
        f"no folder was named: {len(pieces)} built-in choreographies, {len(clips)} views; intervals speak of cameras "
        "and noise only, not of other motions"
    )
    return clips, [note]


def _film(
    config: BenchConfig,
    clips: Sequence[BenchClip],
    sample: Sequence[BenchClip],
    estimators: Mapping[str, Estimator],
    body: SkinnedBody,
    sheet: _Sheet,
    progress: Progress,
) -> list[str]:
    """Let every clip be seen and estimated; return which cameras there were."""
    detector = load_detector_model()
    judged = {clip.name for clip in sample}
    kinds: Counter[str] = Counter()
    for done, clip in enumerate(clips):
        progress(done, len(clips))
        moving = str(_chance(config.seed, clip.name, "kind").choice(MOVING_KINDS))
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
    rng = _chance(seed, clip.name, "static view" if kind == STATIC else "moving view")
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
    sheet: _Sheet,
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


def _judge(
    config: BenchConfig,
    sample: Sequence[BenchClip],
    estimators: Mapping[str, Estimator],
    body: SkinnedBody,
    sheet: _Sheet,
    progress: Progress,
) -> list[str]:
    """Put truths and estimates on the robot and count what is accepted, as it stands: nothing is mended."""
    mender = _mender(config.settings, body)
    verdicts: dict[int, bool] = {}
    estimated = [clip for clip in sample if all((clip.name, name) in sheet.kept for name in estimators)]
    total = len(estimated) * (1 + len(estimators))
    for number, clip in enumerate(estimated):
        for place, name in enumerate((TRUTH, *estimators)):
            progress(number * (1 + len(estimators)) + place, total)
            motion = clip.motion if name == TRUTH else sheet.kept[clip.name, name]
            if id(motion) in verdicts:  # a choreography whose truth was judged already
                continue
            verdicts[id(motion)] = accepted = _is_accepted(mender, motion)
            sheet.add(name, clip.groups, clip.name, {"accepted_pct": Tally(total=100.0 * accepted, weight=1.0)})
    return [
        f"accepted on the robot: {len(estimated)} clips drawn from the seed, moving camera, tier "
        f"'{mender.limits.tier}', no repair, robot with {mender.robot.name}"
    ]


def _mender(settings: Settings, body: SkinnedBody) -> HumanMender:
    variant: Variant = settings.robot or "29dof"
    robot = load_g1(variant)
    return HumanMender(
        body=body,
        plausibility=settings.plausibility,
        retargeter=Retargeter(robot, settings.retarget),
        robot=robot,
        validation=settings.validation,
        limits=find_limits(settings.limits),
        regrounding=settings.repair.regrounding,
    )


def _is_accepted(mender: HumanMender, motion: SmplMotion) -> bool:
    """A motion that the robot cannot follow at all is refused, not a failure of the bench."""
    try:
        return mender.diagnose(motion).verdict.accepted
    except WushuError:
        return False


def _chance(seed: int, *what: str) -> np.random.Generator:
    """Chance of its own for every clip and purpose, so that other clips in the folder change nothing."""
    return np.random.default_rng([seed, *(zlib.crc32(word.encode()) for word in what)])
