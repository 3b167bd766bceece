"""Settings that cannot work are refused with their name."""

from __future__ import annotations

import pytest

from pipeline.video import VideoConfig
from robots.exceptions import InvalidArray


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("min_length_s", 0.0),
        ("search_every_s", float("nan")),
        ("focal_px", -1.0),
        ("max_gap_s", 0.0),
        ("min_pose_score", 1.5),
        ("max_people", 0),
        ("threads", 0),
        ("max_side_px", 10),
        ("camera_side_px", 0),
    ],
)
def test_a_setting_out_of_range_is_named(field, value):
    with pytest.raises(InvalidArray, match=field):
        VideoConfig(**{field: value})
