"""Turns joint angles over time into the nearest ones that keep position and speed limits exactly."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

_INSIDE = 1.0 - 1e-9
"""Share of a speed limit that is used, so that rounding cannot pass it."""


def within_speed(
    joint_pos: Float[np.ndarray, "frames joints"],
    lower: Float[np.ndarray, " joints"],
    upper: Float[np.ndarray, " joints"],
    speed: Float[np.ndarray, " joints"],
    fps: float,
) -> Float[np.ndarray, "frames joints"]:
    """Move joints as little as possible, so that all limits hold in every frame and between all frames.

    The result is half way between the largest path below all angles, and the smallest path above them, that keep the
    speed limit (McShane, "Extension of range of functions", 1934). Its largest deviation is the least possible, it
    stays inside any box that the angles are inside of, does not lag, and leaves alone what keeps the limits.

    Args:
        joint_pos: Joint angles [rad].
        lower: Smallest angles allowed [rad].
        upper: Largest angles allowed [rad].
        speed: Speed limits [rad/s].
        fps: Frames per second [1/s].
    """
    angle = np.clip(joint_pos, lower, upper)
    reach = _INSIDE * speed / fps
    if not (np.abs(np.diff(angle, axis=0)) > reach).any():
        return angle
    return np.clip(0.5 * (_path_below(angle, reach) - _path_below(-angle, reach)), lower, upper)


def _path_below(angle: Float[np.ndarray, "frames joints"], reach: Float[np.ndarray, " joints"]) -> np.ndarray:
    """Largest path that is nowhere above ``angle`` and changes by no more than ``reach``: one sweep each way."""
    path = angle.copy()
    for t in range(1, len(path)):
        np.minimum(path[t], path[t - 1] + reach, out=path[t])
    for t in range(len(path) - 2, -1, -1):
        np.minimum(path[t], path[t + 1] + reach, out=path[t])
    return path


def too_fast(
    joint_pos: Float[np.ndarray, "frames joints"], speed: Float[np.ndarray, " joints"], fps: float
) -> Bool[np.ndarray, "pairs joints"]:
    """Tell which joints pass their speed limit [rad/s] from each frame to the next."""
    return np.abs(np.diff(joint_pos, axis=0)) * fps > speed


def limits_in_use(
    joint_pos: Float[np.ndarray, "frames joints"],
    lower: Float[np.ndarray, " joints"],
    upper: Float[np.ndarray, " joints"],
    speed: Float[np.ndarray, " joints"],
    fps: float,
) -> tuple[Bool[np.ndarray, "frames joints"], Bool[np.ndarray, "frames joints"]]:
    """Tell which joints lie on a position limit, and which arrive at a frame at ``speed`` or faster."""
    on_stop = (joint_pos <= lower + 1e-9) | (joint_pos >= upper - 1e-9)
    at_speed = np.zeros_like(on_stop)
    at_speed[1:] = np.abs(np.diff(joint_pos, axis=0)) * fps >= speed
    return on_stop, at_speed
