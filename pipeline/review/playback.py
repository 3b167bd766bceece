"""Puts source, body and robot side by side into one video: they are in step because they are one picture."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from jaxtyping import UInt8

from pipeline.render import add_picture, h264_stream
from retarget.progress import Progress, silent
from robots.exceptions import InvalidArray

Picture = UInt8[np.ndarray, "height width 3"]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE, _SHADE = (255, 255, 255), (20, 20, 20)

_KEYFRAME_EVERY = 15
"""Frames between pictures that stand for themselves: a reviewer who steps back waits for no more to be decoded."""

_POSTER_WIDTH = 320
"""Width of the still picture [px]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackConfig:
    """The side-by-side video."""

    height_px: int = 480
    """Height of the video; the views of body and robot are 8:9 [px]."""
    fps: float = 30.0
    """Highest frame rate; a faster motion is shown with every n-th frame [1/s]."""
    crf: int = 24
    """x264's quality: smaller is better and larger; 18 is visually lossless."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        if not (self.height_px >= 64 and self.height_px % 2 == 0):
            raise InvalidArray("height_px", problem=f"must be even and at least 64, got {self.height_px}")
        if not 0 < self.fps <= 240:
            raise InvalidArray("fps", problem=f"must lie between 0 and 240, got {self.fps}")
        if not 0 <= self.crf <= 51:
            raise InvalidArray("crf", problem=f"must lie between 0 and 51, got {self.crf}")

    @property
    def view_size(self) -> tuple[int, int]:
        """Width and height of one rendered view [px]."""
        return self.height_px * 8 // 9 // 2 * 2, self.height_px


def render_playback(
    path: Path,
    views: Iterable[tuple[Picture, ...]],
    *,
    titles: tuple[str, ...],
    fps: float,
    n_frames: int,
    config: PlaybackConfig,
    progress: Progress = silent,
    poster: Path | None = None,
) -> None:
    """Write the video.

    Args:
        path: Where to; the ending decides the container, the codec is H.264.
        views: One tuple of pictures a frame, left to right; scaled to one height here.
        titles: Name of each view.
        fps: Rate of ``views`` [1/s].
        n_frames: How many there are.
        config: Size and quality.
        progress: Told after every frame.
        poster: Where to write a small still picture of its middle, if anywhere.
    """
    step = max(1, math.ceil(fps / config.fps - 1e-6))  # a rate that is meant to be the same may differ by rounding
    in_the_middle = n_frames // 2 // step * step
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:  # its index first: it plays at once
        stream = None
        for index, pictures in enumerate(views):
            if index % step == 0:
                row = _side_by_side(pictures, titles, config.height_px, index, index / fps)
                if stream is None:
                    size = (row.shape[1], row.shape[0])
                    stream = h264_stream(
                        container, size=size, fps=fps / step, crf=config.crf, keyframe_every=_KEYFRAME_EVERY
                    )
                if index == in_the_middle and poster is not None:
                    _write_poster(poster, row)
                add_picture(container, stream, row)
            progress(index + 1, n_frames)
        if stream is not None:
            container.mux(stream.encode())


def _side_by_side(
    pictures: tuple[Picture, ...], titles: tuple[str, ...], height: int, frame: int, time_s: float
) -> Picture:
    scaled = [_to_height(picture, height) for picture in pictures]
    for picture, title in zip(scaled, titles, strict=True):
        _label(picture, title, y=22)
    _label(scaled[0], f"{time_s:6.2f} s   frame {frame}", y=height - 12)
    row = np.hstack(scaled)
    return np.ascontiguousarray(row[:, : row.shape[1] // 2 * 2])


def _write_poster(path: Path, row: Picture) -> None:
    size = (_POSTER_WIDTH, max(1, round(_POSTER_WIDTH * row.shape[0] / row.shape[1])))
    small = cv2.resize(row, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(small[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 82])
    if not done:
        raise OSError("OpenCV cannot write JPEG pictures")
    path.write_bytes(data.tobytes())


def _to_height(picture: Picture, height: int) -> Picture:
    if picture.shape[0] == height:
        return picture.copy()
    width = max(2, round(picture.shape[1] * height / picture.shape[0]))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _label(picture: Picture, text: str, *, y: int) -> None:
    """Write light letters with a dark rim, of one pen: OpenCV 5 sets the letters of a thicker one further apart."""
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1), (1, 1)):
        cv2.putText(picture, text, (10 + dx, y + dy), _FONT, 0.55, _SHADE, 1, cv2.LINE_AA)
    cv2.putText(picture, text, (10, y), _FONT, 0.55, _WHITE, 1, cv2.LINE_AA)
