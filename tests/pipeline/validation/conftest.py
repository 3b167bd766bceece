from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from robots.motion import RobotMotion


@pytest.fixture
def faulty() -> Callable[[RobotMotion], dict[str, RobotMotion]]:
    """Apply faults seen in files of the field to a good motion."""
    return _faulty


def _faulty(motion: RobotMotion) -> dict[str, RobotMotion]:
    """Faults seen in files of the field, applied to a good motion."""
    n = len(motion)
    t = np.arange(n)[:, None] / motion.fps
    rng = np.random.default_rng(0)
    up, jump = np.array([0.0, 0, 1]), np.where(np.arange(n)[:, None] < n // 2, 0.0, 0.15) * [1, 0, 0]
    turn = Rotation.from_quat(motion.root_quat_wxyz, scalar_first=True)
    lying = (Rotation.from_euler("x", 90, degrees=True) * turn).as_quat(scalar_first=True)
    return {
        "noise": replace(motion, joint_pos=motion.joint_pos + 0.03 * rng.normal(size=motion.joint_pos.shape)),
        "teleport": _moved(motion, jump),
        "slide": _moved(motion, 0.3 * t * [1, 0, 0]),
        "drift": _moved(motion, 0.03 * (t - t.mean()) * up),
        "bobbing": _moved(motion, 0.05 * np.sin(2 * np.pi * t) * up),
        "sunk": _moved(motion, -0.15 * up),
        "upside_down": replace(
            motion, root_quat_wxyz=(Rotation.from_euler("x", np.pi) * turn).as_quat(scalar_first=True)
        ),
        "y_up": replace(motion, root_quat_wxyz=lying, root_pos_w=motion.root_pos_w[:, [0, 2, 1]]),
        "quat_order": replace(motion, root_quat_wxyz=motion.root_quat_wxyz[:, [1, 2, 3, 0]]),
        "no_contact": replace(motion, foot_contact=np.zeros((n, 2))),
        "degrees": replace(motion, joint_pos=np.degrees(motion.joint_pos)),
    }


def _moved(motion: RobotMotion, shift: np.ndarray) -> RobotMotion:
    return replace(motion, root_pos_w=motion.root_pos_w + shift)
