"""Turns a list of times into the pictures a video shows at these times."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from pipeline.video.decode import VideoFrameRgb, decode_frames

_MARGIN_S = 1.0  # a picture before the first time may be nearer to it than the one after


def frames_at(
    path: Path, times_s: Float[np.ndarray, " frames"], *, max_side_px: int | None = None
) -> Generator[UInt8[np.ndarray, "height width 3"], None, None]:
    """Yield, for each time in rising order, the picture nearest to it; one pass, two pictures in memory.

    What lies long before the first time is jumped over. Times beyond the end show the last picture.

    Raises:
        UnreadableVideo: The video cannot be decoded.
    """
    from_s = max(0.0, float(times_s[0]) - _MARGIN_S) if len(times_s) else 0.0
    for begin_s in (from_s, 0.0):
        with closing(decode_frames(path, max_side_px=max_side_px, min_length_s=0.0, from_s=begin_s)) as pictures:
            first = next(pictures, None)
            if first is not None:  # else the video ends before all that is asked for
                yield from _nearest(chain([first], pictures), times_s)
                return


def _nearest(
    pictures: Iterator[VideoFrameRgb], times_s: Float[np.ndarray, " frames"]
) -> Generator[UInt8[np.ndarray, "height width 3"], None, None]:
    before = next(pictures)
    after: VideoFrameRgb | None = before
    for time in times_s:
        while after is not None and after.time_s < time:
            before, after = after, next(pictures, None)
        nearest = before if after is None or time - before.time_s < after.time_s - time else after
        yield nearest.rgb
