"""Rotations as tangent vectors, batched: what Gauss-Newton on SO(3) needs and SciPy does not give.

Notation and formulas: Sola, Deray, Atchuthan, "A micro Lie theory for state estimation in
robotics", 2018, eqs. 131-146. Updates act from the right: R <- R exp(delta).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation


def exp(rotvec: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Rotation matrices of axis-angle vectors [rad]."""
    return Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_matrix().reshape(*rotvec.shape, 3)


def log(rotation: Float[np.ndarray, "*batch 3 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Axis-angle vectors [rad], no longer than pi, of rotation matrices."""
    return Rotation.from_matrix(rotation.reshape(-1, 3, 3)).as_rotvec().reshape(rotation.shape[:-1])


def skew(vector: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Matrix of the cross product: ``skew(a) @ b = a x b``."""
    out = np.zeros((*vector.shape, 3))
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    out[..., 0, 1], out[..., 0, 2], out[..., 1, 2] = -z, y, -x
    out[..., 1, 0], out[..., 2, 0], out[..., 2, 1] = z, -y, x
    return out


def right_jacobian_inverse(rotvec: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Derivative of ``log(exp(rotvec) exp(delta))`` by delta at zero; its transpose is the left one's inverse."""
    angle = np.linalg.norm(rotvec, axis=-1)
    small = angle < 1e-3
    safe = np.where(small, 1.0, angle)
    quadratic = np.where(small, 1.0 / 12.0 + angle**2 / 720.0, (1.0 - 0.5 * safe / np.tan(0.5 * safe)) / safe**2)
    cross = skew(rotvec)
    return np.eye(3) + 0.5 * cross + quadratic[..., None, None] * (cross @ cross)


def rotation_between(
    start: Float[np.ndarray, "*batch 3"], end: Float[np.ndarray, "*batch 3"]
) -> Float[np.ndarray, "*batch 3 3"]:
    """Smallest rotations that take unit vectors onto unit vectors; opposite ones turn about a fixed normal."""
    axis = np.cross(start, end)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    cosine = np.sum(start * end, axis=-1, keepdims=True)
    helper = np.where(np.abs(start[..., :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    axis = np.where(sine > 1e-9, axis, np.cross(start, helper))
    length = np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-12)
    return exp(axis / length * np.arctan2(sine, cosine))
