"""The list of stages a clip goes through: one list, for ``wushu run`` and for the Prefect flow alike.

video -> evidence -> motion -> plausibility -> retarget -> validation -> verdict -> handoff, playback
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.body import SkinnedBody, load_body
from pipeline.clip import Clip, file_sha256
from pipeline.estimators import ESTIMATORS
from pipeline.evidence import Evidence
from pipeline.export import FORMATS, find_format
from pipeline.home import Home
from pipeline.limits import find_limits
from pipeline.measurement import Measurements
from pipeline.plausibility import measure_human
from pipeline.progress import Progress
from pipeline.record_codec import digest, plain
from pipeline.render import ViewConfig, available_renderer, body_frames, robot_frames
from pipeline.render.overlay import draw_evidence
from pipeline.review import render_playback
from pipeline.settings import Settings
from pipeline.store import atomic_path, remove_file
from pipeline.validation import measure_robot
from pipeline.verdict import Verdict, judge
from pipeline.video import extract_evidence, find_models, frames_at
from retarget.correspondence import load_correspondence
from retarget.retargeter import Retargeter, RetargetResult
from retarget.smpl_motion import SmplMotion
from robots.exceptions import UnknownName
from robots.g1 import load_g1
from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext:
    """What a stage may know besides the results it reads."""

    clip: Clip
    clip_dir: Path
    """Folder for files meant for people and trainers."""
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFiles:
    """Result of a stage that writes files for others instead of a record for the next stage."""

    sha256: dict[str, str]
    """Path below the clip's folder -> hash of the content."""
    notes: tuple[str, ...] = ()
    """What the reader of the files should know."""
    withdrawn: tuple[str, ...] = ()
    """Paths below the clip's folder at which other settings leave a file, and these leave none."""

    @classmethod
    def of(
        cls, clip_dir: Path, paths: Iterable[Path], notes: tuple[str, ...] = (), withdrawn: Iterable[Path] = ()
    ) -> WrittenFiles:
        """Describe files that were just written below the clip's folder, or taken away."""
        return cls(
            sha256={str(path.relative_to(clip_dir)): file_sha256(path) for path in paths},
            notes=notes,
            withdrawn=tuple(str(path.relative_to(clip_dir)) for path in withdrawn),
        )

    def are_as_left(self, clip_dir: Path) -> bool:
        """Tell whether every file is still there, unchanged, and none that was taken away came back."""
        if any((clip_dir / p).exists() for p in self.withdrawn):
            return False
        return all((clip_dir / p).is_file() and file_sha256(clip_dir / p) == h for p, h in self.sha256.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step: reads results of earlier stages, gives one record."""

    name: str
    version: int
    """Raised whenever the same input and config give another result."""
    config: Any
    """Everything else that decides the result, as JSON types."""
    reads: tuple[str, ...]
    """Stages whose results ``run`` takes, in this order."""
    result: type
    run: Callable[..., Any]
    licences: tuple[str, ...] = ()
    """Licences of models and bodies that shape the result."""

    def fingerprint(self, clip: Clip, inputs: tuple[str, ...]) -> str:
        """Name the result by all that decides it."""
        return digest([clip.id, self.name, self.version, self.config, inputs])


def build_stages(settings: Settings, home: Home) -> tuple[Stage, ...]:
    """Put the stages together from settings; pictures are left out where this machine cannot render.

    Raises:
        UnknownName: The settings name an estimator, a format or a body that does not exist.
        InvalidLimits: The limits file cannot be used.
    """
    body = load_body(settings.body, search_dir=home.bodies_dir)
    robot = load_g1()
    stages = (
        _evidence_stage(settings, home),
        _motion_stage(settings, body),
        _plausibility_stage(settings, body),
        _retarget_stage(settings, robot),
        _validation_stage(settings, robot),
        _verdict_stage(settings),
        _handoff_stage(settings, robot),
    )
    return (*stages, _playback_stage(settings, body, robot)) if available_renderer() else stages


def _evidence_stage(settings: Settings, home: Home) -> Stage:
    def run(context: StageContext) -> Evidence:
        models = find_models(home.models_dir)
        return extract_evidence(Path(context.clip.source), settings.video, models, context.progress)

    return Stage(
        name="evidence",
        version=1,
        config=plain(settings.video),
        reads=(),
        result=Evidence,
        run=run,
        licences=("BlazePose: Apache-2.0",),
    )


def _motion_stage(settings: Settings, body: SkinnedBody) -> Stage:
    if settings.estimator not in ESTIMATORS:
        raise UnknownName("estimator", settings.estimator, ESTIMATORS)
    _, make = ESTIMATORS[settings.estimator]
    estimator = make(getattr(settings, settings.estimator))

    def run(context: StageContext, evidence: Evidence) -> SmplMotion:
        return estimator.estimate(evidence, body, context.progress)

    return Stage(
        name="motion",
        version=1,
        config=[
            settings.estimator,
            estimator.version,
            plain(estimator.config),
            body.name,
            _body_digest(body),
        ],
        reads=("evidence",),
        result=SmplMotion,
        run=run,
        licences=(f"body '{body.name}': {body.licence}",),
    )


def _plausibility_stage(settings: Settings, body: SkinnedBody) -> Stage:
    return Stage(
        name="plausibility",
        version=1,
        config=plain(settings.plausibility),
        reads=("motion",),
        result=Measurements,
        run=lambda context, motion: measure_human(motion, body, settings.plausibility),
    )


def _retarget_stage(settings: Settings, robot: RobotModel) -> Stage:
    correspondence = load_correspondence(settings.retarget.correspondence)

    def run(context: StageContext, motion: SmplMotion) -> RetargetResult:
        return Retargeter(robot, settings.retarget).retarget(motion.body_trajectory(), context.progress)

    return Stage(
        name="retarget",
        version=2,
        config=[plain(settings.retarget), plain(correspondence), _robot_digest(robot)],
        reads=("motion",),
        result=RetargetResult,
        run=run,
    )


def _validation_stage(settings: Settings, robot: RobotModel) -> Stage:
    return Stage(
        name="validation",
        version=1,
        config=[plain(settings.validation), _robot_digest(robot)],
        reads=("retarget",),
        result=Measurements,
        run=lambda context, result: measure_robot(result.motion, robot, settings.validation),
    )


def _verdict_stage(settings: Settings) -> Stage:
    limits = find_limits(settings.limits)
    return Stage(
        name="verdict",
        version=1,
        config=plain(limits),
        reads=("plausibility", "validation"),
        result=Verdict,
        run=lambda context, human, robot: judge((human, robot), limits),
    )


def _handoff_stage(settings: Settings, robot: RobotModel) -> Stage:
    formats = {name: find_format(name) for name in settings.formats}

    def run(context: StageContext, result: RetargetResult, verdict: Verdict) -> WrittenFiles:
        folder = context.clip_dir / "handoff"
        paths = {name: folder / f"{context.clip.id}.{name}{f.suffix}" for name, f in FORMATS.items()}
        wanted = formats if verdict.accepted else {}
        withdrawn = [path for name, path in paths.items() if name not in wanted]
        for path in withdrawn:
            remove_file(path)
        files = [f.write(result.motion, robot, paths[name]) for name, f in wanted.items()]
        notes = tuple(f"{file.path.name}: {note}" for file in files for note in file.notes)
        if not verdict.accepted:
            notes = ("not handed off: the clip was refused",)
        return WrittenFiles.of(context.clip_dir, [file.path for file in files], notes, withdrawn)

    return Stage(
        name="handoff",
        version=2,
        config=sorted(formats),
        reads=("retarget", "verdict"),
        result=WrittenFiles,
        run=run,
    )


def _playback_stage(settings: Settings, body: SkinnedBody, robot: RobotModel) -> Stage:
    def run(context: StageContext, evidence: Evidence, motion: SmplMotion, result: RetargetResult) -> WrittenFiles:
        path = context.clip_dir / "playback.mp4"
        width, height = settings.playback.view_size
        view = ViewConfig(width=width, height=height)
        with (
            closing(frames_at(Path(context.clip.source), evidence.timestamps, max_side_px=1280)) as source,
            closing(body_frames(body, motion, view)) as bodies,
            closing(robot_frames(robot, result.motion, view)) as robots,
            atomic_path(path) as temporary,
        ):
            marked = (draw_evidence(frame, evidence, index) for index, frame in enumerate(source))
            render_playback(
                temporary,
                zip(marked, bodies, robots, strict=True),
                titles=("source", f"body '{body.name}'", robot.name),
                fps=evidence.fps,
                n_frames=len(evidence),
                config=settings.playback,
                progress=context.progress,
            )
        return WrittenFiles.of(context.clip_dir, [path])

    return Stage(
        name="playback",
        version=1,
        config=plain(settings.playback),
        reads=("evidence", "motion", "retarget"),
        result=WrittenFiles,
        run=run,
    )


def _array_digest(*arrays: np.ndarray) -> str:
    """Tell bodies of one name apart by what they are made of."""
    content = hashlib.sha256()
    for array in arrays:
        content.update(array.tobytes())
    return content.hexdigest()[:16]


def _body_digest(body: SkinnedBody) -> str:
    keypoints = body.keypoint_regressor
    shape = (body.template_verts, body.shape_dirs, body.template_joints, body.joint_shape_dirs, body.skin_weights)
    return _array_digest(*shape, body.faces, keypoints.data, keypoints.indices, keypoints.indptr)


def _robot_digest(robot: RobotModel) -> str:
    """Name a robot by its description and by the tables that the description does not hold."""
    tables = (robot.velocity_limit, robot.velocity_limit_soft, robot.effort_limit, robot.effort_limit_soft)
    mjcf = np.frombuffer(robot.mjcf.encode(), dtype=np.uint8)
    return _array_digest(mjcf, *tables, robot.default_joint_pos, robot.sole_points_b)
