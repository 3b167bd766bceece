"""Turns legs whose feet slide a little while they stand into legs whose feet stand, without a jump anywhere.

The places where ankles and balls of the feet ought to be are found over the whole clip at once: near to where they
are, still where they stand, on the floor where they bear weight, and changing by a smooth course in between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.estimators.gvhmr.path_solver import BEND, PLACE, STEP, PathSolver
from pipeline.estimators.landmark.so3 import rotation_between

_AWAY_M = 0.007
"""Distance from where the pose has a foot that costs one standard deviation, while it moves [m]."""
_BEND_M = 0.008
"""Change of the correction's step from frame to frame [m]."""
_HOLD_M = 0.001
"""Step of a joint that stands [m]."""
_SOLE_M = 0.02
"""Height of a sole that bears weight over the floor [m]."""
_SOLE_OUTLIER_M = 0.04
"""Height from which the path is wrong rather than the leg."""
_REACH = 0.999
"""Longest that a leg is stretched, in lengths of its bones."""

LEGS = ((1, 4, 7, 10), (2, 5, 8, 11))
"""Hip, knee, ankle and ball of the foot, left and right."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PosedLegs:
    """Joints and rotations of a posed body in the world."""

    joints_w: Float[np.ndarray, "frames 24 3"]
    """Places [m]."""
    rotation_w: Float[np.ndarray, "frames 24 3 3"]
    """Rotations."""


def held_places(
    place_w: Float[np.ndarray, "frames 3"],
    standing: Float[np.ndarray, " frames"],
    sole_height: Float[np.ndarray, " frames"],
    bearing: Float[np.ndarray, " frames"],
    prior: Float[np.ndarray, "frames 3"] | None = None,
) -> Float[np.ndarray, "frames 3"]:
    """Return where a joint of a foot ought to be [m].

    Args:
        place_w: Where it is [m].
        standing: Probability that it stands until the next frame.
        sole_height: Height of the foot's lowest point over the floor [m].
        bearing: Probability that the foot bears weight.
        prior: Where it had better be, if not where it is [m].
    """
    frames = len(place_w)
    near = place_w if prior is None else prior
    solver = PathSolver(frames)
    solver.add(PLACE, near, np.full(frames, 0.05 / _AWAY_M**2))
    solver.add(BEND, np.diff(near, n=2, axis=0), np.full(frames, _BEND_M**-2))
    solver.add(STEP, np.zeros((frames, 3)), standing / _HOLD_M**2)
    down = np.zeros((frames, 3, 3))
    # A foot below the floor is in the wrong place whether it stands or not.
    wanted = np.maximum(bearing, sole_height < 0.0) / (1.0 + (sole_height / _SOLE_OUTLIER_M) ** 4)
    down[:, 2, 2] = wanted / _SOLE_M**2
    solver.add(PLACE, place_w - [0.0, 0.0, 1.0] * sole_height[:, None], down)
    return solver.solve()[0][:, 0]


def stand(
    legs: PosedLegs,
    standing: Float[np.ndarray, "frames 6"],
    sole_heights: Float[np.ndarray, "frames 2"],
    bearing: Float[np.ndarray, "frames 2"],
) -> Float[np.ndarray, "frames 24 3 3"]:
    """Return rotations of all joints in the world with legs that hold standing feet.

    Args:
        legs: The posed body.
        standing: Probability that ankle and ball of the left, of the right foot stand; wrists are left alone.
        sole_heights: Height of each foot's lowest point over the floor [m].
        bearing: Probability that each foot bears weight.
    """
    rotation = legs.rotation_w.copy()
    for side, (hip, knee, ankle, ball) in enumerate(LEGS):
        height, bears = sole_heights[:, side], bearing[:, side]
        places = legs.joints_w[:, (hip, knee, ankle, ball)].swapaxes(0, 1)
        ball_w = held_places(places[3], standing[:, 2 * side + 1], height, bears)
        with_ball = places[2] + ball_w - places[3]
        ankle_w = held_places(places[2], standing[:, 2 * side], height, bears, with_ball)
        thigh, shank, ankle_w = reach(places[0], places[1], places[2], ankle_w, legs.rotation_w[:, knee, :, 0])
        rotation[:, hip] = thigh @ rotation[:, hip]
        rotation[:, knee] = shank @ rotation[:, knee]
        aim = rotation_between(_unit(places[3] - places[2]), _unit(ball_w - ankle_w))
        rotation[:, ankle] = aim @ rotation[:, ankle]
    return rotation


def reach(
    hip: Float[np.ndarray, "frames 3"],
    knee: Float[np.ndarray, "frames 3"],
    ankle: Float[np.ndarray, "frames 3"],
    target: Float[np.ndarray, "frames 3"],
    hinge: Float[np.ndarray, "frames 3"],
) -> tuple[Float[np.ndarray, "frames 3 3"], Float[np.ndarray, "frames 3 3"], Float[np.ndarray, "frames 3"]]:
    """Return turns of thigh and shank in the world that bring the ankle to its target, and where it comes to lie [m].

    The knee bends about the hinge that it has and is carried along by the least turn of the whole leg, so that it
    keeps pointing where it pointed.

    Args:
        hip: Place of the hip [m].
        knee: Place of the knee [m].
        ankle: Place of the ankle [m].
        target: Where the ankle should be [m].
        hinge: Axis of the knee, about which it bends.
    """
    upper, lower = np.linalg.norm(knee - hip, axis=-1), np.linalg.norm(ankle - knee, axis=-1)
    axis = np.cross(knee - hip, ankle - knee)
    # A straight leg has no plane of its own; the pose's hinge tells it.
    axis = _unit(axis + 0.005 * (upper * lower)[:, None] * hinge)
    now = np.linalg.norm(ankle - hip, axis=-1)
    longest = np.maximum(now, _REACH * (upper + lower))
    wanted = np.clip(np.linalg.norm(target - hip, axis=-1), np.abs(upper - lower) + 0.05, longest)
    bend = _bend(upper, lower, wanted) - _bend(upper, lower, now)
    fold = _about(axis, bend)
    folded = knee + np.einsum("tij,tj->ti", fold, ankle - knee)
    swing = rotation_between(_unit(folded - hip), _unit(target - hip))
    placed = hip + np.einsum("tij,tj->ti", swing, folded - hip)
    return swing, swing @ fold, placed


def _bend(upper: np.ndarray, lower: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Angle between thigh and shank of a leg so long, 0 = straight [rad]."""
    cosine = (length**2 - upper**2 - lower**2) / (2.0 * upper * lower)
    return np.arccos(np.clip(cosine, -1.0, 1.0))


def _about(axis: Float[np.ndarray, "frames 3"], angle: Float[np.ndarray, " frames"]) -> Float[np.ndarray, "frames 3 3"]:
    from pipeline.estimators.landmark import so3

    return so3.exp(axis * angle[:, None])


def _unit(vector: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames 3"]:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)
