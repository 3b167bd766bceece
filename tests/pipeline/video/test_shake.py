"""Jolts told from pans, in rotations alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from pipeline.video.shake import MAX_JOLT, find_shaken

N = 120
FOCAL_PER_HEIGHT = 2.04  # the usual guess at 16:9


def _shaken(yaw_deg, *, measured=None, bend=None, times=None):
    n = len(yaw_deg)
    return find_shaken(
        Rotation.from_euler("y", yaw_deg[:, None], degrees=True).as_matrix(),
        np.ones(n, dtype=bool) if measured is None else measured,
        focal_per_height=np.full(n, FOCAL_PER_HEIGHT),
        bend=np.zeros(n) if bend is None else bend,
        times=times,
    )


def _pan(speed_deg_s, n=N):
    """A pan that starts and ends within half a second."""
    speed = gaussian_filter1d(np.where((np.arange(n) > n / 4) & (np.arange(n) < 3 * n / 4), speed_deg_s / 30.0, 0), 4)
    return np.cumsum(speed)


def test_a_jolt_is_found_and_little_else():
    yaw = _pan(10.0)
    yaw[60] += 1.0
    shaken = _shaken(yaw)
    assert shaken[60]
    assert not np.delete(shaken, [59, 60, 61]).any()


@pytest.mark.parametrize("speed_deg_s", [0.0, 10.0, 25.0])
def test_a_pan_is_no_shake(speed_deg_s):
    assert not _shaken(_pan(speed_deg_s)).any()


def test_a_hand_that_stands_still_is_no_shake():
    """Tremor of half a degree a second."""
    speed = np.random.default_rng(0).normal(0, 0.5 / 30, N)
    assert not _shaken(np.cumsum(speed)).any()


def test_a_whip_is_said_though_it_is_smooth():
    shaken = _shaken(_pan(90.0))
    assert shaken[50:70].all()
    assert not shaken[:20].any()


@pytest.mark.parametrize(("share", "expected"), [(0.8, False), (1.2, True)])
def test_the_threshold_is_a_shift_over_the_pictures_height(share, expected):
    """Of a shutter that reads for as long as a picture lasts."""
    yaw = np.zeros(N)
    yaw[60:] = np.degrees(share * MAX_JOLT / FOCAL_PER_HEIGHT)
    assert _shaken(yaw).any() == expected


def test_repeated_pictures_in_a_pan_are_no_jolts():
    """24 pictures a second shown at 30: every fifth is the one before it."""
    assert not _shaken(_pan(20.0)[np.arange(N) * 4 // 5]).any()


def test_a_picture_left_out_of_a_pan_is_no_jolt():
    assert not _shaken(np.delete(_pan(20.0), [50, 70])).any()


def test_uneven_times_are_no_jolts():
    times = np.cumsum(np.where(np.arange(N) % 4 == 0, 4.0, 1.0) / 30)
    assert not _shaken(12.0 * times, times=times).any()


def test_nothing_is_said_of_what_was_not_measured():
    yaw = np.zeros(N)
    yaw[60:] = 3.0
    measured = np.ones(N, dtype=bool)
    measured[60] = False
    assert not _shaken(yaw, measured=measured).any()
    assert _shaken(yaw).any()


def test_a_picture_seen_to_be_bent_is_shaken():
    bend = np.zeros(N)
    bend[40] = -1.5 * MAX_JOLT
    assert np.flatnonzero(_shaken(np.zeros(N), bend=bend)).tolist() == [40]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_short_shots_say_nothing(n):
    assert _shaken(np.zeros(n)).shape == (n,)
