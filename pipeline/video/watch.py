"""Turns a video file into everything that is read off its pictures, at their own times, in one overlapped pass.

The three slow parts each have a thread, so a picture is decoded while the one before is searched for people and the
one before that for background.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from pipeline.progress import Progress
from pipeline.video.blazepose import BlazePose, Pose
from pipeline.video.camera_rotation import CameraRotationTracker, is_static
from pipeline.video.config import VideoConfig
from pipeline.video.decode import VideoFrameRgb, VideoInfo, decode_frames
from pipeline.video.models import BlazePoseModels
from pipeline.video.people import PeopleTracker
from pipeline.video.prefetch import prefetch

_AHEAD = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WatchedVideo:
    """Everything read off the pictures, at their own times."""

    times: Float[np.ndarray, " native"]
    """Time of each decoded frame [s]."""
    scale: float
    """Pixels in which people are given, per pixel of the video."""
    people: list[dict[int, Pose]]
    """Who is in each frame, under the number the tracker gave them."""
    R_w2c: Float[np.ndarray, "native 3 3"]
    """Rotation from the first frame's camera axes to each frame's."""
    camera_sure: Bool[np.ndarray, " native"]
    """Whether that rotation was measured rather than carried over."""


def track_people(
    frames: Generator[VideoFrameRgb, None, None], config: VideoConfig, models: BlazePoseModels
) -> Generator[tuple[VideoFrameRgb, dict[int, Pose]], None, None]:
    """Yield each frame with the people in it, in pixels of that (perhaps shrunken) frame."""
    tracker = PeopleTracker(BlazePose(models, threads=config.threads), config)
    with closing(frames):
        for frame in frames:
            yield frame, tracker.update(frame.time_s, frame.rgb)


def watch_video(
    path: Path,
    info: VideoInfo,
    K: Float[np.ndarray, "3 3"],
    config: VideoConfig,
    models: BlazePoseModels,
    progress: Progress,
) -> WatchedVideo:
    """Decode a video once, following the people and the camera.

    Args:
        path: The video.
        info: What :func:`probe` said of it.
        K: Intrinsics of the upright picture [px].
        config: Thresholds, sizes, threads.
        models: BlazePose's networks.
        progress: Called after each decoded frame.

    Raises:
        UnreadableVideo: The file cannot be decoded.
    """
    decoded = prefetch(
        decode_frames(path, max_side_px=config.max_side_px, min_length_s=config.min_seen_s), depth=_AHEAD
    )
    tracked = prefetch(track_people(decoded, config, models), depth=_AHEAD)
    shrink = min(1.0, config.camera_side_px / max(info.width, info.height))
    camera = None if config.static_camera else CameraRotationTracker(_shrunken_intrinsics(K, shrink))
    times, people, scale = [], [], 1.0
    with closing(tracked):
        for frame, found in tracked:
            times.append(frame.time_s)
            people.append(found)
            scale = frame.scale
            if camera is not None:
                ratio = shrink / frame.scale
                camera.update(_gray(frame.rgb, ratio), [pose.box * ratio for pose in found.values()])
            progress(len(times), info.n_frames or None)
    n = len(times)
    R_w2c, sure = np.broadcast_to(np.eye(3), (n, 3, 3)), np.ones(n, dtype=bool)
    if camera is not None:
        R_w2c, sure = camera.finish()
        if config.static_camera is None and is_static(R_w2c):
            R_w2c = np.broadcast_to(np.eye(3), (n, 3, 3))
    return WatchedVideo(times=np.array(times), scale=scale, people=people, R_w2c=R_w2c, camera_sure=sure)


def _shrunken_intrinsics(K: Float[np.ndarray, "3 3"], shrink: float) -> Float[np.ndarray, "3 3"]:
    return np.diag([shrink, shrink, 1.0]) @ K


def _gray(rgb: UInt8[np.ndarray, "height width 3"], ratio: float) -> UInt8[np.ndarray, "height width"]:
    if ratio < 1.0:
        size = (max(1, round(rgb.shape[1] * ratio)), max(1, round(rgb.shape[0] * ratio)))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
