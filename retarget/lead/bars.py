"""Turns the frames of a lead into nothing, or into what is wrong with them and what may mend it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from retarget.lead.attempt import Failed
from retarget.lead.check import LeadFigures, collisions, lead_figures
from retarget.lead.config import LeadConfig
from retarget.lead.plan import LeadPlan
from retarget.lead.seam import Seam
from retarget.lead.standing_robot import StandingRobot

_AT_SEAM = 4
"""Progress of a way on which all is right but the seam."""
_JERK, _SMALL_ACCELERATION = 1.5, 10.0
"""What the seam may accelerate a joint beyond what the lead and the clip do next to it: times, and plus [rad/s^2]."""
_MOST_SKATE, _LEAST_ZMP_MARGIN_M, _SHARE_OF_SPEED = 0.005, 0.002, 0.6
"""What a lead may show: speed of a foot that stands, and until the clip's own speed is met the zero-moment point's
distance from the rim, and joint speeds beyond the clip's own as a share of their soft limits [m/s, m, 1]."""


def check_lead(
    standing: StandingRobot, seam: Seam, plan: LeadPlan, q: Float[np.ndarray, "frames nq"], config: LeadConfig
) -> None:
    """Measure a lead.

    Raises:
        Failed: It is not right.
    """
    n = len(q)
    whole = np.concatenate([q, seam.q])
    _check_seam(standing, whole, n, seam.fps)
    down = np.array([[foot.bears for foot in seam.feet]] * len(seam.q))
    figures = lead_figures(standing, whole, np.concatenate([plan.contact, down]), seam.fps)
    speed = np.abs(np.diff(whole[:, 7:], axis=0)) * seam.fps
    own = speed[n:].max(axis=0)
    over = speed[: n + 1].max(axis=0) / np.maximum(_SHARE_OF_SPEED * standing.robot.velocity_limit_soft, 1.05 * own)
    if over.max() > 1.0:
        raise Failed(
            0, f"'{standing.robot.joint_names[int(over.argmax())]}' would be too fast on the way there", "run_up_s"
        )
    _check_balance(figures, seam, plan, n, config)
    if figures.sole_low_m[:n].min() < min(-0.001, figures.sole_low_m[n] - 0.001):
        raise Failed(2, "a foot would go through the floor on the way there", "lift_m", "run_up_s")
    depth, of_arms = collisions(standing, whole[: n + 1])
    if depth[:n].max() > max(config.max_collision_m, depth[n]):
        reason = f"the robot would run {1e3 * depth[:n].max():.0f} mm into itself on the way there"
        raise Failed(
            3,
            reason,
            *(("arms_rad", "arms_run_up_s") if of_arms[depth[:n].argmax()] else ("around_m", "lift_m", "edge_rad")),
        )


def _check_seam(standing: StandingRobot, q: Float[np.ndarray, "frames nq"], n: int, fps: float) -> None:
    """Make sure that joints accelerate no more across the seam than before and after it.

    A knee that the clip bends backwards, as far as it goes, is met by one that comes from the front: feet and weight
    are where they should be, but between the two lies the straight leg.

    Raises:
        Failed: A joint jerks.
    """
    acceleration = np.abs(np.diff(q[:, 7:], n=2, axis=0)) * fps**2  # of index i: at frame i + 1
    allowed = _JERK * max(acceleration[: n - 2].max(initial=0.0), acceleration[n:].max()) + _SMALL_ACCELERATION
    at_seam = acceleration[n - 2 : n].max(axis=0)
    if at_seam.max() > allowed:
        raise Failed(
            _AT_SEAM, f"'{standing.robot.joint_names[int(at_seam.argmax())]}' would jerk where the two meet", "run_up_s"
        )


def _check_balance(figures: LeadFigures, seam: Seam, plan: LeadPlan, n: int, config: LeadConfig) -> None:
    """Hold the centre of mass over what bears weight until the clip's own speed is met.

    Raises:
        Failed: It is not.
    """
    quasi_static = max(n - round(config.meet_s * seam.fps), 0)
    margin, of_zmp = figures.com_margin_m[:quasi_static], figures.zmp_margin_m[1:quasi_static]
    if margin.min(initial=np.inf) < config.com_margin_m or of_zmp.min(initial=np.inf) < _LEAST_ZMP_MARGIN_M:
        raise Failed(
            1, "the clip moves too fast or leans too far there to be met from standing", "run_up_s", "edge_rad"
        )
    if figures.skate[:n].max() > _MOST_SKATE:
        raise Failed(2, "a foot that stands would slide on the way there", "run_up_s", "edge_rad")
