"""Turns configurations of all frames of a clip into the price of their speeds and accelerations, and moves them.

Configurations are Pinocchio's (base position, base quaternion xyzw, joints); the tangent space is the fast engine's:
base translation and base rotation in world axes, then joints. Costs are sums of squares; gradients and matrices are
halved, as those of a frame are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from retarget.engine.jit import compiled, piece
from retarget.engine.quadratic import integrate


class SmoothnessWeights(NamedTuple):
    """Squared prices of the differences between frames, ready for one frame rate."""

    velocity: Float[np.ndarray, " nv"]
    """Of the difference of two frames [1/rad^2, 1/m^2]."""
    acceleration: Float[np.ndarray, " nv"]
    """Of the second difference of three frames [1/rad^2, 1/m^2]."""
    reach: Float[np.ndarray, " nv"]
    """Difference of two frames above which a coordinate is too fast [rad]; infinite where nothing limits it."""
    excess: float
    """Of what is above [1/rad^2]."""


@piece
def differences(q: Float[np.ndarray, "frames nq"], out: Float[np.ndarray, "pairs nv"]) -> None:
    """Write what leads from each frame to the next; the base's turn is ``log(R[t+1] R[t]^T)``."""
    for t in range(out.shape[0]):
        a, b = q[t], q[t + 1]
        for i in range(3):
            out[t, i] = b[i] - a[i]
        _turn_between(a, b, out[t])
        for i in range(6, out.shape[1]):
            out[t, i] = b[i + 1] - a[i + 1]


@piece
def _turn_between(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write ``log(Rb Ra^T)`` of the bases into ``out[3:6]``."""
    w = b[6] * a[6] + b[3] * a[3] + b[4] * a[4] + b[5] * a[5]
    x = b[3] * a[6] - b[6] * a[3] - b[4] * a[5] + b[5] * a[4]
    y = b[4] * a[6] - b[6] * a[4] - b[5] * a[3] + b[3] * a[5]
    z = b[5] * a[6] - b[6] * a[5] - b[3] * a[4] + b[4] * a[3]
    if w < 0.0:
        w, x, y, z = -w, -x, -y, -z
    sine = np.sqrt(x * x + y * y + z * z)
    factor = 2.0 * np.arctan2(sine, w) / sine if sine > 1e-12 else 2.0
    out[3], out[4], out[5] = factor * x, factor * y, factor * z


@piece
def _pull_back(turn: np.ndarray, pull: np.ndarray, sign: float, out: np.ndarray) -> None:
    """Add to ``out[3:6]`` what ``pull`` along a base turn is to the later (sign 1) or earlier (sign -1) frame.

    A turn ``w`` changes by ``Jl^-1(w)`` times the left increment of the later frame and by ``-Jr^-1(w)`` times that of
    the earlier one; transposed these are ``Jr^-1(w)`` and ``-Jl^-1(w)`` (Sola et al. 2018, eqs. 144 to 146).
    """
    x, y, z = turn[3], turn[4], turn[5]
    px, py, pz = pull[3], pull[4], pull[5]
    angle2 = x * x + y * y + z * z
    if angle2 > 1e-6:
        half_angle = 0.5 * np.sqrt(angle2)
        bend = (1.0 - half_angle / np.tan(half_angle)) / angle2
    else:
        bend = 1.0 / 12.0 + angle2 / 720.0
    cx, cy, cz = y * pz - z * py, z * px - x * pz, x * py - y * px
    half = 0.5 * sign  # Jr^-1 for the later frame (sign +1), Jl^-1 for the earlier one (sign -1)
    out[3] += sign * (px + half * cx + bend * (y * cz - z * cy))
    out[4] += sign * (py + half * cy + bend * (z * cx - x * cz))
    out[5] += sign * (pz + half * cz + bend * (x * cy - y * cx))


def add_smoothness(
    q: Float[np.ndarray, "frames nq"],
    weights: SmoothnessWeights,
    gradient: Float[np.ndarray, "frames nv"],
    velocity: Float[np.ndarray, "pairs nv"],
) -> float:
    """Add the gradient of speeds, accelerations and excess speed to ``gradient``; return their cost.

    Args:
        q: Configurations.
        weights: Prices.
        gradient: Is added to; exact.
        velocity: Receives the curvature along each difference of two frames; those of the second differences are
            ``weights.acceleration`` everywhere.
    """
    return sum_smoothness(q, weights, np.empty_like(velocity), np.empty_like(velocity), gradient, velocity)


@compiled
def sum_smoothness(
    q: np.ndarray,
    weights: SmoothnessWeights,
    step: np.ndarray,
    pull: np.ndarray,
    gradient: np.ndarray,
    velocity: np.ndarray,
) -> float:
    """Do :func:`add_smoothness` with room for the differences and what pulls along them."""
    pairs, nv = velocity.shape
    cost = 0.0
    if pairs < 1:
        return cost
    differences(q, step)
    for t in range(pairs):
        for i in range(nv):
            d = step[t, i]
            over = max(abs(d) - weights.reach[i], 0.0)
            cost += weights.velocity[i] * d * d + weights.excess * over * over
            pull[t, i] = weights.velocity[i] * d + weights.excess * np.copysign(over, d)
            velocity[t, i] = weights.velocity[i] + (weights.excess if over > 0.0 else 0.0)
    for t in range(1, pairs):
        for i in range(nv):
            bend = step[t, i] - step[t - 1, i]
            cost += weights.acceleration[i] * bend * bend
            pull[t, i] += weights.acceleration[i] * bend
            pull[t - 1, i] -= weights.acceleration[i] * bend
    for t in range(pairs):
        for i in range(nv):
            if i < 3 or i > 5:
                gradient[t, i] -= pull[t, i]
                gradient[t + 1, i] += pull[t, i]
        _pull_back(step[t], pull[t], -1.0, gradient[t])
        _pull_back(step[t], pull[t], 1.0, gradient[t + 1])
    return cost


@compiled
def move(
    q: Float[np.ndarray, "frames nq"],
    step: Float[np.ndarray, "frames nv"],
    lower: Float[np.ndarray, " joints"],
    upper: Float[np.ndarray, " joints"],
    out: Float[np.ndarray, "frames nq"],
) -> None:
    """Write ``q`` moved by ``step``, the base's turn applied from the left, joints stopped at their limits."""
    for t in range(q.shape[0]):
        integrate(q[t], step[t], out[t])
        for i in range(lower.shape[0]):
            out[t, 7 + i] = min(max(out[t, 7 + i], lower[i]), upper[i])
