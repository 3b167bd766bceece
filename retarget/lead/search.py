"""Turns where a clip begins into a lead: one way after the other is tried until one is right."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from retarget.lead.attempt import Attempt, Failed
from retarget.lead.bars import check_lead
from retarget.lead.config import LeadConfig
from retarget.lead.exceptions import NoLead
from retarget.lead.plan import plan_lead, step_length
from retarget.lead.seam import Seam
from retarget.lead.solve import solved_lead
from retarget.lead.standing_robot import StandingRobot

_MOST_ATTEMPTS = 12
"""How many ways are tried."""


def find_lead(
    standing: StandingRobot, seam: Seam, config: LeadConfig
) -> tuple[Float[np.ndarray, "frames nq"], Bool[np.ndarray, "frames 2"]]:
    """Try ways into the clip from the simplest on; return the first that is right.

    What is tried next is what may mend that which failed.

    Raises:
        NoLead: None is; the reason is that of the way that came farthest.
    """
    reasons: list[tuple[int, str]] = []
    waiting: list[tuple[Attempt, tuple[int, str] | None]] = [(first, None) for first in _first_attempts(standing, seam)]
    tried: set[Attempt] = set()
    while waiting and len(tried) < _MOST_ATTEMPTS:
        attempt, failed_before = waiting.pop(0)
        if attempt in tried:
            continue
        tried.add(attempt)
        try:
            return _tried(standing, seam, attempt, config)
        except Failed as failure:
            reasons.append((failure.progress, failure.reason))
            if reasons[-1] != failed_before:  # else the change made no difference
                waiting += [(mended, reasons[-1]) for mended in failure.remedies(attempt)]
    raise NoLead(max(reasons, key=lambda reason: reason[0])[1])


def _tried(
    standing: StandingRobot, seam: Seam, attempt: Attempt, config: LeadConfig
) -> tuple[Float[np.ndarray, "frames nq"], Bool[np.ndarray, "frames 2"]]:
    """Go one way.

    Raises:
        Failed: It is not right.
    """
    plan = plan_lead(standing, seam, attempt, config)
    plan, q = solved_lead(standing, seam, plan)
    check_lead(standing, seam, plan, q, config)
    return q, plan.contact


def _first_attempts(standing: StandingRobot, seam: Seam) -> list[Attempt]:
    """Begin with the foot in place that leaves the other the shorter step."""
    supports = [side for side in (0, 1) if seam.feet[side].down]
    supports.sort(key=lambda side: round(step_length(standing, seam, side), 4))  # where equal, the left one
    return [Attempt(support) for support in supports]
