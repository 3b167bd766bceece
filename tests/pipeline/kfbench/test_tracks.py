"""Keyed curves pass near their keys, keep holds still and never swing past them."""

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.kfbench.tracks import minimum_jerk, rotation_track, value_track

TIMES = np.arange(241) / 120


def test_curve_stays_between_its_keys():
    """A limb that overshoots a hold looks like a puppet's."""
    curve = value_track(np.array([0.0, 0.5, 0.9, 1.2, 2.0]), np.array([0.0, 1.0, 1.0, -0.5, -0.5]), TIMES)
    assert curve.min() >= -0.5 and curve.max() <= 1.0
    assert curve[78:80].min() > 0.97  # the middle of the hold


def test_curve_has_no_corner():
    """Velocity is continuous: its step from sample to sample vanishes with the sampling."""
    keys, values = np.array([0.0, 0.7, 1.0, 2.0]), np.array([0.0, 2.0, -1.0, 0.0])
    kinks = []
    for rate in (240, 960):
        curve = value_track(keys, values, np.arange(2 * rate) / rate)
        kinks.append(np.abs(np.diff(curve, n=2)).max() * rate)
    assert kinks[1] < 0.3 * kinks[0]


def test_rotations_stay_rotations_and_reach_their_keys():
    """Interpolating quaternions leaves the unit sphere; the result must not."""
    keys = Rotation.from_rotvec([[0, 0, 0], [1.4, 0.3, 0], [1.4, 0.3, 0], [0, -1.0, 2.0]]).as_matrix()
    track = rotation_track(np.array([0.0, 0.8, 1.2, 2.0]), keys, TIMES)
    np.testing.assert_allclose(track @ np.swapaxes(track, 1, 2), np.tile(np.eye(3), (len(TIMES), 1, 1)), atol=1e-12)
    held = Rotation.from_matrix(track[120] @ keys[1].T)
    assert np.degrees(held.magnitude()) < 1.0


def test_one_key_is_a_constant():
    """A part that an author pins once stays there."""
    assert np.ptp(value_track(np.array([0.3]), np.array([2.5]), TIMES)) == 0.0


def test_minimum_jerk_starts_and_ends_at_rest():
    """Velocity and acceleration vanish at both ends, hence a foot leaves and meets the floor softly."""
    s = np.linspace(0, 1, 1001)
    curve = minimum_jerk(s)
    assert curve[0] == 0.0 and np.isclose(curve[-1], 1.0)
    speed, acceleration = np.gradient(curve, s), np.gradient(np.gradient(curve, s), s)
    assert np.abs(speed[[0, -1]]).max() < 1e-4 and np.abs(acceleration[[1, -2]]).max() < 0.1
