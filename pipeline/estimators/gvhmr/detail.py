"""Turns keypoints of neighbouring frames and 3-D landmarks into one more condition, which the published network lacks.

Keypoints are rays. A ray of another frame is turned into this frame's camera axes by the camera's rotation between
the two, so that what is left of its movement is the person's, and the camera's own path. Two things follow: a panning
camera looks like a still one, and velocity is an input instead of something to be found between tokens.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool1d, pad

LAGS = (-16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16)
"""Frames at which a frame's details look."""
N_POINTS = 21
"""COCO's 17 keypoints, heels and toes."""
LANDMARKS = (0, 7, 8, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32)
"""Of BlazePose's 33: nose, ears, shoulders, elbows, wrists, little and index fingers, hips, knees, ankles, heels, toes.
"""
_HIPS = (23, 24)
DETAIL_FEATURES = len(LAGS) * N_POINTS * 3 + len(LANDMARKS) * 3 + 1
"""Length of the condition."""
_SIZE_FRAMES = 61
"""Frames over which the box's size is averaged, so that a change of size is seen as such."""
_CENTRE_FRAMES = 9
"""Frames over which the box's centre is averaged."""
_FARTHEST = 4.0
"""Rays farther than this from the box, in half boxes, say no more than that they are far."""
_NEAREST_DEPTH = 0.1
_LANDMARK_SCALE = 2.0
"""Brings landmarks [m] to about one."""


def detail_features(
    rays: Float[Tensor, "batch frames 21 2"],
    seen: Float[Tensor, "batch frames 21"],
    cliffcam: Float[Tensor, "batch frames 3"],
    R_w2c: Float[Tensor, "batch frames 3 3"],
    landmarks: Float[Tensor, "batch frames 33 3"],
    landmarks_seen: Float[Tensor, "batch frames"],
) -> Float[Tensor, "batch frames details"]:
    """Build the condition.

    Args:
        rays: Keypoints on the plane at unit depth, x / z and y / z in camera axes.
        seen: 1 where a keypoint is seen, else 0.
        cliffcam: Centre and side of the box on the same plane.
        R_w2c: Rotation of the camera, from any fixed axes.
        landmarks: BlazePose's 3-D landmarks in camera axes [m].
        landmarks_seen: 1 where there are landmarks, else 0.
    """
    frames = rays.shape[1]
    centre = _running_mean(cliffcam[..., :2], _CENTRE_FRAMES)[:, :, None]
    half = 0.5 * _running_mean(cliffcam[..., 2:], _SIZE_FRAMES)[:, :, None].clamp(min=1e-3)
    homogeneous = torch.cat([rays, torch.ones_like(rays[..., :1])], dim=-1)
    at = torch.arange(frames, device=rays.device)
    parts = []
    for lag in LAGS:
        other = (at + lag).clamp(0, frames - 1)
        turned = homogeneous[:, other] @ (R_w2c @ R_w2c[:, other].transpose(-1, -2)).transpose(-1, -2)
        flat = turned[..., :2] / turned[..., 2:].clamp(min=_NEAREST_DEPTH)
        visible = seen[:, other, :, None]
        place = ((flat - centre) / half).clamp(-_FARTHEST, _FARTHEST) * visible
        parts += [place.flatten(2), visible.flatten(2)]
    hips = landmarks[:, :, _HIPS].mean(dim=2, keepdim=True)
    body = (landmarks[:, :, LANDMARKS] - hips) * _LANDMARK_SCALE * landmarks_seen[..., None, None]
    return torch.cat([*parts, body.flatten(2), landmarks_seen[..., None]], dim=-1)


def _running_mean(x: Float[Tensor, "batch frames values"], width: int) -> Float[Tensor, "batch frames values"]:
    half = width // 2
    return avg_pool1d(pad(x.transpose(1, 2), (half, half), mode="replicate"), width, 1).transpose(1, 2)
