"""Turns a human's feet by one constant each, so that a foot which rests on the floor lies flat on it.

Who stands quietly has flat soles. Pitch and roll of a foot then are no posture but the source's idea of how a foot is
turned at rest: a rig whose toes lie lower, a shoe, a conversion. A robot that takes them over stands on the edge of its
soles. What tells a foot at rest is its ankle, still and low, which does not depend on how the foot is turned; a heel
that is truly raised has a higher ankle and says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from retarget.body_trajectory import BodyTrajectory
from retarget.contacts import point_speed
from retarget.correspondence import Correspondence
from retarget.rest_pose import RobotRest, human_rest, leg_lengths
from retarget.target_map import rotation_offsets
from retarget.targets import human_points
from robots.arrays import check_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatSolesConfig:
    """When a human's foot counts as resting flat on the floor, and how far it may be turned to be flat there."""

    largest_turn: float = 0.44
    """A foot that rests farther from flat than this is left as it is [rad]; 0 leaves all feet."""
    least_turn: float = 0.05
    """A foot that rests nearer to flat than this is left as it is [rad]: planting makes it flat."""
    still_speed: float = 0.1
    """An ankle slower than this rests [m/s]."""
    still_tilt: float = 0.4
    """A foot that tilts more slowly than this rests [rad/s]; it may turn about the vertical."""
    low_m: float = 0.025
    """A resting foot is flat while its ankle is less than this above the clip's lowest ankles at rest [m]."""
    shortest_s: float = 0.2
    """How long a foot must be seen at rest [s], all together."""
    spread: float = 0.12
    """Angle from the middle of all within which a resting foot is as that [rad]."""
    share: float = 0.5
    """Share of its rest in which a foot must be so; else it rests in several ways, and none is taken for flat."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(
            self, positive=("still_speed", "still_tilt", "shortest_s"), at_most_one=("share", "largest_turn")
        )


_WINDOW_S = 0.1
"""Time over which speeds are taken [s]: noise of a degree is no tilting, and a stance of a run is as long."""

_STANDS = 0.5
"""Height of the pelvis above the ankle over the length of the leg from which on a foot may carry: who sits or lies on
the floor rests the feet on their heels or their backs."""

_SEEN = 0.5
"""Trust and contact probability from which on a foot tells how it rests."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LevelledHuman:
    """A human whose feet lie flat where they rest."""

    trajectory: BodyTrajectory
    """The motion; the very one that was given if no foot had to be turned."""
    turn_rad: tuple[float, ...]
    """By how much each foot was turned, in the order of the table [rad]; 0 where it was left."""


def with_flat_soles(
    trajectory: BodyTrajectory, correspondence: Correspondence, rest: RobotRest, config: FlatSolesConfig
) -> LevelledHuman:
    """Turn each foot by the constant that makes the robot's sole flat where the human's foot rests.

    No joint moves: their places were measured, toes included, and tell contacts; what is wrong is which way a foot is
    said to be turned where they are.

    Args:
        trajectory: The human's bodies in a z-up world.
        correspondence: The table.
        rest: The robot in the human's rest pose.
        config: Settings.

    Raises:
        UnknownName: The trajectory lacks a body of the table.
    """
    pos, rot = human_points(trajectory, correspondence)
    resting = _resting(trajectory, correspondence, pos, rot, config)
    quat_w = trajectory.quat_wxyz_w.copy()
    turns = []
    for foot, human in enumerate(correspondence.feet.values()):
        body = correspondence.index(human)
        sole_b = rotation_offsets(correspondence, rest)[body]  # the robot's foot in the human foot's frame
        turn = _turn_to_flat(rot[resting[:, foot], body, 2] @ sole_b, config, trajectory.fps)
        angle = float(np.linalg.norm(turn))
        turned = config.least_turn <= angle <= config.largest_turn
        turns.append(angle if turned else 0.0)
        if turned:
            column = trajectory.names.index(human)
            old = Rotation.from_quat(quat_w[:, column], scalar_first=True)
            quat_w[:, column] = (old * Rotation.from_rotvec(sole_b @ turn)).as_quat(scalar_first=True)
    if any(turns):
        trajectory = replace(trajectory, quat_wxyz_w=quat_w)
    return LevelledHuman(trajectory=trajectory, turn_rad=tuple(turns))


def _resting(
    trajectory: BodyTrajectory,
    correspondence: Correspondence,
    pos: Float[np.ndarray, "frames bodies 3"],
    rot: Float[np.ndarray, "frames bodies 3 3"],
    config: FlatSolesConfig,
) -> Bool[np.ndarray, "frames feet"]:
    """Say when each foot rests on its whole sole, whatever its orientation says."""
    column = {name: i for i, name in enumerate(trajectory.names)}
    bodies = [correspondence.index(human) for human in correspondence.feet.values()]
    ankles, fps = pos[:, bodies], trajectory.fps
    leg = float(leg_lengths(human_rest(pos, rot, correspondence), correspondence).mean())
    still = point_speed(ankles, fps, _WINDOW_S) < config.still_speed
    still &= point_speed(rot[:, bodies][..., 2, :], fps, _WINDOW_S) < config.still_tilt  # of a vector of length one
    still &= pos[:, :1, 2] - ankles[..., 2] > _STANDS * leg
    assert trajectory.trust is not None and trajectory.contact_prob is not None  # filled in when it was made
    for foot, (region, human) in enumerate(correspondence.feet.items()):
        still[:, foot] &= trajectory.trust[:, column[human]] > _SEEN
        if region in trajectory.contact_regions:
            still[:, foot] &= trajectory.contact_prob[:, trajectory.contact_regions.index(region)] > _SEEN
    return still & (ankles[..., 2] < _lowest_layer(ankles[..., 2][still], config.low_m / 2) + config.low_m)


def _lowest_layer(heights: Float[np.ndarray, " points"], thickness: float) -> float:
    """Bottom of the lowest layer that is well filled [m]; a few frames of a body that sinks are none."""
    heights = np.sort(heights)
    filled = np.searchsorted(heights, heights + thickness, side="right") - np.arange(len(heights))
    return float(heights[int(np.argmax(filled >= _WELL_FILLED * filled.max()))]) if len(heights) else -np.inf


_WELL_FILLED = 0.2
"""Share of the frames of the fullest layer that a lower one must have: who is on the toes for most of a clip, and flat
for a sixth of it, is flat there."""


def _turn_to_flat(up: Float[np.ndarray, "frames 3"], config: FlatSolesConfig, fps: float) -> Float[np.ndarray, " 3"]:
    """Rotation vector, in the frame of the robot's foot, that levels a foot which rests [rad].

    Pitch and roll each have to be a constant: many a recording rolls the foot with the shin in wide stances.

    Args:
        up: The world's vertical in that frame while the foot rests.
        config: What is a constant.
        fps: Frames per second [1/s].
    """
    if len(up) < config.shortest_s * fps:
        return np.zeros(3)
    lean = [np.tan(_common_angle(np.arctan2(up[:, axis], up[:, 2]), config)) for axis in (0, 1)]
    flat, rests = np.array([0.0, 0.0, 1.0]), np.array([*lean, 1.0])
    axis = np.cross(flat, rests)  # the shortest way, which leaves the heading
    return axis / max(float(np.linalg.norm(axis)), 1e-12) * np.arctan2(np.linalg.norm(axis), 1.0)


def _common_angle(angles: Float[np.ndarray, " frames"], config: FlatSolesConfig) -> float:
    """Return the angle that most frames have, 0 if they have none in common [rad]."""
    middle = float(np.median(angles))
    for _ in range(_ROUNDS):
        near = np.abs(angles - middle) < config.spread
        if near.mean() < config.share:
            return 0.0
        middle = float(np.median(angles[near]))
    return middle


_ROUNDS = 4
"""How often the middle of what is near the middle is taken; a few frames on the toes then count nothing."""
