"""A turn between two pictures, from rays of which some are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.video.rotation_fit import fit_rotation


def _rays(n, seed=0):
    rng = np.random.default_rng(seed)
    rays = np.column_stack([rng.uniform(-0.5, 0.5, n), rng.uniform(-0.3, 0.3, n), np.ones(n)])
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


@pytest.mark.parametrize("angle_deg", [0.0, 0.1, 20.0, 179.0])
def test_an_exact_turn_is_recovered_exactly(angle_deg):
    a = _rays(50)
    truth = Rotation.from_rotvec(np.radians(angle_deg) * np.array([0.6, -0.8, 0.0])).as_matrix()
    R, inliers = fit_rotation(a, a @ truth.T, 1e-3, np.random.default_rng(0))
    assert pytest.approx(truth, abs=1e-12) == R
    assert inliers.all()


def test_wrong_matches_do_not_move_it():
    """Four of ten points on somebody walking through the background."""
    a, rng = _rays(200), np.random.default_rng(3)
    truth = Rotation.from_rotvec([0.02, 0.15, -0.01]).as_matrix()
    b = a @ truth.T + rng.normal(0, 1e-4, (200, 3))
    b[:80] = a[:80] @ Rotation.from_rotvec([0.0, 0.05, 0.0]).as_matrix().T
    R, inliers = fit_rotation(a, b / np.linalg.norm(b, axis=1, keepdims=True), 1e-3, rng)
    assert np.degrees(Rotation.from_matrix(R @ truth.T).magnitude()) < 0.01
    assert not inliers[:80].any()
    assert inliers[80:].all()


def test_the_result_is_a_rotation_even_from_two_points():
    a = _rays(2)
    R, _ = fit_rotation(a, _rays(2, seed=5), 1e-3, np.random.default_rng(0))
    assert pytest.approx(np.eye(3)) == R @ R.T
    assert np.linalg.det(R) == pytest.approx(1.0)
