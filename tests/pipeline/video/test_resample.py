"""From a video's own times to a fixed rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pipeline.video.resample import (
    lies_between,
    neighbours,
    resample_confidence,
    resample_rotations,
    resample_values,
    uniform_times,
)

steps = st.lists(st.floats(0.005, 0.5), min_size=1, max_size=40)


def _times(steps_s):
    return np.concatenate([[0.0], np.cumsum(steps_s)]) + 1.25


@given(steps, st.floats(10, 120), st.floats(0.001, 1.0))
def test_a_straight_line_comes_out_exactly(steps_s, fps, longest):
    """At any native rate, variable or not, with curves or without: speed must not change."""
    native = _times(steps_s)
    times = uniform_times(native[0], native[-1], fps)
    slope, offset = np.array([3.0, -200.0, 0.0]), np.array([1.0, 500.0, -7.0])
    values = offset + native[:, None] * slope
    assert resample_values(native, values, times, longest) == pytest.approx(offset + times[:, None] * slope, abs=1e-6)


def test_a_parabola_comes_out_exactly_between_the_ends():
    """A thrown ball is not flattened to a polygon, which at 10 frames/s would cost 2 cm at 30 m/s^2."""
    native = _times([0.1, 0.08, 0.12, 0.1, 0.1, 0.05, 0.1])
    times = uniform_times(native[1], native[-2], 100.0)
    assert resample_values(native, native**2, times, 1.0) == pytest.approx(times**2, abs=1e-12)


def test_native_frames_are_kept_as_they_are():
    native = _times([0.04] * 20)
    values = np.random.default_rng(0).normal(size=(21, 17, 2))
    assert resample_values(native, values, native, 0.1) == pytest.approx(values, abs=1e-12)


@pytest.mark.parametrize("native_fps", [24.0, 25.0, 50.0, 60.0, 120.0])
def test_the_same_motion_is_the_same_at_any_native_rate(native_fps):
    """A slow sine filmed at any usual rate gives the same thirty values a second."""
    native = np.arange(0.0, 3.0, 1.0 / native_fps)
    times = uniform_times(0.2, 2.8, 30.0)
    wave = lambda t: np.sin(2 * np.pi * 1.5 * t)  # noqa: E731
    assert resample_values(native, wave(native), times, 0.2) == pytest.approx(wave(times), abs=0.004)


def test_across_a_gap_the_line_is_straight():
    """A curve would swing out on the slope of one noisy frame before the gap."""
    native = np.array([0.0, 0.04, 0.08, 1.0, 1.04])
    values = np.array([0.0, 0.0, 1.0, 1.0, 0.0])
    assert resample_values(native, values, np.linspace(0.08, 1.0, 7), 0.1) == pytest.approx(np.ones(7))


def test_one_frame_is_repeated():
    assert resample_values(np.array([2.0]), np.array([[5.0]]), np.array([2.0, 2.0]), 1.0).tolist() == [[5.0], [5.0]]


@given(st.floats(0, 100), st.integers(0, 500), st.floats(1, 240))
def test_uniform_times_keep_the_rate_and_the_ends(first, n_steps, fps):
    """The last frame is not lost to rounding."""
    times = uniform_times(first, first + n_steps / fps, fps)
    assert len(times) == n_steps + 1
    assert times[0] == first
    assert np.diff(times) == pytest.approx(np.full(n_steps, 1 / fps))


def test_confidence_is_that_of_the_worse_neighbour():
    native = np.array([0.0, 1.0, 2.0])
    confidence = np.array([[0.9, 0.2], [0.5, 0.8], [1.0, 1.0]])
    found = resample_confidence(native, confidence, np.array([0.0, 0.1, 0.9, 1.0, 1.5, 2.0]))
    assert found.tolist() == [[0.9, 0.2], [0.5, 0.2], [0.5, 0.2], [0.5, 0.8], [0.5, 0.8], [1.0, 1.0]]


def test_rotations_turn_evenly():
    native = np.array([0.0, 0.1, 0.4])
    turn = lambda t: Rotation.from_rotvec(np.outer(t, [0.3, -1.0, 0.2])).as_matrix()  # noqa: E731
    times = uniform_times(0.0, 0.4, 30.0)
    assert resample_rotations(native, turn(native), times) == pytest.approx(turn(times), abs=1e-12)


def test_a_still_camera_stays_still_to_the_last_bit():
    R = np.broadcast_to(Rotation.from_rotvec([0.1, 0.2, 0.3]).as_matrix(), (5, 3, 3))
    found = resample_rotations(np.arange(5.0), R, np.linspace(0, 4, 33))
    assert np.array_equal(found, np.broadcast_to(R[0], found.shape))


def test_neighbours_coincide_on_a_native_frame_even_with_rounding():
    native = np.arange(10) / 30.0
    before, after = neighbours(native, native + 1e-9)
    assert before.tolist() == after.tolist() == list(range(10))
    before, after = neighbours(native, native[:-1] + 0.01)
    assert (after - before == 1).all()


def test_frames_are_marked_as_interpolated_beyond_a_quarter_of_a_frame():
    native = np.arange(31) / 24.0
    times = uniform_times(0.0, native[-1], 30.0)
    distance = np.abs(times[:, None] - native).min(axis=1)
    assert lies_between(native, times, 30.0).tolist() == (distance > 0.25 / 30 + 1e-9).tolist()
    assert not lies_between(times, times, 30.0).any()
