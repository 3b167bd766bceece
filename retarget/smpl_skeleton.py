"""SMPL's 24-joint skeleton: names, parents, and forward kinematics of joints (no skin).

Rest pose is SMPL's: y up, facing +z, arms out along x. Loper et al., "SMPL: A Skinned
Multi-Person Linear Model", SIGGRAPH Asia 2015, eq. 3-4.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

SMPL_JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hand", "right_hand",
)  # fmt: skip
"""Joint order of SMPL; the first 22 are SMPL-X's body joints too."""

SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
"""Parent of each joint, -1 for the root."""


def local_rotations(
    global_orient: Float[np.ndarray, "frames 3"], body_pose: Float[np.ndarray, "frames 21 3"]
) -> Float[np.ndarray, "frames 24 3 3"]:
    """Turn axis-angle vectors [rad] into the 24 parent-relative rotation matrices (hands stay identity)."""
    n_frames = len(global_orient)
    vectors = np.concatenate([global_orient[:, None], body_pose, np.zeros((n_frames, 2, 3))], axis=1)
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(n_frames, 24, 3, 3)


def forward_kinematics(
    local_rotation: Float[np.ndarray, "frames 24 3 3"],
    rest_joint_pos: Float[np.ndarray, "24 3"],
    transl: Float[np.ndarray, "frames 3"],
) -> tuple[Float[np.ndarray, "frames 24 3"], Float[np.ndarray, "frames 24 3 3"]]:
    """Return world positions [m] and world rotations of the joints.

    The pelvis lies at ``rest_joint_pos[0] + transl``: SMPL rotates about its own pelvis, not the origin.
    """
    pos = np.empty((len(transl), 24, 3))
    rot = np.empty((len(transl), 24, 3, 3))
    pos[:, 0] = rest_joint_pos[0] + transl
    rot[:, 0] = local_rotation[:, 0]
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        rot[:, joint] = rot[:, parent] @ local_rotation[:, joint]
        pos[:, joint] = pos[:, parent] + rot[:, parent] @ (rest_joint_pos[joint] - rest_joint_pos[parent])
    return pos, rot
