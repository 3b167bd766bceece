"""Turns successive pictures into where the corners of a keyframe's background went, with people masked out.

Each corner is found again directly in every later picture (Lucas-Kanade, forwards and backwards) instead of being
handed on from frame to frame, so no drift builds up while the keyframe lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

MIN_CORNERS = 15
"""With fewer corners left, the background says nothing."""

_MAX_CORNERS = 240
_MAX_CANDIDATES = 1000
_CORNER_QUALITY = 0.001
_CORNER_DISTANCE_PX = 9
_CELLS = 8, 6  # across and down
_MIN_TRACKED = 60
_MIN_TRACKED_SHARE = 0.25
_BACKWARD_PX = 0.5
# Mean difference of a corner's look from that in the keyframe, in units of its own contrast: where there is but noise,
# one; a corner worth following stands out of the noise a little.
_MAX_CHANGE = 0.75
_MIN_CONTRAST = 1.0  # grey levels; less is the encoder's work
_GAIN_NOISE = 0.02
_TILE_PX = 8
_STILL_PX = 0.25
_STILL_SHARE = 0.25
_MAX_SHIFT_SHARE = 0.25
_MAX_LOG_SCALE = 0.1
_MAX_PICTURES = 60
_PATCH_PX = 15
_STOP = cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT
_LK = {"winSize": (_PATCH_PX, _PATCH_PX), "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
_AHEAD = {**_LK, "maxLevel": 3, "criteria": (_STOP, 20, 0.01)}
_BACK = {**_LK, "maxLevel": 0, "criteria": (_STOP, 10, 0.01)}
# A corner found at the right place leads back to where it began, so that is where the way back starts looking, and
# coarse copies of the pictures have nothing to add to that.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowTracks:
    """Where a keyframe's corners went: all that a fit needs, without the pictures."""

    keyframe: int
    """Index of the keyframe's picture."""
    pictures: Int[np.ndarray, " frames"]
    """Indices of the pictures that moved against the keyframe."""
    corners: Float[np.ndarray, "points 2"]
    """Corners of the keyframe's background [px]."""
    seen: Float[np.ndarray, "frames points 2"]
    """Where each is in those pictures [px]; any finite value where it is not visible."""
    visible: Bool[np.ndarray, "frames points"]
    """Which of them could be followed there."""


@dataclass(slots=True, eq=False)
class BackgroundWindow:
    """A keyframe, and where its corners lie in the pictures after it."""

    keyframe: int
    """Index of the keyframe's picture."""
    gray: UInt8[np.ndarray, "height width"]
    """That picture."""
    corners: Float[np.ndarray, "points 2"]
    """Corners of its background [px]."""
    contrast: Float[np.ndarray, " points"]
    """How far the grey levels around each corner differ from their mean."""
    brightness: Float[np.ndarray, " points"]
    """Mean of the grey levels around each corner."""
    position: Float[np.ndarray, "points 2"]
    """Where each was seen last [px]."""
    alive: Bool[np.ndarray, " points"]
    """Which could be followed up to the latest picture."""
    pictures: list[int] = field(default_factory=list)
    """Indices of the pictures that moved against the keyframe."""
    seen: list[Float[np.ndarray, "points 2"]] = field(default_factory=list)
    """Positions in those pictures [px]."""
    visible: list[Bool[np.ndarray, " points"]] = field(default_factory=list)
    """Which of the positions are valid."""

    @classmethod
    def start(
        cls, index: int, gray: UInt8[np.ndarray, "height width"], background: UInt8[np.ndarray, "height width"]
    ) -> BackgroundWindow:
        """Make a picture the keyframe, with corners where ``background`` is not zero."""
        corners = _spread_corners(gray, background)
        contrast = _contrast(gray, corners)
        return cls(
            keyframe=index,
            gray=gray,
            corners=corners,
            contrast=contrast,
            brightness=_brightness(gray, corners),
            position=corners,
            alive=contrast > _MIN_CONTRAST,
        )

    def follow(
        self, index: int, gray: UInt8[np.ndarray, "height width"], background: UInt8[np.ndarray, "height width"]
    ) -> bool:
        """Find the corners in the next picture and return whether enough are left.

        Those that cannot be followed there and back, or land on a person, are given up for the rest of the window. A
        picture that shows no shift against the keyframe is not recorded: its rotation is the keyframe's.
        """
        self._track(gray, background)
        if self.alive.sum() < MIN_CORNERS:
            return False
        if not self._stands_still():
            self.pictures.append(index)
            self.seen.append(self.position)
            self.visible.append(self.alive)
        return True

    def is_worn_out(self) -> bool:
        """Return whether a new keyframe is due: corners were lost, the view changed, or it is simply long ago."""
        n = len(self.corners)
        return (
            self.alive.sum() < max(min(_MIN_TRACKED, 0.5 * n), _MIN_TRACKED_SHARE * n)
            or self._shift() > _MAX_SHIFT_SHARE * self.gray.shape[1]
            or abs(self._log_scale()) > _MAX_LOG_SCALE
            or len(self.pictures) >= _MAX_PICTURES
        )

    def tracks(self) -> WindowTracks:
        """Return what was followed so far, for the fit."""
        shape = len(self.pictures), len(self.corners)
        return WindowTracks(
            keyframe=self.keyframe,
            pictures=np.array(self.pictures, dtype=np.int64),
            corners=self.corners,
            seen=np.array(self.seen, dtype=np.float32).reshape(*shape, 2),
            visible=np.array(self.visible, dtype=bool).reshape(shape),
        )

    def _stands_still(self) -> bool:
        """Return whether a quarter of the corners is where it was.

        Not the typical corner: a crowd may fill more of the picture than what stands behind it, but people do not
        stay within a quarter of a pixel of where they were, and under a camera that turns, nothing does.
        """
        return float(np.quantile(self._distances(), _STILL_SHARE)) < _STILL_PX

    def _shift(self) -> float:
        """Median distance of the corners from the keyframe [px]."""
        return float(np.median(self._distances()))

    def _log_scale(self) -> float:
        """How much larger the background appears than in the keyframe: its corners look less alike by and by."""
        before, now = (float(np.var(points[self.alive], axis=0).sum()) for points in (self.corners, self.position))
        return 0.5 * float(np.log(max(now, 1e-6) / max(before, 1e-6)))

    def _distances(self) -> Float[np.ndarray, " alive"]:
        return np.linalg.norm((self.position - self.corners)[self.alive], axis=1)

    def _track(self, gray: UInt8[np.ndarray, "height width"], background: UInt8[np.ndarray, "height width"]) -> None:
        alive = np.flatnonzero(self.alive)
        if len(alive) == 0:
            return
        corners, gray = self.corners[alive], self._as_bright(gray, alive)
        ahead, ok_ahead, change = cv2.calcOpticalFlowPyrLK(self.gray, gray, corners, self.position[alive], **_AHEAD)
        back, ok_back, _ = cv2.calcOpticalFlowPyrLK(gray, self.gray, ahead, corners.copy(), **_BACK)
        limit = [gray.shape[1] - 1, gray.shape[0] - 1]
        column, row = np.clip(ahead, 0, limit).astype(int).T
        good = (
            (ok_ahead.ravel() == 1)
            & (ok_back.ravel() == 1)
            & ((ahead >= 0) & (ahead <= limit)).all(axis=1)
            & (np.linalg.norm(back - corners, axis=1) < _BACKWARD_PX)
            & (change.ravel() < _MAX_CHANGE * self.contrast[alive])
            & (background[row, column] > 0)
        )
        self.position, self.alive = self.position.copy(), np.zeros_like(self.alive)
        self.position[alive[good]] = ahead[good]
        self.alive[alive[good]] = True

    def _as_bright(
        self, gray: UInt8[np.ndarray, "height width"], alive: Int[np.ndarray, " alive"]
    ) -> UInt8[np.ndarray, "height width"]:
        """Undo the flicker of lamps and the camera's exposure: corners are found again by their grey levels.

        The typical corner tells; the whole picture would also follow what is shown on a screen.
        """
        now = _brightness(gray, self.position[alive])
        gain = float(np.median(self.brightness[alive] / np.maximum(now, 1.0)))
        return gray if abs(gain - 1.0) < _GAIN_NOISE else cv2.convertScaleAbs(gray, alpha=gain)


def _spread_corners(
    gray: UInt8[np.ndarray, "height width"], background: UInt8[np.ndarray, "height width"]
) -> Float[np.ndarray, "points 2"]:
    """Return the best corners of every part of the picture, rather than all on its one most colourful thing."""
    found = cv2.goodFeaturesToTrack(gray, _MAX_CANDIDATES, _CORNER_QUALITY, _CORNER_DISTANCE_PX, mask=background)
    if found is None:
        return np.zeros((0, 2), dtype=np.float32)
    corners = found.reshape(-1, 2)  # the best first
    cell = (corners / gray.shape[::-1] * _CELLS).astype(int) @ [1, _CELLS[0]]
    order = np.argsort(cell, kind="stable")
    first = np.searchsorted(cell[order], cell[order])
    rank = np.empty(len(corners), dtype=int)
    rank[order] = np.arange(len(corners)) - first
    return corners[np.argsort(rank, kind="stable")[:_MAX_CORNERS]]


def _contrast(
    gray: UInt8[np.ndarray, "height width"], corners: Float[np.ndarray, "points 2"]
) -> Float[np.ndarray, " points"]:
    """Standard deviation around each corner from the grey level's local mean: an even slope of light has none."""
    size = _PATCH_PX, _PATCH_PX
    detail = cv2.subtract(gray, cv2.boxFilter(gray, cv2.CV_32F, size), dtype=cv2.CV_32F)
    column, row = corners.astype(int).T
    return np.sqrt(cv2.sqrBoxFilter(detail, cv2.CV_32F, size)[row, column])


def _brightness(
    gray: UInt8[np.ndarray, "height width"], points: Float[np.ndarray, "points 2"]
) -> Float[np.ndarray, " points"]:
    """Mean grey level of the tile that each point lies in."""
    size = [max(1, side // _TILE_PX) for side in gray.shape[::-1]]
    tiles = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    column, row = np.clip(points / gray.shape[::-1] * size, 0, np.array(size) - 1).astype(int).T
    return tiles[row, column].astype(np.float32)


def background_mask(
    shape: tuple[int, ...], person_boxes: Sequence[Float[np.ndarray, " 4"]]
) -> UInt8[np.ndarray, "height width"]:
    """Return 255 everywhere but on people, whose boxes are widened: landmarks end at wrists, eyes and toes."""
    mask = np.full(shape, 255, dtype=np.uint8)
    for x0, y0, x1, y1 in person_boxes:
        dx, dy = 0.2 * (x1 - x0), 0.1 * (y1 - y0)
        left, right = np.clip([x0 - dx, x1 + dx], 0, shape[1]).astype(int)
        top, bottom = np.clip([y0 - dy, y1 + dy], 0, shape[0]).astype(int)
        mask[top:bottom, left:right] = 0
    return mask
