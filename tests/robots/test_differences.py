import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from robots.differences import angular_acceleration_b, angular_velocity_b, derivative

FPS = 50.0
T = np.arange(40) / FPS


@pytest.mark.parametrize(
    ("order", "exact"), [(1, 3 * (T + 0.5 / FPS) ** 2), (2, 6 * T), (3, np.full(40, 6.0))], ids=["speed", "acc", "jerk"]
)
def test_derivatives_of_a_cubic(order, exact):
    """Each is that of the curve at the instant the difference is centred on."""
    found = derivative(T**3, FPS, order)
    assert found.shape == T.shape
    np.testing.assert_allclose(found[2:-3], exact[2:-3], atol=1 / FPS**2)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_motion_too_short_for_a_derivative_has_none(order):
    for n in range(1, order + 1):
        np.testing.assert_array_equal(derivative(np.ones((n, 2)) * np.arange(n)[:, None], FPS, order), np.zeros((n, 2)))


def test_the_ends_repeat_their_neighbours():
    x = np.random.default_rng(0).normal(size=10)
    assert derivative(x, FPS)[-1] == derivative(x, FPS)[-2]
    second = derivative(x, FPS, 2)
    assert (second[0], second[-1]) == (second[1], second[-2])


def test_angular_velocity_is_in_the_axes_of_the_body():
    """A body that spins about its own tilted axis has this axis, whatever the world calls it."""
    tilt, axis = Rotation.from_rotvec([0.4, -0.7, 0.2]), np.array([0.6, 0.0, 0.8])
    spin = Rotation.from_rotvec(np.outer(2.0 * T + 1.5 * T**2, axis))
    quat = (tilt * spin).as_quat(scalar_first=True)
    np.testing.assert_allclose(
        angular_velocity_b(quat, FPS)[:-1], np.outer(2 + 3 * (T + 0.5 / FPS), axis)[:-1], atol=1e-9
    )
    np.testing.assert_allclose(angular_acceleration_b(quat, FPS), np.tile(3 * axis, (40, 1)), atol=1e-8)


@pytest.mark.parametrize("n", [1, 2])
def test_the_shortest_rotations_have_no_acceleration(n):
    quat = Rotation.from_rotvec(np.outer(0.1 * np.arange(n), [0, 0, 1])).as_quat(scalar_first=True)
    assert angular_velocity_b(quat, FPS).shape == (n, 3)
    np.testing.assert_array_equal(angular_acceleration_b(quat, FPS), np.zeros((n, 3)))
