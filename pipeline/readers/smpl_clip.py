"""Turns pose parameters at a file's own rate into a grounded motion of a given body at the chain's rate.

All readers end here. Time is resampled, never relabelled: rotations along the shortest arc, the path by cubic Hermite
pieces with finite-difference slopes. Frames that fall on an instant of the file keep its values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import sparse
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation, Slerp

from pipeline.body import SkinnedBody
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

Y_UP_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Quarter turn about x that stands a y-up world upright."""

FLOOR_PERCENTILE = 5.0
"""Which percentile of the lower sole's height counts as the floor: one bad frame does not move it."""

SOLE_M = 0.015
"""Skin of a foot within this of its lowest point is its sole [m]."""

SLOW_SOLE_MPS = 0.25
"""Vertical speed below which a sole may be standing [m/s]."""

_ON_A_FRAME_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmplClip:
    """Pose parameters as a file gave them, already z up."""

    fps: float
    """Rate of the file [1/s]."""
    local_rotation: Float[np.ndarray, "frames 22 3 3"]
    """Pelvis in the world and 21 joints relative to their parents."""
    pelvis_path_w: Float[np.ndarray, "frames 3"]
    """Where the pelvis is [m], but for a constant, in the size of the body it will be put on."""


def upright(up: str) -> Float[np.ndarray, "3 3"]:
    """Return the rotation that takes a world with this axis (``y`` or ``z``) up to z up."""
    return Y_UP_TO_Z_UP if up == "y" else np.eye(3)


def make_motion(
    clip: SmplClip, body: SkinnedBody, betas: Float[np.ndarray, " 10"], fps: float
) -> tuple[SmplMotion, float]:
    """Put a clip on a body: resampled to ``fps``, soles on the floor.

    Returns:
        The motion, and by how much it was lifted to stand on z = 0 [m], the body's rest pelvis taken as the origin
        of ``pelvis_path_w``.
    """
    local, path = resample(clip, fps)
    vectors = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 22, 3)
    rest_pelvis = body.rest_joints(betas)[0]
    motion = body.motion(fps, betas, vectors[:, 0], vectors[:, 1:], path - rest_pelvis)
    floor_m = floor_height(body, motion)
    raised = motion.transl - np.array([0.0, 0.0, floor_m])
    return body.motion(fps, betas, motion.global_orient, motion.body_pose, raised), -floor_m


def resample(clip: SmplClip, fps: float) -> tuple[Float[np.ndarray, "out 22 3 3"], Float[np.ndarray, "out 3"]]:
    """Return rotations and path at ``0, 1/fps, ...`` up to the last instant of the clip (at least two frames)."""
    native = np.arange(len(clip.pelvis_path_w)) / clip.fps
    times = np.arange(int(np.floor((native[-1] + _ON_A_FRAME_S) * fps)) + 1) / fps
    times = np.clip(times, native[0], native[-1])
    slopes = np.gradient(clip.pelvis_path_w, native, axis=0)
    path = CubicHermiteSpline(native, clip.pelvis_path_w, slopes, axis=0)(times)
    joints = [Slerp(native, Rotation.from_matrix(clip.local_rotation[:, j]))(times).as_matrix() for j in range(22)]
    return np.stack(joints, axis=1), path


def floor_height(body: SkinnedBody, motion: SmplMotion) -> float:
    """Height of the ground that the soles stand on [m].

    The lowest point of both soles, in the frames where it hardly rises or falls; of these a low percentile. One
    minimum would be the worst frame's error. A motion without such frames gives all of its frames a vote.
    """
    lowest = body.points(motion, sole_points(body, motion.betas))[..., 2].min(axis=1)
    if len(lowest) > 1:
        slow = np.abs(np.gradient(lowest) * motion.fps) < SLOW_SOLE_MPS
        lowest = lowest[slow] if slow.any() else lowest
    return float(np.percentile(lowest, FLOOR_PERCENTILE))


def sole_points(body: SkinnedBody, betas: Float[np.ndarray, " 10"]) -> sparse.csr_array:
    """Regressor of the skin that touches the floor where the body stands in its rest pose, (points, verts)."""
    height = body.rest_verts(betas)[:, 1]
    feet = [SMPL_JOINT_NAMES.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("ankle", "foot")]
    is_foot = body.skin_weights[:, feet].sum(axis=1) > 0.5
    soles = np.flatnonzero(is_foot & (height < height[is_foot].min() + SOLE_M))
    ones, rows = np.ones(len(soles)), np.arange(len(soles))
    return sparse.csr_array((ones, (rows, soles)), shape=(len(soles), len(height)))
