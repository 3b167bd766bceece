"""Turns footsteps into the path of each ankle, and ankle paths into leg rotations.

A foot in stance does not move at all: position and orientation are constant between landing and lifting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.interpolate import make_interp_spline
from scipy.spatial.transform import Rotation

from pipeline.exceptions import PipelineError
from pipeline.kfbench.choreography import Choreography, Foot, Step
from pipeline.kfbench.tracks import minimum_jerk

SMPL_TO_WORLD = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""SMPL's axes (x left, y up, z forward) in the stage's (x forward, y left, z up)."""

_ROLL_OFF_DEG = 14.0  # toes down on leaving the floor, up on reaching it again


class UnreachableStance(PipelineError):
    """A choreography asks a leg to be longer than it is."""

    def __init__(self, foot: str, *, time_s: float, missing_m: float) -> None:
        self.foot = foot
        self.time_s = time_s
        self.missing_m = missing_m
        super().__init__(
            f"at {time_s:.2f} s the {foot} leg is {missing_m * 100:.1f} cm too short for its footstep: "
            "lower the pelvis there or bring the feet closer."
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FootPath:
    """One ankle over time."""

    pos_w: Float[np.ndarray, "samples 3"]
    """Position of the ankle joint [m]."""
    rot_w: Float[np.ndarray, "samples 3 3"]
    """Orientation of the foot: SMPL's axes of the foot in the world."""
    contact: Bool[np.ndarray, " samples"]
    """True while the foot is flat on the floor."""


def foot_path(
    piece: Choreography, foot: Foot, times: Float[np.ndarray, " samples"], *, leg_length: float, ankle_height: float
) -> FootPath:
    """Lay the footsteps of one foot out in time.

    Args:
        piece: The choreography.
        foot: Which foot.
        times: Evenly spaced [s].
        leg_length: Unit of the authored places [m].
        ankle_height: Height of the ankle over the sole of the flat foot [m].
    """
    x, y, yaw = piece.start[foot]
    place = np.array([x, y, 0.0])
    pos = np.tile(place, (len(times), 1))
    yaws, pitch = np.full(len(times), yaw), np.zeros(len(times))
    contact = np.ones(len(times), dtype=bool)
    for step in (step for step in piece.steps if step.foot == foot):
        target = np.array([*step.to, 0.0])
        swing = (times > step.lift) & (times < step.land)
        after = times >= step.land
        s = (times[swing] - step.lift) / (step.land - step.lift)
        pos[swing], pitch[swing] = _flight(step, place, target, times[swing], s)
        yaws[swing] = yaw + (step.yaw - yaw) * minimum_jerk(s)
        pos[after], yaws[after] = target, step.yaw
        contact &= ~swing
        place, yaw = target, step.yaw
    # Degrees of yaw count to the left (about +z); toes down is a pitch about the foot's own left axis (+y).
    rotation = Rotation.from_euler("ZY", np.stack([yaws, pitch], axis=1), degrees=True).as_matrix()
    return FootPath(pos_w=pos * leg_length + [0.0, 0.0, ankle_height], rot_w=rotation @ SMPL_TO_WORLD, contact=contact)


def _flight(
    step: Step, start: np.ndarray, end: np.ndarray, times: np.ndarray, s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Position [leg lengths] and pitch [deg] in the air: at rest, without acceleration, at both ends."""
    if not step.via:
        bump = 64.0 * (s * (1.0 - s)) ** 3
        pos = start + (end - start) * minimum_jerk(s)[:, None]
        pos[:, 2] += step.clearance * bump
        return pos, _ROLL_OFF_DEG * 2.0 * bump * (1.0 - 2.0 * s)
    knots = np.array([step.lift, *(via.t for via in step.via), step.land])
    rows = np.array([[*start, 0.0], *([*via.pos, via.pitch] for via in step.via), [*end, 0.0]])
    still = [(1, np.zeros(4)), (2, np.zeros(4))]
    curve = make_interp_spline(knots, rows, k=5, bc_type=(still, still))(times)
    return curve[:, :3], curve[:, 3]


def solve_leg(
    *,
    hip_w: Float[np.ndarray, "samples 3"],
    pelvis_rot_w: Float[np.ndarray, "samples 3 3"],
    path: FootPath,
    thigh: Float[np.ndarray, " 3"],
    shin: Float[np.ndarray, " 3"],
    foot: Foot,
    times: Float[np.ndarray, " samples"],
) -> tuple[Float[np.ndarray, "samples 3 3"], Float[np.ndarray, "samples 3 3"], Float[np.ndarray, "samples 3 3"]]:
    """Bring the ankle exactly to its path: hip, knee and ankle rotations relative to their parents.

    The knee is a hinge about SMPL's x axis, so its angle follows from the distance alone; the leg is then turned
    about the line from hip to ankle until the knee points between the foot's and the pelvis's forward direction.

    Args:
        hip_w: Hip joint [m].
        pelvis_rot_w: Orientation of the pelvis.
        path: Where the ankle must be.
        thigh: Hip to knee in the rest pose [m].
        shin: Knee to ankle in the rest pose [m].
        foot: For the message of an error.
        times: For the message of an error [s].

    Raises:
        UnreachableStance: The leg is too short.
    """
    reach = path.pos_w - hip_w
    distance = np.linalg.norm(reach, axis=1)
    angle = _knee_angle(distance, thigh, shin, foot, times)
    knee = Rotation.from_rotvec(angle[:, None] * [1.0, 0.0, 0.0]).as_matrix()
    leg = thigh + knee @ shin  # hip to ankle in the thigh's own axes
    # Level forward directions; "up" only counts when the leg is raised, where the knee points upwards.
    left = path.rot_w[:, :, 0] + pelvis_rot_w[:, :, 0]
    forward = np.cross(left, [0.0, 0.0, 1.0]) / 2.0 + [0.0, 0.0, 0.7]
    thigh_rot_w = _frame(reach, forward) @ np.swapaxes(_frame(leg, np.broadcast_to([0.0, 0.0, 1.0], leg.shape)), 1, 2)
    hip = np.swapaxes(pelvis_rot_w, 1, 2) @ thigh_rot_w
    ankle = np.swapaxes(thigh_rot_w @ knee, 1, 2) @ path.rot_w
    return hip, knee, ankle


def _knee_angle(
    distance: np.ndarray, thigh: np.ndarray, shin: np.ndarray, foot: Foot, times: np.ndarray
) -> Float[np.ndarray, " samples"]:
    # |thigh + Rx(a) shin|^2 = distance^2 is  c cos a + s sin a = rhs, whose flexed root lies beyond the phase.
    c = thigh[1] * shin[1] + thigh[2] * shin[2]
    s = thigh[2] * shin[1] - thigh[1] * shin[2]
    rhs = (distance**2 - thigh @ thigh - shin @ shin) / 2.0 - thigh[0] * shin[0]
    amplitude = np.hypot(c, s)
    worst = int(np.argmax(rhs))
    if rhs[worst] > amplitude:
        longest = np.sqrt(thigh @ thigh + shin @ shin + 2.0 * (thigh[0] * shin[0] + amplitude))
        raise UnreachableStance(foot, time_s=float(times[worst]), missing_m=float(distance[worst] - longest))
    return np.arctan2(s, c) + np.arccos(np.clip(rhs / amplitude, -1.0, 1.0))


def _frame(along: np.ndarray, hint: np.ndarray) -> Float[np.ndarray, "samples 3 3"]:
    """Right-handed axes as columns: the first along ``along``, the second as near to ``hint`` as it can be."""
    a = along / np.linalg.norm(along, axis=1, keepdims=True)
    b = hint - np.einsum("ni,ni->n", hint, a)[:, None] * a
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    return np.stack([a, b, np.cross(a, b)], axis=2)
