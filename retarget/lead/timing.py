"""Turns how far weight, feet and joints have to go into when what happens in a lead."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from retarget.clip_cost import GRAVITY
from retarget.lead.check import hull_margins
from retarget.lead.config import LeadConfig
from retarget.lead.curves import Ends, rest_to_rest
from retarget.lead.feet import Footprint, about_z
from retarget.lead.standing_robot import StandingRobot

_PEAK_ACCELERATION = 10.0 / np.sqrt(3.0)
"""Of a least-jerk way of length 1 in time 1."""
_PEAK_SPEED = 15.0 / 8.0
_SAFE_M = 0.008
"""Margin inside a sole at which the other foot may be off the floor [m]."""
_LEAN_SPEED = 1.5
"""Of the base on its way to the clip's lean [rad/s]."""


class Phases(NamedTuple):
    """When what happens [s]."""

    hold: float
    """The robot has stood still."""
    lift: float
    """The other foot leaves the floor."""
    shift: float
    """The weight has come over the support."""
    leave: float
    """It leaves for where the clip has it."""
    land: float
    """The other foot lands; where it is raised it never does, and this is when it is lifted."""
    end: float
    """The clip begins."""


class Goals(NamedTuple):
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


def phases_of(standing: StandingRobot, goals: Goals, support: Footprint, step_m: float, config: LeadConfig) -> Phases:
    """Give every phase its time."""
    upper = np.abs(goals.upper.pos - standing.default_q[7 + standing.upper])
    speeds = config.speed_share * standing.robot.velocity_limit_soft[standing.upper]
    pose_s = _PEAK_SPEED * max(float((upper / speeds).max()), float(np.linalg.norm(goals.lean.pos)) / _LEAN_SPEED)
    hold = config.hold_s
    if not goals.steps:
        settle_s = max(config.settle_s, _shift_s(standing, goals.com.pos - goals.start_com, config))
        return Phases(hold, hold, hold, hold, hold, hold + max(settle_s, pose_s))
    swing_s = max(config.swing_s, step_m / config.swing_speed)
    settle_s = max(config.meet_s, _shift_s(standing, goals.com.pos - goals.over_support, config))
    shift_s = _shift_s(standing, goals.over_support - goals.start_com, config)
    over = _safe_share(standing, support, goals.start_com, goals.over_support, shift_s, first=True)
    shift, lift = hold + shift_s, hold + over * shift_s
    still = _safe_share(standing, support, goals.over_support, goals.com.pos, settle_s, first=False)
    if goals.raises:  # over the support until the clip's own speed is met
        settle_s = min(settle_s, config.meet_s / max(1.0 - still, 1e-3))
        end = max(lift + max(swing_s, config.settle_s, pose_s), shift + settle_s)
        return Phases(hold, lift, shift, end - settle_s, lift, end)
    land = lift + swing_s
    leave = max(shift, land - still * settle_s)
    end = max(leave + settle_s, land + config.settle_s, hold + pose_s)
    return Phases(hold, lift, shift, leave, land, end)


def _shift_s(standing: StandingRobot, way: Float[np.ndarray, " 2"], config: LeadConfig) -> float:
    """Time of a shift: the zero-moment point runs ahead of the weight by height / g times its acceleration."""
    peak = _PEAK_ACCELERATION * float(np.linalg.norm(way))
    return float(np.sqrt(peak * standing.default_com[2] / GRAVITY / config.shift_zmp_m))


def _safe_share(
    standing: StandingRobot, support: Footprint, start: np.ndarray, stop: np.ndarray, seconds: float, *, first: bool
) -> float:
    """Share of a shift from which on, or until which, the other foot may be off the floor [1].

    Args:
        standing: The robot.
        support: Where the foot stands that bears all weight.
        start: Where the shift begins [m].
        stop: Where it ends [m].
        seconds: How long it takes [s].
        first: The weight comes, and does not leave.
    """
    share = np.linspace(0.0, 1.0, 101)
    way = rest_to_rest(share)
    acceleration = np.gradient(np.gradient(way, share), share) / max(seconds, 1e-3) ** 2
    ahead = standing.default_com[2] / GRAVITY * acceleration
    sole = support.pos[:2] + standing.robot.sole_points_b[:, :2] @ about_z(support.yaw)[:2, :2].T
    places = [start + np.outer(weight, stop - start) for weight in (way, way - ahead)]
    safe = np.minimum(*(hull_margins(sole, place) for place in places)) >= _SAFE_M
    unsafe = np.flatnonzero(~safe)
    if not len(unsafe):
        return 0.0 if first else 1.0
    if first:
        return float(share[min(unsafe[-1] + 1, 100)])
    return float(share[max(unsafe[0] - 1, 0)])
