"""Turns points seen from a keyframe through the pictures after it into camera rotations, free of parallax.

A small bundle adjustment: one pose a picture, perhaps one focal length, and one inverse depth a point, starting from
points that all lie equally far away, which is near enough for the short way a camera goes within one keyframe (Yu and
Gallup, "3D Reconstruction from Accidental Motion", 2014). Two-view geometry would do per picture, but has two answers
where one wall fills the view; all pictures of a window together have one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

_MAX_ITERATIONS = 30
_CONVERGED = 1e-5
_CAUCHY_PX = 0.5  # where corners of things at different depths meet, tracks creep by a few times this
_STRUCTURE_PICTURES = 10  # so many, spread over the window, tell the depths as well as all sixty do
_RESECTIONS = 6
# Weights of "all points equally deep", "the camera stayed" and "the lens did not zoom": they fix the free scale and,
# where there is no parallax to see, keep noise from being read as motion. One unit off costs as much as a residual
# of so many pixels.
_DEPTH_PRIOR_PX = 0.3
_STAY_PRIOR_PX = 1.0
_ZOOM_PRIOR_PX = 0.3
_PRIOR = np.array([0.0, 0.0, 0.0, _STAY_PRIOR_PX, _STAY_PRIOR_PX, _STAY_PRIOR_PX, _ZOOM_PRIOR_PX]) ** 2
_STAY_IF_BLIND = 1e-3  # a picture that sees no points stays where it is; next to any points this is nothing
_N = len(_PRIOR)  # of one picture's numbers: three of its turn, three of its place, one of its focal length


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BundleFit:
    """Poses of a window's pictures, and how well they explain what was seen."""

    R: Float[np.ndarray, "frames 3 3"]
    """Keyframe's camera axes -> camera axes of each picture."""
    t: Float[np.ndarray, "frames 3"]
    """Keyframe's optical centre in each picture's camera axes; one unit is the points' typical depth."""
    zoom: Float[np.ndarray, " frames"]
    """Focal length of each picture, that of the keyframe being one."""
    error: Float[np.ndarray, "frames points"]
    """Reprojection errors [px]."""


@dataclass(slots=True, eq=False)
class _Poses:
    R: Float[np.ndarray, "frames 3 3"]
    t: Float[np.ndarray, "frames 3"]
    log_zoom: Float[np.ndarray, " frames"]

    def stepped(self, step: Float[np.ndarray, "frames 7"]) -> _Poses:
        R = Rotation.from_rotvec(step[:, :3]).as_matrix() @ self.R
        return _Poses(R=R, t=self.t + step[:, 3:6], log_zoom=self.log_zoom + step[:, 6])

    def taken(self, index: Int[np.ndarray, " taken"]) -> _Poses:
        return _Poses(R=self.R[index], t=self.t[index], log_zoom=self.log_zoom[index])


@dataclass(slots=True, eq=False)
class _Reprojection:
    residual: Float[np.ndarray, "frames points 2"]
    """What is seen where, less where it should be [px]."""
    ray: Float[np.ndarray, "frames points 3"]
    """The turned ray."""
    moved: Float[np.ndarray, "frames points 3"]
    """The point, in units of its own depth in the keyframe."""


def adjust_rotations(
    points: Float[np.ndarray, "points 2"],
    seen: Float[np.ndarray, "frames points 2"],
    visible: Bool[np.ndarray, "frames points"],
    focal_px: float,
    R_start: Float[np.ndarray, "frames 3 3"],
    zoom_start: Float[np.ndarray, " frames"] | None = None,
) -> BundleFit:
    """Return the poses of each picture relative to the keyframe.

    Depths come from some of the pictures, spread evenly; the others are fitted to these depths.

    Args:
        points: Points in the keyframe, on the plane z = 1.
        seen: The same points in each picture, on the plane z = 1 of a lens with the keyframe's focal length; any
            finite value where not visible.
        visible: Which of them were seen.
        focal_px: Pixels per unit on the plane z = 1 [px].
        R_start: Rotations to start from.
        zoom_start: Focal lengths relative to the keyframe's to start from; without them the lens does not zoom.
    """
    homogeneous = np.column_stack([points, np.ones(len(points))])
    log_zoom = np.zeros(len(seen)) if zoom_start is None else np.log(zoom_start)
    start = _Poses(R=R_start.copy(), t=np.zeros((len(seen), 3)), log_zoom=log_zoom)
    n_chosen = min(_STRUCTURE_PICTURES, len(seen))
    chosen = np.unique(np.linspace(0, len(seen) - 1, n_chosen).round().astype(np.int64))
    problem = _Problem(homogeneous, seen[chosen], visible[chosen], focal_px, zooms=zoom_start is not None)
    poses, inverse_depth = problem.solve(start.taken(chosen))
    nearest = np.abs(np.arange(len(seen))[:, None] - chosen).argmin(axis=1)
    whole = _Problem(homogeneous, seen, visible, focal_px, zooms=zoom_start is not None)
    poses = whole.resect(poses.taken(nearest), inverse_depth, known=visible[chosen].sum(axis=0) > 1)
    error = np.linalg.norm(whole.reproject(poses, inverse_depth).residual, axis=2)
    return BundleFit(R=poses.R, t=poses.t, zoom=np.exp(poses.log_zoom), error=error)


class _Problem:
    """What was seen, and the normal equations of explaining it."""

    def __init__(
        self,
        homogeneous: Float[np.ndarray, "points 3"],
        seen: Float[np.ndarray, "frames points 2"],
        visible: Bool[np.ndarray, "frames points"],
        focal_px: float,
        *,
        zooms: bool,
    ) -> None:
        self._homogeneous, self._seen, self._visible = homogeneous, seen, visible
        self._focal_px, self._zooms = focal_px, zooms

    def solve(self, poses: _Poses) -> tuple[_Poses, Float[np.ndarray, " points"]]:
        """Return poses and inverse depths (Levenberg-Marquardt)."""
        # The valley between turning and passing by is narrow: only an almost undamped step follows it.
        damping = 1e-4
        depth = np.ones(len(self._homogeneous))
        now = self.reproject(poses, depth)
        cost = self._cost(poses, depth, now)
        for _ in range(_MAX_ITERATIONS):
            pose_step, depth_step = self._step(poses, depth, now, damping)
            trial_poses, trial_depth = poses.stepped(pose_step), depth + depth_step
            trial = self.reproject(trial_poses, trial_depth)
            trial_cost = self._cost(trial_poses, trial_depth, trial)
            if not trial_cost < cost:
                damping *= 8.0
                if damping > 1e6:
                    break
                continue
            gain = (cost - trial_cost) / cost
            poses, depth, now, cost = trial_poses, trial_depth, trial, trial_cost
            damping = max(damping / 10.0, 1e-9)
            if gain < _CONVERGED:
                break
        return poses, depth

    def resect(
        self, poses: _Poses, inverse_depth: Float[np.ndarray, " points"], *, known: Bool[np.ndarray, " points"]
    ) -> _Poses:
        """Return poses that fit given depths, all pictures at once (Gauss-Newton with Cauchy weights)."""
        for _ in range(_RESECTIONS):
            now = self.reproject(poses, inverse_depth)
            J, _ = self._jacobians(poses, inverse_depth, now)
            A, g, _ = self._pose_equations(poses, now, J, self._weights(now) * known)
            poses = poses.stepped(np.linalg.solve(A + _STAY_IF_BLIND * np.eye(_N), -g[..., None])[..., 0])
        return poses

    def reproject(self, poses: _Poses, inverse_depth: Float[np.ndarray, " points"]) -> _Reprojection:
        """Return where the points should be seen, against where they were."""
        ray = self._homogeneous @ np.swapaxes(poses.R, 1, 2)
        moved = ray + inverse_depth[None, :, None] * poses.t[:, None]
        moved[..., 2] = np.maximum(moved[..., 2], 1e-3)
        projected = moved[..., :2] / moved[..., 2:] * np.exp(poses.log_zoom)[:, None, None]
        return _Reprojection(residual=self._focal_px * (projected - self._seen), ray=ray, moved=moved)

    def _cost(self, poses: _Poses, inverse_depth: Float[np.ndarray, " points"], now: _Reprojection) -> float:
        cauchy = _CAUCHY_PX**2 * np.log1p((now.residual**2).sum(axis=2) / _CAUCHY_PX**2)
        prior = ((_DEPTH_PRIOR_PX * (inverse_depth - 1.0)) ** 2).sum()
        prior += ((_STAY_PRIOR_PX * poses.t) ** 2).sum() + ((_ZOOM_PRIOR_PX * poses.log_zoom) ** 2).sum()
        return float((cauchy * self._visible).sum() + prior)

    def _weights(self, now: _Reprojection) -> Float[np.ndarray, "frames points"]:
        """Cauchy's, and zero where nothing was seen."""
        return self._visible / (1.0 + (now.residual**2).sum(axis=2) / _CAUCHY_PX**2)

    def _jacobians(
        self, poses: _Poses, inverse_depth: Float[np.ndarray, " points"], now: _Reprojection
    ) -> tuple[Float[np.ndarray, "frames points 2 7"], Float[np.ndarray, "frames points 2"]]:
        """How the residuals answer to the poses and to the inverse depths."""
        scale = self._focal_px * np.exp(poses.log_zoom)[:, None] / now.moved[..., 2]
        to_image = np.zeros((*now.ray.shape[:2], 2, 3))
        to_image[..., 0, 0] = to_image[..., 1, 1] = scale
        to_image[..., 2] = -scale[..., None] * now.moved[..., :2] / now.moved[..., 2:]
        J = np.zeros((*now.ray.shape[:2], 2, _N))
        J[..., :3] = np.cross(now.ray[:, :, None, :], to_image)  # row . (w x ray) = w . (ray x row)
        J[..., 3:6] = to_image * inverse_depth[None, :, None, None]
        if self._zooms:
            J[..., 6] = scale[..., None] * now.moved[..., :2]
        return J, (to_image @ poses.t[:, None, :, None])[..., 0]

    def _pose_equations(
        self,
        poses: _Poses,
        now: _Reprojection,
        J: Float[np.ndarray, "frames points 2 7"],
        weight: Float[np.ndarray, "frames points"],
    ) -> tuple[Float[np.ndarray, "frames 7 7"], Float[np.ndarray, "frames 7"], Float[np.ndarray, "frames points 2 7"]]:
        """Each picture's normal matrix and gradient, priors included, and the weighted Jacobian."""
        weighted = J * weight[..., None, None]
        rows = len(J), 2 * J.shape[1]
        transposed = np.swapaxes(weighted.reshape(*rows, _N), 1, 2)
        A = transposed @ J.reshape(*rows, _N) + np.diag(_PRIOR)
        g = (transposed @ now.residual.reshape(*rows, 1))[..., 0]
        g[:, 3:6] += _PRIOR[3:6] * poses.t
        if self._zooms:
            g[:, 6] += _PRIOR[6] * poses.log_zoom
        return A, g, weighted

    def _step(
        self, poses: _Poses, inverse_depth: Float[np.ndarray, " points"], now: _Reprojection, damping: float
    ) -> tuple[Float[np.ndarray, "frames 7"], Float[np.ndarray, " points"]]:
        """One damped Gauss-Newton step, the inverse depths eliminated by their Schur complement."""
        n_frames, n_points = now.ray.shape[:2]
        J, J_depth = self._jacobians(poses, inverse_depth, now)
        weight = self._weights(now)
        A, g, weighted = self._pose_equations(poses, now, J, weight)
        B = np.swapaxes((weighted * J_depth[..., None]).sum(axis=2), 1, 2).reshape(n_frames * _N, n_points)
        C = (weight * (J_depth**2).sum(axis=2)).sum(axis=0) + _DEPTH_PRIOR_PX**2
        g_depth = (weight * (J_depth * now.residual).sum(axis=2)).sum(axis=0)
        g_depth += _DEPTH_PRIOR_PX**2 * (inverse_depth - 1.0)
        diagonal = np.arange(_N)
        A[:, diagonal, diagonal] = A[:, diagonal, diagonal] * (1.0 + damping) + _STAY_IF_BLIND
        C = C * (1.0 + damping)
        S = -(B / C) @ B.T
        for frame in range(n_frames):
            block = slice(_N * frame, _N * frame + _N)
            S[block, block] += A[frame]
        pose_step = np.linalg.solve(S, -(g.ravel() - (B / C) @ g_depth))
        depth_step = -(g_depth + B.T @ pose_step) / C
        return pose_step.reshape(n_frames, _N), depth_step
