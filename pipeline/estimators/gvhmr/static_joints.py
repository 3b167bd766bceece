"""From joints that are said to stand still to a path of the root on which they do (spec, section 6).

Six joints are judged: ankle and foot of the left, of the right leg, left and right wrist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pipeline.estimators.gvhmr.smoothing import gaussian_smooth

STATIC_JOINTS = (7, 10, 8, 11, 20, 21)
"""The judged joints, in the network's order."""
LABEL_FRAME_TIME = 0.033
"""Time between frames that training's labels are made with [s]."""
_OFF = 1e6
"""What the weight of a moving joint loses before the softmax."""
PATH_SIGMA = 3.0
"""Width of the Gaussian over x and z of the corrected path [frames]."""
CAMERA_SIGMA = 5.0
"""Width of the Gaussian over the path seen by a static camera [frames]."""
CAMERA_SLACK = 0.25
"""Distance from what a static camera saw that is left alone, each axis [m]."""
CAMERA_STEP = 0.02
"""Most that a frame is moved towards what a static camera saw, each axis [m]."""
SURELY_STATIC = 0.8
"""Probability above which a joint holds the root when the camera is static."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PosedPath:
    """A posed body somewhere: its joints, its root's rotation and SMPL's translation."""

    joints: Float[Tensor, "*batch frames 22 3"]
    """Places of the joints [m]."""
    root: Float[Tensor, "*batch frames 3 3"]
    """Rotation of the pelvis."""
    transl: Float[Tensor, "*batch frames 3"]
    """SMPL's translation [m]."""


def static_labels(
    joints: Float[Tensor, "*batch frames joints 3"], *, speed: float = 0.15, frame_time: float = LABEL_FRAME_TIME
) -> Bool[Tensor, "*batch frames joints"]:
    """Return which joints move slower than ``speed`` [m/s] towards the next frame; the last repeats the one before.

    In a clip of a single frame everything stands.
    """
    if joints.shape[-3] < 2:
        return torch.ones(joints.shape[:-1], dtype=torch.bool, device=joints.device)
    still = torch.diff(joints, dim=-3).norm(dim=-1) / frame_time < speed
    return torch.cat([still, still[..., -1:, :]], dim=-2)


def hold_static_joints(
    joints_w: Float[Tensor, "*batch frames 22 3"],
    transl_w: Float[Tensor, "*batch frames 3"],
    static_logits: Float[Tensor, "*batch frames 6"],
    *,
    sigma: float = PATH_SIGMA,
) -> Float[Tensor, "*batch frames 3"]:
    """Return the path [m] less the drift of joints that stand, in a y-up world, with its lowest joint at height zero.

    Args:
        joints_w: Joints of the uncorrected path [m].
        transl_w: The path [m].
        static_logits: Log odds that each judged joint stands until the next frame.
        sigma: Width of the Gaussian over x and z [frames]; it also halves real motion of 2 Hz. 0 for none.
    """
    step = torch.diff(joints_w[..., STATIC_JOINTS, :], dim=-3)
    logits = static_logits[..., :-1, :]
    stands = logits > 0
    weight = torch.softmax(torch.where(stands, logits, logits - _OFF), dim=-1) * stands.any(-1, keepdim=True)
    drift = (weight[..., None] * step).sum(-2)
    path = transl_w - _cumulative(drift)
    level = gaussian_smooth(path[..., (0, 2)], sigma)
    path = torch.stack([level[..., 0], path[..., 1], level[..., 1]], dim=-1)
    return _onto_ground(joints_w, transl_w, path)


def hold_to_static_camera(
    world: PosedPath, camera: PosedPath, static_logits: Float[Tensor, "*batch frames 6"]
) -> Float[Tensor, "*batch frames 3"]:
    """Return the path [m] in a y-up world, kept near what a camera that never moved saw, its lowest joint at zero.

    Args:
        world: The path to correct.
        camera: The same person in camera axes, its path already smooth (:func:`smooth_camera_path`).
        static_logits: Log odds that each judged joint stands until the next frame.
    """
    R_c2w = world.root[..., :1, :, :] @ camera.root[..., :1, :, :].transpose(-1, -2)
    seen = (R_c2w @ camera.joints[..., 0, :, None]).squeeze(-1)
    seen = seen - seen[..., :1, :] + world.joints[..., :1, 0, :]
    path = world.transl - _followed(world.joints[..., 0, :] - seen)
    joints = world.joints + (path - world.transl)[..., None, :]
    step = torch.diff(joints[..., STATIC_JOINTS, :], dim=-3)
    stands = (torch.sigmoid(static_logits[..., :-1, :]) > SURELY_STATIC).to(step.dtype)
    drift = (stands[..., None] * step).sum(-2) / stands.sum(-1, keepdim=True).clamp(min=1.0)
    drift = drift * drift.new_tensor([1.0, 0.0, 1.0])
    return _onto_ground(world.joints, world.transl, path - _cumulative(drift))


def smooth_camera_path(transl_c: Float[Tensor, "*batch frames 3"]) -> Float[Tensor, "*batch frames 3"]:
    """Return the path in camera axes [m] as smooth as :func:`hold_to_static_camera` wants it."""
    return gaussian_smooth(transl_c, CAMERA_SIGMA)


def _cumulative(step: Float[Tensor, "*batch steps 3"]) -> Float[Tensor, "*batch frames 3"]:
    """Sum what happened before each frame."""
    return torch.cumsum(torch.nn.functional.pad(step, (0, 0, 1, 0)), dim=-2)


def _followed(error: Float[Tensor, "*batch frames 3"]) -> Float[Tensor, "*batch frames 3"]:
    """Return what is taken off each frame to follow the camera: what is outside the slack, at a bounded speed."""
    errors = np.moveaxis(error.detach().double().cpu().numpy(), -2, 0)
    taken, total = np.zeros_like(errors), np.zeros(errors.shape[1:])
    for frame in range(1, len(errors)):
        left = errors[frame] - total
        total = total + np.where(np.abs(left) < CAMERA_SLACK, 0.0, np.clip(left, -CAMERA_STEP, CAMERA_STEP))
        taken[frame] = total
    return torch.from_numpy(np.moveaxis(taken, 0, -2)).to(error)


def _onto_ground(
    joints: Float[Tensor, "*batch frames 22 3"],
    transl: Float[Tensor, "*batch frames 3"],
    path: Float[Tensor, "*batch frames 3"],
) -> Float[Tensor, "*batch frames 3"]:
    """Lower or raise a path until the lowest joint of all its frames lies at height zero."""
    height = (joints[..., 1] + (path - transl)[..., None, 1]).amin((-1, -2))
    return path - height[..., None, None] * path.new_tensor([0.0, 1.0, 0.0])
