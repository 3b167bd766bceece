"""Standpoints: every motion begins facing +x at the origin, and comes back unchanged."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.tracking.standpoint import Standpoint, facing_x
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1("29dof")


def posed(rotation):
    """Three frames of the standing robot somewhere, its root turned."""
    motion = RobotMotion.from_qpos(
        np.tile(ROBOT.default_qpos, (3, 1)), fps=30.0, joint_names=ROBOT.joint_names, foot_contact=np.ones((3, 2))
    )
    return replace(
        motion,
        root_pos_w=motion.root_pos_w + np.array([2.0, -3.0, 0.1]),
        root_quat_wxyz=np.tile(rotation.as_quat(scalar_first=True), (3, 1)),
    )


@pytest.mark.parametrize("pitch", [-90.0, -60.0, 0.0, 60.0, 89.9, 90.0, 90.1, 180.0])
def test_heading_is_told_however_far_the_robot_bows(pitch):
    """Turned about the vertical, a motion faces the same way afterwards; by Euler angles it would not at 90 degrees."""
    lean = Rotation.from_euler("y", pitch, degrees=True)
    homes = [facing_x(posed(Rotation.from_euler("z", yaw) * lean)) for yaw in (0.0, 0.7, 3.0, -2.0)]
    for home in homes:
        apart = Rotation.from_quat(home.root_quat_wxyz[0], scalar_first=True).inv() * Rotation.from_quat(
            homes[0].root_quat_wxyz[0], scalar_first=True
        )
        assert apart.magnitude() < 1e-6
        assert np.allclose(home.root_pos_w[0, :2], 0.0, atol=1e-12)


def test_leaving_and_taking_a_standpoint_is_nothing():
    """What is simulated at the origin is given back where the motion was."""
    motion = posed(Rotation.from_euler("zyx", [2.0, 0.3, 0.2]))
    standpoint = Standpoint.of(motion)
    back = standpoint.take(standpoint.leave(motion))
    assert np.allclose(back.root_pos_w, motion.root_pos_w, atol=1e-12)
    turned = np.abs((back.root_quat_wxyz * motion.root_quat_wxyz).sum(axis=1))
    assert np.allclose(turned, 1.0, atol=1e-12)
    assert standpoint.take(None) is None
