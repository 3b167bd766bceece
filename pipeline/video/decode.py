"""Turns a video file into upright RGB frames, each with the time the file gives it.

Time zero is the first decodable picture, so that clips cut from a longer recording and transport streams, whose clocks
start anywhere, are read alike. Frames keep their own distances: a variable frame rate stays variable. Interlaced
pictures are made whole on the way.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NoReturn

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import UInt8

from pipeline.exceptions import UnreadableVideo
from pipeline.video.deinterlace import deinterlaced, is_interlaced
from pipeline.video.metadata import deep_tags, focal_px, recorded_fps

DURATION_ROUNDING_S = 0.25
"""A stated duration this much longer than the pictures last does not mean that any are missing [s]."""

_CONVERT = "Open it in a player to see whether it is whole, then convert it: `ffmpeg -i INPUT -an OUTPUT.mp4`."
_GET_AGAIN = "Copy or download it again."
_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a video file says of itself, checked by decoding its first pictures."""

    width: int
    """Width of the upright picture [px]."""
    height: int
    """Height of the upright picture [px]."""
    mean_fps: float
    """Mean frame rate the container states [1/s]; 0 where it states none."""
    duration_s: float
    """Duration the container states [s]; 0 where it states none."""
    n_frames: int
    """Number of frames the container states, or their estimate from rate and duration; 0 where it states neither."""
    codec: str
    """Name of the video codec, as FFmpeg calls it."""
    interlaced: bool
    """Whether odd and even lines are of two moments, as found on the first pictures; decoding makes them whole."""
    recorded_fps: float
    """Pictures a second that the camera took, by its own note [1/s]; 0 where it left none."""
    focal_px: float
    """Focal length in pixels of the upright picture, by the camera's own note [px]; 0 where it left none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoFrameRgb:
    """One upright picture and its time."""

    time_s: float
    """Seconds since the first decodable picture [s]."""
    scale: float
    """Pixels of ``rgb`` per pixel of the video."""
    rgb: UInt8[np.ndarray, "height width 3"]
    """The picture."""


def probe(path: Path) -> VideoInfo:
    """Return size, rate, duration and codec of a video.

    Raises:
        UnreadableVideo: The file cannot be opened, holds no video, or its first picture cannot be decoded.
    """
    with _opened(path) as (container, stream):
        try:
            first = next(container.decode(stream), None)
        except av.error.FFmpegError as error:
            _refuse_undecodable(path, error)
        if first is None:
            raise UnreadableVideo(path, problem="the video stream holds no pictures", remedy=_GET_AGAIN)
        width, height = _square_pixel_size(first, stream)
        turned = _quarter_turns(first) % 2 == 1
        tags = container.metadata | stream.metadata | deep_tags(path)
        return VideoInfo(
            width=height if turned else width,
            height=width if turned else height,
            mean_fps=float(stream.average_rate or 0.0),
            duration_s=_stated_duration(container, stream),
            n_frames=_stated_frames(container, stream),
            codec=stream.codec_context.name,
            interlaced=is_interlaced(chain([first], container.decode(stream))),
            recorded_fps=recorded_fps(tags),
            focal_px=focal_px(tags, width, height),
        )


def decode_frames(
    path: Path,
    *,
    max_side_px: int | None = None,
    min_length_s: float = 1.0,
    interlaced: bool | None = None,
    from_s: float = 0.0,
) -> Generator[VideoFrameRgb, None, None]:
    """Yield the frames of a video in the order of their times, which strictly increase.

    A damaged file is read up to its first undecodable picture, if that is at least ``min_length_s`` in; the caller
    sees the loss by comparing the last time with :attr:`VideoInfo.duration_s`. Frames that share a time with the
    frame before them are dropped; a frame without a time is placed one mean frame duration after its predecessor.

    Args:
        path: The video.
        max_side_px: Shrink pictures (by averaging) so that their longer side is at most this [px].
        min_length_s: Decode at least this much before a damaged picture counts as the end [s].
        interlaced: What :func:`probe` said of it; None: find out, which decodes the first pictures twice.
        from_s: Leave out what is earlier, by jumping to a key frame where the file allows it [s].

    Raises:
        UnreadableVideo: The file cannot be opened, or breaks off before ``min_length_s``.
    """
    if interlaced is None:
        with _opened(path) as (container, stream):
            interlaced = is_interlaced(container.decode(stream))
    with _opened(path) as (container, stream):
        step = 1.0 / float(stream.average_rate) if stream.average_rate else 1.0 / 30.0
        start, last, damage = None, -np.inf, None
        try:
            if from_s > 0.0:
                start = _jump(container, stream, from_s)
            frames: Iterable[VideoFrame] = container.decode(stream)
            for frame in deinterlaced(frames) if interlaced else frames:
                time = frame.time
                if time is None:
                    time = 0.0 if start is None else start + last + step
                start = time if start is None else start
                if time - start > last:
                    last = time - start
                    if last >= from_s:
                        yield _upright_rgb(frame, stream, last, max_side_px)
        except av.error.FFmpegError as error:
            damage = error
        is_cut_off = damage is not None or _stated_duration(container, stream) > last + step + DURATION_ROUNDING_S
        if is_cut_off and last < min_length_s:
            _refuse_undecodable(path, damage)
        if start is None:
            raise UnreadableVideo(path, problem="the video stream holds no pictures", remedy=_GET_AGAIN)


def _jump(container: InputContainer, stream: VideoStream, to_s: float) -> float | None:
    """Go to the key frame before a time on the video's clock; return where that clock begins, if anything tells."""
    first = next(container.decode(stream), None)
    if first is None or first.time is None or stream.time_base is None:
        container.seek(0)
        return None
    container.seek(int((first.time + to_s) / stream.time_base), stream=stream, backward=True)
    return first.time


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video with threaded decoding; every way in which that fails becomes one sentence."""
    if not path.exists():
        raise UnreadableVideo(path, problem="no such file", remedy="Check the path.")
    if path.is_dir():
        raise UnreadableVideo(path, problem="is a directory", remedy="Name the video files in it.")
    try:
        size = path.stat().st_size
        container = av.open(str(path)) if size else None
    except (av.error.PermissionError, PermissionError) as error:
        raise UnreadableVideo(path, problem="may not be read", remedy="Change its permissions.") from error
    except (av.error.FFmpegError, OSError) as error:
        problem = "is not a video, or a video cut off before its index"
        raise UnreadableVideo(path, problem=problem, remedy=f"{_GET_AGAIN} {_CONVERT}") from error
    if container is None:
        raise UnreadableVideo(path, problem="is empty (0 bytes)", remedy=_GET_AGAIN)
    with container:
        if not container.streams.video:
            kinds = sorted({stream.type for stream in container.streams}) or ["nothing"]
            remedy = "Give a file that has pictures."
            raise UnreadableVideo(path, problem=f"holds no video stream, only {', '.join(kinds)}", remedy=remedy)
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise UnreadableVideo(path, problem="its video codec is unknown to this FFmpeg", remedy=_CONVERT)
        stream.thread_type = "AUTO"
        yield container, stream


def _refuse_undecodable(path: Path, error: Exception | None) -> NoReturn:
    problem = "its first pictures cannot be decoded (damaged or cut off)"
    raise UnreadableVideo(path, problem=problem, remedy=f"{_GET_AGAIN} {_CONVERT}") from error


def _stated_frames(container: InputContainer, stream: VideoStream) -> int:
    if stream.frames:
        return int(stream.frames)
    return round(_stated_duration(container, stream) * float(stream.average_rate or 0.0))


def _stated_duration(container: InputContainer, stream: VideoStream) -> float:
    """Longest of what the container says of its pictures: a cut-off AVI only tells by its frame count."""
    stated = [0.0]
    if stream.duration is not None and stream.time_base is not None:
        stated.append(float(stream.duration * stream.time_base))
    elif "DURATION" in stream.metadata:
        stated.append(_seconds(stream.metadata["DURATION"]))  # Matroska
    elif container.duration is not None and not container.streams.audio:
        stated.append(container.duration / av.time_base)  # else it may be the sound that lasts so long
    if stream.frames and stream.average_rate:
        stated.append(stream.frames / float(stream.average_rate))
    return max(stated)


def _seconds(clock: str) -> float:
    """Read 00:00:02.500000000; 0 where it is no such time."""
    try:
        hours, minutes, seconds = clock.split(":")
        return 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds)
    except ValueError:
        return 0.0


def _quarter_turns(frame: VideoFrame) -> int:
    """Counterclockwise quarter turns that bring the picture upright, from the container's display matrix."""
    return round(frame.rotation / 90.0) % 4


def _square_pixel_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Width and height of the decoded picture once its pixels are square; those of DV and DVD are not."""
    aspect = float(stream.sample_aspect_ratio or 1.0)
    return (round(frame.width * aspect) if 0.1 < aspect < 10.0 else frame.width), frame.height


def _upright_rgb(frame: VideoFrame, stream: VideoStream, time_s: float, max_side_px: int | None) -> VideoFrameRgb:
    rgb = frame.to_ndarray(format="rgb24")
    width, height = _square_pixel_size(frame, stream)
    scale = 1.0 if max_side_px is None else min(1.0, max_side_px / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size != (frame.width, frame.height):
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    turns = _quarter_turns(frame)
    if turns:
        rgb = cv2.rotate(rgb, _TURNS[turns])
    return VideoFrameRgb(time_s=time_s, scale=scale, rgb=rgb)
