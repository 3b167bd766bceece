"""Turns places on a skinned body (keypoints, soles) into points that move with the skeleton, with Jacobians.

Linear blend skinning is linear in the joints' transforms, so a weighted mean of vertices collapses
into one rest moment per joint: ``p = sum_j R_j m_j + w_j t_j`` is exact and costs nothing per vertex.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import sparse

from pipeline.estimators.landmark.so3 import skew
from retarget.smpl_skeleton import SMPL_PARENTS

N_JOINTS = len(SMPL_PARENTS)


def _subtree() -> Float[np.ndarray, "24 24"]:
    """Entry [i, j] is 1 if joint j moves when joint i turns."""
    moved = np.eye(N_JOINTS)
    for joint in reversed(range(1, N_JOINTS)):
        moved[SMPL_PARENTS[joint]] += moved[joint]
    return moved


SUBTREE = _subtree()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackedPoints:
    """Points on the body, each blended from the joints that its vertices hang on."""

    names: tuple[str, ...]
    """What each point is."""
    weight: Float[np.ndarray, "points 24"]
    """Share of each joint; a row adds up to 1."""
    moment: Float[np.ndarray, "points 24 3"]
    """Share times position relative to the joint, in the rest pose [m]."""

    @classmethod
    def from_vertices(
        cls,
        names: tuple[str, ...],
        regressor: sparse.csr_array,
        rest_verts: Float[np.ndarray, "verts 3"],
        skin_weights: Float[np.ndarray, "verts 24"],
        rest_joint_pos: Float[np.ndarray, "24 3"],
    ) -> TrackedPoints:
        """Collapse means of skinned vertices; pose-dependent corrections of the skin are left out."""
        weight = regressor @ skin_weights
        total = regressor @ (skin_weights[:, :, None] * rest_verts[:, None, :]).reshape(len(rest_verts), -1)
        moment = total.reshape(-1, N_JOINTS, 3) - weight[..., None] * rest_joint_pos
        return cls(names=names, weight=weight, moment=moment)

    @classmethod
    def fixed_to_joints(
        cls,
        names: tuple[str, ...],
        joints: tuple[int, ...],
        rest_points: Float[np.ndarray, "points 3"],
        rest_joint_pos: Float[np.ndarray, "24 3"],
    ) -> TrackedPoints:
        """Points that move rigidly with one joint each."""
        weight = np.zeros((len(joints), N_JOINTS))
        weight[np.arange(len(joints)), joints] = 1.0
        moment = weight[..., None] * (rest_points - rest_joint_pos[list(joints)])[:, None]
        return cls(names=names, weight=weight, moment=moment)

    def __add__(self, other: TrackedPoints) -> TrackedPoints:
        """Both sets, one after the other."""
        return TrackedPoints(
            names=self.names + other.names,
            weight=np.concatenate([self.weight, other.weight]),
            moment=np.concatenate([self.moment, other.moment]),
        )

    def locate(
        self, joint_pos: Float[np.ndarray, "frames 24 3"], joint_rot: Float[np.ndarray, "frames 24 3 3"]
    ) -> Float[np.ndarray, "frames points 3"]:
        """Positions of the points [m], in the frame of the joints."""
        turned = np.einsum("tjab,pjb->tpa", joint_rot, self.moment, optimize=True)
        return turned + np.einsum("pj,tja->tpa", self.weight, joint_pos, optimize=True)

    def rotation_jacobian(
        self,
        joint_pos: Float[np.ndarray, "frames 24 3"],
        joint_rot: Float[np.ndarray, "frames 24 3 3"],
        joints: tuple[int, ...],
    ) -> Float[np.ndarray, "frames points 3 joints 3"]:
        """Derivative of :meth:`locate` by right-hand tangents of the local rotations of ``joints`` [m/rad]."""
        n_frames, moved = len(joint_pos), SUBTREE[list(joints)].T
        parts = np.einsum("tjab,pjb->tpja", joint_rot, self.moment, optimize=True)
        parts += self.weight[:, :, None] * joint_pos[:, None]
        carried = np.matmul(parts.transpose(0, 1, 3, 2), moved)  # (frames, points, 3, joints)
        carried -= (self.weight @ moved)[:, None] * joint_pos[:, None, list(joints)].transpose(0, 1, 3, 2)
        lever = np.ascontiguousarray(carried.transpose(0, 3, 1, 2))  # (frames, joints, points, 3)
        # A tangent d turns the subtree by the vector R d about the joint: dp = (R d) x lever = -skew(lever) R d.
        turning = -skew(lever).reshape(n_frames, len(joints), -1, 3) @ joint_rot[:, list(joints)]
        return turning.reshape(n_frames, len(joints), -1, 3, 3).transpose(0, 2, 3, 1, 4)
