"""The stages that turn a source into a human motion: of a video by watching it, of a motion file by reading it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pipeline.body import SkinnedBody
from pipeline.clip import Clip
from pipeline.estimators import ESTIMATORS, Estimator, ImageFeatures
from pipeline.estimators.gvhmr.gvhmr_estimator import GvhmrEstimator
from pipeline.evidence import Evidence
from pipeline.feature_stage import FEATURES, feature_stages
from pipeline.home import Home
from pipeline.readers import MotionFile, read_motion
from pipeline.record_codec import plain
from pipeline.settings import Settings
from pipeline.stage import Stage, StageContext
from pipeline.video import Recording, VideoConfig, evidence_of, find_models, watch_video
from retarget.smpl_motion import SmplMotion
from robots.exceptions import UnknownName, WushuError

RECORDING_VERSION = 3
"""Raised with every change of how a video is watched that changes recordings."""

EstimatorMaker = Callable[[float | None], Estimator]
"""Gives the estimator for a person of this height [m], if it is known; raises where it cannot work on this machine."""


@runtime_checkable
class OfOneBody(Protocol):
    """An estimator that learned from one body and makes motions of no other."""

    def require_body(self, body: SkinnedBody) -> None:
        """Raise if it can make no motions of this body."""
        ...


def video_stages(settings: Settings, body: SkinnedBody, home: Home) -> tuple[Stage, ...]:
    """Return recording, evidence, image features where they are asked for, and motion.

    An estimator that cannot work here, as packages or weights are missing or the weights are of another body, is no
    reason to fail yet, as sources may all hold motion already. A video is refused for it in its first stage, before
    anything is decoded.

    Raises:
        UnknownName: The settings name an estimator that does not exist.
        InvalidArray: They ask for image features for an estimator that looks at no pictures.
    """
    if settings.estimator not in ESTIMATORS:
        raise UnknownName("estimator", settings.estimator, ESTIMATORS)
    estimator_of = _estimator_maker(settings, body)
    return (
        _recording_stage(settings, home, estimator_of),
        _evidence_stage(settings),
        *feature_stages(settings, home, estimator_of),
        _motion_stage(settings, body, estimator_of),
    )


def motion_file_stages(settings: Settings, body: SkinnedBody) -> tuple[Stage, ...]:
    """Return reading and motion: the chain of a file that holds motion already."""
    return _reading_stage(settings, body), _part_stage()


def _estimator_maker(settings: Settings, body: SkinnedBody) -> EstimatorMaker:
    _, make = ESTIMATORS[settings.estimator]
    config = getattr(settings, settings.estimator)

    @lru_cache(maxsize=2)  # networks are read once, and not one for every person of a large dataset
    def estimator_of(height_m: float | None) -> Estimator:
        estimator = make(config if height_m is None else replace(config, height_m=height_m))
        if isinstance(estimator, OfOneBody):
            estimator.require_body(body)
        return estimator

    return estimator_of


def _recording_stage(settings: Settings, home: Home, estimator_of: EstimatorMaker) -> Stage:
    def require() -> None:
        find_models(home.models_dir)
        estimator_of(None)

    def run(context: StageContext) -> Recording:
        estimator_of(context.clip.source.facts.height_m)  # nobody waits for a film that nothing can be made of
        config = _with_facts(settings.video, context.clip)
        models = find_models(home.models_dir)
        return watch_video(Path(context.clip.source.path), config, models, context.progress)

    def facts(clip: Clip) -> object:
        config = _with_facts(settings.video, clip)
        return [config.focal_px, config.static_camera]

    return Stage(
        name="recording",
        version=RECORDING_VERSION,
        config=plain(replace(settings.video, focal_px=None, static_camera=None)),
        facts=facts,
        reads=(),
        result=Recording,
        run=run,
        licences=("BlazePose: Apache-2.0",),
        of_whole=True,
        require=require,
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


def _motion_stage(settings: Settings, body: SkinnedBody, estimator_of: EstimatorMaker) -> Stage:
    def run(context: StageContext, evidence: Evidence, *images: ImageFeatures) -> SmplMotion:
        estimator = estimator_of(context.clip.source.facts.height_m)
        if images and isinstance(estimator, GvhmrEstimator):
            return estimator.estimate(evidence, body, context.progress, images=images[0])
        return estimator.estimate(evidence, body, context.progress)

    decides, licences = _told_of_estimator(settings, body, estimator_of)
    return Stage(
        name="motion",
        version=2,
        config=decides,
        facts=_height,
        reads=("evidence",) if settings.features.network == "none" else ("evidence", FEATURES),
        result=SmplMotion,
        run=run,
        licences=(f"body '{body.name}': {body.licence}", *licences),
        resource="gpu" if settings.estimator == "gvhmr" and settings.gvhmr.device == "cuda" else "cpu",
    )


def _told_of_estimator(
    settings: Settings, body: SkinnedBody, estimator_of: EstimatorMaker
) -> tuple[list[Any], tuple[str, ...]]:
    """Return what decides a motion, as JSON types, and the licences of what was learned."""
    config = plain(getattr(settings, settings.estimator))
    try:
        estimator = estimator_of(None)
    except WushuError as error:
        # The name of a result that cannot come to be: whoever asks for it gets the same error.
        return [settings.estimator, config, body.name, str(error)], ()
    # What was learned comes last and only where there is any: results of other estimators keep their names.
    learned = [estimator.data_sha256] if estimator.data_sha256 else []
    decides = [settings.estimator, estimator.version, config, body.name, _body_digest(body), *learned]
    return decides, estimator.licences


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
