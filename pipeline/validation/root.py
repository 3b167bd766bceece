"""Turns the pelvis's path into its speeds and accelerations: where it jumps, no robot can follow."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.measurement import Measurement, largest
from robots.differences import angular_acceleration_b, angular_velocity_b, derivative


def measure_root(qpos: Float[np.ndarray, "frames nq"], fps: float, suffix: str = "") -> tuple[Measurement, ...]:
    """Measure the largest linear and angular speed and acceleration of the root.

    Args:
        qpos: Root position, root wxyz and joints, as they are or low-passed.
        fps: Frames per second [1/s].
        suffix: Ending of the names, ``_lp6`` for a low-passed motion.
    """
    pos, quat = qpos[:, :3], qpos[:, 3:7]
    quantities = (
        ("root_speed", "m/s", "speed", derivative(pos, fps)),
        ("root_ang_speed", "rad/s", "angular speed", angular_velocity_b(quat, fps)),
        ("root_acc", "m/s^2", "acceleration", derivative(pos, fps, order=2)),
        ("root_ang_acc", "rad/s^2", "angular acceleration", angular_acceleration_b(quat, fps)),
    )
    filtered = f", low-passed at {suffix.removeprefix('_lp')} Hz" if suffix else ""
    return tuple(
        largest(
            name + suffix,
            np.linalg.norm(vectors, axis=1),
            unit,
            f"Largest {words} of the pelvis between neighbouring frames{filtered}",
        )
        for name, unit, words, vectors in quantities
    )
