"""Turns BlazePose's 33 landmarks into COCO-17 keypoints, heels and toes with one confidence each."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.video.blazepose import Pose

COCO17_LANDMARKS = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""Which landmark each COCO-17 keypoint is."""
FOOT_LANDMARKS = (29, 31, 30, 32)
"""Which landmark each heel and toe is, in the order of ``FOOT_POINT_NAMES``."""


def coco17(pose: Pose) -> Float[np.ndarray, "17 3"]:
    """Return COCO-17 keypoints in the order of ``COCO17_NAMES``: x, y [px] and confidence.

    BlazePose says of a landmark how probably it lies inside the picture (presence) and how probably nothing hides it
    there (visibility); their product is the confidence. It is sure of itself under motion blur too: measured, wrists
    80 px off kept 0.8 (so later stages need bone lengths and time, not this number alone).
    """
    return _pick(pose, COCO17_LANDMARKS)


def foot_points(pose: Pose) -> Float[np.ndarray, "4 3"]:
    """Return heels and toes in the order of ``FOOT_POINT_NAMES``: x, y [px] and confidence."""
    return _pick(pose, FOOT_LANDMARKS)


def _pick(pose: Pose, landmarks: tuple[int, ...]) -> Float[np.ndarray, "points 3"]:
    index = list(landmarks)
    return np.column_stack([pose.landmarks[index], (pose.visibility * pose.presence)[index]])
