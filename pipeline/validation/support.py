"""Turns points and the contacts of a robot into distances from its support: the hull of what may touch, from above."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from robots.contact_points import ContactPoints
from robots.segments import segment_distance

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

    Around a point inside a hull its corners leave no gap of half a turn. From outside, the hull is as near as the
    nearest of all segments between two corners: its edges are among them, and none of the others lies outside.
    """
    away = corners - point[:, None]
    bearing = np.sort(np.arctan2(away[..., 1], away[..., 0]), axis=1)
    gap = np.diff(np.concatenate([bearing, bearing[:, :1] + 2 * np.pi], axis=1), axis=1).max(axis=1)
    first, second = np.triu_indices(corners.shape[1])
    flat = np.concatenate([corners, np.zeros((*corners.shape[:2], 1))], axis=2)
    start, end = flat[:, first], flat[:, second]
    here = np.concatenate([point, np.zeros((len(point), 1))], axis=1)[:, None].repeat(len(first), axis=1)
    return np.where(gap < np.pi, 0.0, segment_distance(start, end, here, here).min(axis=1))
