"""Laws of derivatives and smoothing: what a motion is known to do is what they say it does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from robots.g1 import load_g1
from robots.motion import RobotMotion
from robots.trajectory import low_passed, robot_trajectory

ROBOT = load_g1("29dof")
FPS = 60.0


def _motion(
    root_pos_w: np.ndarray, root_quat: np.ndarray | None = None, joint_pos: np.ndarray | None = None
) -> RobotMotion:
    frames = len(root_pos_w)
    return RobotMotion(
        fps=FPS,
        joint_names=ROBOT.joint_names,
        root_pos_w=root_pos_w,
        root_quat_wxyz=np.tile([1.0, 0, 0, 0], (frames, 1)) if root_quat is None else root_quat,
        joint_pos=np.tile(ROBOT.default_joint_pos, (frames, 1)) if joint_pos is None else joint_pos,
        foot_contact=np.zeros((frames, 2)),
    )


def test_free_fall_has_the_acceleration_of_gravity() -> None:
    """Second differences of a parabola are exact."""
    t = np.arange(40) / FPS
    trajectory = robot_trajectory(ROBOT, _motion(np.outer(-9.81 / 2 * t**2, [0, 0, 1])))
    np.testing.assert_allclose(trajectory.qacc[:, 2], -9.81, atol=1e-9)
    np.testing.assert_allclose(trajectory.qvel[1:-1, 2], -9.81 * t[1:-1], atol=1e-9)


def test_a_steady_turn_has_its_speed_and_no_acceleration() -> None:
    """The root turns on its manifold: differences of quaternions would see an acceleration."""
    t = np.arange(40) / FPS
    quat = Rotation.from_rotvec(np.outer(3.0 * t, [0, 0, 1])).as_quat(scalar_first=True)
    trajectory = robot_trajectory(ROBOT, _motion(np.zeros((40, 3)), quat))
    np.testing.assert_allclose(trajectory.qvel[:, 5], 3.0, atol=1e-9)
    np.testing.assert_allclose(trajectory.qacc, 0, atol=1e-6)


@pytest.mark.parametrize(("hz", "kept"), [(0.5, 1.0), (6.0, 0.5), (20.0, 0.0)])
def test_the_filter_keeps_slow_motion_and_takes_fast_motion_without_delay(hz: float, kept: float) -> None:
    """Forwards and backwards, a second-order filter halves its cutoff frequency and shifts no phase."""
    t = np.arange(600) / FPS
    wave = np.sin(2 * np.pi * hz * t)
    smooth = low_passed(_motion(np.outer(wave, [1.0, 0, 0])), 6.0).root_pos_w[:, 0]
    middle = slice(150, 450)
    assert np.dot(smooth[middle], wave[middle]) / np.dot(wave[middle], wave[middle]) == pytest.approx(kept, abs=0.02)


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_a_few_frames_have_derivatives(frames: int) -> None:
    """Short motions are no reason to fail."""
    trajectory = robot_trajectory(ROBOT, _motion(np.zeros((frames, 3))), low_pass_hz=6.0)
    assert trajectory.qacc.shape == (frames, 35)
    assert not trajectory.qacc.any()
