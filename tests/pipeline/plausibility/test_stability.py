import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.plausibility.stability import centre_of_pressure, gap_duration, measure_stability, pressure_weight


def test_pressure_by_hand():
    """exp(-10 h) above the floor, 1 - 100 h below it, equal at the floor."""
    np.testing.assert_allclose(
        pressure_weight(np.array([0.0, 0.1, 1.0, -0.01, -0.1])), [1, np.exp(-1), np.exp(-10), 2, 11]
    )


def test_centre_of_pressure_by_hand():
    """Two points, one 1 cm under the floor and one on it, with areas 1 and 2: weights 2 and 2, centre half way."""
    verts = np.array([[[0.0, 0.0, 0.49], [1.0, 2.0, 0.5]]])
    np.testing.assert_allclose(centre_of_pressure(verts, np.array([1.0, 2.0]), ground=0.5), [[0.5, 1.0]])


def test_the_gap_is_the_time_between_the_stable_frames_around_it():
    """PBHC rejects from 100 frames between two stable frames at 30 fps on: 99 unstable ones in a row."""
    stable = np.ones(300, dtype=bool)
    stable[100:199] = False
    gap = gap_duration(stable, 30.0)
    assert gap.max() == pytest.approx(100 / 30)
    np.testing.assert_array_equal(np.flatnonzero(gap), np.arange(100, 199))


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.floats(10, 120))
def test_gaps_scale_with_the_frame_rate_and_never_exceed_the_clip(stable, fps):
    gap = gap_duration(np.array(stable), fps)
    np.testing.assert_allclose(gap, gap_duration(np.array(stable), 1.0) / fps)
    assert ((gap > 0) == ~np.array(stable)).all()
    assert gap.max() <= max(len(stable) - 1, 1) / fps * (1 + 1e-12)


def test_start_and_end_are_the_first_and_last_frame():
    items = {item.name: item for item in measure_stability(np.array([0.2, 0.05, 0.3, 0.05, 0.15]), 1.0, 0.1)}
    assert (items["com_cop_start"].value, items["com_cop_end"].value) == (0.2, 0.15)
    assert items["unstable_gap"].value == 2.0
    assert items["unstable_gap"].spans == ((0, 1), (2, 3), (4, 5))
