"""Turns a stance to begin in and what a clip begins with into where the robot's weight and feet go in time.

The standing pose is placed so that one foot already stands where the clip wants it. The weight shifts over that foot,
the other one is lifted and put down in its place or raised to it, and the pose of the clip is taken.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from retarget.lead.check import GRAVITY
from retarget.lead.config import LeadConfig
from retarget.lead.curves import Ends, Move, bump, meeting, running_up, through
from retarget.lead.exceptions import NoLead
from retarget.lead.seam import Seam, SeamFoot, lowest_corner
from retarget.lead.standing_robot import FootPoses, StandingRobot

_PEAK_ACCELERATION = 10.0 / np.sqrt(3.0)
"""Of a least-jerk way of length 1 in time 1."""
_PEAK_SPEED = 15.0 / 8.0
_SAME_PLACE_M, _SAME_HEADING_RAD = 1e-3, 0.01
"""A footprint this near to the standing pose's needs no step."""
_INWARD_M = 0.01
"""How far inside the middle of the foot the weight goes, towards the other foot [m]."""
_SHIFT_DROP_M = 0.04
"""How far the base goes down at most while the weight is shifted [m]; the rest it does during the step."""
_ROLL_S = 0.5
"""Time in which a flat foot rolls over its edge into the clip's pose [s]."""
_RISE_ACCELERATION = 3.0
"""Of the base on its way up to the clip's height [m/s^2]."""
_EDGE = 0.15
"""Share of a swing at either end in which the foot only goes up or down [1]."""
_LEAN_SPEED = 1.5
"""Of the base on its way to the clip's lean [rad/s]."""


class Attempt(NamedTuple):
    """What is tried."""

    support: int
    """Foot that stands where the clip wants it from the start; 0 left, 1 right."""
    drop_m: float
    """How far the base goes down for the step [m]."""
    roll_rad: float
    """How far the base leans over the foot that bears weight during the step [rad]."""
    edge_rad: float
    """How far the other foot is rolled onto its inner edge where it lands [rad]: in a wide step the leg leans farther
    than an ankle rolls. It comes flat as the weight comes over it."""
    run_up_s: float
    """Time in which the clip's own speed is taken up [s]."""

    @property
    def foot_run_up_s(self) -> float:
        """The same for feet that bear weight: what they move is skate, so it is short [s]."""
        return min(0.1, self.run_up_s)


class Footprint(NamedTuple):
    """A foot flat on the floor."""

    yaw: float
    pos: Float[np.ndarray, " 3"]
    """Origin of its link [m]."""


class Phases(NamedTuple):
    """Ends of the phases [s]."""

    hold: float
    shift: float
    step: float
    end: float


class Raised(NamedTuple):
    """A foot that is raised into the clip's pose."""

    side: int
    start: int
    """First frame in which it is off the floor."""
    joint_pos: Float[np.ndarray, "frames 3"]
    """Angles of its yaw and ankle joints; they say how it turns [rad]."""


class LeadPlan(NamedTuple):
    """What every frame of a lead is to be."""

    start_q: Float[np.ndarray, " nq"]
    """The standing pose, placed."""
    phases: Phases
    com_xy: Float[np.ndarray, "frames 2"]
    height: Float[np.ndarray, " frames"]
    lean: Float[np.ndarray, "frames 4"]
    """Quaternion of the base, xyzw."""
    upper: Float[np.ndarray, "frames joints"]
    foot_rot: Float[np.ndarray, "frames 2 3 3"]
    foot_pos: Float[np.ndarray, "frames 2 3"]
    contact: Bool[np.ndarray, "frames 2"]
    raised: Raised | None
    """A foot that does not come down again."""

    def feet(self, frame: int) -> FootPoses:
        """Poses of both feet in a frame."""
        return FootPoses(self.foot_rot[frame], self.foot_pos[frame])

    def swing(self, side: int) -> tuple[int, int]:
        """First frame in which a foot is off the floor, and the first after it."""
        off = np.flatnonzero(~self.contact[:, side])
        return (int(off[0]), int(off[-1]) + 1) if len(off) else (0, 0)

    def pose(self, standing: StandingRobot, frame: int, near: np.ndarray | None = None) -> Float[np.ndarray, " nq"]:
        """Fill in what a frame prescribes: height and lean of the base, the upper body, the joints of a raised foot.

        Args:
            standing: The robot.
            frame: Frame of the lead.
            near: What is kept elsewhere; the standing pose when left out.
        """
        q = (self.start_q if near is None else near).copy()
        q[2], q[3:7] = self.height[frame], self.lean[frame]
        q[7 + standing.upper] = self.upper[frame]
        if self.raised is not None and frame >= self.raised.start:
            q[7 + standing.turning(self.raised.side)] = self.raised.joint_pos[frame]
        return q


def step_length(standing: StandingRobot, seam: Seam, support: int) -> float:
    """How far the other foot steps if the standing pose begins on this one's footprint [m]."""
    stance = _stance(standing, seam, support, 0.0)
    goal = _footprint(standing, seam.feet[1 - support], 0.0)
    return float(np.linalg.norm(stance[1][1 - support].pos[:2] - goal.pos[:2]))


def plan_lead(standing: StandingRobot, seam: Seam, attempt: Attempt, config: LeadConfig) -> LeadPlan:
    """Lay out a lead.

    Args:
        standing: The robot.
        seam: Where the clip begins.
        attempt: What is tried.
        config: Settings.
    """
    support, other = attempt.support, 1 - attempt.support
    start_q, stance, yaw = _stance(standing, seam, support, attempt.foot_run_up_s)
    landing = _footprint(standing, seam.feet[other], attempt.foot_run_up_s)
    goals = _Goals(
        start_com=standing.com(start_q)[:2],
        over_support=_weight_place(standing, stance[support], stance[other]),
        com=Ends(*(part[:2] for part in seam.com)),
        lean=seam.lean(yaw),
        upper=seam.joints(standing.upper),
        raises=not seam.feet[other].down,
        steps=not (seam.feet[other].down and _same(landing, stance[other])),
    )
    phases = _phases(standing, goals, float(np.linalg.norm(landing.pos - stance[other].pos)), config)
    frames = round(phases.end * seam.fps)
    phases = phases._replace(end=frames / seam.fps)
    time = np.arange(frames) / seam.fps
    base = Rotation.from_euler("z", yaw) * Rotation.from_rotvec(_lean(time, goals, phases, attempt))
    feet = [_still_foot(time, seam.feet[side], stance[side], phases, attempt.foot_run_up_s) for side in (0, 1)]
    if goals.raises:
        feet[other] = _raised_foot(time, seam, other, stance[other], phases, attempt, config.lift_m)
    elif goals.steps:
        feet[other] = _landing_foot(time, standing, seam, other, stance[other], phases, attempt, config.lift_m)
    contact = np.ones((frames, 2), dtype=bool)
    if goals.steps:
        landed = (time >= phases.step - 1e-9) & (not goals.raises)
        contact[:, other] = (time <= phases.shift + 1e-9) | landed
    pose_from = phases.shift if goals.raises else phases.hold
    plan = LeadPlan(
        start_q=start_q,
        phases=phases,
        com_xy=_com(time, goals, phases, attempt, config),
        height=_height(time, standing, seam, goals, phases, attempt),
        lean=base.as_quat(),
        upper=meeting(time, start_q[7 + standing.upper], [], pose_from, phases.end, goals.upper, attempt.run_up_s),
        foot_rot=np.stack([foot[0] for foot in feet], axis=1),
        foot_pos=np.stack([foot[1] for foot in feet], axis=1),
        contact=contact,
        raised=None,
    )
    return plan._replace(raised=_raised(time, standing, seam, plan, other, attempt)) if goals.raises else plan


def _raised(
    time: np.ndarray, standing: StandingRobot, seam: Seam, plan: LeadPlan, side: int, attempt: Attempt
) -> Raised:
    """Take the joints that turn a foot from where they are when it leaves the floor to where the clip has them.

    Raises:
        NoLead: The weight cannot be taken off the foot.
    """
    start = int(np.flatnonzero(plan.contact[:, side])[-1]) + 1
    before = plan.pose(standing, start - 1)
    lifted = standing.solve(before, plan.com_xy[start - 1], plan.feet(start - 1))
    if lifted is None:
        raise NoLead("the weight cannot be shifted over the foot that stands there")
    joints = standing.turning(side)
    share = (plan.phases.shift, plan.phases.end)
    path = meeting(time, lifted[7 + joints], [], *share, seam.joints(joints), attempt.run_up_s)
    return Raised(side, start, path)


class _Goals(NamedTuple):
    """What the ways lead to."""

    start_com: Float[np.ndarray, " 2"]
    over_support: Float[np.ndarray, " 2"]
    com: Ends
    lean: Ends
    upper: Ends
    raises: bool
    """The clip begins with the other foot off the floor."""
    steps: bool
    """The other foot has to leave its place."""


def _com(
    time: np.ndarray, goals: _Goals, phases: Phases, attempt: Attempt, config: LeadConfig
) -> Float[np.ndarray, "frames 2"]:
    """Centre of mass: over the foot that stays, and as late as it may to where the clip has it."""
    moves = [Move(phases.hold, phases.shift, goals.over_support)] if goals.steps else []
    start = max(phases.step, phases.end - config.meet_s) if goals.raises else phases.step
    return meeting(time, goals.start_com, moves, start, phases.end, goals.com, attempt.run_up_s)


def _height(
    time: np.ndarray, standing: StandingRobot, seam: Seam, goals: _Goals, phases: Phases, attempt: Attempt
) -> Float[np.ndarray, " frames"]:
    """Height of the base: down for the step, then to where the clip has it."""
    stand = standing.default_q[2:3]
    low = stand - attempt.drop_m
    moves = []
    if goals.raises:
        moves = [Move(phases.hold, phases.shift, low)]
    elif goals.steps:
        moves = [Move(phases.hold, phases.shift, np.maximum(low, stand - _SHIFT_DROP_M))]
        moves += [Move(phases.shift, phases.step, low)]
    here = moves[-1].target if moves else stand
    # Up as late as feet may roll onto their toes, for before that legs are too short; down in all the time there is.
    rise = float((seam.height.pos - here)[0])
    late_s = max(_ROLL_S, np.sqrt(_PEAK_ACCELERATION * rise / _RISE_ACCELERATION)) if rise > 0 else np.inf
    start = max(phases.step, phases.end - late_s)
    return meeting(time, stand, moves, start, phases.end, seam.height, attempt.run_up_s)[:, 0]


def _lean(time: np.ndarray, goals: _Goals, phases: Phases, attempt: Attempt) -> Float[np.ndarray, "frames 3"]:
    """Rotation vector of the base in the axes of the standing pose; it leans over the foot that bears weight."""
    pose_from = phases.shift if goals.raises else phases.hold
    path = meeting(time, np.zeros(3), [], pose_from, phases.end, goals.lean, attempt.run_up_s)
    if not goals.steps:
        return path
    over = np.array([attempt.roll_rad if attempt.support == 1 else -attempt.roll_rad, 0.0, 0.0])
    there_and_back = [Move(phases.hold, phases.shift, over), Move(phases.step, phases.end, np.zeros(3))]
    return path + through(time, np.zeros(3), there_and_back)


def _same(one: Footprint, other: Footprint) -> bool:
    turned = abs(_wrapped(one.yaw - other.yaw))
    return float(np.linalg.norm(one.pos - other.pos)) < _SAME_PLACE_M and turned < _SAME_HEADING_RAD


def _phases(standing: StandingRobot, goals: _Goals, step_m: float, config: LeadConfig) -> Phases:
    """Give every phase its time."""
    com_height = float(standing.default_com[2])

    def shift_s(way: np.ndarray) -> float:
        # The zero-moment point runs ahead of the centre of mass by height / g times its acceleration.
        peak = _PEAK_ACCELERATION * float(np.linalg.norm(way))
        return float(np.sqrt(peak * com_height / GRAVITY / config.shift_zmp_m))

    upper = np.abs(goals.upper.pos - standing.default_q[7 + standing.upper])
    speeds = config.speed_share * standing.robot.velocity_limit_soft[standing.upper]
    pose_s = _PEAK_SPEED * max(float((upper / speeds).max()), float(np.linalg.norm(goals.lean.pos)) / _LEAN_SPEED)
    swing_s = max(config.swing_s, step_m / config.swing_speed)
    shift = config.hold_s + (shift_s(goals.over_support - goals.start_com) if goals.steps else 0.0)
    step = shift + (swing_s if goals.steps and not goals.raises else 0.0)
    settle_s = max(config.settle_s, shift_s(goals.com.pos - (goals.over_support if goals.steps else goals.start_com)))
    if goals.raises:
        settle_s = max(settle_s, swing_s)
    return Phases(config.hold_s, shift, step, max(step + settle_s, (shift if goals.raises else config.hold_s) + pose_s))


def _stance(
    standing: StandingRobot, seam: Seam, support: int, run_up_s: float
) -> tuple[Float[np.ndarray, " nq"], list[Footprint], float]:
    """Place the standing pose so that a foot stands on the clip's footprint; return it, its footprints, its heading."""
    goal = _footprint(standing, seam.feet[support], run_up_s)
    feet = standing.default_feet
    yaw = _wrapped(goal.yaw - _heading(feet.rot[support]))
    turn = _about_z(yaw)
    shift = goal.pos - turn @ feet.pos[support]
    shift[2] = 0.0
    q = standing.default_q.copy()
    q[:3] = turn @ q[:3] + shift
    q[3:7] = (Rotation.from_euler("z", yaw) * Rotation.from_quat(q[3:7])).as_quat()
    prints = [Footprint(_heading(rot) + yaw, turn @ pos + shift) for rot, pos in zip(*feet, strict=True)]
    return q, prints, yaw


def _footprint(standing: StandingRobot, foot: SeamFoot, run_up_s: float) -> Footprint:
    """Where a foot stands flat before it rolls over its pivot into the clip's pose."""
    pivot = foot.pivot.pos - foot.pivot.run_up(run_up_s)
    pos = pivot - _about_z(foot.yaw) @ foot.pivot_b
    return Footprint(foot.yaw, np.array([*pos[:2], -standing.robot.sole_points_b[:, 2].min()]))


def _weight_place(standing: StandingRobot, support: Footprint, other: Footprint) -> Float[np.ndarray, " 2"]:
    """Where the weight goes over one foot: the middle of its sole, a little towards the other foot [m]."""
    corners = standing.robot.sole_points_b
    middle_b = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
    turn = _about_z(support.yaw)
    middle_b[1] += np.sign((turn.T @ (other.pos - support.pos))[1]) * _INWARD_M
    return (support.pos + turn @ middle_b)[:2]


def _still_foot(
    time: np.ndarray, foot: SeamFoot, footprint: Footprint, phases: Phases, run_up_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Stand flat, and roll over the pivot into the clip's pose in the end."""
    flat = _about_z(footprint.yaw)
    pivot = footprint.pos + flat @ foot.pivot_b
    roll_from = max(phases.step, phases.end - _ROLL_S)
    tilts = meeting(time, np.zeros(3), [], roll_from, phases.end, foot.tilt, run_up_s)
    pivots = meeting(time, pivot, [], roll_from, phases.end, foot.pivot, run_up_s)
    rot = flat @ Rotation.from_rotvec(tilts).as_matrix()
    return rot, pivots - rot @ foot.pivot_b


def _landing_foot(
    time: np.ndarray,
    standing: StandingRobot,
    seam: Seam,
    side: int,
    footprint: Footprint,
    phases: Phases,
    attempt: Attempt,
    lift_m: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Lift a foot, carry it and put it down as the clip has it, or on its inner edge."""
    foot = seam.feet[side]
    run_up_s = attempt.foot_run_up_s
    start, stop, end = phases.shift, phases.step, phases.end
    carried = (start + _EDGE * (stop - start), stop - _EDGE * (stop - start))
    tilted = Rotation.from_rotvec(foot.tilt.pos - foot.tilt.run_up(run_up_s))
    inwards = np.array([attempt.edge_rad if side == 0 else -attempt.edge_rad, 0.0, 0.0])
    landed = Rotation.from_rotvec(inwards) * tilted
    base = _about_z(foot.yaw)
    pivot_b = lowest_corner(standing.robot.sole_points_b, landed.as_matrix()) if attempt.edge_rad else foot.pivot_b
    pivot = foot.place(pivot_b)
    turn = np.array([0.0, 0.0, _wrapped(footprint.yaw - foot.yaw)])
    ways = [Move(*carried, landed.as_rotvec()), Move(stop + 0.3 * (end - stop), end, tilted.as_rotvec())]
    tilts = through(time, turn, ways) + running_up(time, end, run_up_s, foot.tilt)
    there = pivot.pos - pivot.run_up(run_up_s)
    ways = [Move(*carried, np.array([*there[:2], 0.0])), Move(max(stop, end - _ROLL_S), end, there)]
    pivots = through(time, footprint.pos + _about_z(footprint.yaw) @ pivot_b, ways)
    pivots += running_up(time, end, run_up_s, pivot)
    pivots[:, 2] += lift_m * bump((time - start) / (stop - start))
    rot = base @ Rotation.from_rotvec(tilts).as_matrix()
    return rot, pivots - rot @ pivot_b


def _raised_foot(
    time: np.ndarray, seam: Seam, side: int, footprint: Footprint, phases: Phases, attempt: Attempt, lift_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lift a foot and raise it to where the clip has it; its leg turns it, so its orientation does not count."""
    foot, start, end = seam.feet[side], phases.shift, phases.end
    up = start + _EDGE * (end - start)
    pos = meeting(time, footprint.pos, [], up, end, foot.pivot, attempt.run_up_s)
    high = foot.pivot.pos[2] - footprint.pos[2] > lift_m
    pos[:, 2] += lift_m * bump((time - start) / ((0.7 if high else 1.0) * (end - start)))
    return np.tile(_about_z(footprint.yaw), (len(time), 1, 1)), pos


def _about_z(yaw: float) -> Float[np.ndarray, "3 3"]:
    return Rotation.from_euler("z", yaw).as_matrix()


def _heading(rot: Float[np.ndarray, "3 3"]) -> float:
    return float(np.arctan2(rot[1, 0], rot[0, 0]))


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2.0 * np.pi) - np.pi)
