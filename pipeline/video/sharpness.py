"""Turns a picture and the landmarks found in it into how sharp the picture is at each of them."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, Int, UInt8

from pipeline.video.blazepose import N_LANDMARKS, Pose

_PERSON_PX = 256
"""The person is looked at in this size, so that distance and resolution do not count as blur [px]."""
_PATCH_PX = 21
"""Side of the patch round a landmark: about a twelfth of the person, the thickness of a limb and what borders it."""
_NOISE_LEVEL = 4.0
"""Contrast below which a patch is noise and compression rather than structure [grey levels]."""
_LARGEST_CROP_PX = 8192
"""Landmarks gone astray must not ask for more memory than this side squared [px]."""


def landmark_sharpness(picture: UInt8[np.ndarray, "height width *channels"], pose: Pose) -> Float32[np.ndarray, " 33"]:
    """Return how steep the edges round each landmark are, for their contrast.

    The root mean square gradient of a patch over its standard deviation, in 1 / pixel of a person scaled to
    ``_PERSON_PX``. Contrast cancels, so that a white sleeve is as sharp as a grey one; what remains is the width of
    the edges, which motion and focus widen. Only differences from the person's own usual mean anything: cloth,
    background and codec set the level. Costs about half a millisecond.

    Args:
        picture: RGB or grey.
        pose: The person, in pixels of the picture.

    Returns:
        One value a landmark, about 0.1 (smeared) to 0.5 (crisp); 0 for landmarks outside the picture.
    """
    sharpness = np.zeros(N_LANDMARKS, dtype=np.float32)
    height, width = picture.shape[:2]
    reach = pose.landmarks[np.isfinite(pose.landmarks).all(axis=1)]
    if len(reach) == 0:
        return sharpness
    low, high = reach.min(axis=0), reach.max(axis=0)
    size = max(float((high - low).max()), 1.0)
    margin = size * _PATCH_PX / _PERSON_PX
    x0, y0 = np.clip(np.floor(low - margin), 0, [width, height]).astype(int)
    x1, y1 = np.clip(np.ceil(high + margin) + 1, 0, [width, height]).astype(int)
    if x1 - x0 < 2 or y1 - y0 < 2 or max(x1 - x0, y1 - y0) > _LARGEST_CROP_PX:
        return sharpness
    scale = _PERSON_PX / size
    small = _standard_size(picture[y0:y1, x0:x1], scale)
    at = np.nan_to_num((pose.landmarks - [x0, y0]) * scale, nan=-1e6, posinf=-1e6, neginf=-1e6)
    inside = (pose.landmarks >= 0).all(axis=1) & (pose.landmarks <= [width - 1, height - 1]).all(axis=1)
    rows = np.clip(np.round(at[inside, 1]).astype(int), 0, small.shape[0] - 1)
    columns = np.clip(np.round(at[inside, 0]).astype(int), 0, small.shape[1] - 1)
    sharpness[inside] = _steepness(small, rows, columns)
    return sharpness


def _standard_size(
    crop: UInt8[np.ndarray, "height width *channels"], scale: float
) -> UInt8[np.ndarray, "rows columns"]:
    """Grey crop in which the person has the standard size; shrunk by averaging, so that no detail folds over."""
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) if crop.ndim == 3 else np.ascontiguousarray(crop)
    size = (max(2, round(crop.shape[1] * scale)), max(2, round(crop.shape[0] * scale)))
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _steepness(
    gray: UInt8[np.ndarray, "rows columns"], rows: Int[np.ndarray, " points"], columns: Int[np.ndarray, " points"]
) -> Float32[np.ndarray, " points"]:
    """Root mean square gradient over standard deviation in the patch round each point [1/px]."""
    dx, dy = cv2.spatialGradient(gray)  # 3 x 3 Sobel, 8 times the slope
    gradient = cv2.multiply(dx, dx, dtype=cv2.CV_32F) + cv2.multiply(dy, dy, dtype=cv2.CV_32F)
    reach = _PATCH_PX // 2
    top, bottom = np.maximum(rows - reach, 0), np.minimum(rows + reach + 1, gray.shape[0])
    left, right = np.maximum(columns - reach, 0), np.minimum(columns + reach + 1, gray.shape[1])
    area = (bottom - top) * (right - left)

    def mean(table: np.ndarray) -> np.ndarray:
        return (table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]) / area

    sums, squares = cv2.integral2(gray, sdepth=cv2.CV_64F, sqdepth=cv2.CV_64F)
    variance = np.maximum(mean(squares) - mean(sums) ** 2, 0.0)
    slope = mean(cv2.integral(gradient, sdepth=cv2.CV_64F)) / 64.0
    return np.sqrt(slope / (variance + _NOISE_LEVEL**2)).astype(np.float32)
