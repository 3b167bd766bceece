import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pipeline.validation.body_geometry import CHUNK
from pipeline.validation.feet import slip_speed
from robots.g1 import load_g1

SOLE = load_g1().sole_points_b


def turning(centre: np.ndarray, yaw: np.ndarray, fps: float) -> np.ndarray:
    """Slip speed of two soles that turn about a fixed point of the floor."""
    rotation = Rotation.from_rotvec(np.outer(yaw, [0, 0, 1]))
    pos = np.repeat((centre - rotation.apply(centre))[:, None], 2, axis=1)
    return slip_speed(pos, np.repeat(rotation.as_matrix()[:, None], 2, axis=1), SOLE, fps)


@given(st.integers(0, len(SOLE) - 1), st.integers(0, len(SOLE) - 1), st.floats(-0.3, 0.3))
def test_a_foot_that_pivots_about_a_point_of_its_sole_does_not_slip(i, j, step):
    """A turn on the ball of the foot or on the middle of the sole is a step of every form, not a fault."""
    centre = (SOLE[i] + SOLE[j]) / 2 * [1, 1, 0]
    assert turning(centre, np.arange(5) * step, 30.0).max() < 1e-9


def test_a_foot_that_swings_about_a_point_beyond_it_slips():
    """At 10 cm in front of the toes and 1 rad/s the nearest point moves at 0.1 m/s."""
    centre = np.array([SOLE[:, 0].max() + 0.1, 0, 0])
    assert turning(centre, np.arange(5) / 1000, 1000.0) == pytest.approx(np.full((5, 2), 0.1), rel=1e-3)


@pytest.mark.parametrize("n_frames", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 1])
def test_no_step_is_lost_between_blocks(n_frames):
    pos = np.zeros((n_frames, 2, 3))
    pos[..., 0] = 0.01 * np.arange(n_frames)[:, None]
    speed = slip_speed(pos, np.broadcast_to(np.eye(3), (n_frames, 2, 3, 3)), SOLE, 30.0)
    np.testing.assert_allclose(speed, 0.3, rtol=1e-6)
