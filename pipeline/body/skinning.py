"""Turns joint transforms and skin weights into posed vertices: linear blend skinning as one sparse product.

For one shape, a posed vertex is sum_j w_vj (R_j v + t_j) (Loper et al., "SMPL", SIGGRAPH Asia 2015, eq. 2-4),
which is linear in the joint transforms [R_j | t_j]. Their coefficients, w_vj (v, 1), are gathered once in a
sparse matrix, and any number of frames is then one product with it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import sparse

from retarget.smpl_skeleton import SMPL_PARENTS


def skin_matrix(rest_verts: Float[np.ndarray, "verts 3"], weights: sparse.csr_array) -> sparse.csr_array:
    """Return the (verts, 24 * 4) matrix that maps stacked joint transforms to posed vertices."""
    rows = np.repeat(np.arange(len(rest_verts)), np.diff(weights.indptr))
    homogeneous = np.concatenate([rest_verts, np.ones((len(rest_verts), 1))], axis=1)
    data = weights.data[:, None] * homogeneous[rows]
    columns = 4 * weights.indices[:, None] + np.arange(4)
    entries = (data.ravel(), columns.ravel(), 4 * weights.indptr)
    return sparse.csr_array(entries, shape=(len(rest_verts), 4 * len(SMPL_PARENTS)))


def blend(
    skin: sparse.csr_array,
    pos_w: Float[np.ndarray, "frames 24 3"],
    rot_w: Float[np.ndarray, "frames 24 3 3"],
    rest_joints: Float[np.ndarray, "24 3"],
) -> Float[np.ndarray, "frames points 3"]:
    """Pose points [m] from world positions [m] and world rotations of the joints."""
    shift = pos_w[..., None] - rot_w @ rest_joints[..., None]
    transforms = np.concatenate([rot_w, shift], axis=-1)  # frames 24 3 4
    n_frames = len(transforms)
    stacked = np.ascontiguousarray(transforms.transpose(1, 3, 0, 2)).reshape(-1, 3 * n_frames)
    return np.ascontiguousarray((skin @ stacked).reshape(-1, n_frames, 3).transpose(1, 0, 2))


def corrective_shift(
    pose_dirs: Float[np.ndarray, "verts 3 207"],
    weights: sparse.csr_array,
    local_rotation: Float[np.ndarray, "frames 24 3 3"],
    rot_w: Float[np.ndarray, "frames 24 3 3"],
) -> Float[np.ndarray, "frames verts 3"]:
    """How far SMPL's pose correctives (eq. 9) move posed vertices [m]."""
    n_frames = len(rot_w)
    features = (local_rotation[:, 1:] - np.eye(3)).reshape(n_frames, -1).astype(pose_dirs.dtype)
    offsets = (features @ pose_dirs.reshape(-1, pose_dirs.shape[2]).T).reshape(n_frames, -1, 3)
    stacked = np.ascontiguousarray(rot_w.transpose(1, 0, 2, 3)).reshape(24, -1)
    rotations = (weights @ stacked).reshape(-1, n_frames, 3, 3)
    return np.einsum("vfik,fvk->fvi", rotations, offsets)
