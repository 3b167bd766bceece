"""Turns a stance to begin in and what a clip begins with into where the robot's weight and feet go in time.

The standing pose is placed so that one foot already stands where the clip wants it. The weight shifts over that foot,
the other one is lifted and put down in its place or raised to it, and the pose of the clip is taken. Feet leave the
floor as soon as the weight is off them, and the weight leaves a foot as late as the other one lands.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from retarget.lead.attempt import Attempt
from retarget.lead.config import LeadConfig
from retarget.lead.curves import Ends, Move, hanging, meeting, rest_to_rest, through
from retarget.lead.feet import (
    ROLL_S,
    Footprint,
    FootWay,
    Swing,
    about_z,
    footprint,
    heading,
    landing_foot,
    raised_foot,
    still_foot,
    wrapped,
)
from retarget.lead.seam import Seam
from retarget.lead.standing_robot import FootPoses, Posture, Raised, StandingRobot
from retarget.lead.timing import Goals, Phases, phases_of

_SAME_PLACE_M, _SAME_HEADING_RAD = 1e-3, 0.01
"""A footprint this near to the standing pose's needs no step."""
_INWARD_M = 0.01
"""How far inside the middle of the foot the weight goes, towards the other foot [m]."""
_ALONG_M = 0.03
"""How far from the middle of the foot it may go along it [m]."""
_SHIFT_DROP_M = 0.04
"""How far the base goes down at most while the weight is shifted [m]; the rest it does during the step."""
_BACK_RAD = 0.15
"""How far the base leans back to take up the clip's speed [rad]."""
_FROM_LIMIT_RAD, _BENT_RAD = 0.05, 0.1
"""Joints of legs are held back so far from their limits, and knees so far from straight, where the clip has them
there only as far as it needs [rad]."""
_ARMS_OUT, _ARMS_IN_S = 0.4, 0.7
"""Share of the way in which arms go out, and time in which they come back at its end [1, s]."""
_FREE_RAD = 2.0
"""So much farther may joints go that turn a foot in the air, before it hangs [rad]."""
_LEAST_LEG_WEIGHT, _LEAST_BASE_WEIGHT = 1e-2, 0.05
"""What legs weigh while the base decides, and the base when legs do, of what they weigh then [1]."""


class LeadPlan(NamedTuple):
    """What every frame of a lead is to be."""

    time_s: Float[np.ndarray, " frames"]
    start_q: Float[np.ndarray, " nq"]
    """The standing pose, placed."""
    phases: Phases
    com_xy: Float[np.ndarray, "frames 2"]
    height: Float[np.ndarray, " frames"]
    """Of the base, as long as legs do not say otherwise [m]."""
    lean: Float[np.ndarray, "frames 4"]
    """Quaternion of the base, xyzw, as long as legs do not say otherwise."""
    upper: Float[np.ndarray, "frames joints"]
    foot_rot: Float[np.ndarray, "frames 2 3 3"]
    foot_pos: Float[np.ndarray, "frames 2 3"]
    contact: Bool[np.ndarray, "frames 2"]
    raised: Raised | None
    """A foot that does not come down again."""
    bounds: tuple[Float[np.ndarray, "frames joints"], Float[np.ndarray, "frames joints"]]
    """Angles below and above which joints of legs are held back [rad]."""
    run_up_s: float

    def feet(self, frame: int) -> FootPoses:
        """Poses of both feet in a frame."""
        return FootPoses(self.foot_rot[frame], self.foot_pos[frame])

    def lifted(self, by: Float[np.ndarray, "frames 2"]) -> LeadPlan:
        """The same with feet higher [m]."""
        higher = self.foot_pos.copy()
        higher[:, :, 2] += by
        return self._replace(foot_pos=higher)

    def swing(self, side: int) -> tuple[int, int]:
        """First frame in which a foot is off the floor on its way to where it lands, and the first after it."""
        off = np.flatnonzero(~self.contact[:, side] & (self.time_s < self.phases.land - 1e-9))
        return (int(off[0]), int(off[-1]) + 1) if len(off) else (0, 0)

    def posture(self, frame: int, leg_joints: np.ndarray, angles: Float[np.ndarray, " legs"]) -> Posture:
        """What base and legs are to be like in a frame: at first the base decides, in the end the legs.

        Near the clip a knee may be bent either way for the same place of the base, so that only legs tell poses apart.
        """
        q = self.start_q.copy()
        q[2], q[3:7], q[7 + leg_joints] = self.height[frame], self.lean[frame], angles
        share = self.share_of_legs(frame)
        lower, upper = self.bounds
        return Posture(
            q, max(1.0 - share, _LEAST_BASE_WEIGHT), max(share, _LEAST_LEG_WEIGHT), lower[frame], upper[frame]
        )

    def share_of_legs(self, frame: int) -> float:
        """How far legs decide and not the base [1]."""
        phases = self.phases
        return float(rest_to_rest((self.time_s[frame] - phases.land) / (phases.end - phases.land)))


def step_length(standing: StandingRobot, seam: Seam, support: int) -> float:
    """How far the other foot steps if the standing pose begins on this one's footprint [m]."""
    stance = _stance(standing, seam, support)[1][1 - support]
    return float(np.linalg.norm(stance.pos[:2] - _footprint(standing, seam, 1 - support).pos[:2]))


def plan_lead(standing: StandingRobot, seam: Seam, attempt: Attempt, config: LeadConfig) -> LeadPlan:
    """Lay out a lead.

    Args:
        standing: The robot.
        seam: Where the clip begins.
        attempt: What is tried.
        config: Settings.
    """
    support, other = attempt.support, 1 - attempt.support
    start_q, stance, yaw = _stance(standing, seam, support)
    landing = _footprint(standing, seam, other)
    com = Ends(*(part[:2] for part in seam.com))
    start_com = standing.com(start_q)[:2]
    raises = not seam.feet[other].down
    wanted = com.pos if raises else 0.5 * (start_com + com.pos)
    goals = Goals(
        start_com=start_com,
        over_support=_weight_place(standing, stance[support], stance[other], wanted),
        com=com,
        lean=seam.lean(yaw),
        upper=seam.joints(standing.upper),
        raises=raises,
        steps=raises or not _same(landing, stance[other]),
    )
    phases = phases_of(standing, goals, stance[support], float(np.linalg.norm(landing.pos - stance[other].pos)), config)
    frames = int(np.ceil(phases.end * seam.fps))
    phases = phases._replace(end=frames / seam.fps)
    time = np.arange(frames) / seam.fps
    base = Rotation.from_euler("z", yaw) * Rotation.from_rotvec(_lean(time, goals, phases, attempt))
    feet = _feet(time, standing, seam, stance, goals, phases, attempt, config)
    return LeadPlan(
        time_s=time,
        start_q=start_q,
        phases=phases,
        com_xy=_com(time, goals, phases, attempt, config),
        height=_height(time, standing, seam, goals, phases, attempt),
        lean=base.as_quat(),
        upper=_upper(time, standing, goals, phases, attempt),
        foot_rot=np.stack([foot[0] for foot in feet], axis=1),
        foot_pos=np.stack([foot[1] for foot in feet], axis=1),
        contact=_contact(time, seam, goals, phases, other),
        raised=Raised(other, seam.feet[other].pivot_b) if goals.raises else None,
        bounds=_bounds(time, standing, seam, goals, phases, other),
        run_up_s=attempt.run_up_s,
    )


def _feet(
    time: np.ndarray,
    standing: StandingRobot,
    seam: Seam,
    stance: list[Footprint],
    goals: Goals,
    phases: Phases,
    attempt: Attempt,
    config: LeadConfig,
) -> list[FootWay]:
    """Ways of both feet."""
    other = 1 - attempt.support
    feet = [still_foot(time, seam.feet[side], stance[side], phases.land, phases.end) for side in (0, 1)]
    lift_m = attempt.lift_m * config.lift_m
    stop = phases.end if goals.raises else phases.land
    swing = Swing(phases.lift, stop, phases.end, lift_m, attempt.edge_rad, attempt.around_m, attempt.run_up_s)
    inner = 1.0 if other == 0 else -1.0
    if goals.raises:
        feet[other] = raised_foot(time, seam.feet[other], inner, stance[other], swing)
    elif goals.steps:
        corners = standing.robot.sole_points_b
        feet[other] = landing_foot(time, seam.feet[other], inner, corners, stance[other], swing)
    return feet


def _contact(time: np.ndarray, seam: Seam, goals: Goals, phases: Phases, other: int) -> Bool[np.ndarray, "frames 2"]:
    """Which feet bear weight; one that hovers in the clip leaves the floor when feet roll."""
    contact = np.ones((len(time), 2), dtype=bool)
    if goals.steps:
        landed = (time >= phases.land - 1e-9) & (not goals.raises)
        contact[:, other] = (time <= phases.lift + 1e-9) | landed
    for side, foot in enumerate(seam.feet):
        if foot.down and not foot.bears:
            contact[time > max(phases.land, phases.end - ROLL_S), side] = False
    return contact


def _bounds(
    time: np.ndarray, standing: StandingRobot, seam: Seam, goals: Goals, phases: Phases, other: int
) -> tuple[Float[np.ndarray, "frames joints"], Float[np.ndarray, "frames joints"]]:
    """Where joints of legs are held back: off their limits, and where the clip has them nearer, there in the end.

    What turns a foot in the air is not held back, for in the end the foot hangs.
    """
    lower, upper = standing.robot.joint_lower + _FROM_LIMIT_RAD, standing.robot.joint_upper - _FROM_LIMIT_RAD
    knees = [leg[3] for leg in standing.legs]
    lower[knees] = np.maximum(lower[knees], _BENT_RAD)
    share = rest_to_rest((time - phases.land) / (phases.end - phases.land))[:, None]
    angles = seam.q[:, 7:]
    lowest, highest = np.minimum(lower, angles.min(axis=0)), np.maximum(upper, angles.max(axis=0))
    lower, upper = lower + share * (lowest - lower), upper + share * (highest - upper)
    if goals.steps:
        free = _FREE_RAD * hanging((time - phases.lift) / ((phases.end if goals.raises else phases.land) - phases.lift))
        joints = standing.turning(other)
        lower[:, joints] -= free[:, None]
        upper[:, joints] += free[:, None]
    return lower, upper


def _com(
    time: np.ndarray, goals: Goals, phases: Phases, attempt: Attempt, config: LeadConfig
) -> Float[np.ndarray, "frames 2"]:
    """Centre of mass: over the foot that stays, and as late as it may to where the clip has it."""
    moves = [Move(phases.hold, phases.shift, goals.over_support)] if goals.steps else []
    return meeting(time, goals.start_com, moves, phases.leave, phases.end, goals.com, attempt.run_up_s)


def _height(
    time: np.ndarray, standing: StandingRobot, seam: Seam, goals: Goals, phases: Phases, attempt: Attempt
) -> Float[np.ndarray, " frames"]:
    """Height of the base: down for the step, then to where the clip has it."""
    stand = standing.default_q[2:3]
    low = stand - attempt.drop_m
    moves = []
    if goals.raises:
        moves = [Move(phases.hold, phases.lift, low)]
    elif goals.steps:
        moves = [Move(phases.hold, phases.lift, np.maximum(low, stand - _SHIFT_DROP_M))]
        moves += [Move(phases.lift, phases.land, low)]
    return meeting(time, stand, moves, phases.land, phases.end, seam.height, attempt.run_up_s)[:, 0]


def _lean(time: np.ndarray, goals: Goals, phases: Phases, attempt: Attempt) -> Float[np.ndarray, "frames 3"]:
    """Rotation vector of the base in the axes of the standing pose."""
    pose_from = phases.lift if goals.raises else phases.hold
    return meeting(
        time, np.zeros(3), [], pose_from, phases.end, *goals.lean.within(attempt.run_up_s, np.full(3, _BACK_RAD))
    )


def _upper(
    time: np.ndarray, standing: StandingRobot, goals: Goals, phases: Phases, attempt: Attempt
) -> Float[np.ndarray, "frames joints"]:
    """Angles of the upper body; arms may swing out to pass the body."""
    pose_from = phases.lift if goals.raises else phases.hold
    start = standing.default_q[7 + standing.upper]
    path = standing.joints_meeting(
        time, start, standing.upper, pose_from, phases.end, goals.upper, attempt.arms_run_up_s
    )
    out = attempt.arms_rad * standing.arms_out[standing.upper]
    out_by, in_from = pose_from + _ARMS_OUT * (phases.end - pose_from), phases.end - _ARMS_IN_S
    return path + through(
        time, np.zeros_like(start), [Move(pose_from, out_by, out), Move(max(out_by, in_from), phases.end, 0.0 * out)]
    )


def _same(one: Footprint, other: Footprint) -> bool:
    turned = abs(wrapped(one.yaw - other.yaw))
    return float(np.linalg.norm(one.pos - other.pos)) < _SAME_PLACE_M and turned < _SAME_HEADING_RAD


def _stance(
    standing: StandingRobot, seam: Seam, support: int
) -> tuple[Float[np.ndarray, " nq"], list[Footprint], float]:
    """Place the standing pose so that a foot stands on the clip's footprint; return it, its footprints, its heading."""
    goal = _footprint(standing, seam, support)
    feet = standing.default_feet
    yaw = wrapped(goal.yaw - heading(feet.rot[support]))
    turn = about_z(yaw)
    shift = goal.pos - turn @ feet.pos[support]
    shift[2] = 0.0
    q = standing.default_q.copy()
    q[:3] = turn @ q[:3] + shift
    q[3:7] = (Rotation.from_euler("z", yaw) * Rotation.from_quat(q[3:7])).as_quat()
    prints = [Footprint(heading(rot) + yaw, turn @ pos + shift) for rot, pos in zip(*feet, strict=True)]
    return q, prints, yaw


def _footprint(standing: StandingRobot, seam: Seam, side: int) -> Footprint:
    return footprint(seam.feet[side], -float(standing.robot.sole_points_b[:, 2].min()))


def _weight_place(
    standing: StandingRobot, support: Footprint, other: Footprint, wanted: Float[np.ndarray, " 2"]
) -> Float[np.ndarray, " 2"]:
    """Where the weight goes over one foot: a little inside its middle, and along it as near as it may to a place."""
    corners = standing.robot.sole_points_b
    middle_b = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
    turn = about_z(support.yaw)
    wanted_b = turn.T[:2, :2] @ (wanted - support.pos[:2])
    middle_b[0] = np.clip(wanted_b[0], middle_b[0] - _ALONG_M, middle_b[0] + _ALONG_M)
    middle_b[1] += np.sign((turn.T @ (other.pos - support.pos))[1]) * _INWARD_M
    return (support.pos + turn @ middle_b)[:2]
