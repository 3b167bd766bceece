"""The published training loss: what the network said of a clip against the truth, term by term (spec, section 9).

Each term is a mean over all its numbers, those masked away among them: a clip with few valid frames weighs less.
Joints come from kinematics of the said parameters; so do vertices, where a skinned body is at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from pipeline.estimators.gvhmr.camera import (
    NEAREST_DEPTH,
    in_box,
    project,
    translation_of_weak_camera,
    weak_camera_of_translation,
)
from pipeline.estimators.gvhmr.codec import Codec, MotionCode
from pipeline.estimators.gvhmr.network import NetworkOutputs
from pipeline.estimators.gvhmr.rollout import roll_out
from pipeline.estimators.gvhmr.skeleton import Skeleton
from pipeline.estimators.gvhmr.static_joints import STATIC_JOINTS, static_labels

WEIGHTS = {
    "simple": 1.0,
    "joints": 500.0,
    "vertices": 500.0,
    "weak_camera": 1.0,
    "joints_2d": 1000.0,
    "vertices_2d": 1000.0,
    "path": 1.0,
    "standing": 1.0,
}
"""The published weight of each term."""
_CAMERA_ONLY = slice(0, 142)
"""Numbers of the code that camera axes suffice for."""
_HIPS = (11, 12)
"""COCO's hips: vertices are compared about their middle."""

Vertices = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Local rotations (..., 22, 3, 3), betas and translation in; vertices (..., n, 3) and COCO's 17 points [m] out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VertexTruth:
    """The true surface of the body in camera axes."""

    vertices_c: Float[Tensor, "batch frames vertices 3"]
    """Vertices [m]."""
    about_hips: Float[Tensor, "batch frames vertices 3"]
    """The same about the middle of the hips [m]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What is true of a batch of clips."""

    code: MotionCode
    """The motion; ``velocity`` and ``root_view`` mean nothing for clips with ``camera_only``."""
    transl_c: Float[Tensor, "batch frames 3"]
    """SMPL's translation in camera axes [m]."""
    local_rotation_w: Float[Tensor, "batch frames 22 3 3"]
    """Pose with the root in the world."""
    betas_w: Float[Tensor, "batch frames 10"]
    """Shape in the world."""
    transl_w: Float[Tensor, "batch frames 3"]
    """SMPL's translation in the world [m]."""
    boxes: Float[Tensor, "batch frames 3"]
    """Square box: centre, side [px]."""
    K: Float[Tensor, "batch frames 3 3"]
    """Intrinsics [px]."""
    valid: Bool[Tensor, "batch frames"]
    """Frames that count."""
    camera_only: Bool[Tensor, " batch"]
    """Clips whose truth is known in camera axes only."""
    surface: VertexTruth | None = None
    """Where vertices are compared too."""


def published_losses(
    out: NetworkOutputs, truth: Truth, codec: Codec, skeleton: Skeleton, *, vertices: Vertices | None = None
) -> dict[str, Tensor]:
    """Return each term without its weight; those of vertices where both a body and true ones are given.

    Args:
        out: What the network said.
        truth: What is true.
        codec: Meaning of the network's numbers.
        skeleton: The body's joints.
        vertices: The body's skin.
    """
    said = codec.decode(out.pred_x)
    said_cam = codec.camera(out.pred_cam)
    transl = translation_of_weak_camera(said_cam, truth.boxes, truth.K)
    joints, true_joints = _camera_joints(said, transl, skeleton), _camera_joints(truth.code, truth.transl_c, skeleton)
    losses = {
        "simple": _code_loss(out.pred_x, truth, codec),
        "joints": _masked((joints - joints[..., :1, :]) - (true_joints - true_joints[..., :1, :]), truth.valid),
        "weak_camera": _camera_loss(said_cam, truth, true_joints),
        "joints_2d": _picture_loss(joints, true_joints, truth),
        "path": _path_loss(said.velocity, truth),
        "standing": _standing_loss(out.static_logits, truth, skeleton),
    }
    if vertices is not None and truth.surface is not None:
        surface, coco = vertices(_pose(said), said.betas, transl)
        about_hips = surface - coco[..., _HIPS, :].mean(-2, keepdim=True)
        losses["vertices"] = _masked(about_hips - truth.surface.about_hips, truth.valid)
        losses["vertices_2d"] = _picture_loss(surface, truth.surface.vertices_c, truth)
    return losses


def total_loss(losses: dict[str, Tensor]) -> Tensor:
    """Return the weighted sum of terms."""
    return torch.stack([WEIGHTS[name] * loss for name, loss in losses.items()]).sum()


def _code_loss(pred_x: Tensor, truth: Truth, codec: Codec) -> Tensor:
    counts = truth.valid[..., None].expand(pred_x.shape).clone()
    counts[truth.camera_only, :, _CAMERA_ONLY.stop :] = False
    # Chosen, not multiplied: what means nothing may be infinite.
    return torch.where(counts, (pred_x - codec.encode(truth.code)) ** 2, 0.0).mean()


def _camera_loss(said_cam: Tensor, truth: Truth, true_joints: Tensor) -> Tensor:
    """Compare weak-perspective cameras where the true one is within what a network should have to say."""
    cam = weak_camera_of_translation(truth.transl_c, truth.boxes, truth.K)
    usable = (
        (true_joints[..., 2].amin(-1) > NEAREST_DEPTH)
        & (cam[..., 0] > 0.3)
        & (cam[..., 0] < 5.0)
        & (cam[..., 1:].abs() < 3.0).all(-1)
        & (truth.boxes[..., 2] > 0)
        & truth.valid
    )
    return torch.where(usable[..., None], (said_cam - cam) ** 2, 0.0).mean()


def _picture_loss(points_c: Tensor, true_points_c: Tensor, truth: Truth) -> Tensor:
    """Compare projections in units of the box, of points before the camera whose true place is in the box."""
    said, said_before = _projected(points_c, truth)
    true, true_before = _projected(true_points_c, truth)
    inside = ((true > 0) & (true < 1)).all(-1)
    usable = inside & said_before & true_before & (truth.valid & ~truth.camera_only[:, None])[..., None]
    return torch.where(usable[..., None], (said - true) ** 2, 0.0).mean()


def _projected(points_c: Tensor, truth: Truth) -> tuple[Tensor, Tensor]:
    """Return places in the box and which points are before the camera; others are moved to a harmless place."""
    far = points_c[..., 2].abs() > NEAREST_DEPTH
    pixels = project(torch.where(far[..., None], points_c, NEAREST_DEPTH), truth.K)
    return in_box(pixels, truth.boxes), points_c[..., 2] > NEAREST_DEPTH


def _path_loss(velocity: Tensor, truth: Truth) -> Tensor:
    """Compare the path that the said steps make with the true orientation."""
    path = roll_out(velocity, truth.local_rotation_w[..., 0, :, :], truth.transl_w[..., 0, :])
    usable = truth.valid & ~truth.camera_only[:, None]
    return torch.where(usable[..., None], (path - truth.transl_w).abs(), 0.0).mean()


def _standing_loss(static_logits: Tensor, truth: Truth, skeleton: Skeleton) -> Tensor:
    joints_w, _ = skeleton.pose(truth.local_rotation_w, truth.betas_w, truth.transl_w)
    stands = static_labels(joints_w[..., STATIC_JOINTS, :]).to(static_logits.dtype)
    loss = binary_cross_entropy_with_logits(static_logits, stands, reduction="none")
    usable = truth.valid & ~truth.camera_only[:, None]
    return torch.where(usable[..., None], loss, 0.0).mean()


def _camera_joints(code: MotionCode, transl: Tensor, skeleton: Skeleton) -> Tensor:
    return skeleton.pose(_pose(code), code.betas, transl)[0]


def _pose(code: MotionCode) -> Tensor:
    return torch.cat([code.root_camera[..., None, :, :], code.body_rotation], dim=-3)


def _masked(error: Float[Tensor, "batch frames points 3"], valid: Bool[Tensor, "batch frames"]) -> Tensor:
    return torch.where(valid[..., None, None], error**2, 0.0).mean()
