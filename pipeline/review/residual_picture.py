"""Turns a retargeting result into one picture: where, when and why the robot left what the human did.

Time runs to the right. From top to bottom: distance and angle between each link and its target, contacts with the
floor, and joints that stood at a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from retarget.result import RetargetResult

_WIDTH, _MARGIN, _ROW, _GAP = 1100, 190, 16, 40
_FONT, _TEXT_SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.42
_PAPER, _INK, _GRID = (255, 255, 255), (40, 40, 40), (225, 225, 225)
_STANCE, _LET_GO, _FLIGHT = (70, 150, 90), (205, 60, 50), (90, 140, 215)
_POSITION_LIMIT, _SPEED_LIMIT = (225, 140, 40), (60, 110, 200)

_WORST_M, _WORST_RAD = 0.15, np.deg2rad(45.0)
"""Residuals at which the colour is darkest."""


@dataclass(slots=True)
class _Canvas:
    """A picture that grows downwards, row by row."""

    n_frames: int
    rows: list[np.ndarray] = field(default_factory=list)

    def heading(self, text: str) -> None:
        strip = _paper(_GAP)
        _write(strip, text, (8, _GAP - 10), scale=0.5)
        self.rows.append(strip)

    def row(self, label: str, colours: UInt8[np.ndarray, "frames 3"]) -> None:
        strip = _paper(_ROW)
        strip[1:-1, _MARGIN : _MARGIN + _WIDTH] = _stretched(colours)
        _write(strip, label, (24, _ROW - 4))
        self.rows.append(strip)

    def time_axis(self, fps: float) -> None:
        strip = _paper(_GAP)
        duration = self.n_frames / fps
        step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 600, duration) if duration / s <= 12)
        for tick in np.arange(0.0, duration, step):
            x = _MARGIN + round(tick / duration * _WIDTH)
            cv2.line(strip, (x, 0), (x, 6), _INK, 1)
            _write(strip, f"{tick:g} s", (x - 10, 22))
        self.rows.append(strip)

    def picture(self) -> UInt8[np.ndarray, "height width 3"]:
        return np.vstack(self.rows)


def draw_residuals(result: RetargetResult, title: str) -> UInt8[np.ndarray, "height width 3"]:
    """Draw residuals, contacts and limits of a motion.

    Args:
        result: What retargeting handed on.
        title: Written on top, e.g. the clip's name.
    """
    n_frames = len(result.motion)
    canvas = _Canvas(n_frames)
    canvas.heading(title)
    canvas.heading(f"distance from the target, white 0 to black {_WORST_M * 100:.0f} cm")
    for name, residual in zip(result.body_names, result.pos_residual_m.T, strict=True):
        canvas.row(f"{name}  {100 * residual.mean():.1f} cm", _heat(residual / _WORST_M))
    canvas.heading(f"angle from the target, white 0 to black {np.rad2deg(_WORST_RAD):.0f} deg")
    for name, residual in zip(result.body_names, result.rot_residual_rad.T, strict=True):
        canvas.row(f"{name}  {np.rad2deg(residual.mean()):.1f} deg", _heat(residual / _WORST_RAD))
    canvas.heading("bears weight (green), let go as infeasible (red), in flight (blue)")
    for region, spans in zip(result.contact_regions, result.stance_spans, strict=True):
        colours = _blank(n_frames)
        _mark(colours, spans, _STANCE)
        _mark(colours, [(s.start, s.stop) for s in result.infeasible_stances if s.region == region], _LET_GO)
        canvas.row(region, colours)
    colours = _blank(n_frames)
    _mark(colours, result.flight_spans, _FLIGHT)
    canvas.row("flight", colours)
    _draw_limits(canvas, result)
    canvas.time_axis(result.motion.fps)
    return canvas.picture()


def write_picture(path: Path, picture: UInt8[np.ndarray, "height width 3"]) -> None:
    """Write an RGB picture; the ending decides the format.

    Raises:
        OSError: The file cannot be written.
    """
    done, data = cv2.imencode(path.suffix, np.ascontiguousarray(picture[..., ::-1]))
    if not done:
        raise OSError(f"OpenCV cannot write {path.suffix} pictures")
    path.write_bytes(data.tobytes())


def _draw_limits(canvas: _Canvas, result: RetargetResult) -> None:
    """Add a row for each joint that was ever at a limit."""
    canvas.heading("joints at the end of their range (orange), at their greatest speed (blue)")
    held = result.at_position_limit.any(axis=0) | result.at_speed_limit.any(axis=0)
    for joint in np.flatnonzero(held):
        colours = _blank(canvas.n_frames)
        colours[result.at_position_limit[:, joint]] = _POSITION_LIMIT
        colours[result.at_speed_limit[:, joint]] = _SPEED_LIMIT
        canvas.row(result.motion.joint_names[joint].removesuffix("_joint"), colours)
    if not held.any():
        canvas.row("none", _blank(canvas.n_frames))


def _stretched(colours: UInt8[np.ndarray, "frames 3"]) -> UInt8[np.ndarray, "width 3"]:
    """One frame's colour a column; where several frames share one the darkest counts, so that no peak is lost."""
    first = np.arange(_WIDTH) * len(colours) // _WIDTH
    bright = colours.sum(axis=1, dtype=np.int64)
    darkest = np.minimum.reduceat(bright * len(colours) + np.arange(len(colours)), first) % len(colours)
    return colours[darkest]


def _heat(share: Float[np.ndarray, " frames"]) -> UInt8[np.ndarray, "frames 3"]:
    """White at 0, through yellow and red, to black at 1."""
    level = 255 - np.round(255 * np.clip(share, 0.0, 1.0)).astype(np.uint8)
    return cv2.applyColorMap(level[:, None], cv2.COLORMAP_HOT)[:, 0, ::-1]


def _mark(colours: UInt8[np.ndarray, "frames 3"], spans: Sequence[tuple[int, int]], colour: tuple[int, ...]) -> None:
    for start, stop in spans:
        colours[start:stop] = colour


def _blank(n_frames: int) -> UInt8[np.ndarray, "frames 3"]:
    return np.full((n_frames, 3), _GRID, dtype=np.uint8)


def _paper(height: int) -> UInt8[np.ndarray, "height width 3"]:
    return np.full((height, _MARGIN + _WIDTH + 20, 3), _PAPER, dtype=np.uint8)


def _write(strip: np.ndarray, text: str, at: tuple[int, int], *, scale: float = _TEXT_SIZE) -> None:
    cv2.putText(strip, text, at, _FONT, scale, _INK, 1, cv2.LINE_AA)
