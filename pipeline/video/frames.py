"""Turns a list of times into the pictures a video shows at these times."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from pipeline.video.decode import VideoFrameRgb, decode_frames


def frames_at(
    path: Path, times_s: Float[np.ndarray, " frames"], *, max_side_px: int | None = None
) -> Generator[UInt8[np.ndarray, "height width 3"], None, None]:
    """Yield, for each time in rising order, the picture nearest to it; one pass, two pictures in memory.

    Times beyond the end show the last picture.

    Raises:
        UnreadableVideo: The video cannot be decoded.
    """
    with closing(decode_frames(path, max_side_px=max_side_px, min_length_s=0.0)) as pictures:
        before: VideoFrameRgb = next(pictures)
        after: VideoFrameRgb | None = before
        for time in times_s:
            while after is not None and after.time_s < time:
                before, after = after, next(pictures, None)
            nearest = before if after is None or time - before.time_s < after.time_s - time else after
            yield nearest.rgb
