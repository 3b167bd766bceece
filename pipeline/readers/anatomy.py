"""Turns the places of a person's joints into frames that mean the same on every skeleton.

A frame's columns are [along, hinge, along x hinge] for limbs, where the hinge is the axis that a knee or an elbow
bends about, and [left, up, forward] for the trunk, which a rest pose in SMPL's axes leaves near the identity. Where a
rig's own joint frame lies in the anatomical one is a constant of the rig: the mean over a motion finds it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

Vectors = Float[np.ndarray, "frames 3"]
Rotations = Float[np.ndarray, "frames 3 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limb:
    """Two bones and the hinge between them."""

    upper: str
    """Joint that the upper bone hangs on."""
    lower: str
    """Joint that the lower bone hangs on: the hinge."""
    end: str
    """Where the lower bone ends."""
    trunk: str
    """Trunk joint that carries the limb."""
    rest_along: tuple[float, float, float]
    """Direction of both bones in the rest pose, where a straight limb shows no hinge."""
    rest_hinge: tuple[float, float, float]
    """Axis in the rest pose about which it bends."""


LIMBS = (
    Limb(
        upper="left_hip", lower="left_knee", end="left_ankle", trunk="pelvis",
        rest_along=(0, -1, 0), rest_hinge=(1, 0, 0),
    ),
    Limb(
        upper="right_hip", lower="right_knee", end="right_ankle", trunk="pelvis",
        rest_along=(0, -1, 0), rest_hinge=(1, 0, 0),
    ),
    Limb(
        upper="left_shoulder", lower="left_elbow", end="left_wrist", trunk="spine3",
        rest_along=(1, 0, 0), rest_hinge=(0, -1, 0),
    ),
    Limb(
        upper="right_shoulder", lower="right_elbow", end="right_wrist", trunk="spine3",
        rest_along=(-1, 0, 0), rest_hinge=(0, 1, 0),
    ),
)  # fmt: skip
"""Legs and arms."""

RIDES_ON = {
    "neck": "spine3", "head": "spine3", "left_collar": "spine3", "right_collar": "spine3",
    "left_wrist": "left_elbow", "right_wrist": "right_elbow",
}  # fmt: skip
"""Joints whose zero no bone shows: on average they are turned as the joint named here."""

SPINE_SHARE = {"spine1": 1 / 3, "spine2": 2 / 3}
"""How much of the way from pelvis to chest the joints between have turned, on average."""

SIDES = ("left", "right")
"""The person's own."""


def unit(vectors: np.ndarray) -> np.ndarray:
    """Divide by the length along the last axis; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def frame(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Right-handed frame with its first column along ``first`` and its second as near to ``second`` as can be."""
    x = unit(first)
    y = unit(second - (second * x).sum(axis=-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def trunk_frames(pos: dict[str, Vectors]) -> dict[str, Rotations]:
    """Frames [left, up, forward] of pelvis and chest."""
    mid_hip = 0.5 * (pos["left_hip"] + pos["right_hip"])
    low_spine = pos.get("spine1", pos["pelvis"])
    return {
        "pelvis": frame(pos["left_hip"] - pos["right_hip"], pos["neck"] - mid_hip),
        "spine3": frame(pos["left_shoulder"] - pos["right_shoulder"], pos["neck"] - low_spine),
    }


def hinge(limb: Limb, pos: dict[str, Vectors], trunk: Rotations) -> Vectors:
    """Axis that a limb bends about, as long as its vote: the squared sine of its bend.

    A limb that is straight votes (with a thousandth) for the axis it would have if it had come from the rest pose by
    the shortest way.
    """
    upper, lower = unit(pos[limb.lower] - pos[limb.upper]), unit(pos[limb.end] - pos[limb.lower])
    bend = np.cross(upper, lower)
    sine = np.linalg.norm(bend, axis=-1, keepdims=True)
    rest = np.broadcast_to(np.array(limb.rest_along, dtype=float), upper.shape)
    turned = shortest_rotation((trunk @ rest[..., None])[..., 0], upper)
    carried = (turned @ trunk @ np.array(limb.rest_hinge, dtype=float)[:, None])[..., 0]
    return sine * bend + 1e-3 * carried


def shortest_rotation(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Smallest rotations that take each of the unit vectors ``start`` to ``end``, (..., 3, 3)."""
    start, end = np.broadcast_arrays(unit(start), unit(end))
    axis = np.cross(start, end)
    cosine = (start * end).sum(axis=-1)[..., None, None]
    K = np.zeros((*axis.shape, 3))
    K[..., 0, 1], K[..., 0, 2], K[..., 1, 2] = -axis[..., 2], axis[..., 1], -axis[..., 0]
    K = K - np.swapaxes(K, -1, -2)
    turned = np.eye(3) + K + K @ K / np.maximum(1.0 + cosine, 1e-9)
    flipped = 2.0 * _outer(_any_normal(start)) - np.eye(3)  # opposite vectors: half a turn about any normal
    return np.where(cosine < -1.0 + 1e-9, flipped, turned)


def mean_rotation(total: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    """Nearest rotation to a weighted sum of rotations (Markley et al., "Averaging Quaternions", 2007)."""
    U, _, Vt = np.linalg.svd(total)
    return U @ np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))]) @ Vt


def interpolate(start: Rotations, end: Rotations, share: float) -> Rotations:
    """Go part of the shortest way from one rotation to another."""
    step = Rotation.from_matrix(np.swapaxes(start, -1, -2) @ end)
    return start @ Rotation.from_rotvec(share * step.as_rotvec()).as_matrix()


def _outer(v: np.ndarray) -> np.ndarray:
    return v[..., :, None] * v[..., None, :]


def _any_normal(v: np.ndarray) -> np.ndarray:
    helper = np.where(np.abs(v[..., :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    return unit(np.cross(v, helper))
