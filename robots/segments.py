"""Turns pairs of line segments into their closest points and distances, for many pairs at once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

PARALLEL = 1e-10
"""Squared sine of the angle below which two segments count as parallel: there the closest points are not unique."""


def closest_shares(
    start_a: Float[np.ndarray, "*pairs 3"],
    end_a: Float[np.ndarray, "*pairs 3"],
    start_b: Float[np.ndarray, "*pairs 3"],
    end_b: Float[np.ndarray, "*pairs 3"],
) -> tuple[Float[np.ndarray, "*pairs"], Float[np.ndarray, "*pairs"]]:
    """Return where along each segment the point closest to the other one lies: 0 at its start, 1 at its end.

    Ericson, "Real-Time Collision Detection" (2005), section 5.1.9: the closest points of the lines, clamped to one
    segment, projected on the other, clamped and projected back. Parallel segments that lie side by side have many
    closest points; the middle of the stretch is taken, so that a contact along a limb pushes at its middle. A segment
    may be a point.
    """
    along_a, along_b, apart = end_a - start_a, end_b - start_b, start_a - start_b
    aa, bb, ab = _dot(along_a, along_a), _dot(along_b, along_b), _dot(along_a, along_b)
    ar, br = _dot(along_a, apart), _dot(along_b, apart)
    safe_aa, safe_bb = np.where(aa > 0, aa, 1.0), np.where(bb > 0, bb, 1.0)
    sine = aa * bb - ab * ab
    crossing = sine > PARALLEL * aa * bb
    s_line = (ab * br - ar * bb) / np.where(crossing, sine, 1.0)
    # Where the ends of b lie along a: their stretch inside a, and its middle.
    at_start, at_end = -ar / safe_aa, (ab - ar) / safe_aa
    s_middle = 0.5 * (np.clip(at_start, 0.0, 1.0) + np.clip(at_end, 0.0, 1.0))
    s = np.clip(np.where(crossing, s_line, s_middle), 0.0, 1.0)
    t = np.where(bb > 0, np.clip((ab * s + br) / safe_bb, 0.0, 1.0), 0.0)
    s = np.where(aa > 0, np.clip((ab * t - ar) / safe_aa, 0.0, 1.0), 0.0)
    return s, t


def segment_distance(
    start_a: Float[np.ndarray, "*pairs 3"],
    end_a: Float[np.ndarray, "*pairs 3"],
    start_b: Float[np.ndarray, "*pairs 3"],
    end_b: Float[np.ndarray, "*pairs 3"],
) -> Float[np.ndarray, "*pairs"]:
    """Return the distance between two segments, in the unit of the points."""
    s, t = closest_shares(start_a, end_a, start_b, end_b)
    point_a = start_a + s[..., None] * (end_a - start_a)
    point_b = start_b + t[..., None] * (end_b - start_b)
    return np.linalg.norm(point_a - point_b, axis=-1)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=-1)
