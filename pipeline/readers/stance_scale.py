"""Finds by how much a path must be scaled so that a body's feet stand still where the person's did.

The person's pelvis moves by dP while a standing foot moves by df past the pelvis of our body: standing means k dP + df
= 0, so k = -sum(dP . df) / sum(dP . dP) over all stance, which is found with k in turn. For equal poses k is the ratio
of the body's legs to the person's.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from retarget.smpl_skeleton import SMPL_JOINT_NAMES, forward_kinematics

LIKELY = (0.8, 1.3)
"""Mean body's legs over the legs of a person, from tall adults to school children."""

STANCE_MPS = 0.15
"""A foot slower than this may be standing [m/s]."""

LOW_PERCENTILE = 10.0
"""Percentile of a foot joint's height that counts as its height on the ground."""

LOW_M = 0.04
"""A foot joint less than this above it may be standing [m]."""

STEP_S = 0.1
"""Time over which displacements are taken [s]."""

ENOUGH = 0.05
"""Squared speed of the pelvis over a standing foot, added up over time [m^2/s], below which nothing can be said."""

_FEET = tuple(SMPL_JOINT_NAMES.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("ankle", "foot"))


def stance_scale(
    local: Float[np.ndarray, "frames 22 3 3"],
    path_w: Float[np.ndarray, "frames 3"],
    rest_joint_pos: Float[np.ndarray, "24 3"],
    fps: float,
) -> float:
    """Return the factor for the path, or exactly 1 if the motion does not show it."""
    hands = np.tile(np.eye(3), (len(local), 2, 1, 1))
    pos, _ = forward_kinematics(np.concatenate([local, hands], axis=1), rest_joint_pos, np.zeros((len(local), 3)))
    step = max(1, round(STEP_S * fps))
    if len(local) <= 2 * step:
        return 1.0
    feet = pos[:, _FEET] - pos[:, :1]
    d_feet = (feet[step:] - feet[:-step]) * fps / step
    d_path = ((path_w[step:] - path_w[:-step]) * fps / step)[:, None]
    scale = 1.0
    for _ in range(20):
        height = (scale * path_w[:, None] + feet)[..., 2]
        low = height < np.percentile(height, LOW_PERCENTILE, axis=0) + LOW_M
        slides = np.linalg.norm(scale * d_path + d_feet, axis=-1)
        still = (slides < STANCE_MPS) & low[step:] & low[:-step]
        travel = float((still * (d_path**2).sum(axis=-1)).sum())
        if travel / fps / len(_FEET) < ENOUGH:
            return 1.0
        scale = -float((still * (d_path * d_feet).sum(axis=-1)).sum()) / travel
        if not LIKELY[0] <= scale <= LIKELY[1]:
            return 1.0
    return scale
