"""Turns points before a camera into what makes a detector's work easy or hard there: view, speed, size.

All of it is relative to the person: lengths in statures, so that near and far people are alike but for their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pipeline.synthetic.point_sets import PointSet

COVARIATES = ("one", "behind", "far_side", "away", "aslant", "speed", "small")
"""What the tables' coefficients multiply, in this order.

``one`` is 1; ``behind`` how much farther than the trunk the point lies [statures]; ``far_side`` how far its side of
the body is turned from the camera [-1, 1]; ``away`` 0 for a person who faces the camera, 1 for a back; ``aslant`` 0
for an upright trunk, 1 for one upside down; ``speed`` of the point against the picture [log(1 + statures/s)];
``small`` halvings of the person's height below 300 px.
"""

_CHAIN_OF_STATURE = 0.82
"""Shoulders to hips, hips to knees and knees to ankles, together, in statures: the open body's."""
_USUAL_PX = 300.0
_NEAREST_M = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Situation:
    """What a detector's error depends on."""

    stature: Float[np.ndarray, "*batch"]
    """Stature by the person's bones [m]."""
    height_px: Float[np.ndarray, "*batch frames"]
    """Stature at the hips' distance [px]."""
    covariates: Float[np.ndarray, "*batch frames points 7"]
    """The numbers of ``COVARIATES``."""
    trunk_c: Float[np.ndarray, "*batch frames 3 3"]
    """Unit vectors to the person's left, up and forward, as rows, in camera axes."""

    def covariates_of(
        self, members: Sequence[int] | Int[np.ndarray, " members"], *, unsigned: bool = False
    ) -> Float[np.ndarray, "*batch frames 7"]:
        """Return the mean over some points; unsigned, of how far either side is turned away."""
        chosen = np.zeros(self.covariates.shape[-2])
        chosen[members] = 1.0 / len(members)
        mean = chosen @ self.covariates
        if unsigned:
            far_side = COVARIATES.index("far_side")
            mean[..., far_side] = np.abs(self.covariates[..., far_side]) @ chosen
        return mean


def situation(
    points_c: Float[np.ndarray, "*batch frames points 3"],
    points: PointSet,
    *,
    focal_px: Float[np.ndarray, "*batch"] | float,
    fps: float,
) -> Situation:
    """Describe each point at each frame.

    Args:
        points_c: In camera axes [m].
        points: What they are.
        focal_px: Focal length of each clip [px].
        fps: Frames a second [1/s].
    """
    shoulders = points.index("left_shoulder", "right_shoulder")
    hips = points.index("left_hip", "right_hip")
    neck, pelvis = points_c[..., shoulders, :].mean(axis=-2), points_c[..., hips, :].mean(axis=-2)
    stature = stature_of(points_c, points)
    depth = np.maximum(pelvis[..., 2], _NEAREST_M)
    height_px = np.asarray(focal_px)[..., None] * stature[..., None] / depth
    up = _unit(neck - pelvis)
    across = points_c[..., [shoulders[0], hips[0]], :].sum(axis=-2) - points_c[..., [shoulders[1], hips[1]], :].sum(
        axis=-2
    )
    across = _unit(across - (across * up).sum(axis=-1, keepdims=True) * up)  # to the person's left
    ray = pelvis / np.maximum(np.linalg.norm(pelvis, axis=-1, keepdims=True), _NEAREST_M)
    forward = np.cross(across, up)
    shape = points_c.shape[:-1]
    columns = (
        np.ones(shape),
        ((points_c - pelvis[..., None, :]) * ray[..., None, :]).sum(axis=-1) / stature[..., None, None],
        points.sides * (across * ray).sum(axis=-1)[..., None],
        np.broadcast_to(0.5 * (1.0 + (forward * ray).sum(axis=-1))[..., None], shape),
        np.broadcast_to(0.5 * (1.0 + up[..., 1])[..., None], shape),
        _speed(points_c, depth, stature, fps),
        np.broadcast_to(np.log2(_USUAL_PX / np.maximum(height_px, 10.0))[..., None], shape),
    )
    return Situation(
        stature=stature,
        height_px=height_px,
        covariates=np.stack(columns, axis=-1),
        trunk_c=np.stack([across, up, forward], axis=-2),
    )


def stature_of(points_c: Float[np.ndarray, "*batch frames points 3"], points: PointSet) -> Float[np.ndarray, "*batch"]:
    """Stature by the lengths of trunk and legs, over all frames [m]."""
    chain = np.zeros(points_c.shape[:-2])
    for side in ("left", "right"):
        joints = points_c[..., points.index(*(f"{side}_{p}" for p in ("shoulder", "hip", "knee", "ankle"))), :]
        chain += 0.5 * np.linalg.norm(np.diff(joints, axis=-2), axis=-1).sum(axis=-1)
    return np.maximum(np.median(chain, axis=-1) / _CHAIN_OF_STATURE, 1e-3)


def _speed(points_c: np.ndarray, depth: np.ndarray, stature: np.ndarray, fps: float) -> np.ndarray:
    """log(1 + speed across the picture [statures/s]), by central differences."""
    if points_c.shape[-3] < 2:
        return np.zeros(points_c.shape[:-1])
    seen = points_c[..., :2] / np.maximum(points_c[..., 2:], _NEAREST_M)
    velocity = np.gradient(seen, axis=-3) * fps
    return np.log1p(np.linalg.norm(velocity, axis=-1) * (depth / stature[..., None])[..., None])


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
