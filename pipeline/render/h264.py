"""Writes films that are the same bytes wherever and whenever the same pictures are given."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from jaxtyping import UInt8

_SAME_EVERYWHERE = "cpu-independent=1"
"""Keeps x264 to code that writes the same on all processors. Its code for AVX-512 (core 165) weighs blocks by
memory that nothing has written: the file would depend on what the process did before."""


def h264_stream(
    container: OutputContainer, *, size: tuple[int, int], fps: float, crf: int, keyframe_every: int | None = None
) -> Any:
    """Add an H.264 stream to a film.

    Args:
        container: The film.
        size: Width and height, both even [px].
        fps: Rate [1/s].
        crf: x264's quality: smaller is better and larger; 18 is visually lossless.
        keyframe_every: Frames between pictures that stand for themselves; x264's own choice if left out.
    """
    stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    stream.codec_context.thread_count = 1  # what x264 writes depends on how many it has
    stream.options = {"crf": str(crf), "preset": "veryfast", "x264-params": _SAME_EVERYWHERE}
    if keyframe_every is not None:
        stream.options |= {"g": str(keyframe_every)}
    return stream


def add_picture(container: OutputContainer, stream: Any, picture: UInt8[np.ndarray, "height width 3"]) -> None:
    """Append an RGB picture to a film."""
    container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
