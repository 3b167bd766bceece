"""Turns a video file into the evidence of its main person, at a fixed rate and with doubtful frames marked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt16

from pipeline.camera import default_intrinsics
from pipeline.evidence import Evidence, FrameFlag
from pipeline.exceptions import NoPersonFound
from pipeline.progress import Progress, silent
from pipeline.video.blazepose import Pose
from pipeline.video.config import VideoConfig
from pipeline.video.decode import DURATION_ROUNDING_S, VideoInfo, probe
from pipeline.video.keypoints import coco17, foot_points
from pipeline.video.models import BlazePoseModels
from pipeline.video.people import main_person
from pipeline.video.resample import (
    lies_between,
    neighbours,
    resample_confidence,
    resample_rotations,
    resample_values,
    uniform_times,
)
from pipeline.video.watch import WatchedVideo, watch_video

_LONGEST_CURVE_STEPS = 2.5
_LOW_CONFIDENCE = 0.5


def extract_evidence(path: Path, config: VideoConfig, models: BlazePoseModels, progress: Progress = silent) -> Evidence:
    """Return what a video shows of its main person, from their first frame to their last.

    The confidence of a keypoint is zero while the person is out of sight (``NO_PERSON``). A file that breaks off is
    used up to there; ``Evidence.undecoded_s`` says how much is missing.

    Args:
        path: The video; one shot.
        config: Rate, lens, thresholds.
        models: BlazePose's networks.
        progress: Called after each decoded frame.

    Raises:
        UnreadableVideo: The file cannot be read as a video.
        NoPersonFound: Nobody is seen for ``config.min_seen_s``.
    """
    info = probe(path)
    K = default_intrinsics(info.width, info.height)
    if config.focal_px is not None:
        K[0, 0] = K[1, 1] = config.focal_px
    watched = watch_video(path, info, K, config, models, progress)
    person = main_person(watched.people, watched.times, config.max_gap_s)
    step = _mean_step(watched.times, info)
    if len(person) * step < config.min_seen_s:
        raise NoPersonFound(path, seen_s=len(person) * step)
    return _resampled(watched, person, info, K, config)


def _mean_step(times: Float[np.ndarray, " native"], info: VideoInfo) -> float:
    """Mean time from one decoded frame to the next [s]; a single frame has the rate the file states."""
    if len(times) > 1:
        return float(times[-1] - times[0]) / (len(times) - 1)
    return 1.0 / info.mean_fps if info.mean_fps else 0.0


def _resampled(
    watched: WatchedVideo,
    person: Mapping[int, Pose],
    info: VideoInfo,
    K: Float[np.ndarray, "3 3"],
    config: VideoConfig,
) -> Evidence:
    """Put what was seen of the person onto uniform times, and mark what is doubtful."""
    frames, poses = np.array(list(person)), list(person.values())
    seen_at = watched.times[frames]
    times = uniform_times(seen_at[0], seen_at[-1], config.fps)
    is_seen = np.zeros(len(watched.times), dtype=bool)
    is_seen[frames] = True
    before, after = neighbours(watched.times, times)
    absent = ~(is_seen[before] & is_seen[after])
    step = _mean_step(watched.times, info)

    def on_times(values: Float[np.ndarray, " seen *dims"]) -> Float[np.ndarray, " frames *dims"]:
        return resample_values(seen_at, values, times, _LONGEST_CURVE_STEPS * step)

    def keypoints(native: Float[np.ndarray, "seen points 3"]) -> Float[np.ndarray, "frames points 3"]:
        confidence = resample_confidence(seen_at, native[..., 2], times) * ~absent[:, None]
        return np.concatenate([on_times(native[..., :2]) / watched.scale, confidence[..., None]], axis=2)

    kp2d = keypoints(np.stack([coco17(pose) for pose in poses]))
    return Evidence(
        fps=config.fps,
        timestamps=times,
        native_fps=1.0 / step,
        image_size=(info.width, info.height),
        K=K,
        K_source="default" if config.focal_px is None else "user",
        boxes=on_times(np.stack([pose.box for pose in poses])) / watched.scale,
        kp2d=kp2d,
        foot_kp2d=keypoints(np.stack([foot_points(pose) for pose in poses])),
        landmarks_w=on_times(np.stack([pose.landmarks_w for pose in poses])),
        R_w2c=_from_first(resample_rotations(watched.times, watched.R_w2c, times)),
        flags=_flags(
            between=lies_between(watched.times, times, config.fps),
            absent=absent,
            doubtful=(kp2d[..., 2] < _LOW_CONFIDENCE).mean(axis=1) > 0.5,
            camera_sure=watched.camera_sure[before] & watched.camera_sure[after],
        ),
        undecoded_s=_undecoded(watched.times, step, info),
    )


def _flags(
    *,
    between: Bool[np.ndarray, " frames"],
    absent: Bool[np.ndarray, " frames"],
    doubtful: Bool[np.ndarray, " frames"],
    camera_sure: Bool[np.ndarray, " frames"],
) -> UInt16[np.ndarray, " frames"]:
    flags = between * FrameFlag.INTERPOLATED | absent * FrameFlag.NO_PERSON
    flags |= (doubtful & ~absent) * FrameFlag.LOW_CONFIDENCE | ~camera_sure * FrameFlag.CAMERA_UNSURE
    return flags.astype(np.uint16)


def _from_first(R_w2c: Float[np.ndarray, "frames 3 3"]) -> Float[np.ndarray, "frames 3 3"]:
    """Make the first frame's camera axes the world; a camera that never turned is the identity to the last bit."""
    if np.array_equal(R_w2c, np.broadcast_to(R_w2c[0], R_w2c.shape)):
        return np.broadcast_to(np.eye(3), R_w2c.shape)
    return R_w2c @ R_w2c[0].T


def _undecoded(times: Float[np.ndarray, " native"], step: float, info: VideoInfo) -> float:
    """How much of the stated duration is missing at the end [s]; small differences are the container's rounding."""
    missing = info.duration_s - float(times[-1]) - step
    return missing if missing > DURATION_ROUNDING_S else 0.0
