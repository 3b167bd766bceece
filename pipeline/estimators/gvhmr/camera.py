"""From a person's box, keypoints and camera to what the network is told, and from its weak camera back to metres.

Cameras are OpenCV's (x right, y down, z forward); pixels are of the whole image. A box is the square
``(centre x, centre y, side)``, one body with a fifth of margin. Formulas: spec, sections 1 and 5.
"""

from __future__ import annotations

from math import hypot

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.camera import default_intrinsics
from pipeline.estimators.gvhmr.rotations import sixd_from_matrix

BOX_MARGIN = 1.2
"""Side of the square box per height of the fitted one."""
CROP_ASPECT = 192.0 / 256.0
"""Width per height of the crop that keypoint networks look at; boxes are grown to it first."""
FULL_FRAME_DIAGONAL_MM = hypot(24.0, 36.0)
"""Diagonal of the film that focal lengths in millimetres are meant for."""
CAMERA_TURN_MEAN = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CAMERA_TURN_STD = (0.001, 0.1, 0.1, 0.1, 0.001, 0.1)
"""Mean and scale by which the network reads the camera's turn from frame to frame (spec, section 1)."""
NEAREST_DEPTH = 0.3
"""Points closer to the image plane than this have no projection worth a penalty [m]."""


def boxes_of_corners(corners: Float[Tensor, "*batch 4"], *, margin: float = BOX_MARGIN) -> Float[Tensor, "*batch 3"]:
    """Return the square boxes [px] of tight ones ``(left, top, right, bottom)`` [px]."""
    low, high = corners[..., :2], corners[..., 2:]
    width, height = (high - low).unbind(-1)
    # The narrower side is widened to the crop's shape, so the square's side is always the height's multiple.
    fitted_height = torch.maximum(height, width / CROP_ASPECT)
    return torch.cat([(low + high) / 2, margin * fitted_height[..., None]], dim=-1)


def boxes_of_points(
    points: Float[Tensor, "*batch points 2"], *, margin: float = BOX_MARGIN
) -> Float[Tensor, "*batch 3"]:
    """Return the square boxes [px] around sets of points [px]."""
    return boxes_of_corners(torch.cat([points.amin(-2), points.amax(-2)], dim=-1), margin=margin)


def normalise_keypoints(
    keypoints: Float[Tensor, "*batch points 3"], boxes: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch points 3"]:
    """Return keypoints ``(x, y, confidence)`` in units of the half box; outside the box they lose their confidence."""
    centre, side = boxes[..., None, :2], boxes[..., None, 2:]
    xy = keypoints[..., :2]
    outside = ((xy < centre - side / 2) | (xy > centre + side / 2)).any(-1)
    confidence = torch.where(outside, 0.0, keypoints[..., 2])
    return torch.cat([2 * (xy - centre) / side, confidence[..., None]], dim=-1)


def box_feature(boxes: Float[Tensor, "*batch 3"], K: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Return where the box lies and how large it is as tangents of angles, after CLIFF (Li et al., ECCV 2022)."""
    focal = K[..., 0, 0, None]
    return torch.cat([(boxes[..., :2] - K[..., :2, 2]) / focal, boxes[..., 2:] / focal], dim=-1)


def camera_turn(R_w2c: Float[Tensor, "*batch frames 3 3"]) -> Float[Tensor, "*batch frames 6"]:
    """Return the camera's rotation from each frame to the next as 6-D; the last repeats the one before.

    A single frame has no next one: its camera is said to stand still.
    """
    if R_w2c.shape[-3] < 2:
        return sixd_from_matrix(torch.eye(3, dtype=R_w2c.dtype, device=R_w2c.device).expand(R_w2c.shape))
    step = R_w2c[..., 1:, :, :] @ R_w2c[..., :-1, :, :].transpose(-1, -2)
    return sixd_from_matrix(torch.cat([step, step[..., -1:, :, :]], dim=-3))


def normalise_camera_turn(turn: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 6"]:
    """Return a camera's turn in the units that the network reads: zero for a camera that stands still."""
    return (turn - turn.new_tensor(CAMERA_TURN_MEAN)) / turn.new_tensor(CAMERA_TURN_STD)


def intrinsics_of_image(width: int, height: int) -> Float[Tensor, "3 3"]:
    """Return the intrinsics [px] guessed for an unknown lens: focal length = diagonal of the image."""
    return torch.from_numpy(default_intrinsics(width, height)).float()


def intrinsics_of_lens(width: int, height: int, focal_mm: float) -> Float[Tensor, "3 3"]:
    """Return the intrinsics [px] of a lens whose focal length [mm] is given for full-frame film, by the diagonal."""
    focal = hypot(width, height) / FULL_FRAME_DIAGONAL_MM * focal_mm
    return torch.tensor([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])


def translation_of_weak_camera(
    weak_camera: Float[Tensor, "*batch 3"], boxes: Float[Tensor, "*batch 3"], K: Float[Tensor, "*batch 3 3"]
) -> Float[Tensor, "*batch 3"]:
    """Return the translation in camera axes [m] of a weak-perspective camera ``(scale, x, y)`` of the box."""
    scale, shift = weak_camera[..., :1], weak_camera[..., 1:]
    span = scale * boxes[..., 2:] + 1e-9
    focal = K[..., 0, 0, None]
    return torch.cat([shift + 2 * (boxes[..., :2] - K[..., :2, 2]) / span, 2 * focal / span], dim=-1)


def weak_camera_of_translation(
    transl_c: Float[Tensor, "*batch 3"], boxes: Float[Tensor, "*batch 3"], K: Float[Tensor, "*batch 3 3"]
) -> Float[Tensor, "*batch 3"]:
    """Return the weak-perspective camera ``(scale, x, y)`` of the box that gives a translation [m]."""
    depth, focal = transl_c[..., 2:], K[..., 0, 0, None]
    shift = transl_c[..., :2] - depth * (boxes[..., :2] - K[..., :2, 2]) / focal
    return torch.cat([2 * focal / (depth * boxes[..., 2:]), shift], dim=-1)


def project(
    points_c: Float[Tensor, "*batch points 3"], K: Float[Tensor, "*batch 3 3"]
) -> Float[Tensor, "*batch points 2"]:
    """Return the pixels of points in camera axes [m]; they must not lie in the camera's plane."""
    homogeneous = points_c / points_c[..., 2:] @ K.transpose(-1, -2)
    return homogeneous[..., :2]


def project_safely(
    points_c: Float[Tensor, "*batch points 3"], K: Float[Tensor, "*batch 3 3"], *, nearest: float = NEAREST_DEPTH
) -> Float[Tensor, "*batch points 2"]:
    """Return the pixels of points [m], as if none were nearer than ``nearest`` [m]: finite for every point."""
    return project(torch.cat([points_c[..., :2], points_c[..., 2:].clamp(min=nearest)], dim=-1), K)


def in_box(
    pixels: Float[Tensor, "*batch points 2"], boxes: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch points 2"]:
    """Return pixels in units of the box: its corners are ``(0, 0)`` and ``(1, 1)``."""
    centre, side = boxes[..., None, :2], boxes[..., None, 2:]
    return (pixels - centre) / side + 0.5
