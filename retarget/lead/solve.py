"""Turns what every frame of a lead is to be into the robot's poses."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from retarget.lead.attempt import Failed
from retarget.lead.curves import hanging, rest_to_rest
from retarget.lead.plan import LeadPlan
from retarget.lead.seam import Seam
from retarget.lead.standing_robot import Posture, Raised, StandingRobot

_ROUNDING = 1e-9
_CLIPPED_ANKLE_RAD, _CLIPPED_RAD = 0.006, 0.0005
"""An ankle, or another joint of a leg, this far beyond its limit is taken back to it, which moves the rim of a sole by
a few tenths of a millimetre [rad]."""
_MOST_LIFTS, _LEAST_LIFT_M, _SMOOTH_S = 3, 3e-4, 0.07
"""How often feet are lifted off the floor that they go through, from which depth on, and how smoothly [1, m, s]."""


def solved_lead(standing: StandingRobot, seam: Seam, plan: LeadPlan) -> tuple[LeadPlan, Float[np.ndarray, "frames nq"]]:
    """Find the pose of every frame, and lift feet that would go through the floor on their way.

    Returns:
        The plan with its feet lifted, and the poses.

    Raises:
        Failed: The legs do not reach, or only beyond a limit.
    """
    q = _solved(standing, seam, plan)
    for _ in range(_MOST_LIFTS):
        by = _missing_height(standing, seam, q)
        if by.max() < _LEAST_LIFT_M:
            break
        plan = plan.lifted(by)
        q = _solved(standing, seam, plan)
    return plan, q


def _solved(standing: StandingRobot, seam: Seam, plan: LeadPlan) -> Float[np.ndarray, "frames nq"]:
    """Find the pose of every frame.

    Raises:
        Failed: The legs do not reach, or only beyond a limit.
    """
    columns = 7 + standing.leg_joints
    q = np.tile(plan.start_q, (len(plan.com_xy), 1))
    legs = q[:, columns].copy()
    ends = seam.joints(standing.leg_joints)
    land, end = plan.phases.land, plan.phases.end
    first = int(np.searchsorted(plan.time_s, land + 1e-9))
    for t in range(len(q)):
        if t == first:
            start = q[t - 1, columns]
            time_s = plan.time_s[t:]
            legs[t:] = standing.joints_meeting(time_s, start, standing.leg_joints, land, end, ends, plan.run_up_s)
        near = q[max(t - 1, 0)].copy()
        posture = plan.posture(t, standing.leg_joints, legs[t])
        if plan.raised is None or t < first:
            q[t] = _found(standing, plan, t, near, posture)
        else:
            q[t] = _raised(standing, plan, plan.raised, t, near, posture)
    for side in (0, 1):
        _relax_ankles(standing, plan, q, legs, side)
    _clip_legs(standing, q)
    _check_limits(standing, seam, q)
    return q


def _found(
    standing: StandingRobot,
    plan: LeadPlan,
    t: int,
    near: Float[np.ndarray, " nq"],
    posture: Posture,
    raised: Raised | None = None,
) -> Float[np.ndarray, " nq"]:
    near[7 + standing.upper] = plan.upper[t]
    found = standing.solve(near, plan.com_xy[t], plan.feet(t), raised, posture)
    if found is None:
        reason = "its stance is out of reach of a step from the standing pose"
        raise Failed(t - len(plan.com_xy), reason, "edge_rad", "drop_m")
    return found


def _raised(
    standing: StandingRobot, plan: LeadPlan, raised: Raised, t: int, near: Float[np.ndarray, " nq"], posture: Posture
) -> Float[np.ndarray, " nq"]:
    """Find a pose with a foot that leaves the floor flat and soon turns as its leg's own joints do.

    Raises:
        Failed: The leg does not reach.
    """
    joints = 7 + standing.turning(raised.side)
    share = (plan.time_s[t] - plan.phases.lift) / (plan.phases.end - plan.phases.lift)
    off = float(hanging(np.array(min(share, 0.5))))
    angles = posture.q[joints]
    if off < 1.0:
        flat = _found(standing, plan, t, near.copy(), posture)
        angles = flat[joints] + off * (angles - flat[joints])
    near[joints] = angles
    return _found(standing, plan, t, near, posture, raised)


def _relax_ankles(
    standing: StandingRobot, plan: LeadPlan, q: Float[np.ndarray, "frames nq"], legs: np.ndarray, side: int
) -> None:
    """Let a swinging foot hang from its leg between lift-off and landing, instead of turning as its place does.

    Ankles roll by 15 degrees only, which is less than legs lean in a wide step; off the floor they need not, and the
    base need not make up for it.

    Raises:
        Failed: The leg does not reach.
    """
    start, stop = plan.swing(side)
    if not stop:
        return
    joints = 7 + standing.turning(side)
    rigid = q[start - 1 : stop + 1, joints].copy()
    share = np.linspace(0.0, 1.0, len(rigid))[:, None]
    straight = rigid[:1] + rest_to_rest(share) * (rigid[-1:] - rigid[:1])
    off = hanging(share)
    angles = rigid + off * (straight - rigid)
    for t in range(start, stop):
        near, i = q[t].copy(), t - start + 1
        posture = plan.posture(t, standing.leg_joints, legs[t]).from_base(near, float(off[i, 0]))
        near[joints] = angles[i]
        q[t] = _found(standing, plan, t, near, posture, Raised(side, np.zeros(3)))


def _clip_legs(standing: StandingRobot, q: Float[np.ndarray, "frames nq"]) -> None:
    """Take joints of legs back that are a little beyond their limits, for clips have them there."""
    for leg in standing.legs:
        angles = q[:, 7 + leg]
        inside = np.clip(angles, standing.robot.joint_lower[leg], standing.robot.joint_upper[leg])
        near = np.abs(angles - inside) < np.repeat([_CLIPPED_RAD, _CLIPPED_ANKLE_RAD], [4, 2])
        q[:, 7 + leg] = np.where(near, inside, angles)


def _check_limits(standing: StandingRobot, seam: Seam, q: Float[np.ndarray, "frames nq"]) -> None:
    """Make sure that joints are inside their ranges, or no farther outside than in the clip.

    Raises:
        Failed: One is not.
    """
    angles, clip = q[:, 7:], seam.q[:, 7:]
    lower = np.minimum(standing.robot.joint_lower, clip.min(axis=0))
    upper = np.maximum(standing.robot.joint_upper, clip.max(axis=0))
    beyond = np.maximum(lower - angles, angles - upper) > _ROUNDING
    if beyond.any():
        t, joint = np.argwhere(beyond)[0]
        name = standing.robot.joint_names[joint]
        raise Failed(int(t) - len(q), f"the way there takes '{name}' past its limit", "edge_rad", "drop_m", "run_up_s")


def _missing_height(
    standing: StandingRobot, seam: Seam, q: Float[np.ndarray, "frames nq"]
) -> Float[np.ndarray, "frames 2"]:
    """How much higher feet have to be that are under the floor on their way, smoothly in time [m]."""
    points_b = standing.robot.sole_points_b
    low = np.array(
        [
            ((points_b @ pose.rot.transpose(0, 2, 1))[..., 2] + pose.pos[:, 2:]).min(axis=1)
            for pose in map(standing.feet, q)
        ]
    )
    width = _SMOOTH_S * seam.fps
    deepest = maximum_filter1d(np.maximum(-low, 0.0), 2 * int(np.ceil(width)) + 1, axis=0, mode="nearest")
    before_clip = rest_to_rest((len(q) - np.arange(len(q))) / width)[:, None]
    return before_clip * gaussian_filter1d(deepest, width, axis=0, mode="nearest")
