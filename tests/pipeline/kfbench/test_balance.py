"""The centre of mass goes where it keeps the zero-moment point under the weight."""

import numpy as np

from pipeline.body import load_body
from pipeline.kfbench.balance import balanced_com, centre_of_mass, zero_moment_point

DT = 1 / 120


def test_balanced_com_has_the_wanted_zero_moment_point():
    """The two are inverse to each other, whatever the reference."""
    zmp = np.cumsum(np.random.default_rng(0).normal(size=(400, 2)), axis=0) * 0.01
    com = balanced_com(zmp, height=0.9, dt=DT)
    np.testing.assert_allclose(zero_moment_point(com, height=0.9, dt=DT), zmp, atol=1e-9)


def test_standing_still_stays_still():
    """Without a change of weight nothing moves."""
    zmp = np.tile([0.1, -0.2], (50, 1))
    np.testing.assert_allclose(balanced_com(zmp, height=0.9, dt=DT), zmp, atol=1e-12)


def test_body_leans_before_the_weight_shifts():
    """The cart-table model is not causal: at the moment of the shift half of the way is done."""
    zmp = np.zeros((480, 2))
    zmp[240:, 1] = 1.0
    com = balanced_com(zmp, height=0.9, dt=DT)[:, 1]
    assert 0.45 < com[240] < 0.55 and com[200] > 0.1


def test_centre_of_mass_moves_with_the_body_and_lies_in_the_belly():
    """Shares sum to one; in the rest pose it is about at the pelvis of an upright person."""
    rest = load_body("open").rest_joints(np.zeros(10))[None]
    com = centre_of_mass(rest)
    shift = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(centre_of_mass(rest + shift), com + shift, atol=1e-12)
    assert abs(com[0, 0]) < 0.01
    assert -0.05 < com[0, 1] - rest[0, 0, 1] < 0.20
