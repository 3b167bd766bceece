"""Cuts a person out of a picture as HMR2.0 and ViTPose were shown people by GVHMR's authors (spec, section 8).

Boxes are squares ``(centre x, centre y, side)`` in pixels of the picture. Their corners land on the middles of the
crop's corner pixels; what lies outside the picture is black. Nothing here needs torch.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from robots.exceptions import InvalidArray

CROP_PX = 256
"""Side of a crop [px]."""
CROP_COLUMNS = slice(32, 224)
"""Columns of a crop that the networks look at: 256 x 192 pixels."""
MEAN_RGB = (0.485, 0.456, 0.406)
STD_RGB = (0.229, 0.224, 0.225)
"""Mean and deviation of ImageNet's colours, in [0, 1]."""
_BLURRED_FROM = 1.1
"""Side of a box, in two sides of the crop, beyond which the picture is smoothed before it is cut."""


def crop_matrix(box: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "2 3"]:
    """Return the affine map from pixels of the picture to pixels of the crop.

    Raises:
        InvalidArray: The box is not finite, or has no side.
    """
    if not (np.isfinite(box).all() and box[2] > 0):
        raise InvalidArray("box", problem=f"is no square of a picture: {box}")
    centre, half = box[:2], box[2] / 2
    last = CROP_PX - 1
    # By three points in single precision, as published: otherwise some pixels are a shade off.
    source = np.array([centre - half, centre + np.array([half, -half]), centre], dtype=np.float32)
    target = np.array([[0.0, 0.0], [last, 0.0], [last / 2, last / 2]], dtype=np.float32)
    return cv2.getAffineTransform(source, target)


def cut_out(
    picture: UInt8[np.ndarray, "height width 3"], box: Float[np.ndarray, " 3"]
) -> UInt8[np.ndarray, "256 256 3"]:
    """Return the crop of one box.

    Raises:
        InvalidArray: The box is not finite, or has no side.
    """
    matrix = crop_matrix(box)
    shrink = float(box[2]) / CROP_PX / 2.0
    if shrink > _BLURRED_FROM:
        picture = cv2.GaussianBlur(picture, (5, 5), (shrink - 1.0) / 2.0)
    return cv2.warpAffine(picture, matrix, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR)


def normalised(crops: UInt8[np.ndarray, "batch 256 256 3"]) -> Float[np.ndarray, "batch 3 256 256"]:
    """Return crops in the units that the networks read, channels first, in single precision."""
    colours = np.float32(1.0 / 255.0) * crops.astype(np.float32)
    units = (colours - np.array(MEAN_RGB, np.float32)) / np.array(STD_RGB, np.float32)
    return np.ascontiguousarray(units.transpose(0, 3, 1, 2))


def halved(picture: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return the picture at half its size, as the authors' program reads videos; each pixel is the mean of four."""
    height, width = picture.shape[:2]
    return cv2.resize(picture, (max(width // 2, 1), max(height // 2, 1)), interpolation=cv2.INTER_AREA)
