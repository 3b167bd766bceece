"""Turns points seen from a keyframe through the pictures after it into camera rotations, free of parallax.

A small bundle adjustment: one pose a picture and one inverse depth a point, starting from points that all lie equally
far away, which is near enough for the short way a camera goes within one keyframe (Yu and Gallup, "3D Reconstruction
from Accidental Motion", 2014). Two-view geometry would do per picture, but has two answers where one wall fills the
view; all pictures of a window together have one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

_MAX_ITERATIONS = 30
_CONVERGED = 1e-5
_HUBER_PX = 0.5
# Weights of "all points equally deep" and "the camera stayed": they fix the free scale and, where there is no
# parallax to see, keep noise from being read as motion. One unit off costs as much as a residual of so many pixels.
_DEPTH_PRIOR_PX = 0.3
_STAY_PRIOR_PX = 1.0
_STAY_IF_BLIND = 1e-3  # a picture that sees no points stays where it is; next to any points this is nothing


@dataclass(slots=True, eq=False)
class _State:
    R: Float[np.ndarray, "frames 3 3"]
    t: Float[np.ndarray, "frames 3"]
    inverse_depth: Float[np.ndarray, " points"]

    def stepped(self, pose_step: Float[np.ndarray, "frames 6"], depth_step: Float[np.ndarray, " points"]) -> _State:
        R = Rotation.from_rotvec(pose_step[:, :3]).as_matrix() @ self.R
        return _State(R=R, t=self.t + pose_step[:, 3:], inverse_depth=self.inverse_depth + depth_step)


def adjust_rotations(
    points: Float[np.ndarray, "points 2"],
    seen: Float[np.ndarray, "frames points 2"],
    visible: Bool[np.ndarray, "frames points"],
    focal_px: float,
    R_start: Float[np.ndarray, "frames 3 3"],
) -> tuple[Float[np.ndarray, "frames 3 3"], Float[np.ndarray, "frames points"]]:
    """Return rotations from the keyframe's camera axes to those of each picture, and reprojection errors [px].

    Args:
        points: Points in the keyframe, on the plane z = 1.
        seen: The same points in each picture, on the plane z = 1; any finite value where not visible.
        visible: Which of them were seen.
        focal_px: Pixels per unit on the plane z = 1 [px].
        R_start: Rotations to start from.
    """
    homogeneous = np.column_stack([points, np.ones(len(points))])
    state = _State(R=R_start.copy(), t=np.zeros((len(seen), 3)), inverse_depth=np.ones(len(points)))
    damping = 1e-3
    residual, ray, depth = _residual(state, homogeneous, seen, focal_px)
    cost = _cost(state, residual, visible)
    for _ in range(_MAX_ITERATIONS):
        steps = _solve(state, residual, ray, depth, visible, focal_px, damping)
        trial = state.stepped(*steps)
        trial_residual, trial_ray, trial_depth = _residual(trial, homogeneous, seen, focal_px)
        trial_cost = _cost(trial, trial_residual, visible)
        if not trial_cost < cost:
            damping *= 8.0
            if damping > 1e6:
                break
            continue
        gain = (cost - trial_cost) / cost
        state, residual, ray, depth, cost = trial, trial_residual, trial_ray, trial_depth, trial_cost
        damping = max(damping / 4.0, 1e-7)
        if gain < _CONVERGED:
            break
    return state.R, np.linalg.norm(residual, axis=2)


def _residual(
    state: _State,
    homogeneous: Float[np.ndarray, "points 3"],
    seen: Float[np.ndarray, "frames points 2"],
    focal_px: float,
) -> tuple[
    Float[np.ndarray, "frames points 2"], Float[np.ndarray, "frames points 3"], Float[np.ndarray, "frames points"]
]:
    """Reprojection residual [px], the turned ray, and the depth it lands at (in units of its own depth)."""
    ray = homogeneous @ np.swapaxes(state.R, 1, 2)
    moved = ray + state.inverse_depth[None, :, None] * state.t[:, None]
    depth = np.maximum(moved[..., 2], 1e-3)
    return focal_px * (moved[..., :2] / depth[..., None] - seen), ray, depth


def _cost(
    state: _State, residual: Float[np.ndarray, "frames points 2"], visible: Bool[np.ndarray, "frames points"]
) -> float:
    norm = np.linalg.norm(residual, axis=2)
    huber = np.where(norm < _HUBER_PX, norm**2, _HUBER_PX * (2 * norm - _HUBER_PX))
    prior = (_DEPTH_PRIOR_PX * (state.inverse_depth - 1.0)) ** 2
    return float((huber * visible).sum() + prior.sum() + ((_STAY_PRIOR_PX * state.t) ** 2).sum())


def _solve(
    state: _State,
    residual: Float[np.ndarray, "frames points 2"],
    ray: Float[np.ndarray, "frames points 3"],
    depth: Float[np.ndarray, "frames points"],
    visible: Bool[np.ndarray, "frames points"],
    focal_px: float,
    damping: float,
) -> tuple[Float[np.ndarray, "frames 6"], Float[np.ndarray, " points"]]:
    """One damped Gauss-Newton step (Huber weights), the inverse depths eliminated by their Schur complement."""
    n_frames, n_points = depth.shape
    weight = visible * np.minimum(1.0, _HUBER_PX / np.maximum(np.linalg.norm(residual, axis=2), 1e-9))
    to_image = np.zeros((n_frames, n_points, 2, 3))
    to_image[..., 0, 0] = to_image[..., 1, 1] = focal_px / depth
    moved_xy = ray[..., :2] + state.inverse_depth[None, :, None] * state.t[:, None, :2]
    to_image[..., 2] = -focal_px * moved_xy / depth[..., None] ** 2
    J_pose = np.empty((n_frames, n_points, 2, 6))
    J_pose[..., :3] = np.cross(ray[:, :, None, :], to_image)  # row . (w x ray) = w . (ray x row)
    J_pose[..., 3:] = to_image * state.inverse_depth[None, :, None, None]
    J_depth = (to_image @ state.t[:, None, :, None])[..., 0]

    weighted = J_pose * weight[..., None, None]
    rows = n_frames, 2 * n_points
    transposed = np.swapaxes(weighted.reshape(*rows, 6), 1, 2)
    A = transposed @ J_pose.reshape(*rows, 6)
    B = np.swapaxes((weighted * J_depth[..., None]).sum(axis=2), 1, 2)
    C = (weight * (J_depth**2).sum(axis=2)).sum(axis=0) + _DEPTH_PRIOR_PX**2
    g_pose = (transposed @ residual.reshape(*rows, 1))[..., 0]
    g_pose[:, 3:] += _STAY_PRIOR_PX**2 * state.t
    g_depth = (weight * (J_depth * residual).sum(axis=2)).sum(axis=0)
    g_depth += _DEPTH_PRIOR_PX**2 * (state.inverse_depth - 1.0)
    diagonal = np.arange(6)
    A[:, diagonal[3:], diagonal[3:]] += _STAY_PRIOR_PX**2
    A[:, diagonal, diagonal] = A[:, diagonal, diagonal] * (1.0 + damping) + _STAY_IF_BLIND
    C = C * (1.0 + damping)

    B = B.reshape(n_frames * 6, n_points)
    S = -(B / C) @ B.T
    for frame in range(n_frames):
        block = slice(6 * frame, 6 * frame + 6)
        S[block, block] += A[frame]
    pose_step = np.linalg.solve(S, -(g_pose.ravel() - (B / C) @ g_depth))
    depth_step = -(g_depth + B.T @ pose_step) / C
    return pose_step.reshape(n_frames, 6), depth_step
