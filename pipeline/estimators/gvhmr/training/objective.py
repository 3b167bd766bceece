"""What the network is asked for: the code, and what follows from it in the picture, in the body and in the world.

The published terms (:mod:`pipeline.estimators.gvhmr.training.losses`) are means of squares; here most are mean
distances, which is what the measures report, so that an outlier pulls no harder than its share.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from pipeline.estimators.gvhmr.camera import translation_of_weak_camera
from pipeline.estimators.gvhmr.codec import Codec, MotionCode
from pipeline.estimators.gvhmr.network import NetworkOutputs
from pipeline.estimators.gvhmr.rollout import roll_out
from pipeline.estimators.gvhmr.skeleton import Skeleton
from pipeline.estimators.gvhmr.training.batches import Batch

_SPANS = ((1, 15.0), (8, 4.0), (30, 1.5), (90, 0.7))
"""Frames over which the way of the root is compared, and the weight of a metre's error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveWeights:
    """Weight of each term."""

    code: float = 2.0
    """Squared error of the normalised code."""
    joints: float = 10.0
    """Distance of joints about the pelvis [1/m]."""
    aligned_feet: float = 5.0
    """More of it for ankles, feet, wrists [1/m]."""
    joint_steps: float = 15.0
    """Distance of the joints' steps from frame to frame [1/m]."""
    picture: float = 5.0
    """Distance of projected joints, in boxes."""
    depth: float = 4.0
    """Distance of the pelvis in camera axes, in depths."""
    cam: float = 1.0
    """Squared error of the weak-perspective camera."""
    turn: float = 2.0
    """Angle of the pelvis, in the camera and in the gravity view [1/rad]."""
    tilt: float = 4.0
    """Angle of gravity against the pelvis [1/rad]."""
    way: float = 1.0
    """Way of the root, over several spans."""
    standing: float = 1.0
    """Cross entropy of standing still."""


def objective(
    out: NetworkOutputs, batch: Batch, codec: Codec, skeleton: Skeleton, weights: ObjectiveWeights
) -> dict[str, Tensor]:
    """Return all terms, weighted."""
    pred_x, pred_cam = out.pred_x.float(), out.pred_cam.float()
    said = codec.decode(pred_x)
    truth = batch.code
    joints = _about_pelvis(said, skeleton)
    true_joints = batch.joints_c - batch.joints_c[:, :, :1]
    apart = (joints - true_joints).norm(dim=-1)
    steps = (joints[:, 1:] - joints[:, :-1]) - (true_joints[:, 1:] - true_joints[:, :-1])
    cam = codec.camera(pred_cam)
    ok = _cam_in_range(batch.cam)
    pelvis = (
        translation_of_weak_camera(cam, batch.bbx_xys, batch.K[:, None]) + skeleton.rest_joints(said.betas)[..., 0, :]
    )
    depth = batch.joints_c[:, :, 0, 2:].clamp(min=0.3)
    off = ((pelvis - batch.joints_c[:, :, 0]) / depth).norm(dim=-1).clamp(max=2.0)
    return {
        "code": weights.code * mse_loss(pred_x, codec.encode(truth)),
        "joints": weights.joints * apart.mean(),
        "ends": weights.aligned_feet * apart[..., (7, 8, 10, 11, 20, 21)].mean(),
        "steps": weights.joint_steps * steps.norm(dim=-1).mean(),
        "picture": weights.picture * _picture(joints + pelvis[:, :, None], batch),
        "depth": weights.depth * (off * ok).mean(),
        "cam": weights.cam * (((pred_cam - (batch.cam - codec.cam_mean) / codec.cam_std) ** 2).mean(-1) * ok).mean(),
        "turn": weights.turn * (_chord(said.root_camera, truth.root_camera) + _chord(said.root_view, truth.root_view)),
        "tilt": weights.tilt * (said.root_view[..., 1, :] - truth.root_view[..., 1, :]).norm(dim=-1).mean(),
        "way": weights.way * _way(said.velocity, batch),
        "standing": weights.standing * binary_cross_entropy_with_logits(out.static_logits.float(), batch.standing),
    }


def errors(out: NetworkOutputs, batch: Batch, codec: Codec, skeleton: Skeleton) -> dict[str, float]:
    """Measure what is said against the truth, in units that people know; see :meth:`Trainer.try_on`."""
    said = codec.decode(out.pred_x.float())
    joints, true = _about_pelvis(said, skeleton), batch.joints_c - batch.joints_c[:, :, :1]
    hips = (joints - true)[:, :, (1, 2)].mean(dim=2, keepdim=True)
    cosine = (said.root_view[..., 1, :] * batch.code.root_view[..., 1, :]).sum(dim=-1).clamp(-1.0, 1.0)
    path = roll_out(said.velocity, batch.root_w) - (batch.pelvis_w - batch.pelvis_w[:, :1])
    return {
        "mpjpe_mm": 1000.0 * float((joints - true - hips).norm(dim=-1).mean()),
        "tilt_deg": float(torch.rad2deg(torch.arccos(cosine)).mean()),
        "way_mm": 1000.0 * float((path[:, 15:] - path[:, :-15]).norm(dim=-1).mean()),
    }


def _about_pelvis(said: MotionCode, skeleton: Skeleton) -> Tensor:
    local = torch.cat([said.root_camera[:, :, None], said.body_rotation], dim=2)
    rest = skeleton.rest_joints(said.betas[:, :1])
    joints, _ = skeleton.pose(local, said.betas[:, :1], -rest[..., 0, :].expand(-1, local.shape[1], -1))
    return joints


def _cam_in_range(cam: Tensor) -> Tensor:
    return ((cam[..., 0] > 0.3) & (cam[..., 0] < 5.0) & (cam[..., 1:].abs() < 3.0).all(dim=-1)).float()


def _picture(joints_c: Tensor, batch: Batch) -> Tensor:
    side = (batch.bbx_xys[..., 2] / batch.K[:, None, 0, 0])[:, :, None]
    said, true = (p[..., :2] / p[..., 2:].clamp(min=0.3) for p in (joints_c, batch.joints_c))
    before = (joints_c[..., 2] > 0.3) & (batch.joints_c[..., 2] > 0.3)
    return (((said - true).norm(dim=-1) / side).clamp(max=1.0) * before).mean()


def _chord(a: Tensor, b: Tensor) -> Tensor:
    """Mean angle between rotations, exact for small ones [rad]; its gradient is finite where they agree."""
    return ((a - b).square().sum(dim=(-1, -2)) / 2.0 + 1e-8).sqrt().mean()


def _way(velocity: Tensor, batch: Batch) -> Tensor:
    path = roll_out(velocity, batch.root_w)
    error = path - (batch.pelvis_w - batch.pelvis_w[:, :1])
    terms = [
        weight * (error[:, span:] - error[:, :-span]).norm(dim=-1).mean()
        for span, weight in _SPANS
        if span < error.shape[1]
    ]
    return torch.stack(terms).sum()
