"""The focal length over time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.video.zoom import find_zooming, undo_zoom


def test_zooming_is_said_while_it_lasts():
    zoom = 1.0 + 0.6 * np.clip((np.arange(120) - 40) / 30, 0, 1)
    zooming = find_zooming(zoom)
    assert zooming[41:70].all()
    assert not zooming[:38].any()
    assert not zooming[73:].any()


def test_noise_is_no_zoom():
    zoom = np.exp(np.random.default_rng(0).normal(0, 5e-4, 300))
    assert not find_zooming(zoom).any()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_short_shots_do_not_zoom(n):
    assert not find_zooming(np.ones(n)).any()


def test_an_undone_zoom_was_never_there():
    """For points at any depth, seen by a camera that turns and walks."""
    rng = np.random.default_rng(1)
    K = np.array([[900.0, 0, 650], [0, 900.0, 340], [0, 0, 1]])
    R = Rotation.from_rotvec(rng.normal(0, 0.1, (6, 3))).as_matrix()
    points_c = (rng.uniform(-1, 1, (30, 3)) + np.array([0, 0, 4])) @ np.swapaxes(R, 1, 2) + rng.normal(
        0, 0.1, (6, 1, 3)
    )
    unit, zoom = points_c[..., :2] / points_c[..., 2:], np.linspace(1.0, 1.6, 6)
    zoomed = unit * 900.0 * zoom[:, None, None] + K[:2, 2]
    assert undo_zoom(zoomed, zoom, K) == pytest.approx(unit * 900.0 + K[:2, 2])
    assert undo_zoom(zoomed[:, 0], zoom, K) == pytest.approx(unit[:, 0] * 900.0 + K[:2, 2])
