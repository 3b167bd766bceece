"""Which points of the body the estimator follows, and which BlazePose landmarks tell of the same things."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.body import SkinnedBody
from pipeline.estimators.landmark.tracked_points import TrackedPoints
from pipeline.evidence import KEYPOINT_NAMES, LANDMARK_NAMES
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

_HAND_POINTS = ("left_knuckles", "left_index_side", "right_knuckles", "right_index_side")
_SOLE_CORNERS = ("heel", "toe", "inner", "outer")
SOLE_NAMES = tuple(f"{side}_sole_{corner}" for side in ("left", "right") for corner in _SOLE_CORNERS)
"""Corners of the soles, four a foot: what may touch the floor."""
POINT_NAMES = KEYPOINT_NAMES + _HAND_POINTS + SOLE_NAMES
KEYPOINTS = slice(0, len(KEYPOINT_NAMES))
SOLES = slice(len(KEYPOINT_NAMES) + len(_HAND_POINTS), len(POINT_NAMES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """A line from one place to another, each the mean of some points; only its direction is compared."""

    name: str
    start: tuple[str, ...]
    end: tuple[str, ...]
    trust: float = 1.0
    """Share of the weight of a long bone."""
    landmark_start: tuple[str, ...] | None = None
    """BlazePose's landmarks of ``start``, where they are called otherwise."""
    landmark_end: tuple[str, ...] | None = None


def _limb(side: str) -> tuple[Direction, ...]:
    bones = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("hip", "shoulder"))
    long = tuple(Direction(name=f"{side}_{a}_{b}", start=(f"{side}_{a}",), end=(f"{side}_{b}",)) for a, b in bones)
    wrist, knuckles = (f"{side}_wrist",), (f"{side}_knuckles",)
    return (
        *long,
        Direction(name=f"{side}_foot", start=(f"{side}_heel",), end=(f"{side}_toe",), trust=0.2),
        Direction(name=f"{side}_hand", start=wrist, end=knuckles, trust=0.15,
                  landmark_end=(f"{side}_index", f"{side}_pinky")),
        Direction(name=f"{side}_palm", start=knuckles, end=(f"{side}_index_side",), trust=0.1,
                  landmark_start=(f"{side}_pinky",), landmark_end=(f"{side}_index",)),
    )  # fmt: skip


DIRECTIONS = (
    Direction(name="hips", start=("right_hip",), end=("left_hip",)),
    Direction(name="shoulders", start=("right_shoulder",), end=("left_shoulder",)),
    Direction(name="trunk", start=("left_hip", "right_hip"), end=("left_shoulder", "right_shoulder")),
    Direction(name="ears", start=("right_ear",), end=("left_ear",), trust=0.5),
    Direction(name="face", start=("left_ear", "right_ear"), end=("nose",), trust=0.5),
    *_limb("left"),
    *_limb("right"),
)
"""What the 3D landmarks are asked for: directions, which do not depend on the size of BlazePose's average body."""


def _difference(start: tuple[str, ...], end: tuple[str, ...], names: tuple[str, ...]) -> Float[np.ndarray, " points"]:
    row = np.zeros(len(names))
    for name in end:
        row[names.index(name)] += 1.0 / len(end)
    for name in start:
        row[names.index(name)] -= 1.0 / len(start)
    return row


BODY_DIFFERENCE = np.stack([_difference(d.start, d.end, POINT_NAMES) for d in DIRECTIONS])
"""Takes body points to the vectors of ``DIRECTIONS``."""
LANDMARK_DIFFERENCE = np.stack(
    [_difference(d.landmark_start or d.start, d.landmark_end or d.end, LANDMARK_NAMES) for d in DIRECTIONS]
)
"""Takes BlazePose's landmarks to the same vectors."""
DIRECTION_TRUST = np.array([d.trust for d in DIRECTIONS])


def _centre_of_mass() -> Float[np.ndarray, " points"]:
    """Weights of keypoints whose mean is the centre of mass.

    Shares of the segments and places of their centres: Winter, "Biomechanics and Motor Control of Human Movement",
    4th ed. 2009, table 4.1. A segment's centre lies between its ends: the near end's share is 1 - place.
    """
    segments = [("left_ear", "right_ear", 0.081, 0.5)]
    for side in ("left", "right"):
        segments += [
            (f"{side}_shoulder", f"{side}_hip", 0.497 / 2, 0.5),
            (f"{side}_shoulder", f"{side}_elbow", 0.028, 0.436),
            (f"{side}_elbow", f"{side}_wrist", 0.022, 0.682),
            (f"{side}_hip", f"{side}_knee", 0.100, 0.433),
            (f"{side}_knee", f"{side}_ankle", 0.0465, 0.433),
            (f"{side}_heel", f"{side}_toe", 0.0145, 0.5),
        ]
    weights = np.zeros(len(POINT_NAMES))
    for near, far, share, place in segments:
        weights[POINT_NAMES.index(near)] += share * (1.0 - place)
        weights[POINT_NAMES.index(far)] += share * place
    return weights / weights.sum()


CENTRE_OF_MASS = _centre_of_mass()
"""Share of each point in the centre of mass."""


def tracked_points(body: SkinnedBody, betas: Float[np.ndarray, " 10"]) -> TrackedPoints:
    """Points in the order of ``POINT_NAMES`` on a shaped body."""
    verts, joints = body.rest_verts(betas), body.rest_joints(betas)
    skin = np.asarray(body.skin_weights, dtype=np.float64)
    seen = TrackedPoints.from_vertices(KEYPOINT_NAMES, body.keypoint_regressor, verts, skin, joints)
    return seen + _hand_points(joints) + _soles(verts, skin, joints)


def _hand_points(joints: Float[np.ndarray, "24 3"]) -> TrackedPoints:
    """Knuckles, and a place beside them on the index finger's side; palms face down at rest, so that is forward."""
    wrists, hands = (20, 21), (22, 23)
    forward = np.array([0.0, 0.0, 0.05])
    places = np.stack([joints[hand] + offset for hand in hands for offset in (0.0 * forward, forward)])
    return TrackedPoints.fixed_to_joints(_HAND_POINTS, tuple(np.repeat(wrists, 2)), places, joints)


def _soles(
    verts: Float[np.ndarray, "verts 3"], skin: Float[np.ndarray, "verts 24"], joints: Float[np.ndarray, "24 3"]
) -> TrackedPoints:
    """Corners of the flat that the lowest part of each foot stands on."""
    places, owners = [], []
    for side in ("left", "right"):
        ankle, foot = (SMPL_JOINT_NAMES.index(f"{side}_{part}") for part in ("ankle", "foot"))
        own = verts[skin[:, ankle] + skin[:, foot] > 0.6]
        low = own[own[:, 1] < own[:, 1].min() + 0.02]
        front = low[low[:, 2] > np.median(low[:, 2])]
        inward = -np.sign(joints[ankle, 0])
        corners = (low[low[:, 2].argmin()], low[low[:, 2].argmax()],
                   front[(inward * front[:, 0]).argmax()], front[(inward * front[:, 0]).argmin()])  # fmt: skip
        places += [np.array([corner[0], low[:, 1].min(), corner[2]]) for corner in corners]
        owners += [ankle, foot, foot, foot]
    return TrackedPoints.fixed_to_joints(SOLE_NAMES, tuple(owners), np.stack(places), joints)
