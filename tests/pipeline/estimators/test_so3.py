"""Laws of the tangent space of rotations."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.estimators.landmark import so3


@pytest.mark.parametrize("size", [0.0, 1e-5, 1e-3, 0.5, 3.0])
def test_inverse_jacobian_is_the_derivative_of_the_logarithm(size):
    """At small angles the closed form is 0 / 0; the series must take over without a step."""
    rng = np.random.default_rng(0)
    axis = rng.normal(size=(20, 3))
    rotvec = size * axis / np.linalg.norm(axis, axis=-1, keepdims=True)
    delta = 1e-6 * rng.normal(size=(20, 3))
    change = so3.log(so3.exp(rotvec) @ so3.exp(delta)) - rotvec
    predicted = (so3.right_jacobian_inverse(rotvec) @ delta[..., None])[..., 0]
    np.testing.assert_allclose(change, predicted, atol=1e-10)


def test_rotation_between_takes_one_direction_onto_the_other():
    """Also for equal and for opposite directions, where the axis is arbitrary."""
    rng = np.random.default_rng(1)
    start = rng.normal(size=(50, 3))
    start /= np.linalg.norm(start, axis=-1, keepdims=True)
    end = np.roll(start, 1, axis=0)
    end[0], end[1] = start[0], -start[1]
    turned = (so3.rotation_between(start, end) @ start[..., None])[..., 0]
    np.testing.assert_allclose(turned, end, atol=1e-12)


def test_skew_is_the_cross_product():
    """Jacobians of points on a turning body are made of it."""
    a, b = np.random.default_rng(2).normal(size=(2, 10, 3))
    np.testing.assert_allclose((so3.skew(a) @ b[..., None])[..., 0], np.cross(a, b))
