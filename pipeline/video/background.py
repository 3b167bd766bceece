"""Turns successive pictures into where the corners of a keyframe's background went, with people masked out.

Each corner is found again directly in every later picture (Lucas-Kanade, forwards and backwards) instead of being
handed on from frame to frame, so no drift builds up while the keyframe lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

MIN_CORNERS = 15
"""With fewer corners left, the background says nothing."""

_MAX_CORNERS = 400
_CORNER_QUALITY = 0.005
_CORNER_DISTANCE_PX = 8
_MIN_TRACKED = 60
_MIN_TRACKED_SHARE = 0.25
_BACKWARD_PX = 0.5
_STILL_PX = 0.25
_MAX_SHIFT_SHARE = 0.25
_MAX_PICTURES = 60
_LK = {
    "winSize": (15, 15),
    "maxLevel": 3,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01),
    "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
}


@dataclass(slots=True, eq=False)
class BackgroundWindow:
    """A keyframe, and where its corners lie in the pictures after it."""

    keyframe: int
    """Index of the keyframe's picture."""
    gray: UInt8[np.ndarray, "height width"]
    """That picture."""
    corners: Float[np.ndarray, "points 2"]
    """Corners of its background [px]."""
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
        found = cv2.goodFeaturesToTrack(gray, _MAX_CORNERS, _CORNER_QUALITY, _CORNER_DISTANCE_PX, mask=background)
        corners = np.zeros((0, 2), dtype=np.float32) if found is None else found.reshape(-1, 2)
        alive = np.ones(len(corners), dtype=bool)
        return cls(keyframe=index, gray=gray, corners=corners, position=corners, alive=alive)

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
        if self._shift() >= _STILL_PX:
            self.pictures.append(index)
            self.seen.append(self.position)
            self.visible.append(self.alive)
        return True

    def is_worn_out(self) -> bool:
        """Return whether a new keyframe is due: corners were lost, the view changed, or it is simply long ago."""
        return (
            self.alive.sum() < max(_MIN_TRACKED, _MIN_TRACKED_SHARE * len(self.corners))
            or self._shift() > _MAX_SHIFT_SHARE * self.gray.shape[1]
            or len(self.pictures) >= _MAX_PICTURES
        )

    def _shift(self) -> float:
        """Median distance of the corners from the keyframe [px]."""
        return float(np.median(np.linalg.norm((self.position - self.corners)[self.alive], axis=1)))

    def _track(self, gray: UInt8[np.ndarray, "height width"], background: UInt8[np.ndarray, "height width"]) -> None:
        alive = np.flatnonzero(self.alive)
        if len(alive) == 0:
            return
        corners = self.corners[alive]
        ahead, ok_ahead, _ = cv2.calcOpticalFlowPyrLK(self.gray, gray, corners, self.position[alive], **_LK)
        back, ok_back, _ = cv2.calcOpticalFlowPyrLK(gray, self.gray, ahead, corners.copy(), **_LK)
        limit = [gray.shape[1] - 1, gray.shape[0] - 1]
        column, row = np.clip(ahead, 0, limit).astype(int).T
        good = (
            (ok_ahead.ravel() == 1)
            & (ok_back.ravel() == 1)
            & ((ahead >= 0) & (ahead <= limit)).all(axis=1)
            & (np.linalg.norm(back - corners, axis=1) < _BACKWARD_PX)
            & (background[row, column] > 0)
        )
        self.position, self.alive = self.position.copy(), np.zeros_like(self.alive)
        self.position[alive[good]] = ahead[good]
        self.alive[alive[good]] = True


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
