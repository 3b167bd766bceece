"""Turns a picture and the landmarks found in it into how sharp the picture is at each of them."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

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
    background and codec set the level. Costs a third of a millisecond.

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
    sharpness[inside] = _steepness(small)[rows, columns]
    return sharpness


def _standard_size(crop: UInt8[np.ndarray, "height width *channels"], scale: float) -> Float32[np.ndarray, "rows columns"]:
    """Grey crop in which the person has the standard size; shrunk by averaging, so that no detail folds over."""
    size = (max(2, round(crop.shape[1] * scale)), max(2, round(crop.shape[0] * scale)))
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return small.astype(np.float32)


def _steepness(gray: Float32[np.ndarray, "rows columns"]) -> Float32[np.ndarray, "rows columns"]:
    """Root mean square gradient over standard deviation in the patch round every pixel [1/px]."""
    dx = cv2.Sobel(gray, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    dy = cv2.Sobel(gray, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    patch = (_PATCH_PX, _PATCH_PX)
    gradient = cv2.blur(dx * dx + dy * dy, patch)
    mean, square = cv2.blur(gray, patch), cv2.blur(gray * gray, patch)
    variance = np.maximum(square - mean * mean, 0.0)
    return np.sqrt(gradient / (variance + _NOISE_LEVEL**2))
