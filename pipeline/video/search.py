"""Turns a picture into the people in it, however small or turned, by looking at parts of it and at it turned.

The detector sees 224 x 224 pixels, in which somebody who is less than about a third of a 720p picture high has too
few left (measured: found at 240 px, not at 180 px). A tile of 0.6 of the picture's shorter side finds people from
about 110 px on. Tiles cost one run of the detector each, so a caller takes them a few a picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from pipeline.video.blazepose import BlazePose
from pipeline.video.roi import Roi
from pipeline.video.ssd import INPUT_SIZE, Detection

_TILE_SHARE = 0.6
_TILE_OVERLAP = 1 / 3
_FOCUS = 2.0
_SAME_PLACE = 0.4
_SAME_SIZE = 1.6
_CUT_OFF = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A rectangle of a picture, looked at after some quarter turns."""

    left: int
    """[px]"""
    top: int
    """[px]"""
    width: int
    """[px]"""
    height: int
    """[px]"""
    quarter_turns: int = 0
    """How often it is turned by 90 degrees counter-clockwise before it is looked at."""

    def cut(self, rgb: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "rows columns 3"]:
        """Return the rectangle, turned."""
        part = rgb[self.top : self.top + self.height, self.left : self.left + self.width]
        return np.ascontiguousarray(np.rot90(part, self.quarter_turns))

    def to_picture(self, points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 2"]:
        """Return where points of the cut-out lie on the picture [px]."""
        u, v = points[:, 0], points[:, 1]
        x, y = (
            (u, v),
            (self.width - v, u),
            (self.width - u, self.height - v),
            (v, self.height - u),
        )[self.quarter_turns % 4]
        return np.column_stack([x + self.left, y + self.top])


def whole_view(width: int, height: int, quarter_turns: int = 0) -> View:
    """Return the whole picture, turned."""
    return View(left=0, top=0, width=width, height=height, quarter_turns=quarter_turns)


def tile_views(width: int, height: int) -> list[View]:
    """Return overlapping squares that cover a picture; none where they would show no more than the whole does."""
    side = max(round(_TILE_SHARE * min(width, height)), INPUT_SIZE)
    if side >= max(width, height):
        return []
    return [
        View(left=left, top=top, width=min(side, width), height=min(side, height))
        for top in _starts(height, side)
        for left in _starts(width, side)
    ]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin along one axis: evenly spread, overlapping at least by the wanted share."""
    if length <= side:
        return [0]
    n = int(np.ceil((length - side) / (side * (1.0 - _TILE_OVERLAP)))) + 1
    return np.linspace(0, length - side, n).round().astype(int).tolist()


def view_around(roi: Roi, width: int, height: int, quarter_turns: int = 0) -> View | None:
    """Return the surroundings of a place where somebody was seen, or None where they lie outside the picture."""
    reach = _FOCUS * roi.size / 2
    left, right = max(0, int(roi.center_x - reach)), min(width, int(roi.center_x + reach) + 1)
    top, bottom = max(0, int(roi.center_y - reach)), min(height, int(roi.center_y + reach) + 1)
    if right <= left or bottom <= top:
        return None
    return View(left=left, top=top, width=right - left, height=bottom - top, quarter_turns=quarter_turns)


def search_views(
    network: BlazePose, rgb: UInt8[np.ndarray, "height width 3"], views: Iterable[View], *, min_score: float
) -> list[Detection]:
    """Return the people found in several views of a picture, each once, in pixels of the picture.

    The surest come first, and after them those whom a view cuts off: of half a person the detector makes a small
    whole one, which helps only where no other view shows them better.

    Args:
        network: Whose detector looks; one run a view.
        rgb: The picture.
        views: Where to look.
        min_score: Detections below this confidence are ignored.
    """
    whole, cut_off = [], []
    for view in views:
        for seen in network.detect(view.cut(rgb), min_score=min_score):
            corners = view.to_picture(seen.box.reshape(2, 2))
            box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
            one = Detection(score=seen.score, box=box, points=view.to_picture(seen.points))
            (whole if _is_whole(one, view, rgb.shape[1], rgb.shape[0]) else cut_off).append(one)
    return distinct([*sorted(whole, key=_negative_score), *sorted(cut_off, key=_negative_score)])


def _negative_score(detection: Detection) -> float:
    return -detection.score


def _is_whole(detection: Detection, view: View, width: int, height: int) -> bool:
    """Whether all that the picture shows of somebody lies in the view."""
    hips, top = detection.points[:2]
    ends = np.clip(np.stack([top, 2 * hips - top]), 0, [width, height])
    slack = _CUT_OFF * _radius(detection)
    low = np.array([view.left, view.top]) - slack
    high = np.array([view.left + view.width, view.top + view.height]) + slack
    return bool(((ends >= low) & (ends <= high)).all())


def distinct(detections: Iterable[Detection]) -> list[Detection]:
    """Return each person once: of detections at one place and of one size the first is kept."""
    kept: list[Detection] = []
    for one in detections:
        if not any(_is_same(one, other) for other in kept):
            kept.append(one)
    return kept


def _is_same(a: Detection, b: Detection) -> bool:
    radius_a, radius_b = _radius(a), _radius(b)
    near = np.hypot(*(a.points[0] - b.points[0])) < _SAME_PLACE * min(radius_a, radius_b)
    return bool(near) and max(radius_a, radius_b) < _SAME_SIZE * min(radius_a, radius_b)


def _radius(detection: Detection) -> float:
    return float(np.hypot(*(detection.points[1] - detection.points[0])))
