"""The lists of stages a clip goes through: one for videos, one for motion files; for ``wushu run`` and Prefect alike.

video: recording -> evidence -> motion -> plausibility -> retarget -> validation -> verdict -> repair -> tracking -> ...
motion file:          reading -> motion -> plausibility -> ... the same from here

Where a format has fewer joints than the robot that is shown, retarget, validation and verdict are there once more, for
the robot without these joints (``pipeline.variants``).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.body import SkinnedBody, load_body
from pipeline.clip import Clip, Source
from pipeline.evidence import Evidence
from pipeline.front_stages import array_digest, motion_file_stages, video_stages
from pipeline.handoff_stage import handoff_stage
from pipeline.home import Home
from pipeline.leads_stage import leads_stage
from pipeline.limits import find_limits
from pipeline.measurement import Measurements
from pipeline.plausibility import measure_human
from pipeline.readers import MotionFile
from pipeline.readers.recognise import is_motion_file
from pipeline.record_codec import plain
from pipeline.render import ViewConfig, available_renderer, body_frames, robot_frames
from pipeline.render.overlay import draw_evidence
from pipeline.repair import Diagnosis, HumanMender, Piece, PieceOfVariant, Repairs, mend
from pipeline.review import ClipReport, draw_residuals, render_playback, write_picture, write_report
from pipeline.score import SCALE
from pipeline.settings import Settings
from pipeline.stage import Stage, StageContext, WrittenFiles
from pipeline.store import atomic_path
from pipeline.tracking import Followed, follow
from pipeline.validation import measure_robot
from pipeline.variants import VariantPlan, stage_of
from pipeline.verdict import Verdict, judge
from pipeline.video import ClipConfig, cut_clips, cut_motion, frames_at
from retarget.correspondence import Correspondence, load_correspondence
from retarget.exceptions import InvalidCorrespondence
from retarget.retargeter import Retargeter, RetargetResult
from retarget.smpl_motion import SmplMotion
from robots.exceptions import UnknownName, WushuError
from robots.g1 import Variant, load_g1
from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What becomes of a source, by its kind."""

    video: tuple[Stage, ...]
    motion_file: tuple[Stage, ...]
    cutting: ClipConfig
    """How a source is cut into clips once its first stage is done."""
    settings: Any
    """What they were all made from, as JSON types."""

    def require(self, sources: Iterable[Source]) -> None:
        """Find out, before anything runs, whether this machine has what the sources need.

        Raises:
            WushuError: It lacks a package, a model file or weights; the sentence says how to get them.
        """
        chains = {id(chain): chain for chain in (self.of(Clip.of(source)) for source in sources)}
        for chain in chains.values():
            for stage in chain:
                stage.require()

    def of(self, clip: Clip) -> tuple[Stage, ...]:
        """Return the stages of a clip, in order; the first is one result for its source as a whole."""
        return self.motion_file if is_motion_file(Path(clip.source.path)) else self.video

    def cut(self, whole: Clip, first_result: Any) -> list[Clip]:
        """Return the clips of a source, given the result of its first stage.

        Raises:
            NoPersonFound: Nobody is seen for long enough.
        """
        if isinstance(first_result, MotionFile):
            return cut_motion(len(first_result.motion) / first_result.motion.fps, whole, self.cutting)
        return cut_clips(first_result, whole, self.cutting)


def build_stages(settings: Settings, home: Home) -> Stages:
    """Put the stages together from settings; pictures are left out where this machine cannot render.

    Raises:
        UnknownName: The settings name an estimator, a format or a body that does not exist.
        InvalidCorrespondence: The correspondence cannot be used, or not for a robot that a format needs.
        InvalidLimits: The limits file cannot be used.
    """
    body = load_body(settings.body, search_dir=home.bodies_dir)
    plan = VariantPlan.of(settings.robot, settings.formats)
    solvers: dict[Variant, Solver] = {variant: _solver(settings, variant) for variant in plan.variants}
    later = (
        _plausibility_stage(settings, body),
        *(stage for variant in plan.variants for stage in _robot_stages(settings, variant, solvers[variant])),
        _repair_stage(settings, body, plan, solvers),
        _tracking_stage(settings, plan.shown),
        leads_stage(settings, plan),
        handoff_stage(plan),
        _picture_stage(plan.shown),
        _report_stage(plan.shown),
    )
    watch, read = (_playback_stage(settings, body, plan.shown, source_view=view) for view in (True, False))
    drawn = available_renderer() is not None
    return Stages(
        video=(*video_stages(settings, body, home), *later, *((watch,) if drawn else ())),
        motion_file=(*motion_file_stages(settings, body), *later, *((read,) if drawn else ())),
        cutting=settings.clips,
        settings=plain(settings),
    )


def _plausibility_stage(settings: Settings, body: SkinnedBody) -> Stage:
    return Stage(
        name="plausibility",
        version=4,
        config=plain(settings.plausibility),
        reads=("motion",),
        result=Measurements,
        run=lambda context, motion: measure_human(motion, body, settings.plausibility),
    )


Solver = Callable[[], Retargeter]
"""Gives the retargeter of a variant, prepared at the first call: that takes longer than a short clip."""


def _solver(settings: Settings, variant: Variant) -> Solver:
    return cache(lambda: Retargeter(load_g1(variant), settings.retarget))


def _robot_stages(settings: Settings, variant: Variant, solver: Solver) -> tuple[Stage, Stage, Stage]:
    """Return what makes and judges the motion of one variant of the robot."""
    retarget = _retarget_stage(settings, variant, solver)
    return retarget, _validation_stage(settings, variant), _verdict_stage(settings, variant)


def _retarget_stage(settings: Settings, variant: Variant, solver: Solver) -> Stage:
    robot = load_g1(variant)
    correspondence = _correspondence(settings, robot)

    def run(context: StageContext, motion: SmplMotion) -> RetargetResult:
        return solver().retarget(motion.body_trajectory(), context.progress)

    return Stage(
        name=stage_of("retarget", variant),
        version=7,
        config=[plain(settings.retarget), plain(correspondence), _robot_digest(robot)],
        reads=("motion",),
        result=RetargetResult,
        run=run,
    )


def _correspondence(settings: Settings, robot: RobotModel) -> Correspondence:
    """Read the table as the robot takes it; a user's own table may know nothing of the robot that a format needs."""
    name = settings.retarget.correspondence
    try:
        return load_correspondence(name).on_robot(robot.body_names)
    except UnknownName as error:
        problem = f"{robot.name} has no link '{error.name}', and no [welded.{error.name}] says where it is found there"
        raise InvalidCorrespondence(name, problem=problem) from error


def _validation_stage(settings: Settings, variant: Variant) -> Stage:
    robot = load_g1(variant)
    return Stage(
        name=stage_of("validation", variant),
        version=4,
        config=[plain(settings.validation), _robot_digest(robot)],
        reads=(stage_of("retarget", variant),),
        result=Measurements,
        run=lambda context, result: measure_robot(result.motion, robot, settings.validation),
    )


def _verdict_stage(settings: Settings, variant: Variant) -> Stage:
    limits = find_limits(settings.limits)
    return Stage(
        name=stage_of("verdict", variant),
        version=2,
        config=[plain(limits), [plain(term) for term in SCALE]],
        reads=("plausibility", stage_of("validation", variant)),
        result=Verdict,
        run=lambda context, human, robot: judge((human, robot), limits),
    )


def _repair_stage(settings: Settings, body: SkinnedBody, plan: VariantPlan, solvers: Mapping[Variant, Solver]) -> Stage:
    """Look for the parts of a refused clip, and the edits, that save it, for every variant that a format needs."""
    limits = find_limits(settings.limits)

    def mender(variant: Variant) -> HumanMender:
        return HumanMender(
            body=body,
            plausibility=settings.plausibility,
            retargeter=solvers[variant](),
            robot=load_g1(variant),
            validation=settings.validation,
            limits=limits,
            regrounding=settings.repair.regrounding,
        )

    def run(
        context: StageContext,
        motion: SmplMotion,
        human: Measurements,
        robot: Measurements,
        solved: RetargetResult,
        verdict: Verdict,
    ) -> Repairs:
        first = Diagnosis(motion=motion, robot_motion=solved.motion, measurements=(human, robot), verdict=verdict)
        repairs = mend(first, mender(plan.shown), settings.repair, context.progress)
        if verdict.accepted:
            return repairs
        others: dict[Variant, HumanMender] = {variant: mender(variant) for variant in plan.variants[1:]}
        return replace(repairs, pieces=tuple(_with_variants(piece, others) for piece in repairs.pieces))

    shown = [stage_of(name, plan.shown) for name in ("validation", "retarget", "verdict")]
    return Stage(
        name="repair",
        version=4,
        config=[plain(settings.repair), list(plan.variants)],
        reads=("motion", "plausibility", *shown),
        result=Repairs,
        run=run,
    )


def _with_variants(piece: Piece, others: Mapping[Variant, HumanMender]) -> Piece:
    assert piece.human is not None  # found by a mender of human motions
    human = piece.human
    solved: dict[Variant, Diagnosis[SmplMotion]] = {}
    for variant, other in others.items():
        with suppress(WushuError):  # a robot that cannot follow this piece gets no file of it
            solved[variant] = other.diagnose(human)
    return replace(
        piece,
        variants=tuple(
            PieceOfVariant(variant=variant, motion=found.robot_motion, verdict=found.verdict)
            for variant, found in solved.items()
        ),
    )


def _tracking_stage(settings: Settings, variant: Variant) -> Stage:
    robot = load_g1(variant)

    def run(context: StageContext, result: RetargetResult) -> Followed:
        return follow(result.motion, robot, settings.tracking, context.progress)

    return Stage(
        name=stage_of("tracking", variant),
        version=4,
        config=[plain(settings.tracking), _robot_digest(robot)],
        reads=(stage_of("retarget", variant),),
        result=Followed,
        run=run,
    )


def _picture_stage(variant: Variant) -> Stage:
    def run(context: StageContext, result: RetargetResult) -> WrittenFiles:
        path = context.clip_dir / "retarget.png"
        with atomic_path(path) as temporary:
            write_picture(temporary, draw_residuals(result, context.clip.name))
        return WrittenFiles.of(context.clip_dir, [path], notes=_told_of_stances(result))

    reads = (stage_of("retarget", variant),)
    return Stage(name="picture", version=2, config=[], reads=reads, result=WrittenFiles, run=run)


def _report_stage(variant: Variant) -> Stage:
    def run(
        context: StageContext,
        human: Measurements,
        robot: Measurements,
        verdict: Verdict,
        result: RetargetResult,
        followed: Followed,
        repairs: Repairs,
    ) -> WrittenFiles:
        report = ClipReport(
            name=context.clip.name,
            motion=result.motion,
            measurements=(human, robot, *([followed.measurements] if followed.measurements else [])),
            verdict=verdict,
            pieces=repairs.usable,
        )
        path = context.clip_dir / "report.png"
        with atomic_path(path) as temporary:
            write_report(temporary, report, load_g1(variant))
        return WrittenFiles.of(context.clip_dir, [path])

    robot_reads = (stage_of(name, variant) for name in ("validation", "verdict", "retarget", "tracking"))
    reads = ("plausibility", *robot_reads, "repair")
    return Stage(name="report", version=1, config=[], reads=reads, result=WrittenFiles, run=run)


def _told_of_stances(result: RetargetResult) -> tuple[str, ...]:
    """One sentence on the stances that the robot could not hold, the worst by name."""
    if not result.infeasible_stances:
        return ()
    worst = max(result.infeasible_stances, key=lambda stance: stance.error_m)
    others = len(result.infeasible_stances) - 1
    more = f"; {others} more, see retarget.png" if others else ""
    return (f"{worst}{more}",)


def _playback_stage(settings: Settings, body: SkinnedBody, variant: Variant, *, source_view: bool) -> Stage:
    robot, retarget = load_g1(variant), stage_of("retarget", variant)

    def run(context: StageContext, motion: SmplMotion, result: RetargetResult, *evidence: Evidence) -> WrittenFiles:
        path, poster = context.clip_dir / "playback.mp4", context.clip_dir / "poster.jpg"
        width, height = settings.playback.view_size
        view = ViewConfig(width=width, height=height)
        with ExitStack() as stack, atomic_path(poster) as still, atomic_path(path) as temporary:
            views = [
                *(_marked_source(context.clip, seen) for seen in evidence),
                body_frames(body, motion, view),
                robot_frames(robot, result.motion, view),
            ]
            frames = [stack.enter_context(closing(film)) for film in views]
            render_playback(
                temporary,
                zip(*frames, strict=True),
                titles=(*("source" for _ in evidence), f"body '{body.name}'", robot.name),
                fps=motion.fps,
                n_frames=len(motion),
                config=settings.playback,
                progress=context.progress,
                poster=still,
            )
        return WrittenFiles.of(context.clip_dir, [path, poster])

    return Stage(
        name="playback",
        version=6,
        config=plain(settings.playback),
        reads=("motion", retarget, "evidence") if source_view else ("motion", retarget),
        result=WrittenFiles,
        run=run,
    )


def _marked_source(clip: Clip, evidence: Evidence) -> Generator[np.ndarray, None, None]:
    """Yield the source's picture at each frame of the evidence, with the evidence drawn on it."""
    with closing(frames_at(Path(clip.source.path), evidence.timestamps, max_side_px=1280)) as source:
        for index, frame in enumerate(source):
            yield draw_evidence(frame, evidence, index)


def _robot_digest(robot: RobotModel) -> str:
    """Name a robot by its description and by the tables that the description does not hold."""
    tables = (robot.velocity_limit, robot.velocity_limit_soft, robot.effort_limit, robot.effort_limit_soft)
    mjcf = np.frombuffer(robot.mjcf.encode(), dtype=np.uint8)
    return array_digest(mjcf, *tables, robot.default_joint_pos, robot.sole_points_b)
