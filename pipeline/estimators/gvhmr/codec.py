"""Turns motion parameters into the 151 numbers a frame that the network speaks, and back.

Layout: 21 joint rotations (6-D) | 10 betas | root in the camera (6-D) | root in the gravity view (6-D) | velocity of
the root in its own axes [m/frame]; each less its mean, over its standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.estimators.gvhmr.rotations import matrix_from_6d, sixd_from_matrix

CODE_LENGTH = 151
BODY_POSE, BETAS = slice(0, 126), slice(126, 136)
ROOT_CAMERA, ROOT_VIEW, VELOCITY = slice(136, 142), slice(142, 148), slice(148, 151)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MotionCode:
    """A motion as the codec takes it apart."""

    body_rotation: Float[Tensor, "*batch 21 3 3"]
    """Rotation of each joint but the root relative to its parent."""
    betas: Float[Tensor, "*batch 10"]
    """Shape."""
    root_camera: Float[Tensor, "*batch 3 3"]
    """Pelvis in camera axes."""
    root_view: Float[Tensor, "*batch 3 3"]
    """Pelvis in the gravity view's axes (y down, z the horizontal part of the view)."""
    velocity: Float[Tensor, "*batch 3"]
    """Way of the root to the next frame, in the pelvis' axes [m]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Codec:
    """Normalisation of the motion code and of the weak-perspective camera."""

    mean: Float[Tensor, " 151"]
    """Mean of each number."""
    std: Float[Tensor, " 151"]
    """Standard deviation of each number."""
    cam_mean: Float[Tensor, " 3"]
    """Mean of the weak-perspective camera (scale, x, y)."""
    cam_std: Float[Tensor, " 3"]
    """Standard deviation of it."""

    def decode(self, code: Float[Tensor, "*batch 151"]) -> MotionCode:
        """Read a normalised code."""
        x = code * self.std + self.mean
        return MotionCode(
            body_rotation=matrix_from_6d(x[..., BODY_POSE].unflatten(-1, (21, 6))),
            betas=x[..., BETAS],
            root_camera=matrix_from_6d(x[..., ROOT_CAMERA]),
            root_view=matrix_from_6d(x[..., ROOT_VIEW]),
            velocity=x[..., VELOCITY],
        )

    def encode(self, motion: MotionCode) -> Float[Tensor, "*batch 151"]:
        """Write a normalised code."""
        parts = [
            sixd_from_matrix(motion.body_rotation).flatten(-2),
            motion.betas,
            sixd_from_matrix(motion.root_camera),
            sixd_from_matrix(motion.root_view),
            motion.velocity,
        ]
        return (torch.cat(parts, dim=-1) - self.mean) / self.std

    def camera(self, pred_cam: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Read a normalised weak-perspective camera; its scale stays at or above 1/4."""
        cam = pred_cam * self.cam_std + self.cam_mean
        return torch.cat([cam[..., :1].clamp(min=0.25), cam[..., 1:]], dim=-1)
