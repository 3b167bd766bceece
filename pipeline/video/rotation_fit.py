"""Turns background points of two pictures into the rotation between them, if the camera only turned.

A camera that only turns moves every ray by one rotation, whatever the depth behind it, and two rays determine it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

_HYPOTHESES = 128


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
