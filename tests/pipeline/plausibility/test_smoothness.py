import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from pipeline.plausibility.smoothness import jerk_size, jitter_size, measure_smoothness, oversmoothing


def paths(fps: float, seconds: float = 6.0) -> np.ndarray:
    """Swinging limbs whose steps and strikes end abruptly, twice a second."""
    t = np.arange(int(seconds * fps)) / fps
    swing = 0.3 * np.sin(2 * np.pi * t) + 0.03 * np.abs(np.sin(2 * np.pi * t)) + 0.01 * np.abs(np.sin(4 * np.pi * t))
    return np.repeat(swing[:, None, None], 8, axis=1) * [1.0, 0.5, 0.7]


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0])
def test_noise_is_measured_with_its_size_at_every_rate(fps):
    noise = np.random.default_rng(0).normal(0, 0.01, paths(fps).shape)
    smooth = gaussian_filter1d(paths(fps), 0.1 * fps, axis=0)
    assert np.median(jitter_size(smooth, fps)) < 0.001
    assert 0.007 < np.median(jitter_size(smooth + noise, fps)) < 0.018


@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0])
def test_jerk_means_the_same_at_every_rate(fps):
    """A sine of 0.1 m at 1 Hz has a mean jerk of 2/pi (2 pi)^3 0.1 m/s^3."""
    t = np.arange(int(6 * fps)) / fps
    ends = np.zeros((len(t), 8, 3))
    ends[:, :, 0] = 0.1 * np.sin(2 * np.pi * t)[:, None]
    assert jerk_size(ends, fps).mean() == pytest.approx(2 / np.pi * (2 * np.pi) ** 3 * 0.1, rel=0.05)


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0])
def test_a_filter_shows_by_what_it_took_away(fps):
    sharp, series = oversmoothing(paths(fps), fps)
    smooth, _ = oversmoothing(gaussian_filter1d(paths(fps), 0.1 * fps, axis=0), fps)
    assert smooth > sharp + 10
    assert np.isfinite(series).all()


def test_who_stands_still_is_not_called_smoothed():
    value, series = oversmoothing(np.zeros((90, 8, 3)), 30.0)
    assert value == 0.0
    assert np.isnan(series).all()


@pytest.mark.parametrize("n_frames", [1, 2, 3, 10])
def test_the_shortest_motions_have_values(n_frames):
    items = measure_smoothness(np.zeros((n_frames, 24, 3)), 30.0)
    assert all(item.value == 0 for item in items)
