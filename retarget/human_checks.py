"""Refuses a human motion that no person could have made: mostly a wrong unit, axis or frame rate."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from retarget.correspondence import Correspondence
from retarget.exceptions import ImplausibleLegLength, ImplausibleSpeed, NotZUp
from retarget.rest_pose import human_rest, leg_lengths

PLAUSIBLE_LEG_M = (0.35, 1.3)
"""Hip to ankle, from a small child to taller than anybody [m]."""

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
    leg = float(leg_lengths(human_rest(pos_w, rot_w, correspondence), correspondence).mean())
    if not PLAUSIBLE_LEG_M[0] <= leg <= PLAUSIBLE_LEG_M[1]:
        raise ImplausibleLegLength(leg, plausible_m=PLAUSIBLE_LEG_M)


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
