import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.measurement import Measurement, Measurements, spans_where
from robots.exceptions import InvalidArray, UnknownName


def measurement(**changes) -> Measurement:
    return Measurement(**{"name": "skate", "value": 1.0, "unit": "m/s", "meaning": "How it slides", **changes})


def measurements(*items: Measurement, n_frames: int = 10, stage: str = "validation") -> Measurements:
    return Measurements(stage=stage, fps=30.0, n_frames=n_frames, items=items)


@given(st.lists(st.booleans(), max_size=50))
def test_spans_are_the_mask_written_shorter(mask):
    """Painting the spans gives the mask back, and no two of them touch."""
    spans = spans_where(np.array(mask, dtype=bool))
    painted = np.zeros(len(mask), dtype=bool)
    for start, stop in spans:
        assert not painted[max(start - 1, 0) : stop].any()
        painted[start:stop] = True
    assert painted.tolist() == mask


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_measurement_is_a_number(value):
    """NaN passes every comparison with a limit: a broken measurement would be a passed check."""
    with pytest.raises(InvalidArray, match="measurement 'skate': has the value"):
        measurement(value=value)


def test_a_series_may_have_gaps():
    """Skate has no value in flight."""
    assert np.isnan(measurement(series=[1.0, np.nan]).series[1])


def test_measurements_are_found_by_name():
    group = measurements(measurement(), measurement(name="float"))
    assert group["float"].name == "float"
    with pytest.raises(UnknownName, match=r"unknown measurement 'skat'\. Did you mean 'skate'"):
        group["skat"]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ((measurement(series=np.zeros(9)),), "has a series of 9 frames for a motion of 10"),
        ((measurement(spans=((5, 11),)),), "has a span outside 0..10"),
        ((measurement(spans=((5, 5),)),), "has a span outside 0..10"),
        ((measurement(), measurement()), "was taken twice"),
    ],
)
def test_measurements_of_a_motion_lie_inside_it(items, message):
    """A span beyond the end would send a reader to frames that do not exist."""
    with pytest.raises(InvalidArray, match=message):
        measurements(*items)


def test_the_stage_is_one_that_limits_can_name():
    with pytest.raises(UnknownName, match=r"unknown stage 'validaton'\. Did you mean 'validation'"):
        measurements(stage="validaton")
