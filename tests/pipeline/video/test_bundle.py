"""Rotations from a camera that also changes place."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.video.bundle import adjust_rotations

FOCAL = 700.0


def _scene(depths, *, travel, seed=0, n_frames=20, noise_px=0.05):
    """A camera that travels and turns before points at given depths: points, observations, true rotations."""
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(-0.45, 0.45, len(depths)), rng.uniform(-0.25, 0.25, len(depths))])
    along = np.linspace(0, 1, n_frames + 1)[1:, None]
    R = Rotation.from_rotvec(np.radians(6) * along * np.array([0.1, -1.0, 0.05])).as_matrix()
    X = np.column_stack([points, np.ones(len(depths))]) * depths[:, None]
    x = X @ np.swapaxes(R, 1, 2) + (along * travel)[:, None]
    return points, x[..., :2] / x[..., 2:] + rng.normal(0, noise_px / FOCAL, (n_frames, len(depths), 2)), R


def _worst_deg(R, truth):
    return np.degrees(Rotation.from_matrix(R @ np.swapaxes(truth, 1, 2)).magnitude().max())


def _adjusted(points, seen, visible=None):
    visible = np.ones(seen.shape[:2], dtype=bool) if visible is None else visible
    start = np.broadcast_to(np.eye(3), (len(seen), 3, 3))
    return adjust_rotations(points, seen, visible, FOCAL, start)


@pytest.mark.parametrize("travel", [[0.3, 0.0, 0.0], [0.0, 0.15, 0.0], [0.1, 0.0, -0.3], [0.0, 0.0, 0.0]])
def test_a_travelling_camera_turns_as_it_truly_does(travel):
    """Half the points on a wall, half on whatever stands before it."""
    depths = np.concatenate([np.full(80, 6.0), np.random.default_rng(1).uniform(2.5, 5.0, 80)])
    points, seen, truth = _scene(depths, travel=np.array(travel))
    fit = _adjusted(points, seen)
    R, error = fit.R, fit.error
    assert _worst_deg(R, truth) < 0.1
    assert np.median(error) < 0.1


def test_points_seen_only_now_and_then_are_enough():
    rng = np.random.default_rng(2)
    points, seen, truth = _scene(rng.uniform(2.5, 6.0, 160), travel=np.array([0.3, 0.0, 0.0]))
    visible = rng.random(seen.shape[:2]) < 0.5
    seen[~visible] = 77.0  # whatever stands there must not be read
    R = _adjusted(points, seen, visible).R
    assert _worst_deg(R, truth) < 0.1


def test_wrong_tracks_are_outvoted():
    """One point in eight follows something that moves by itself."""
    rng = np.random.default_rng(4)
    points, seen, truth = _scene(rng.uniform(2.5, 6.0, 160), travel=np.array([0.3, 0.0, 0.0]))
    seen[:, :20] += np.linspace(0, 0.1, len(seen))[:, None, None] * rng.normal(size=(20, 2))
    fit = _adjusted(points, seen)
    R, error = fit.R, fit.error
    assert _worst_deg(R, truth) < 0.3
    assert np.median(error[:, 20:]) < 0.3


def test_the_start_hardly_matters():
    points, seen, truth = _scene(np.random.default_rng(5).uniform(2.5, 6.0, 120), travel=np.array([0.3, 0.0, 0.1]))
    far = Rotation.from_rotvec([0.0, 0.1, 0.02]).as_matrix()
    visible = np.ones(seen.shape[:2], dtype=bool)
    R = adjust_rotations(points, seen, visible, FOCAL, np.broadcast_to(far, (len(seen), 3, 3))).R
    assert _worst_deg(R, truth) < 0.1


def test_points_seen_by_no_picture_and_pictures_without_points_do_no_harm():
    points, seen, truth = _scene(np.random.default_rng(6).uniform(2.5, 6.0, 100), travel=np.array([0.3, 0.0, 0.0]))
    visible = np.ones(seen.shape[:2], dtype=bool)
    visible[:, 3] = False
    visible[7] = False
    R = _adjusted(points, seen, visible).R
    assert np.isfinite(R).all()
    assert _worst_deg(np.delete(R, 7, axis=0), np.delete(truth, 7, axis=0)) < 0.1
