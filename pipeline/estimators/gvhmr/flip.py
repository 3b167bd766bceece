"""The flip test: what the network is told of the mirrored picture, and its answer mirrored back (spec, 7)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

SWAPPED_KEYPOINTS = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
"""COCO's keypoints with left and right exchanged."""
SWAPPED_JOINTS = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20)
"""The 22 joints with left and right exchanged."""
_MIRROR = (-1.0, 1.0, 1.0)


def flip_boxes(boxes: Float[Tensor, "*batch 3"], width: float) -> Float[Tensor, "*batch 3"]:
    """Return boxes [px] in the mirrored image of some width [px]."""
    return torch.cat([width - boxes[..., :1], boxes[..., 1:]], dim=-1)


def flip_keypoints(keypoints: Float[Tensor, "*batch 17 3"], width: float) -> Float[Tensor, "*batch 17 3"]:
    """Return keypoints ``(x, y, confidence)`` [px] in the mirrored image, where left is right."""
    swapped = keypoints[..., SWAPPED_KEYPOINTS, :]
    return torch.cat([width - swapped[..., :1], swapped[..., 1:]], dim=-1)


def flip_heatmaps(heatmaps: Float[Tensor, "*batch 17 rows columns"]) -> Float[Tensor, "*batch 17 rows columns"]:
    """Return the heatmaps that the mirrored image should have given."""
    return heatmaps[..., SWAPPED_KEYPOINTS, :, :].flip(-1)


def flip_rotations(rotation: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return rotations as a mirror across the plane x = 0 shows them: F R F."""
    mirror = rotation.new_tensor(_MIRROR)
    return mirror[:, None] * rotation * mirror


def flip_camera(R_w2c: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return F R_w2c, from which the mirrored camera's turns are taken (its determinant is -1)."""
    return R_w2c.new_tensor(_MIRROR)[:, None] * R_w2c


def flip_pose(rotation: Float[Tensor, "*batch 22 3 3"]) -> Float[Tensor, "*batch 22 3 3"]:
    """Return the mirror image of a pose: root first, left and right exchanged."""
    return flip_rotations(rotation[..., SWAPPED_JOINTS, :, :])


def mean_rotation(a: Float[Tensor, "*batch 3 3"], b: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return the rotation halfway between two: the orthogonal matrix nearest to their mean."""
    left, _, right = torch.linalg.svd((a + b) / 2)
    return left @ right
