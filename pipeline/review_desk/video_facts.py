"""What the film of a clip says of itself: its frames, and which part of the picture shows what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
from av.error import FFmpegError

from pipeline.review.playback import PlaybackConfig
from robots.exceptions import InvalidArray

_LOST_PX = 1
"""A picture of odd width loses its last column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A part of the film's picture, of its whole height."""

    name: str
    """``source``, ``body`` or ``robot``."""
    x: int
    """Left edge [px]."""
    width: int
    """[px]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """What a player needs to know of a film to show a frame of the motion."""

    n_frames: int
    fps: float
    """Of the film [1/s]."""
    step: int
    """The film shows every n-th frame of the motion: its frame v is the motion's frame ``v * step``."""
    width: int
    """[px]."""
    height: int
    """[px]."""
    panels: tuple[Panel, ...]
    """From left to right; empty if the film is laid out in another way."""


def video_facts(path: Path, *, n_frames: int, fps: float) -> VideoFacts | str:
    """Read a film's own header, and hold it against the motion that it is of.

    Args:
        path: The film.
        n_frames: Of the motion.
        fps: Of the motion [1/s].

    Returns:
        The facts, or a sentence that says why there are none.
    """
    if path.exists() and not path.is_file():  # a pipe would be read for ever
        return f"{path.name} is no file. Take it away, and run the dataset again to draw it anew."
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate, counted = float(stream.average_rate or 0), stream.frames
            width, height = stream.width, stream.height
    except FileNotFoundError:
        return f"there is no {path.name}: films are drawn where OpenGL is at hand. Run the dataset again to draw it."
    except (FFmpegError, OSError, IndexError, ValueError) as error:
        return f"{path.name} cannot be played ({_told(error)}). Run the dataset again to draw it anew."
    if not (rate > 0 and counted > 0 and width > 0 and height > 0):
        return f"{path.name} cannot be played (it says nothing of its frames). Run the dataset again to draw it anew."
    step = max(1, round(fps / rate))
    expected = -(-n_frames // step)
    if counted != expected:
        return (
            f"{path.name} has {counted} frames where the motion has {expected}: it is cut off, or of another motion. "
            "Run the dataset again to draw it anew."
        )
    panels = lay_out(width, height)
    return VideoFacts(n_frames=counted, fps=rate, step=step, width=width, height=height, panels=panels)


def lay_out(width: int, height: int) -> tuple[Panel, ...]:
    """Return the panels of a film of that size: body and robot, and before them the source if there is room left."""
    try:
        view, _ = PlaybackConfig(height_px=height).view_size
    except InvalidArray:  # no film of ours
        return ()
    left = width - 2 * view
    if left < 0:
        return ()
    source = (Panel(name="source", x=0, width=left),) if left > _LOST_PX else ()
    left = left if source else 0
    return (
        *source,
        Panel(name="body", x=left, width=view),
        Panel(name="robot", x=left + view, width=width - left - view),
    )


def _told(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower().rstrip(".")
