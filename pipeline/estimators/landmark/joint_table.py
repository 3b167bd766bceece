"""What a human joint can do and usually does: limits, resting habits and liveliness, in SMPL's local axes.

All figures speak of the axis-angle vector of a joint relative to its parent; in SMPL's rest pose x points to
the person's left, y up, z forward. Only the left side is written down; the right one is its mirror image.
Ranges: the American Academy of Orthopaedic Surgeons' normal ranges of motion, widened where the 0.2 % and
99.8 % quantiles of the CMU and Bandai motion capture sets (retargeted to SMPL) go further.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retarget.smpl_skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS

_Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joint:
    lower: _Triple
    """Smallest axis-angle components [rad]."""
    upper: _Triple
    """Largest axis-angle components [rad]."""
    mean: _Triple = (0.0, 0.0, 0.0)
    """Where the joint rests when nothing is known [rad]."""
    spread: _Triple
    """How far it strays from there, one standard deviation [rad]."""
    liveliness: float
    """Angular acceleration it often reaches [rad/s^2]."""


_TABLE = {
    "left_hip": _Joint(lower=(-2.4, -0.9, -0.7), upper=(0.7, 0.9, 1.5), mean=(-0.3, 0.0, 0.05),
                       spread=(1.0, 0.35, 0.5), liveliness=60.0),
    "spine1": _Joint(lower=(-0.5, -0.5, -0.4), upper=(0.9, 0.5, 0.4), spread=(0.25, 0.2, 0.15), liveliness=25.0),
    "left_knee": _Joint(lower=(-0.05, -0.3, -0.3), upper=(2.6, 0.3, 0.3), mean=(0.4, 0.0, 0.0),
                        spread=(1.0, 0.08, 0.08), liveliness=90.0),
    "spine2": _Joint(lower=(-0.3, -0.3, -0.25), upper=(0.4, 0.3, 0.25), spread=(0.15, 0.15, 0.1), liveliness=25.0),
    "left_ankle": _Joint(lower=(-0.9, -0.6, -0.5), upper=(1.0, 0.6, 0.5), spread=(0.4, 0.2, 0.2), liveliness=90.0),
    "spine3": _Joint(lower=(-0.3, -0.3, -0.3), upper=(0.5, 0.3, 0.3), spread=(0.15, 0.15, 0.1), liveliness=25.0),
    "neck": _Joint(lower=(-0.6, -0.6, -0.45), upper=(0.7, 0.6, 0.45), spread=(0.25, 0.25, 0.15), liveliness=40.0),
    "left_collar": _Joint(lower=(-0.25, -0.5, -0.4), upper=(0.25, 0.5, 0.65), spread=(0.06, 0.15, 0.15),
                          liveliness=60.0),
    "head": _Joint(lower=(-0.7, -0.8, -0.45), upper=(0.8, 0.8, 0.45), spread=(0.25, 0.25, 0.15), liveliness=40.0),
    "left_shoulder": _Joint(lower=(-2.2, -2.2, -1.9), upper=(1.6, 1.3, 1.5), mean=(0.0, -0.2, -0.9),
                            spread=(0.7, 0.7, 0.9), liveliness=120.0),
    "left_elbow": _Joint(lower=(-1.6, -2.6, -0.6), upper=(1.0, 0.1, 0.6), mean=(-0.2, -0.8, 0.0),
                         spread=(0.4, 1.0, 0.12), liveliness=150.0),
    "left_wrist": _Joint(lower=(-1.3, -0.8, -1.1), upper=(1.3, 0.8, 1.1), spread=(0.3, 0.2, 0.3), liveliness=150.0),
}  # fmt: skip

_MIRROR = np.array([1.0, -1.0, -1.0])
"""A reflection x -> -x turns an axis-angle vector (x, y, z) into (x, -y, -z)."""

MOVING_JOINTS = tuple(
    joint for joint, name in enumerate(SMPL_JOINT_NAMES) if joint == 0 or name.replace("right_", "left_") in _TABLE
)
"""Joints that the fit turns, the pelvis first; toes and hands stay at rest, no keypoint tells of them."""


def _column(field: str) -> Float[np.ndarray, "joints 3"]:
    rows = []
    for joint in MOVING_JOINTS[1:]:
        name = SMPL_JOINT_NAMES[joint]
        entry = _TABLE[name.replace("right_", "left_")]
        if not name.startswith("right_"):
            rows.append(getattr(entry, field))
        elif field == "spread":
            rows.append(entry.spread)
        else:
            # A reflected lower bound is an upper bound where the axis changes sign.
            other = {"lower": "upper", "upper": "lower", "mean": "mean"}[field]
            mirrored = _MIRROR * getattr(entry, other)
            rows.append(np.where(_MIRROR > 0, getattr(entry, field), mirrored))
    return np.array(rows)


JOINT_LOWER, JOINT_UPPER = _column("lower"), _column("upper")
"""Limits of ``MOVING_JOINTS[1:]`` [rad]."""
JOINT_MEAN, JOINT_SPREAD = _column("mean"), _column("spread")
"""Resting pose of ``MOVING_JOINTS[1:]`` and how far they stray from it [rad]."""
JOINT_LIVELINESS = np.array(
    [30.0] + [_TABLE[SMPL_JOINT_NAMES[j].replace("right_", "left_")].liveliness for j in MOVING_JOINTS[1:]]
)
"""Usual angular acceleration of ``MOVING_JOINTS`` [rad/s^2]."""


def mirrored_joint(joint: int) -> int:
    """Index of the joint on the other side; joints of the middle are their own."""
    name = SMPL_JOINT_NAMES[joint]
    swap = {"left": "right", "right": "left"}
    side, _, rest = name.partition("_")
    return SMPL_JOINT_NAMES.index(f"{swap[side]}_{rest}") if side in swap else joint


assert all(parent < joint for joint, parent in enumerate(SMPL_PARENTS))  # the tables rely on parents coming first
