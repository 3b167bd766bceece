"""From joints that ought to stand still to arms and legs that reach them: cyclic coordinate descent (spec, section 6).

Each limb is a chain of five joints whose first is fixed. All frames are solved at once; only the targets remember.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from pipeline.estimators.gvhmr.quaternions import between, multiply, slerp
from pipeline.estimators.gvhmr.rotations import (
    matrix_from_quat_wxyz,
    matrix_from_rotvec,
    quat_wxyz_from_matrix,
    rotvec_from_matrix,
)
from pipeline.estimators.gvhmr.skeleton import PARENTS, Skeleton
from pipeline.estimators.gvhmr.static_joints import STATIC_JOINTS

SWEEPS = 2
"""How often each limb is gone through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limb:
    """A chain of joints and which of them have targets."""

    joints: tuple[int, ...]
    """From the fixed joint to the tip."""
    ends: tuple[int, ...]
    """Places in the chain of the joints with targets."""

    @property
    def targets(self) -> tuple[int, ...]:
        """Which of the judged joints these are."""
        return tuple(STATIC_JOINTS.index(self.joints[end]) for end in self.ends)


LIMBS = (
    Limb(joints=(0, 1, 4, 7, 10), ends=(3, 4)),
    Limb(joints=(0, 2, 5, 8, 11), ends=(3, 4)),
    Limb(joints=(9, 13, 16, 18, 20), ends=(4,)),
    Limb(joints=(9, 14, 17, 19, 21), ends=(4,)),
)
"""Left leg, right leg, left arm, right arm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChainPose:
    """Where the joints of a chain are and how they are turned."""

    local: Float[Tensor, "*batch 5 3 3"]
    """Rotation of each joint relative to its parent; the first one's is not used."""
    offsets: Float[Tensor, "*batch 5 3"]
    """Place of each joint in its parent's axes [m]; the first one's is not used."""
    rotation: Float[Tensor, "*batch 5 3 3"]
    """Rotation of each joint in the world."""
    pos_w: Float[Tensor, "*batch 5 3"]
    """Place of each joint in the world [m]."""

    @classmethod
    def posed(
        cls,
        local: Float[Tensor, "*batch 5 3 3"],
        offsets: Float[Tensor, "*batch 5 3"],
        base_rotation: Float[Tensor, "*batch 3 3"],
        base_w: Float[Tensor, "*batch 3"],
    ) -> ChainPose:
        """Pose a chain whose first joint is given in the world [m]."""
        return cls._continued(local, offsets, [base_rotation], [base_w])

    def turned(self, joint: int, rotation: Float[Tensor, "*batch 3 3"]) -> ChainPose:
        """Turn one joint to a rotation in the world; what hangs on it follows."""
        parent = _unit_columns(torch.linalg.inv(self.rotation[..., joint - 1, :, :]))
        local = self.local.clone()
        local[..., joint, :, :] = _unit_columns(parent @ rotation)
        # What lies before the joint has not moved.
        before = self.rotation[..., :joint, :, :].unbind(-3), self.pos_w[..., :joint, :].unbind(-2)
        return ChainPose._continued(local, self.offsets, list(before[0]), list(before[1]))

    @classmethod
    def _continued(cls, local: Tensor, offsets: Tensor, rotations: list[Tensor], places: list[Tensor]) -> ChainPose:
        for i in range(len(rotations), local.shape[-3]):
            places.append(places[-1] + (rotations[-1] @ offsets[..., i, :, None]).squeeze(-1))
            rotations.append(_unit_columns(rotations[-1] @ local[..., i, :, :]))
        return cls(
            local=local, offsets=offsets, rotation=torch.stack(rotations, dim=-3), pos_w=torch.stack(places, dim=-2)
        )


def reach(chain: ChainPose, ends: tuple[int, ...], targets_w: Float[Tensor, "*batch ends 3"]) -> ChainPose:
    """Return the chain with its ``ends`` drawn towards their targets [m] by two sweeps from its root to its tip.

    Nearer joints turn by less: joint i by the share (i + 1) / 5 of what would point each end at its target. The mean
    over ends is taken of x and y axes and is not made orthogonal again; parity needs that.
    """
    for _ in range(SWEEPS):
        for joint in range(1, chain.local.shape[-3] - 1):
            chain = chain.turned(joint, _drawn(chain, joint, ends, targets_w))
    return chain


def standing_targets(
    joints_w: Float[Tensor, "*batch frames 22 3"], static_logits: Float[Tensor, "*batch frames 6"]
) -> Float[Tensor, "*batch frames 6 3"]:
    """Return where the judged joints should be [m]: as far as they stood, where they were in the frame before."""
    places = np.moveaxis(joints_w[..., STATIC_JOINTS, :].detach().double().cpu().numpy(), -3, 0)
    stays = np.moveaxis(torch.sigmoid(static_logits).detach().double().cpu().numpy(), -2, 0)[..., None]
    targets = np.empty_like(places)
    targets[0] = places[0]
    for frame in range(1, len(places)):
        targets[frame] = targets[frame - 1] * stays[frame - 1] + places[frame] * (1.0 - stays[frame - 1])
    return torch.from_numpy(np.moveaxis(targets, 0, -3)).to(joints_w)


def hold_limbs(
    skeleton: Skeleton,
    local_rotation: Float[Tensor, "*batch frames 22 3 3"],
    betas: Float[Tensor, "*batch frames 10"],
    transl_w: Float[Tensor, "*batch frames 3"],
    static_logits: Float[Tensor, "*batch frames 6"],
) -> Float[Tensor, "*batch frames 22 3 3"]:
    """Return the pose with arms and legs that keep standing feet and hands in their places.

    Args:
        skeleton: The body's joints.
        local_rotation: Pose, root first, in the world.
        betas: Shape.
        transl_w: Path of the root, already corrected [m].
        static_logits: Log odds that each judged joint stands until the next frame.
    """
    joints_w, rotation = skeleton.pose(local_rotation, betas, transl_w)
    targets_w = standing_targets(joints_w, static_logits)
    rest = skeleton.rest_joints(betas)
    solved = local_rotation.clone()
    for limb in LIMBS:
        offsets = rest[..., limb.joints, :] - rest[..., [max(PARENTS[joint], 0) for joint in limb.joints], :]
        base = limb.joints[0]
        chain = ChainPose.posed(
            local_rotation[..., limb.joints, :, :], offsets, rotation[..., base, :, :], joints_w[..., base, :]
        )
        chain = reach(chain, limb.ends, targets_w[..., limb.targets, :])
        # By way of axis-angle, as SMPL's parameters are kept: what left the solver need not be orthogonal.
        turned = matrix_from_rotvec(rotvec_from_matrix(chain.local[..., 1:, :, :]))
        solved[..., limb.joints[1:], :, :] = turned
    return solved


def _drawn(
    chain: ChainPose, joint: int, ends: tuple[int, ...], targets_w: Float[Tensor, "*batch ends 3"]
) -> Float[Tensor, "*batch 3 3"]:
    """Return the rotation of a joint that draws the ends below it nearer to their targets."""
    now = quat_wxyz_from_matrix(chain.rotation[..., joint, :, :])
    here = chain.pos_w[..., joint, :]
    share = (joint + 1) / chain.local.shape[-3]
    wanted = []
    for i, end in enumerate(ends):
        if end > joint:
            swing = between(chain.pos_w[..., end, :] - here, targets_w[..., i, :] - here)
            wanted.append(matrix_from_quat_wxyz(slerp(now, multiply(swing, now), share)))
    mean = torch.stack(wanted).mean(0)
    x, y = normalize(mean[..., 0], dim=-1), normalize(mean[..., 1], dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def _unit_columns(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    # Written out: the norm of many short columns is what half of the time would go to.
    return matrix / (matrix * matrix).sum(-2, keepdim=True).sqrt().clamp(min=1e-9)
