"""Turns background points of two pictures into the rotation between them, if the camera only turned, or also zoomed.

A camera that only turns moves every ray by one rotation, whatever the depth behind it, and two rays determine it; they
also determine a change of focal length, by the angle between them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

_HYPOTHESES = 128
_REFINEMENTS = 4
_MAX_ZOOM = 4.0  # within one keyframe, whose corners would not be found again long before


def fit_rotation(
    a: Float[np.ndarray, "points 3"],
    b: Float[np.ndarray, "points 3"],
    max_distance: float,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "3 3"], Bool[np.ndarray, " points"]]:
    """Return R with R a = b for as many unit rays as possible, and which these are.

    RANSAC over two-ray samples (TRIAD, Black 1964), then least squares on the inliers (Kabsch 1976).

    Args:
        a: Unit rays in the first picture, at least two.
        b: The same rays in the second.
        max_distance: Chord between R a and b up to which a ray counts as explained [rad].
        rng: Draws the samples.
    """
    sample = _distinct_pairs(len(a), rng)
    hypotheses = _frames(b[sample]) @ np.swapaxes(_frames(a[sample]), 1, 2)
    distance = np.linalg.norm(a @ np.swapaxes(hypotheses, 1, 2) - b, axis=2)
    # Truncated distance rather than a count: among hypotheses with the same inliers the closest wins.
    best = int(np.minimum(distance, max_distance).sum(axis=1).argmin())
    R, inliers = hypotheses[best], distance[best] < max_distance
    for _ in range(3):
        if inliers.sum() < 2:
            break
        R = _kabsch(a[inliers], b[inliers])
        inliers = np.linalg.norm(a @ R.T - b, axis=1) < max_distance
    return R, inliers


def fit_rotation_and_zoom(
    before: Float[np.ndarray, "points 2"],
    after: Float[np.ndarray, "points 2"],
    max_distance: float,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "3 3"], float]:
    """Return R and z so that z times the projection of R (x, y, 1) is where most points are seen.

    RANSAC over samples of two points: their distance tells the zoom, and their rays, the zoom undone, the turn (TRIAD).
    Then Gauss-Newton on the four unknowns, for the points explained.

    Args:
        before: Points on the plane z = 1 of the first picture, at least two.
        after: The same in the second, on the plane z = 1 of a lens that did not zoom.
        max_distance: Distance on that plane up to which a point counts as explained.
        rng: Draws the samples.
    """
    sample = _distinct_pairs(len(before), rng)
    apart = np.linalg.norm(np.diff(before[sample], axis=1)[:, 0], axis=1)
    zooms = np.linalg.norm(np.diff(after[sample], axis=1)[:, 0], axis=1) / np.maximum(apart, 1e-9)
    zooms = np.clip(zooms, 1.0 / _MAX_ZOOM, _MAX_ZOOM)
    a, homogeneous = unit_rays(before), np.column_stack([before, np.ones(len(before))])
    b = unit_rays(after[sample] / zooms[:, None, None])
    hypotheses = _frames(b) @ np.swapaxes(_frames(a[sample]), 1, 2)
    projected = _projected(homogeneous, hypotheses, zooms)
    distance = np.linalg.norm(projected - after, axis=2)
    best = int(np.minimum(distance, max_distance).sum(axis=1).argmin())
    R, zoom = hypotheses[best], float(zooms[best])
    for _ in range(_REFINEMENTS):
        residual = _projected(homogeneous, R[None], np.array([zoom]))[0] - after
        inliers = np.linalg.norm(residual, axis=1) < max_distance
        if inliers.sum() < 2:
            break
        step = _gauss_newton_step(homogeneous[inliers] @ R.T, zoom, residual[inliers])
        R, zoom = Rotation.from_rotvec(step[:3]).as_matrix() @ R, zoom * float(np.exp(np.clip(step[3], -1.0, 1.0)))
    return R, zoom


def unit_rays(points: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 3"]:
    """Return the directions of points on the plane z = 1."""
    rays = np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True)


def _projected(
    homogeneous: Float[np.ndarray, "points 3"],
    R: Float[np.ndarray, "hypotheses 3 3"],
    zoom: Float[np.ndarray, " hypotheses"],
) -> Float[np.ndarray, "hypotheses points 2"]:
    ray = homogeneous @ np.swapaxes(R, 1, 2)
    return zoom[:, None, None] * ray[..., :2] / np.maximum(ray[..., 2:], 1e-3)


def _gauss_newton_step(
    ray: Float[np.ndarray, "points 3"], zoom: float, residual: Float[np.ndarray, "points 2"]
) -> Float[np.ndarray, " 4"]:
    """Turn [rad] and change of the zoom's logarithm that least squares asks for."""
    depth = np.maximum(ray[:, 2], 1e-3)
    to_image = np.zeros((len(ray), 2, 3))
    to_image[:, 0, 0] = to_image[:, 1, 1] = zoom / depth
    to_image[:, :, 2] = -zoom * ray[:, :2] / depth[:, None] ** 2
    J = np.empty((len(ray), 2, 4))
    J[..., :3] = np.cross(ray[:, None, :], to_image)
    J[..., 3] = zoom * ray[:, :2] / depth[:, None]
    return np.linalg.lstsq(J.reshape(-1, 4), -residual.ravel(), rcond=None)[0]


def _distinct_pairs(n: int, rng: np.random.Generator) -> Int[np.ndarray, "hypotheses 2"]:
    first = rng.integers(0, n, _HYPOTHESES)
    second = (first + rng.integers(1, n, _HYPOTHESES)) % n
    return np.stack([first, second], axis=1)


def _frames(pairs: Float[np.ndarray, "hypotheses 2 3"]) -> Float[np.ndarray, "hypotheses 3 3"]:
    """Right-handed axes (as columns) spanned by two rays, trusting both alike."""
    x = pairs[:, 0] + pairs[:, 1]
    y = np.cross(pairs[:, 0], pairs[:, 1])
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    y = y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-12)
    return np.stack([x, y, np.cross(x, y)], axis=2)


def _kabsch(a: Float[np.ndarray, "points 3"], b: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "3 3"]:
    U, _, Vt = np.linalg.svd(b.T @ a)
    return U @ np.diag([1.0, 1.0, np.linalg.det(U @ Vt)]) @ Vt
