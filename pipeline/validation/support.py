"""Turns points and the contacts of a robot into distances from its support: the hull of what may touch, from above."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from robots.contact_points import ContactPoints

CHUNK = 256
"""Frames whose supports are looked at at once: bounds the memory."""


def outside_support(points_w: Float[np.ndarray, "frames 2"], support: ContactPoints) -> Float[np.ndarray, " frames"]:
    """Return how far each frame's point lies outside its support, seen from above [m].

    0 inside, NaN in frames without a support and where the point is NaN.
    """
    distance = np.full(len(points_w), np.nan)
    counts = np.diff(support.starts)
    wanted = np.flatnonzero((counts > 0) & np.isfinite(points_w).all(axis=1))
    for start in range(0, len(wanted), CHUNK):
        frames = wanted[start : start + CHUNK]
        # Shorter rows repeat their last point, which changes no hull.
        slot = np.minimum(np.arange(counts[frames].max()), counts[frames, None] - 1)
        corners = support.pos_w[support.starts[frames, None] + slot, :2]
        distance[frames] = _outside_hull(points_w[frames], corners)
    return distance


def _outside_hull(
    point: Float[np.ndarray, "frames 2"], corners: Float[np.ndarray, "frames corners 2"]
) -> Float[np.ndarray, " frames"]:
    """Distance of points from the convex hulls of others, 0 inside.

    Around a point inside a hull its corners leave no gap of half a turn.
    """
    away = corners - point[:, None]
    bearing = np.sort(np.arctan2(away[..., 1], away[..., 0]), axis=1)
    gap = np.diff(np.concatenate([bearing, bearing[:, :1] + 2 * np.pi], axis=1), axis=1).max(axis=1)
    outside = gap >= np.pi
    distance = np.zeros(len(point))
    distance[outside] = _distance_to_hull(away[outside])
    return distance


def _distance_to_hull(corners: Float[np.ndarray, "frames corners 2"]) -> Float[np.ndarray, " frames"]:
    """Distance of the origin from the hulls of points, outside of which it lies.

    From the nearest corner on, the corner that lies farthest towards the origin from the nearest point known so far
    becomes one end of the edge that is looked at, until none lies farther (Gilbert, Johnson and Keerthi, "A fast
    procedure for computing the distance between complex objects in three-dimensional space", 1988).
    """
    frames = np.arange(len(corners))
    start = end = nearest = corners[frames, np.linalg.norm(corners, axis=2).argmin(axis=1)]
    distance = np.linalg.norm(nearest, axis=1)
    for _ in range(corners.shape[1]):
        ahead = corners[frames, np.einsum("fcj,fj->fc", corners, nearest).argmin(axis=1)]
        feet = np.stack([_nearest_on(start, ahead), _nearest_on(end, ahead)])
        far = np.linalg.norm(feet, axis=2)
        of_end = far[1] < far[0]
        nearer = far.min(axis=0) < distance * (1 - 1e-12)
        if not nearer.any():
            break
        other = np.where(of_end[:, None], end, start)
        moved = nearer[:, None]
        start, end = np.where(moved, other, start), np.where(moved, ahead, end)
        nearest = np.where(moved, np.where(of_end[:, None], feet[1], feet[0]), nearest)
        distance = np.where(nearer, far.min(axis=0), distance)
    return distance


def _nearest_on(start: Float[np.ndarray, "frames 2"], end: Float[np.ndarray, "frames 2"]) -> np.ndarray:
    """Points of segments that are nearest to the origin."""
    along = end - start
    squared = (along * along).sum(axis=1)
    share = -(start * along).sum(axis=1) / np.where(squared > 0, squared, 1.0)
    return start + np.clip(share, 0.0, 1.0)[:, None] * along
