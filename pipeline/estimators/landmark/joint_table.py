"""What a human joint can do and usually does: limits, resting habits and liveliness, in SMPL's local axes.

All figures speak of the axis-angle vector of a joint relative to its parent; in SMPL's rest pose x points to
the person's left, y up, z forward. Only the left side is written down; the right one is its mirror image.
Ranges: the American Academy of Orthopaedic Surgeons' normal ranges of motion, widened where the 0.2 % and
99.8 % quantiles of the CMU and Bandai motion capture sets (retargeted to SMPL) go further.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from retarget.smpl_skeleton import SMPL_JOINT_NAMES

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

MOVING_JOINTS = tuple(
    joint for joint, name in enumerate(SMPL_JOINT_NAMES) if joint == 0 or name.replace("right_", "left_") in _TABLE
)
"""Joints that the fit turns, the pelvis first; toes and hands stay at rest, no keypoint tells of them."""

_PELVIS_LIVELINESS = 30.0

_MIRROR = np.array([1.0, -1.0, -1.0])
"""A reflection x -> -x turns an axis-angle vector (x, y, z) into (x, -y, -z)."""


def _entry(name: str) -> _Joint:
    """The row of a joint; the right side's is reflected, which swaps the bounds of the axes that change sign."""
    row = _TABLE[name.replace("right_", "left_")]
    if not name.startswith("right_"):
        return row
    bounds = _MIRROR * row.lower, _MIRROR * row.upper
    return replace(
        row,
        lower=tuple(np.minimum(*bounds).tolist()),
        upper=tuple(np.maximum(*bounds).tolist()),
        mean=tuple((_MIRROR * row.mean).tolist()),
    )


_ROWS = tuple(_entry(SMPL_JOINT_NAMES[joint]) for joint in MOVING_JOINTS[1:])

JOINT_LOWER: Float[np.ndarray, "joints 3"] = np.array([row.lower for row in _ROWS])
"""Smallest axis-angle components of ``MOVING_JOINTS[1:]`` [rad]."""
JOINT_UPPER: Float[np.ndarray, "joints 3"] = np.array([row.upper for row in _ROWS])
"""Largest axis-angle components of ``MOVING_JOINTS[1:]`` [rad]."""
JOINT_MEAN: Float[np.ndarray, "joints 3"] = np.array([row.mean for row in _ROWS])
"""Resting pose of ``MOVING_JOINTS[1:]`` [rad]."""
JOINT_SPREAD: Float[np.ndarray, "joints 3"] = np.array([row.spread for row in _ROWS])
"""How far ``MOVING_JOINTS[1:]`` stray from it [rad]."""
JOINT_LIVELINESS: Float[np.ndarray, " joints"] = np.array([_PELVIS_LIVELINESS] + [row.liveliness for row in _ROWS])
"""Usual angular acceleration of ``MOVING_JOINTS`` [rad/s^2]."""
