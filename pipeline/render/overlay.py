"""Turns a video frame and its evidence into a picture with keypoints, skeleton, box and the frame's flags drawn on."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from pipeline.evidence import COCO17_NAMES, FOOT_POINT_NAMES, Evidence, FrameFlag

_POINT_NAMES = COCO17_NAMES + FOOT_POINT_NAMES
_LEFT, _RIGHT, _MIDDLE = (255, 150, 40), (60, 170, 255), (240, 240, 240)
_BOX_SEEN, _BOX_UNSEEN = (120, 220, 120), (230, 80, 80)
_BONES = tuple(
    (_POINT_NAMES.index(a), _POINT_NAMES.index(b), color)
    for side, color in (("left", _LEFT), ("right", _RIGHT))
    for a, b in (
        (f"{side}_shoulder", f"{side}_elbow"),
        (f"{side}_elbow", f"{side}_wrist"),
        (f"{side}_shoulder", f"{side}_hip"),
        (f"{side}_hip", f"{side}_knee"),
        (f"{side}_knee", f"{side}_ankle"),
        (f"{side}_ankle", f"{side}_heel"),
        (f"{side}_heel", f"{side}_toe"),
        (f"{side}_ankle", f"{side}_toe"),
    )
) + tuple(
    (_POINT_NAMES.index(a), _POINT_NAMES.index(b), _MIDDLE)
    for a, b in (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))
)
_FACE = frozenset(_POINT_NAMES.index(f"{side}_{part}") for side in ("left", "right") for part in ("eye", "ear"))
# OpenCV draws with 32-bit fixed-point coordinates; a keypoint may lie anywhere.
_FARTHEST_PX = 10_000.0


def draw_evidence(
    picture: UInt8[np.ndarray, "height width 3"], evidence: Evidence, frame: int, *, min_confidence: float = 0.3
) -> UInt8[np.ndarray, "height width 3"]:
    """Return a copy of the picture with what is known of the person at that frame.

    The person's left is orange, the right blue. Points below ``min_confidence`` are hollow and their bones thin; the
    box turns red while the person is out of sight. Flags are named at the bottom.

    Args:
        picture: The video's frame at ``evidence.timestamps[frame]``, RGB, of any size with the video's shape.
        evidence: What was seen.
        frame: Which frame of it.
        min_confidence: Below it a keypoint is shown as a guess, in [0, 1].
    """
    canvas = np.ascontiguousarray(picture).copy()
    scale = np.array([picture.shape[1], picture.shape[0]]) / evidence.image_size
    flags = FrameFlag(int(evidence.flags[frame]))
    keypoints = np.concatenate([evidence.kp2d[frame], evidence.foot_kp2d[frame]])
    points = _to_pixels(evidence.in_picture(keypoints[:, :2], frame) * scale)
    is_sure = keypoints[:, 2] >= min_confidence
    thick = max(1, round(min(picture.shape[:2]) / 240))
    for a, b, color in _BONES:
        cv2.line(canvas, points[a], points[b], color, thick if is_sure[a] and is_sure[b] else 1, cv2.LINE_AA)
    for index, (point, sure) in enumerate(zip(points, is_sure, strict=True)):
        if index in _FACE:  # five points on one face hide it; the nose stays
            continue
        cv2.circle(canvas, point, thick + 1, _MIDDLE, -1 if sure else 1, cv2.LINE_AA)
    corners = _to_pixels(evidence.in_picture(evidence.boxes[frame].reshape(2, 2), frame) * scale)
    cv2.rectangle(canvas, corners[0], corners[1], _BOX_UNSEEN if FrameFlag.NO_PERSON in flags else _BOX_SEEN, 1)
    if flags:
        text = ", ".join(flag.name.lower().replace("_", " ") for flag in FrameFlag if flag in flags and flag.name)
        size = picture.shape[0] / 960  # the same share of a picture of any size
        origin = (round(20 * size), picture.shape[0] - round(64 * size))
        for color, width in (((20, 20, 20), 3 * thick), (_MIDDLE, thick)):
            cv2.putText(canvas, text, origin, cv2.FONT_HERSHEY_SIMPLEX, size, color, width, cv2.LINE_AA)
    return canvas


def _to_pixels(points: Float[np.ndarray, "points 2"]) -> list[tuple[int, int]]:
    clipped = np.rint(np.clip(points, -_FARTHEST_PX, _FARTHEST_PX)).astype(int)
    return [(int(x), int(y)) for x, y in clipped]
