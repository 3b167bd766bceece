"""Turns the pelvis's path into its speeds and accelerations: where it jumps, no robot can follow."""

from __future__ import annotations

import numpy as np

from pipeline.measurement import Measurement
from robots.differences import angular_acceleration_b, angular_velocity_b, derivative
from robots.motion import RobotMotion


def measure_root(motion: RobotMotion) -> tuple[Measurement, ...]:
    """Measure the largest linear and angular speed and acceleration of the root."""
    pos, quat, fps = motion.root_pos_w, motion.root_quat_wxyz, motion.fps
    quantities = (
        ("root_speed", "m/s", "speed", derivative(pos, fps)),
        ("root_ang_speed", "rad/s", "angular speed", angular_velocity_b(quat, fps)),
        ("root_acc", "m/s^2", "acceleration", derivative(pos, fps, order=2)),
        ("root_ang_acc", "rad/s^2", "angular acceleration", angular_acceleration_b(quat, fps)),
    )
    return tuple(
        Measurement(
            name=name,
            value=np.linalg.norm(vectors, axis=1).max(),
            unit=unit,
            meaning=f"Largest {words} of the pelvis between neighbouring frames",
            series=np.linalg.norm(vectors, axis=1),
        )
        for name, unit, words, vectors in quantities
    )
