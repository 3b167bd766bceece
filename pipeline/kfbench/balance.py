"""Turns where the weight should rest into where the centre of mass has to go."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_banded

from retarget.smpl_skeleton import SMPL_JOINT_NAMES

GRAVITY = 9.81
"""Acceleration of free fall [m/s^2]."""

_SEGMENTS = (  # share of the mass, from, to, share of the way: de Leva 1996, J. Biomechanics 29(9), table 4 (men)
    (0.0694, "neck", "head", 1.0),
    (0.4346, "pelvis", "neck", 0.5),
    *(
        (share, f"{side}_{start}", f"{side}_{end}", along)
        for side in ("left", "right")
        for share, start, end, along in (
            (0.0271, "shoulder", "elbow", 0.577),
            (0.0162, "elbow", "wrist", 0.457),
            (0.0061, "wrist", "hand", 0.79),
            (0.1416, "hip", "knee", 0.41),
            (0.0433, "knee", "ankle", 0.446),
            (0.0137, "ankle", "foot", 0.44),
        )
    ),
)


def centre_of_mass(joints_w: Float[np.ndarray, "frames 24 3"]) -> Float[np.ndarray, "frames 3"]:
    """Centre of mass of an average adult with these joints [m], by the segment masses of de Leva (1996)."""
    index = {name: number for number, name in enumerate(SMPL_JOINT_NAMES)}
    total = sum(share for share, *_ in _SEGMENTS)
    com = np.zeros((len(joints_w), 3))
    for share, start, end, along in _SEGMENTS:
        a, b = joints_w[:, index[start]], joints_w[:, index[end]]
        com += share / total * (a + along * (b - a))
    return com


def balanced_com(zmp: Float[np.ndarray, "samples 2"], *, height: float, dt: float) -> Float[np.ndarray, "samples 2"]:
    """Centre of mass that puts the zero-moment point where it is wanted, at rest at both ends.

    Solves c - (h/g) c'' = zmp, the cart-table model (Kajita et al. 2003, ICRA, eq. 1-5), over the whole piece at
    once: the body leans into a step before the foot leaves the floor, as people do.

    Args:
        zmp: Wanted zero-moment point on the floor [m].
        height: Height of the centre of mass [m].
        dt: Time between samples [s].
    """
    stiffness = height / GRAVITY / dt**2
    n = len(zmp)
    bands = np.zeros((3, n))
    bands[0, 1:] = bands[2, :-1] = -stiffness
    bands[1] = 1.0 + 2.0 * stiffness
    bands[1, [0, -1]] = 1.0 + stiffness  # mirrored ends: no velocity there
    return solve_banded((1, 1), bands, zmp)


def zero_moment_point(
    com_w: Float[np.ndarray, "frames 3"], *, height: float, dt: float
) -> Float[np.ndarray, "frames 2"]:
    """Zero-moment point of a moving centre of mass in the cart-table model [m]."""
    padded = np.pad(com_w[:, :2], ((1, 1), (0, 0)), mode="edge")
    acceleration = np.diff(padded, n=2, axis=0) / dt**2
    return com_w[:, :2] - height / GRAVITY * acceleration
