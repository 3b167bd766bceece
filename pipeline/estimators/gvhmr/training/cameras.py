"""Places made-up cameras before a moving person: on tripods, drifting, tracking, orbiting, pushing in, pulling out.

After the synthesis that GVHMR was trained with (spec in the paper's supplement and WHAM's virtual cameras), in a y-up
world with OpenCV cameras; paths are straight here and rotations geodesic, with the same ranges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import avg_pool1d, pad

from pipeline.estimators.gvhmr.rotations import matrix_from_rotvec, rotvec_from_matrix
from pipeline.estimators.gvhmr.training.dice import Dice

KINDS = ("static", "random", "track", "orbit", "push", "pull")
_SHARES = (0.40, 0.25, 0.15, 0.10, 0.05, 0.05)
_FIELD = 500.0 / 784.5
"""Half the picture over the focal length of the widest lens, 24 mm: how far from the axis a person may be."""
_NEAREST_M = 0.5
"""No point of the person comes nearer to the camera than this."""
_TREMOR_M = 0.0025
_PATH_JITTER = 0.2
"""Irregularity of a camera's speed, in steps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cameras:
    """One moving camera for each clip of a batch."""

    R_w2c: Float[Tensor, "batch frames 3 3"]
    """Rotation from world axes to camera axes."""
    t_w2c: Float[Tensor, "batch frames 3"]
    """Where the world's origin lies in camera axes [m]."""
    kind: Int[Tensor, " batch"]
    """Number in ``KINDS``."""

    def points(self, points_w: Float[Tensor, "batch frames points 3"]) -> Float[Tensor, "batch frames points 3"]:
        """Return points in camera axes [m]."""
        return points_w @ self.R_w2c.mT + self.t_w2c[:, :, None]


def sample_cameras(
    joints_w: Float[Tensor, "batch frames joints 3"], generator: torch.Generator, *, moving_only: bool = False
) -> Cameras:
    """Draw a camera for each clip; joint 0 is the pelvis, and all joints stay before the camera."""
    dice = Dice(len(joints_w), generator)
    pelvis = joints_w[:, :, 0]
    shares = torch.tensor(_SHARES)
    shares[0] = 0.0 if moving_only else shares[0]
    kind = torch.multinomial(shares, dice.batch, replacement=True, generator=generator)
    first = _first_rotation(dice)
    subject = _first_place(dice)
    rotation, share = _rotations(dice, first, kind, pelvis.shape[1])
    centre = _centres(dice, kind, rotation, share, subject, pelvis)
    rotation, centre = _disturbed(dice, kind, rotation, centre)
    shift = -(rotation @ centre[..., None]).squeeze(-1)
    placed = joints_w @ rotation.mT + shift[:, :, None]
    nearest = placed[..., 2].amin(dim=(1, 2))
    sideways = (pelvis_places := placed[:, :, 0])[..., :2].abs().amax(dim=-1) / _FIELD - pelvis_places[..., 2]
    push = torch.maximum((_NEAREST_M - nearest).clamp(min=0.0), sideways.amax(dim=1).clamp(min=0.0))
    shift[..., 2] += push[:, None]
    return Cameras(R_w2c=rotation, t_w2c=shift, kind=kind)


def _first_rotation(dice: Dice) -> Tensor:
    """Any heading, a little up or down, little roll."""
    yaw = 2.0 * math.pi * dice.uniform()
    pitch = (math.pi / 36 + dice.normal() * math.pi / 8).clamp(-math.pi / 2, math.pi / 2)
    roll = dice.normal() * math.pi / 24
    return _about(2, roll) @ _about(0, pitch) @ _about(1, yaw) @ torch.diag(torch.tensor([-1.0, -1.0, 1.0]))


def _first_place(dice: Dice) -> Tensor:
    """Where the person stands in camera axes at first: near or far."""
    near = dice.uniform() < 0.4
    depth = torch.where(near, 1.0 + 5.0 * dice.uniform(), 4.0 + 8.0 * dice.uniform())
    room = depth * _FIELD
    x_near = (2.0 * dice.uniform() - 1.0) * torch.minimum(room, torch.tensor(0.7))
    y_near = (2.0 * dice.uniform() - 1.0) * torch.minimum(room, torch.tensor(0.5))
    x_far, y_far = (torch.minimum(torch.maximum(dice.normal() * s, -0.9 * room), 0.9 * room) for s in (1.6, 0.8))
    return torch.stack([torch.where(near, x_near, x_far), torch.where(near, y_near, y_far), depth], dim=-1)


def _rotations(dice: Dice, first: Tensor, kind: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """Rotations over the clip, and the share of the way that is done at each frame."""
    span = (2.0 * dice.uniform(3) - 1.0) * torch.tensor([math.pi / 6, math.pi / 3, math.pi / 6])
    span = torch.where((kind >= 2)[:, None], 0.5 * span, span)
    orbit = dice.normal(3) * torch.tensor([math.pi / 16, math.pi, math.pi / 16])
    # An orbit turns about the world's vertical, seen from the camera; the others turn about the camera's own axes.
    about_world = rotvec_from_matrix(first @ matrix_from_rotvec(orbit) @ first.mT)
    turn = torch.where((kind == 3)[:, None], about_world, span) * (kind > 0)[:, None]
    share = _course(dice, frames)
    return matrix_from_rotvec(turn[:, None] * share[..., None]) @ first[:, None], share


def _centres(dice: Dice, kind: Tensor, rotation: Tensor, share: Tensor, subject: Tensor, pelvis: Tensor) -> Tensor:
    """Optical centres in the world (batch, frames, 3)."""
    first, last = rotation[:, 0], rotation[:, -1]
    end_subject = subject + dice.normal(3) * torch.tensor([1.0, 0.25, 1.0])
    start = pelvis[:, 0] - (first.mT @ subject[..., None]).squeeze(-1)
    end = pelvis[:, 0] - (last.mT @ end_subject[..., None]).squeeze(-1)
    frames = pelvis.shape[1]
    way = _course(dice, frames)[..., None]
    drifting = torch.lerp(start[:, None].expand(-1, frames, -1), end[:, None].expand(-1, frames, -1), way)
    followed = torch.where((dice.uniform() < 0.5)[:, None, None], _calm(pelvis), pelvis)
    factor = (1.0 + 0.1 * dice.normal()).clamp(0.67, 1.5) * subject[:, 2]
    depth_change = torch.where(kind == 4, -0.5 * factor, torch.where(kind == 5, factor, torch.zeros_like(factor)))
    change = dice.normal(3) * 0.5
    change = torch.cat([change[:, :2], (change[:, 2] + depth_change)[:, None]], dim=1)
    seen_at = subject[:, None] + change[:, None] * way
    tracking = followed - (first.mT[:, None] @ seen_at[..., None]).squeeze(-1)
    orbiting = followed - (rotation.mT @ seen_at[..., None]).squeeze(-1)
    which = kind[:, None, None]
    centre = torch.where(which == 3, orbiting, tracking)
    centre = torch.where(which == 1, drifting, centre)
    return torch.where(which == 0, start[:, None], centre)


def _disturbed(dice: Dice, kind: Tensor, rotation: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Jolt some moving cameras for a moment, and let all of them tremble."""
    frames = centre.shape[1]
    moving = (kind > 0).float()[:, None, None]
    which = dice.uniform()
    shoved = ((which < 0.2) | ((which > 0.4) & (which < 0.5))).float()[:, None, None]
    turned = ((which >= 0.2) & (which < 0.5)).float()[:, None, None]
    middle = 10.0 + dice.uniform() * max(frames - 20, 1)
    bump = (1.0 - (torch.arange(frames) - middle[:, None]).abs() / 10.0).clamp(min=0.0)[..., None]
    centre = centre + moving * (bump * shoved * dice.normal(1, 3) * 0.15 + dice.normal(frames, 3) * _TREMOR_M)
    jolt = matrix_from_rotvec(bump * turned * moving * dice.normal(1, 3) * math.pi / 36)
    return jolt @ rotation, centre


def _course(dice: Dice, frames: int) -> Tensor:
    """From 0 to 1 over the clip, a little unevenly (batch, frames)."""
    step = 1.0 + _PATH_JITTER * (2.0 * dice.uniform(frames) - 1.0)
    way = step.cumsum(dim=1) - step[:, :1]
    return way / way[:, -1:].clamp(min=1e-6)


def _calm(path: Tensor) -> Tensor:
    """A path as a camera operator follows it: averaged over a second."""
    return avg_pool1d(pad(path.transpose(1, 2), (15, 15), mode="replicate"), 31, 1).transpose(1, 2)


def _about(axis: int, angle: Tensor) -> Tensor:
    vector = torch.zeros(len(angle), 3)
    vector[:, axis] = angle
    return matrix_from_rotvec(vector)
