"""The stages that turn a source into a human motion: of a video by watching it, of a motion file by reading it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.body import SkinnedBody
from pipeline.clip import Clip
from pipeline.estimators import ESTIMATORS, Estimator
from pipeline.evidence import Evidence
from pipeline.home import Home
from pipeline.readers import MotionFile, read_motion
from pipeline.record_codec import plain
from pipeline.settings import Settings
from pipeline.stage import Stage, StageContext
from pipeline.video import Recording, VideoConfig, evidence_of, find_models, watch_video
from retarget.smpl_motion import SmplMotion
from robots.exceptions import UnknownName


def video_stages(settings: Settings, body: SkinnedBody, home: Home) -> tuple[Stage, ...]:
    """Return recording, evidence and motion.

    Raises:
        UnknownName: The settings name an estimator that does not exist.
    """
    return _recording_stage(settings, home), _evidence_stage(settings), _motion_stage(settings, body)


def motion_file_stages(settings: Settings, body: SkinnedBody) -> tuple[Stage, ...]:
    """Return reading and motion: the chain of a file that holds motion already."""
    return _reading_stage(settings, body), _part_stage()


def _recording_stage(settings: Settings, home: Home) -> Stage:
    def run(context: StageContext) -> Recording:
        config = _with_facts(settings.video, context.clip)
        models = find_models(home.models_dir)
        return watch_video(Path(context.clip.source.path), config, models, context.progress)

    def facts(clip: Clip) -> object:
        config = _with_facts(settings.video, clip)
        return [config.focal_px, config.static_camera]

    return Stage(
        name="recording",
        version=3,
        config=plain(replace(settings.video, focal_px=None, static_camera=None)),
        facts=facts,
        reads=(),
        result=Recording,
        run=run,
        licences=("BlazePose: Apache-2.0",),
        of_whole=True,
    )


def _with_facts(config: VideoConfig, clip: Clip) -> VideoConfig:
    """What is known of this source goes before what the settings say of all."""
    known = clip.source.facts
    return replace(
        config,
        focal_px=config.focal_px if known.focal_px is None else known.focal_px,
        static_camera=config.static_camera if known.static_camera is None else known.static_camera,
    )


def _evidence_stage(settings: Settings) -> Stage:
    return Stage(
        name="evidence",
        version=4,
        config=settings.clips.fps,
        reads=("recording",),
        result=Evidence,
        run=lambda context, recording: evidence_of(recording, context.clip, settings.clips),
    )


def _motion_stage(settings: Settings, body: SkinnedBody) -> Stage:
    if settings.estimator not in ESTIMATORS:
        raise UnknownName("estimator", settings.estimator, ESTIMATORS)
    _, make = ESTIMATORS[settings.estimator]
    config = getattr(settings, settings.estimator)
    estimator = make(config)
    learned = [estimator.data_sha256] if estimator.data_sha256 else []

    def of_clip(clip: Clip) -> Estimator:
        height = clip.source.facts.height_m
        return estimator if height is None else make(replace(config, height_m=height))

    def run(context: StageContext, evidence: Evidence) -> SmplMotion:
        return of_clip(context.clip).estimate(evidence, body, context.progress)

    return Stage(
        name="motion",
        version=2,
        # What was learned comes last and only where there is any: results of other estimators keep their names.
        config=[settings.estimator, estimator.version, plain(config), body.name, _body_digest(body), *learned],
        facts=_height,
        reads=("evidence",),
        result=SmplMotion,
        run=run,
        licences=(f"body '{body.name}': {body.licence}", *estimator.licences),
    )


def _reading_stage(settings: Settings, body: SkinnedBody) -> Stage:
    def run(context: StageContext) -> MotionFile:
        source = context.clip.source
        return read_motion(Path(source.path), body, fps=settings.clips.fps, height_m=source.facts.height_m)

    return Stage(
        name="reading",
        version=1,
        config=[settings.clips.fps, body.name, _body_digest(body)],
        facts=_height,
        reads=(),
        result=MotionFile,
        run=run,
        licences=(f"body '{body.name}': {body.licence}",),
        of_whole=True,
    )


def _part_stage() -> Stage:
    return Stage(
        name="motion",
        version=1,
        config=None,
        reads=("reading",),
        result=SmplMotion,
        run=lambda context, file: (
            file.motion if context.clip.span_s is None else file.motion.part(*context.clip.span_s)
        ),
    )


def _height(clip: Clip) -> object:
    return clip.source.facts.height_m


def array_digest(*arrays: np.ndarray) -> str:
    """Tell records of one name apart by what they are made of."""
    content = hashlib.sha256()
    for array in arrays:
        content.update(array.tobytes())
    return content.hexdigest()[:16]


def _body_digest(body: SkinnedBody) -> str:
    keypoints = body.keypoint_regressor
    shape = (body.template_verts, body.shape_dirs, body.template_joints, body.joint_shape_dirs, body.skin_weights)
    return array_digest(*shape, body.faces, keypoints.data, keypoints.indices, keypoints.indptr)
