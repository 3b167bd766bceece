"""Reads keypoints from ViTPose's heat maps as GVHMR's authors do: the highest pixel, moved by the shape of its hill.

Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation" (DARK), CVPR 2020, on pixels
whose middles are the grid's nodes: Huang et al., "The Devil is in the Details" (UDP), CVPR 2020. Formulas: spec,
section 8.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, Int

COCO_SWAPPED = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
"""Where each of COCO's keypoints stands in the mirrored picture."""
_BLUR_PX = 11
_LOWEST, _HIGHEST = 0.001, 50.0
_STEADY = 1.19e-7
"""Added to the curvature, so that a flat map moves nothing infinitely far."""
_BOX_WIDTH = 0.75
"""Width of what the map shows, in sides of the square box."""


def unmirrored(maps: Float[np.ndarray, "batch 17 rows columns"]) -> Float[np.ndarray, "batch 17 rows columns"]:
    """Return the heat maps of a mirrored crop as maps of the crop itself."""
    return maps[:, COCO_SWAPPED, :, ::-1]


def keypoints_of_maps(
    maps: Float[np.ndarray, "batch points rows columns"], boxes: Float[np.ndarray, "batch 3"]
) -> Float[np.ndarray, "batch points 3"]:
    """Return keypoints: x, y [px of the picture] and confidence, the map's highest value.

    A map that is nowhere positive shows nothing. Its keypoint has that confidence, and lies where the published program
    puts it: somewhere at the upper left corner, by what stands before it in memory. A map without a clear hill can send
    its keypoint far outside the box, as published; GVHMR takes no keypoint from there.

    Args:
        maps: Heat maps.
        boxes: Square boxes that the crops were cut by: centre, side [px].
    """
    rows, columns = maps.shape[-2:]
    flat = maps.reshape(*maps.shape[:2], -1)
    highest, confidence = flat.argmax(-1), flat.max(-1)
    at = np.stack([highest % columns, highest // columns], axis=-1)
    at = np.where(confidence[..., None] > 0.0, at, -1)
    place = _refined(np.ascontiguousarray(maps, dtype=np.float32), at)
    centre, side = boxes[:, None, :2].astype(np.float64), boxes[:, None, 2].astype(np.float64)
    x = centre[..., 0] + side * _BOX_WIDTH * (place[..., 0] / (columns - 1) - 0.5)
    y = centre[..., 1] + side * (place[..., 1] / (rows - 1) - 0.5)
    return np.stack([x, y, confidence], axis=-1)


def _refined(
    maps: Float[np.ndarray, "batch points rows columns"], at: Int[np.ndarray, "batch points 2"]
) -> Float[np.ndarray, "batch points 2"]:
    """Take one step of Newton's towards the top of the hill, on the logarithm of the smoothed map."""
    smooth = np.stack([cv2.GaussianBlur(one, (_BLUR_PX, _BLUR_PX), 0) for one in maps.reshape(-1, *maps.shape[-2:])])
    height = np.log(np.clip(smooth, _LOWEST, _HIGHEST))
    padded = np.pad(height, ((0, 0), (1, 1), (1, 1)), mode="edge")
    line = padded.shape[-1]
    before = padded[0].size * np.arange(len(padded)).reshape(at.shape[:-1])
    here = before + (at[..., 1] + 1) * line + at[..., 0] + 1
    memory = padded.reshape(-1)

    def f(right: int, down: int) -> np.ndarray:
        return memory[here + down * line + right].astype(np.float64)

    slope = np.stack([f(1, 0) - f(-1, 0), f(0, 1) - f(0, -1)], axis=-1) / 2.0
    fxx = f(1, 0) - 2.0 * f(0, 0) + f(-1, 0)
    fyy = f(0, 1) - 2.0 * f(0, 0) + f(0, -1)
    fxy = (f(1, 1) - f(1, 0) - f(0, 1) + 2.0 * f(0, 0) - f(-1, 0) - f(0, -1) + f(-1, -1)) / 2.0
    curvature = np.stack([fxx, fxy, fxy, fyy], axis=-1).reshape(*at.shape, 2) + _STEADY * np.eye(2)
    return at - np.linalg.solve(curvature, slope[..., None])[..., 0]
