import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.floor_fit import floor_slope, height_rate

NOISE = {"noise": 0.003, "usual_slope": 0.05}


def steps(rng: np.random.Generator, slope: np.ndarray, spread: float = 1.0) -> np.ndarray:
    """Points that touched a floor of that slope."""
    xy = spread * rng.uniform(-1, 1, (200, 2))
    return np.column_stack([xy, xy @ slope + rng.normal(0, 0.002, 200)])


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.integers(0, 2**31))
def test_a_tilted_floor_is_recovered(x, y, seed):
    slope = np.array([x, y])
    np.testing.assert_allclose(floor_slope(steps(np.random.default_rng(seed), slope), **NOISE), slope, atol=4e-3)


def test_a_wrong_quarter_of_the_points_does_not_tilt_the_floor():
    """Least squares would follow them; half of a clip may hover or sink before the floor does."""
    points = steps(np.random.default_rng(0), np.zeros(2))
    points[:50, 2] += 0.3 * points[:50, 0] + 0.2
    assert np.linalg.norm(floor_slope(points, **NOISE)) < 5e-3


def test_stances_close_together_tell_no_tilt():
    """On a spot of one centimetre, 3 mm of noise would be 30 % of slope."""
    rng = np.random.default_rng(0)
    spot = np.column_stack([0.005 * rng.uniform(-1, 1, (200, 2)), rng.normal(0, 0.003, 200)])
    assert np.linalg.norm(floor_slope(spot, **NOISE)) < 0.01


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_points_tell_nothing(count):
    assert not floor_slope(np.zeros((count, 3)), **NOISE).any()
    assert height_rate(np.zeros(count), np.arange(count), noise=0.003, usual_rate=0.02) == 0.0


@given(st.floats(-0.2, 0.2), st.integers(0, 2**31))
def test_a_drift_is_recovered_although_a_span_is_wrong(rate, seed):
    rng = np.random.default_rng(seed)
    time = np.arange(150) / 30.0
    height = rate * time + rng.normal(0, 0.001, 150)
    height[40:60] += 0.3
    assert height_rate(height, time, noise=0.003, usual_rate=0.02) == pytest.approx(rate, abs=5e-3)
