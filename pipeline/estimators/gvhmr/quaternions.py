"""Turns quaternions (w, x, y, z) into products, powers and in-between rotations, batched.

Conventions of the original's inverse kinematics (spec, section 6), which are not the usual ones: interpolation does not
look for the shorter way round, so a quaternion and its negative give different results.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

_SMALLEST_ANGLE = 1e-9
"""Floor under the half angle of a power, so that the identity has an axis."""
_ANTIPARALLEL = 1e-4
"""Real part below which two directions without a cross product are opposite, not alike."""


def multiply(a_wxyz: Float[Tensor, "*batch 4"], b_wxyz: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4"]:
    """Return the product: first ``b``, then ``a``."""
    aw, av = a_wxyz[..., :1], a_wxyz[..., 1:]
    bw, bv = b_wxyz[..., :1], b_wxyz[..., 1:]
    real = aw * bw - (av * bv).sum(-1, keepdim=True)
    return torch.cat([real, aw * bv + bw * av + torch.linalg.cross(av, bv)], dim=-1)


def conjugate(quat_wxyz: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4"]:
    """Return the inverse of unit quaternions."""
    return quat_wxyz * quat_wxyz.new_tensor([1.0, -1.0, -1.0, -1.0])


def rotate_vector(quat_wxyz: Float[Tensor, "*batch 4"], vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """Return vectors turned by unit quaternions."""
    pure = torch.cat([torch.zeros_like(vector[..., :1]), vector], dim=-1)
    return multiply(multiply(quat_wxyz, pure), conjugate(quat_wxyz))[..., 1:]


def power(quat_wxyz: Float[Tensor, "*batch 4"], exponent: float) -> Float[Tensor, "*batch 4"]:
    """Return the rotation by ``exponent`` times the angle, which is read from w alone: up to a whole turn."""
    angle = torch.acos(quat_wxyz[..., :1].clamp(-1.0, 1.0)).clamp(min=_SMALLEST_ANGLE)
    axis = quat_wxyz[..., 1:] / torch.sin(angle).clamp(min=_SMALLEST_ANGLE)
    return torch.cat([torch.cos(exponent * angle), torch.sin(exponent * angle) * axis], dim=-1)


def slerp(
    start_wxyz: Float[Tensor, "*batch 4"], end_wxyz: Float[Tensor, "*batch 4"], share: float
) -> Float[Tensor, "*batch 4"]:
    """Return (end start^-1)^share start of the two made unit, without looking for the shorter way round."""
    start, end = normalize(start_wxyz, dim=-1), normalize(end_wxyz, dim=-1)
    return multiply(power(multiply(end, conjugate(start)), share), start)


def between(u: Float[Tensor, "*batch 3"], v: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 4"]:
    """Return the smallest rotations that turn ``u`` towards ``v``; opposite ones turn about y."""
    cross = torch.linalg.cross(u, v)
    real = (u * u).sum(-1, keepdim=True).mul((v * v).sum(-1, keepdim=True)).sqrt() + (u * v).sum(-1, keepdim=True)
    opposite = (cross == 0).all(-1, keepdim=True) & (real <= _ANTIPARALLEL)
    cross = torch.where(opposite, cross.new_tensor([0.0, 1.0, 0.0]), cross)
    return normalize(torch.cat([real, cross], dim=-1), dim=-1)
