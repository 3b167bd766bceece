"""Turns SMPL's pose parameters into joints: the 22-joint skeleton that GVHMR reasons about, in torch."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.body import SkinnedBody
from retarget.smpl_skeleton import SMPL_PARENTS

N_JOINTS = 22
"""Body joints that SMPL and SMPL-X share: no hands, no face."""

PARENTS = SMPL_PARENTS[:N_JOINTS]
"""Parent of each of these joints."""

_GENERATIONS = ((1, 2, 3), (4, 5, 6), (7, 8, 9), (10, 11, 12, 13, 14), (15, 16, 17), (18, 19), (20, 21))
"""Joints equally far from the root: each generation is posed in one go."""


class Skeleton:
    """The joints of a shaped body and how they move."""

    def __init__(
        self, template_joints: Float[Tensor, "22 3"], joint_shape_dirs: Float[Tensor, "22 3 10"], *, body: str
    ) -> None:
        """Keep the rest pose.

        Args:
            template_joints: Joints of the mean body in the rest pose, y up [m].
            joint_shape_dirs: How they move per unit of each beta [m].
            body: Name of the body that the betas belong to.
        """
        self.template_joints = template_joints
        self.joint_shape_dirs = joint_shape_dirs
        self.body = body

    @classmethod
    def of(cls, body: SkinnedBody) -> Skeleton:
        """Take the skeleton of a body."""
        joints = torch.from_numpy(np.array(body.template_joints[:N_JOINTS], dtype=np.float32))
        dirs = torch.from_numpy(np.array(body.joint_shape_dirs[:N_JOINTS], dtype=np.float32))
        return cls(joints, dirs, body=body.name)

    def to(self, device: torch.device) -> Skeleton:
        """Return the same skeleton on a device."""
        return Skeleton(self.template_joints.to(device), self.joint_shape_dirs.to(device), body=self.body)

    def rest_joints(self, betas: Float[Tensor, "*batch 10"]) -> Float[Tensor, "*batch 22 3"]:
        """Joints in the rest pose [m]."""
        return self.template_joints + torch.einsum("jak,...k->...ja", self.joint_shape_dirs, betas)

    def pose(
        self,
        local_rotation: Float[Tensor, "*batch 22 3 3"],
        betas: Float[Tensor, "*batch 10"],
        transl: Float[Tensor, "*batch 3"],
    ) -> tuple[Float[Tensor, "*batch 22 3"], Float[Tensor, "*batch 22 3 3"]]:
        """Return positions [m] and rotations of the joints; the pelvis lies at its rest place plus ``transl``."""
        rest = self.rest_joints(betas)
        pos: list[Tensor] = [torch.empty(0)] * N_JOINTS
        rot: list[Tensor] = [torch.empty(0)] * N_JOINTS
        pos[0], rot[0] = rest[..., 0, :] + transl, local_rotation[..., 0, :, :]
        for joints in _GENERATIONS:
            parents = [PARENTS[joint] for joint in joints]
            parent_rot = torch.stack([rot[parent] for parent in parents], dim=-3)
            parent_pos = torch.stack([pos[parent] for parent in parents], dim=-2)
            bone = (rest[..., joints, :] - rest[..., parents, :]).expand(parent_pos.shape)
            child_pos = parent_pos + (parent_rot @ bone[..., None]).squeeze(-1)
            child_rot = parent_rot @ local_rotation[..., joints, :, :]
            for i, joint in enumerate(joints):
                pos[joint], rot[joint] = child_pos[..., i, :], child_rot[..., i, :, :]
        return torch.stack(pos, dim=-2), torch.stack(rot, dim=-3)
