"""Turns joint positions over time into speeds and accelerations: where they jump, the estimate broke."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.measurement import Measurement
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from robots.differences import angular_velocity_b, derivative


def measure_speeds(
    joint_pos_w: Float[np.ndarray, "frames 24 3"], root_rot_w: Float[np.ndarray, "frames 3 3"], fps: float
) -> tuple[Measurement, ...]:
    """Measure the fastest joint and the jumps of the root."""
    joint_speed = np.linalg.norm(derivative(joint_pos_w, fps), axis=-1)
    fastest = SMPL_JOINT_NAMES[int(joint_speed.max(axis=0).argmax())]
    root_quat = Rotation.from_matrix(root_rot_w).as_quat(scalar_first=True)
    turn = np.linalg.norm(angular_velocity_b(root_quat, fps), axis=-1)
    acceleration = np.linalg.norm(derivative(joint_pos_w[:, 0], fps, order=2), axis=-1)
    return (
        Measurement(
            name="joint_speed",
            value=joint_speed.max(),
            unit="m/s",
            meaning=f"Fastest joint between two frames: {fastest}",
            series=joint_speed.max(axis=1),
        ),
        Measurement(
            name="root_speed",
            value=joint_speed[:, 0].max(),
            unit="m/s",
            meaning="Largest speed of the pelvis between two frames",
            series=joint_speed[:, 0],
        ),
        Measurement(
            name="root_acc",
            value=acceleration.max(),
            unit="m/s^2",
            meaning="Largest acceleration of the pelvis between neighbouring frames; a teleport shows here",
            series=acceleration,
        ),
        Measurement(
            name="root_ang_speed",
            value=turn.max(),
            unit="rad/s",
            meaning="Largest angular speed of the pelvis; an estimate that flips front and back shows here",
            series=turn,
        ),
    )
