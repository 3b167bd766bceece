"""Measures the speed of the video front end on one video: keypoints alone, and everything up to the evidence."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

from pipeline.video import BlazePoseModels, VideoConfig, watch_video
from pipeline.video.blazepose import BlazePose
from pipeline.video.decode import decode_frames
from pipeline.video.people import PeopleTracker

_WARM_UP_FRAMES = 5


def keypoints_fps(video: Path, models: BlazePoseModels, *, n_frames: int = 150, threads: int = 2) -> float:
    """Return frames/s of detector, landmark network and tracking on pictures that are already decoded."""
    tracker = PeopleTracker(BlazePose(models, threads=threads), VideoConfig())
    frames = list(islice(decode_frames(video), n_frames + _WARM_UP_FRAMES))
    for frame in frames[:_WARM_UP_FRAMES]:
        tracker.update(frame.time_s, frame.rgb)
    start = time.perf_counter()
    for frame in frames[_WARM_UP_FRAMES:]:
        tracker.update(frame.time_s, frame.rgb)
    return (len(frames) - _WARM_UP_FRAMES) / (time.perf_counter() - start)


def front_end_fps(video: Path, models: BlazePoseModels) -> float:
    """Return decoded frames/s from the file to the finished recording, loading the networks included."""
    n_frames = 0

    def count(done: int, total: int | None) -> None:
        nonlocal n_frames
        n_frames = done

    start = time.perf_counter()
    watch_video(video, VideoConfig(), models, count)
    return n_frames / (time.perf_counter() - start)
