"""What happens to pictures before the networks and to their output after them."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.video.blazepose import BlazePose, letterbox, refine_on_heatmaps
from pipeline.video.roi import Roi


def _heatmaps(peaks, cells=64, width=1.2):
    """Logits whose sigmoid is a bump at each peak, given in pixels of the 256 px crop."""
    grid = np.arange(cells)
    maps = []
    for x, y in peaks:
        bump = np.exp(-((grid[None, :] - x / 4) ** 2 + (grid[:, None] - y / 4) ** 2) / (2 * width**2))
        bump = np.clip(0.98 * bump, 1e-9, None)
        maps.append(np.log(bump / (1 - bump)))
    return np.stack(maps, axis=-1)


def test_a_point_moves_to_the_peak_of_its_heat_map():
    """The regressed coordinate is coarse; the heat map knows better, to a fraction of its 4 px cells."""
    peaks = np.array([[100.0, 60.0], [131.0, 200.0]])
    refined = refine_on_heatmaps(peaks + np.array([[3.0, -2.0], [-3.0, 3.0]]), _heatmaps(peaks))
    assert refined == pytest.approx(peaks, abs=0.6)


def test_a_point_without_a_sure_heat_map_stays():
    points = np.array([[100.0, 60.0], [50.0, 50.0]])
    unsure = np.full((64, 64, 2), -2.0)
    assert refine_on_heatmaps(points, unsure) == pytest.approx(points)


def test_points_outside_the_crop_stay_and_at_the_edge_use_what_is_there():
    """A hand that leaves the square must not read another place's heat."""
    peaks = np.array([[2.0, 128.0], [252.0, 252.0], [128.0, 128.0], [128.0, 128.0]])
    points = np.array([[1.0, 128.0], [253.0, 253.0], [-30.0, 128.0], [128.0, 300.0]])
    refined = refine_on_heatmaps(points, _heatmaps(peaks))
    assert refined[2:] == pytest.approx(points[2:])
    assert refined[:2] == pytest.approx(peaks[:2], abs=3.0)
    assert np.isfinite(refined).all()


@pytest.mark.parametrize(("height", "width"), [(720, 1280), (1280, 720), (100, 100), (16, 400), (1, 1)])
def test_a_letterboxed_point_returns_to_its_place(height, width):
    """The picture keeps its shape, lies in the middle and is black around."""
    picture = np.full((height, width, 3), 255, dtype=np.uint8)
    square, scale, offset = letterbox(picture)
    assert square.shape == (224, 224, 3)
    assert set(np.unique(square)) <= {-1.0, 1.0}
    rows, columns = np.nonzero(square[..., 0] > 0)
    corner = np.array([columns.min(), rows.min()])
    assert (corner - offset) / scale == pytest.approx([0, 0], abs=1)
    assert np.ptp(columns) + 1 == pytest.approx(width * scale, abs=1)
    assert np.ptp(rows) + 1 == pytest.approx(max(1, height * scale), abs=1)


def test_the_networks_give_the_same_bits_with_any_number_of_threads(keypoint_models):
    """Else a dataset would depend on the machine that built it."""
    picture = np.random.default_rng(0).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    roi = Roi(center_x=320, center_y=180, size=300, angle=0.3)
    one, two = (BlazePose(keypoint_models, threads=n) for n in (1, 2))
    first, second = one.landmarks(picture, roi), two.landmarks(picture, roi)
    assert np.array_equal(first.landmarks, second.landmarks)
    assert np.array_equal(first.landmarks_w, second.landmarks_w)
    assert first.score == second.score


def test_nobody_is_found_in_noise_or_darkness(keypoint_models):
    network = BlazePose(keypoint_models)
    for picture in (
        np.random.default_rng(1).integers(0, 255, (360, 640, 3), dtype=np.uint8),
        np.zeros((720, 1280, 3), dtype=np.uint8),
        np.zeros((2, 2, 3), dtype=np.uint8),
    ):
        assert network.detect(picture) == []
