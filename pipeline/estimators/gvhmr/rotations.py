"""Turns rotations into one another (6-D rows, axis-angle, quaternion wxyz, matrix), batched and differentiable.

6-D is the first two ROWS of the matrix (Zhou et al., "On the Continuity of Rotation Representations in Neural
Networks", CVPR 2019, with PyTorch3D's order). The guards against division by zero are those that GVHMR's numbers
were made with, so that results agree to the last digits.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

_SMALL_ANGLE = 1e-6
"""Angle below which sin(t / 2) / t is taken from its series [rad]."""


def matrix_from_6d(d6: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Orthonormalise two rows by Gram-Schmidt and complete them by their cross product."""
    first, second = d6[..., :3], d6[..., 3:]
    x = normalize(first, dim=-1)
    y = normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-2)


def sixd_from_matrix(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """Return the first two rows, one after the other."""
    return matrix[..., :2, :].flatten(-2)


def matrix_from_rotvec(rotvec: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Return the matrix of an axis-angle vector [rad]."""
    angle = rotvec.norm(dim=-1, keepdim=True)
    small = angle < _SMALL_ANGLE
    safe = torch.where(small, torch.ones_like(angle), angle)
    scale = torch.where(small, 0.5 - angle**2 / 48.0, torch.sin(safe / 2.0) / safe)
    return matrix_from_quat_wxyz(torch.cat([torch.cos(angle / 2.0), rotvec * scale], dim=-1))


def rotvec_from_matrix(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Return the axis-angle vector [rad], no longer than pi."""
    quat = quat_wxyz_from_matrix(matrix)
    vector = quat[..., 1:]
    length = vector.norm(dim=-1, keepdim=True)
    angle = 2.0 * torch.atan2(length, quat[..., :1])
    small = angle < _SMALL_ANGLE
    safe = torch.where(small, torch.ones_like(angle), angle)
    return vector / torch.where(small, 0.5 - angle**2 / 48.0, torch.sin(safe / 2.0) / safe)


def quat_wxyz_from_matrix(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Return the unit quaternion with w >= 0, from whichever of its four entries is largest."""
    m = matrix.flatten(-2)
    m00, m01, m02, m10, m11, m12, m20, m21, m22 = m.unbind(-1)
    squares = torch.stack([1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22], dim=-1)
    twice = torch.sqrt(squares.clamp(min=0.0))
    w2, x2, y2, z2 = (twice**2).unbind(-1)
    candidates = torch.stack(
        [
            torch.stack([w2, m21 - m12, m02 - m20, m10 - m01], dim=-1),
            torch.stack([m21 - m12, x2, m10 + m01, m02 + m20], dim=-1),
            torch.stack([m02 - m20, m10 + m01, y2, m12 + m21], dim=-1),
            torch.stack([m10 - m01, m20 + m02, m21 + m12, z2], dim=-1),
        ],
        dim=-2,
    )
    candidates = candidates / (2.0 * twice[..., None].clamp(min=0.1))
    best = twice.argmax(dim=-1)[..., None, None].expand(*matrix.shape[:-2], 1, 4)
    quat = candidates.gather(-2, best).squeeze(-2)
    return torch.where(quat[..., :1] < 0, -quat, quat)


def matrix_from_quat_wxyz(quat_wxyz: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Return the matrix of a quaternion of any length but zero."""
    w, x, y, z = quat_wxyz.unbind(-1)
    s = 2.0 / (quat_wxyz * quat_wxyz).sum(-1)
    rows = [
        1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w),
        s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w),
        s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def angle_between(a: Float[Tensor, "*batch 3 3"], b: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch"]:
    """Return the angle of the rotation from one to the other [rad]; well conditioned also near zero."""
    chord = (a - b).flatten(-2).norm(dim=-1) / (2.0 * 2.0**0.5)
    return 2.0 * torch.asin(chord.clamp(max=1.0))
