"""Turns clips of motion capture into random windows: cut, re-timed, mirrored, recombined and deformed.

Motions are y up here, as GVHMR's world is: 6-D rotations of 22 joints relative to their parents, and the pelvis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.estimators.gvhmr.rotations import matrix_from_6d, matrix_from_rotvec, sixd_from_matrix
from pipeline.estimators.gvhmr.training.dice import Dice
from retarget.smpl_motion import SmplMotion
from robots.exceptions import InvalidArray

_Z_UP_TO_Y_UP = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))
_MIRROR_JOINTS = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20)
_MIRROR_6D = (1.0, -1.0, -1.0, -1.0, 1.0, 1.0)
"""Signs that a mirror in x gives the first two rows of a rotation."""
_UPPER_BODY = (3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)
_POSE_NOISE = (
    0.0, 0.05, 0.05, 0.07, 0.05, 0.05, 0.07, 0.10, 0.10, 0.07, 0.05, 0.05, 0.12, 0.07, 0.07, 0.15, 0.10, 0.10, 0.10,
    0.10, 0.12, 0.12,
)  # fmt: skip
"""Standard deviation of a joint's constant deformation [rad]."""
_IMPOSSIBLE = {7: 1.4, 8: 1.4, 15: 1.8, 20: 1.8, 21: 1.8}
"""Joints that converted motion capture sometimes twists, ankles, head and wrists, and the angle from which it is no
body's [rad]; such a frame's joint stands straight instead."""
SHORTEST = 40
"""Frames below which a clip is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationConfig:
    """How much a window is changed."""

    mirror: float = 0.5
    """Share of windows that are mirrored."""
    recombine: float = 0.3
    """Share of windows that get the upper body of another window."""
    deform: float = 0.5
    """Share of windows whose joints are turned by a constant each."""
    sway: float = 0.3
    """Share of windows whose joints sway slowly about their course."""
    raw_frames: tuple[int, int] = (80, 180)
    """Frames of a clip that a window of 120 is made of: slower and faster motion."""
    stature_sigma: float = 0.5
    """Spread of the first beta, stature."""
    shape_sigma: float = 0.7
    """Spread of the other betas."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """Some windows of equal length."""

    local_rotation: Float[Tensor, "batch frames 22 3 3"]
    """Of each joint relative to its parent; the pelvis in the y-up world."""
    pelvis_w: Float[Tensor, "batch frames 3"]
    """Of the body of mean shape [m]."""
    betas: Float[Tensor, "batch 10"]
    """Shape that the window is performed with."""


class MotionBank:
    """All clips, one after the other."""

    def __init__(self, motions: Sequence[SmplMotion]) -> None:
        """Turn the motions y up and keep those that are long enough.

        Raises:
            InvalidArray: None of them is long enough.
        """
        kept = [_as_tensors(motion) for motion in motions if len(motion) >= SHORTEST]
        if not kept:
            raise InvalidArray("motions", problem=f"hold no clip of {SHORTEST} frames or more")
        self._sixd = torch.cat([rotation for rotation, _ in kept])
        self._pelvis = torch.cat([pelvis for _, pelvis in kept])
        self._length = torch.tensor([len(pelvis) for _, pelvis in kept])
        self._start = self._length.cumsum(0) - self._length
        self._share = self._length.float() / self._length.sum()

    @property
    def frames(self) -> int:
        """Number of frames in all clips."""
        return len(self._pelvis)

    def draw(self, batch: int, frames: int, config: AugmentationConfig, generator: torch.Generator) -> Windows:
        """Draw windows, each changed in its own way."""
        dice = Dice(batch, generator)
        sixd, pelvis = self._cut(batch, frames, config, generator)
        other, _ = self._cut(batch, frames, config, generator)
        mixed = sixd.clone()
        mixed[:, :, _UPPER_BODY] = other[:, :, _UPPER_BODY]
        sixd = dice.choose(config.recombine, mixed, sixd)
        mirrored = sixd[:, :, _MIRROR_JOINTS] * sixd.new_tensor(_MIRROR_6D)
        flips = dice.happens(config.mirror)
        sixd = torch.where(flips[:, None, None, None], mirrored, sixd)
        pelvis = torch.where(flips[:, None, None], pelvis * pelvis.new_tensor([-1.0, 1.0, 1.0]), pelvis)
        rotation = matrix_from_6d(sixd) @ matrix_from_rotvec(_deformation(dice, frames, config))
        yaw = torch.zeros(batch, 3)
        yaw[:, 1] = 2.0 * torch.pi * dice.uniform()
        turn = matrix_from_rotvec(yaw)[:, None]
        rotation = torch.cat([(turn @ rotation[:, :, 0])[:, :, None], rotation[:, :, 1:]], dim=2)
        pelvis = ((pelvis - pelvis[:, :1] * pelvis.new_tensor([1.0, 0.0, 1.0]))[..., None, :] @ turn.mT).squeeze(-2)
        sigma = torch.tensor([config.stature_sigma] + [config.shape_sigma] * 9)
        return Windows(local_rotation=rotation, pelvis_w=pelvis, betas=dice.normal(10) * sigma)

    def _cut(
        self, batch: int, frames: int, config: AugmentationConfig, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Cut windows of random raw length and bring them to the same number of frames."""
        clip = torch.multinomial(self._share, batch, replacement=True, generator=generator)
        length = self._length[clip].float()
        raw = torch.randint(*config.raw_frames, (batch,), generator=generator).float() * frames / 120.0
        raw = torch.minimum(raw, length)
        start = (torch.rand(batch, generator=generator) * (length - raw)).floor()
        at = start[:, None] + torch.linspace(0.0, 1.0, frames) * (raw - 1.0)[:, None]
        low = at.floor().long()
        high = torch.minimum(low + 1, (length - 1.0).long()[:, None])
        share = (at - low)[..., None]
        first = self._start[clip][:, None]
        pelvis = torch.lerp(self._pelvis[first + low], self._pelvis[first + high], share)
        return torch.lerp(self._sixd[first + low], self._sixd[first + high], share[..., None]), pelvis


def _as_tensors(motion: SmplMotion) -> tuple[Tensor, Tensor]:
    """Return 6-D rotations (frames, 22, 6) and the pelvis (frames, 3), y up."""
    turn = np.array(_Z_UP_TO_Y_UP)
    vectors = np.concatenate([motion.global_orient[:, None], motion.body_pose], axis=1)
    for joint, largest in _IMPOSSIBLE.items():
        vectors[np.linalg.norm(vectors[:, joint], axis=-1) > largest, joint] = 0.0
    rotation = matrix_from_rotvec(torch.from_numpy(vectors))
    rotation[:, 0] = torch.from_numpy(turn) @ rotation[:, 0]
    pelvis = (motion.rest_joint_pos[0] + motion.transl) @ turn.T
    return sixd_from_matrix(rotation).float(), torch.from_numpy(pelvis).float()


def _deformation(dice: Dice, frames: int, config: AugmentationConfig) -> Tensor:
    """Small rotations of all joints: one for the window, and a slow sway (batch, frames, 22, 3) [rad]."""
    sigma = torch.tensor(_POSE_NOISE)[:, None]
    constant = dice.normal(1, 22, 3) * dice.happens(config.deform)[:, None, None, None]
    phase = 2.0 * torch.pi * (dice.uniform(1, 22, 3) + torch.linspace(0, 1, frames)[:, None, None]
                              * (0.5 + 2.0 * dice.uniform(1, 1, 1)))  # fmt: skip
    sway = torch.sin(phase) * dice.happens(config.sway)[:, None, None, None]
    return (constant + sway) * sigma
