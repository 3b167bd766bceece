"""Turns keypoints, landmarks and camera rotation into what the network is given; training and use share this."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pipeline.estimators.gvhmr.camera import (
    box_feature,
    boxes_of_corners,
    camera_turn,
    normalise_camera_turn,
    normalise_keypoints,
)
from pipeline.estimators.gvhmr.detail import detail_features
from pipeline.estimators.gvhmr.network import N_KEYPOINTS, NetworkInputs
from pipeline.estimators.gvhmr.smoothing import across_gaps, smooth_boxes

_FEWEST_POINTS = 4
"""Keypoints below which a frame's box is that of its neighbours."""
_SMALLEST_PX = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sighting:
    """What a detector and a camera tracker said of a batch of clips."""

    keypoints_px: Float[Tensor, "batch frames 21 2"]
    """COCO-17, heels and toes [px]."""
    seen: Bool[Tensor, "batch frames 21"]
    """Which of them are believed."""
    K: Float[Tensor, "batch 3 3"]
    """Intrinsics [px]."""
    R_w2c: Float[Tensor, "batch frames 3 3"]
    """Rotation of the camera, from any fixed axes."""
    landmarks: Float[Tensor, "batch frames 33 3"]
    """BlazePose's 3-D landmarks in camera axes [m]."""
    landmarks_seen: Bool[Tensor, "batch frames"]
    """Which frames have landmarks."""


def network_inputs(sighting: Sighting, bbx_xys: Float[Tensor, "batch frames 3"], *, with_detail: bool) -> NetworkInputs:
    """Normalise what was seen.

    Args:
        sighting: Keypoints and camera.
        bbx_xys: Centre and side of the square box [px]; see :func:`keypoint_box`.
        with_detail: For networks with the detail condition.
    """
    seen = sighting.seen[..., None].to(bbx_xys.dtype)
    obs = normalise_keypoints(torch.cat([sighting.keypoints_px, seen], dim=-1), bbx_xys)
    obs = torch.where(obs[..., 2:] > 0.0, obs, torch.zeros_like(obs))
    cliffcam = box_feature(bbx_xys, sighting.K[:, None])
    detail = None
    if with_detail:
        focal = torch.stack([sighting.K[:, 0, 0], sighting.K[:, 1, 1]], dim=-1)[:, None, None]
        rays = (sighting.keypoints_px - sighting.K[:, None, None, :2, 2]) / focal
        rays = torch.where(sighting.seen[..., None], rays, torch.zeros_like(rays))
        landmarks_seen = sighting.landmarks_seen.to(rays.dtype)
        detail = detail_features(rays, seen[..., 0], cliffcam, sighting.R_w2c, sighting.landmarks, landmarks_seen)
    return NetworkInputs(
        obs=obs[:, :, :N_KEYPOINTS],
        cliffcam=cliffcam,
        cam_angvel=normalise_camera_turn(camera_turn(sighting.R_w2c)),
        detail=detail,
    )


def keypoint_box(
    keypoints_px: Float[Tensor, "batch frames 21 2"], seen: Bool[Tensor, "batch frames 21"]
) -> Float[Tensor, "batch frames 3"]:
    """Put a calm square box round the keypoints that are seen: centre and side [px].

    The box has the published model's aspect and margin. Frames with few keypoints take their neighbours' box.
    """
    far = torch.full_like(keypoints_px, torch.inf)
    low = torch.where(seen[..., None], keypoints_px, far).amin(dim=2)
    high = torch.where(seen[..., None], keypoints_px, -far).amax(dim=2)
    known = seen.sum(dim=-1) >= _FEWEST_POINTS
    corners = torch.where(known[..., None], torch.cat([low, high], dim=-1), 0.0)
    box = across_gaps(boxes_of_corners(corners), known)
    return smooth_boxes(torch.cat([box[..., :2], box[..., 2:].clamp(min=_SMALLEST_PX)], dim=-1))
