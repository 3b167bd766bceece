"""Turns a moving skin into single points of it, some frames at a time, so that memory does not grow with the motion."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.spatial import ConvexHull

from pipeline.body import SkinnedBody
from retarget.smpl_motion import SmplMotion

_PART_FRAMES = 512
"""Frames whose points are held at once."""


def points_by_part(
    motion: SmplMotion, body: SkinnedBody, regressor: sparse.csr_array
) -> Iterator[tuple[slice, Float[np.ndarray, "frames points 3"]]]:
    """Pose points of the skin, some frames at a time.

    Yields:
        Some frames, and the points in these frames and in the next one, where there is one, for speeds [m].

    Raises:
        WrongBody: The motion belongs to another body.
        StaleRestJoints: The motion's rest joints are not this body's.
    """
    for start in range(0, len(motion), _PART_FRAMES):
        stop = min(start + _PART_FRAMES, len(motion))
        yield slice(start, stop), body.points(motion.frames(start, stop + 1), regressor)


def picking_verts(body: SkinnedBody, verts: Int[np.ndarray, " points"]) -> sparse.csr_array:
    """Regressor that returns single vertices."""
    shape = (len(verts), len(body.template_verts))
    return sparse.csr_array((np.ones(len(verts)), (np.arange(len(verts)), verts)), shape=shape)


def on_hull(rest: Float[np.ndarray, "verts 3"], verts: Int[np.ndarray, " own"]) -> Int[np.ndarray, " hull"]:
    """Return those of some vertices that span their convex hull: the lowest, however the piece is turned."""
    return verts if len(verts) < 5 else verts[ConvexHull(rest[verts], qhull_options="QJ").vertices]
