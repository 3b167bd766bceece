"""Refuses a human motion that no person could have made: mostly a wrong unit, axis or frame rate."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from retarget.correspondence import Correspondence
from retarget.exceptions import ImplausibleLegLength, ImplausibleSpeed, NotZUp
from retarget.rest_pose import human_rest, leg_lengths
from robots.exceptions import InvalidArray

PLAUSIBLE_LEG_M = (0.35, 1.3)
"""Hip to ankle, from a small child to taller than anybody [m]."""

PLAUSIBLE_ANKLE_M = (-0.05, 0.35)
"""Foot's point above the floor as the foot stands flat: an estimator errs, shoes are high [m]."""

FASTEST_PERSON = 13.0
"""Nobody's pelvis moves faster than this for long; the fastest sprint ever measured is 12.4 m/s [m/s]."""

_LONG = 0.1
"""Share of the frames that counts as long; single jumps of an estimate are not the frame rate's fault."""

_UPRIGHT, _NEARLY_ALWAYS = 0.8, 0.8
"""Cosine between trunk and axis, and share of the frames, from which on a motion is taken to stand along an axis."""


def check_size(
    pos_w: Float[np.ndarray, "frames bodies 3"],
    rot_w: Float[np.ndarray, "frames bodies 3 3"],
    correspondence: Correspondence,
) -> None:
    """Refuse legs of another length than a person's.

    Raises:
        ImplausibleLegLength: They are far shorter or longer.
    """
    check_legs(human_rest(pos_w, rot_w, correspondence), correspondence)


def check_legs(rest_pos: Float[np.ndarray, "bodies 3"], correspondence: Correspondence) -> None:
    """Refuse legs of another length than a person's.

    Args:
        rest_pos: Points of the table's bodies at rest [m].
        correspondence: The table.

    Raises:
        ImplausibleLegLength: They are far shorter or longer.
    """
    leg = float(leg_lengths(rest_pos, correspondence).mean())
    if not PLAUSIBLE_LEG_M[0] <= leg <= PLAUSIBLE_LEG_M[1]:
        raise ImplausibleLegLength(leg, plausible_m=PLAUSIBLE_LEG_M)


def check_ankle_height(ankle_height: float) -> None:
    """Refuse a foot that stands on no floor.

    Args:
        ankle_height: Height of the foot's point above the floor as the foot stands flat [m].

    Raises:
        InvalidArray: It is far under the floor or above it.
    """
    low, high = PLAUSIBLE_ANKLE_M
    if not low <= ankle_height <= high:
        problem = (
            f"is {ankle_height:.3g} m, but the ankle of a foot that stands flat is {low:g} to {high:g} m above the "
            "floor. Give metres, the height of the floor, and a beginning in which a foot stands"
        )
        raise InvalidArray("ankle_height", problem=problem)


def check_speed(pos_w: Float[np.ndarray, "frames bodies 3"], fps: float) -> None:
    """Refuse a root that outruns everybody.

    Args:
        pos_w: Points of the table's bodies, the root first [m].
        fps: Frames per second [1/s].

    Raises:
        ImplausibleSpeed: It does so in more than a tenth of the frames.
    """
    if len(pos_w) < 3:
        return
    speed = np.linalg.norm(np.diff(pos_w[:, 0], axis=0), axis=-1) * fps
    usual = float(np.quantile(speed, 1.0 - _LONG))
    if usual > FASTEST_PERSON:
        raise ImplausibleSpeed(usual, fps=fps, fastest=FASTEST_PERSON)


def check_up_axis(rot_w: Float[np.ndarray, "frames bodies 3 3"], correspondence: Correspondence) -> None:
    """Refuse a human whose trunk lies along a horizontal axis nearly all the time.

    Raises:
        NotZUp: It does.
    """
    trunk_up = rot_w[:, 0] @ np.array(correspondence.human_up)
    for sign, prefix in ((1, "+"), (-1, "-")):
        for axis, name in enumerate("xy"):
            share = float((sign * trunk_up[:, axis] > _UPRIGHT).mean())
            if share > _NEARLY_ALWAYS:
                raise NotZUp(prefix + name, share=share)
