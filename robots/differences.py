"""Turns samples at a fixed rate into speeds, accelerations and jerks, one value for each frame.

Plain finite differences on purpose: they are what an RL trainer computes from the file, so jitter
shows here as it will show there. No filter, no spline.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation


def derivative(x: Float[np.ndarray, " frames *dims"], fps: float, order: int = 1) -> Float[np.ndarray, " frames *dims"]:
    """Return the finite difference of the given order, in units of ``x`` per second to that order.

    Order 1 looks ahead (frame i to i + 1), order 2 is centred on i, order 3 spans i - 1 to i + 2; the frames at
    the ends repeat their neighbour. A motion too short for the order has derivative zero.
    """
    if len(x) <= order:
        return np.zeros(x.shape)
    return _padded(np.diff(x, n=order, axis=0) * fps**order, order)


def angular_velocity_b(quat_wxyz: Float[np.ndarray, "frames 4"], fps: float) -> Float[np.ndarray, "frames 3"]:
    """Angular velocity in the body's own frame [rad/s], frame i to i + 1 (the last frame repeats)."""
    if len(quat_wxyz) < 2:
        return np.zeros((len(quat_wxyz), 3))
    return _padded(_turns(quat_wxyz) * fps, 1)


def angular_acceleration_b(quat_wxyz: Float[np.ndarray, "frames 4"], fps: float) -> Float[np.ndarray, "frames 3"]:
    """Rate of change of :func:`angular_velocity_b` [rad/s^2], centred on the frame."""
    if len(quat_wxyz) < 3:
        return np.zeros((len(quat_wxyz), 3))
    return _padded(np.diff(_turns(quat_wxyz), axis=0) * fps**2, 2)


def _turns(quat_wxyz: Float[np.ndarray, "frames 4"]) -> Float[np.ndarray, "steps 3"]:
    """Rotation vectors from each frame to the next, in body axes [rad]."""
    rotation = Rotation.from_quat(quat_wxyz, scalar_first=True)
    return (rotation[:-1].inv() * rotation[1:]).as_rotvec()


def _padded(steps: Float[np.ndarray, " steps *dims"], order: int) -> Float[np.ndarray, " frames *dims"]:
    """Repeat the ends of an order-th difference so that it has one value a frame again."""
    before = order // 2
    return np.concatenate([np.repeat(steps[:1], before, axis=0), steps, np.repeat(steps[-1:], order - before, axis=0)])
