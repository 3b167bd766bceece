"""The picture nearest to a time, also far into a video, without decoding all before it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.video.frames import frames_at


@pytest.fixture(scope="module", params=["mpeg4", "libx264"])
def film(request, write_video):
    """150 pictures, each a shade brighter than the one before, with key frames on the way (MPEG-4: every 12)."""
    pictures = [np.full((48, 64, 3), 40 + i, dtype=np.uint8) for i in range(150)]
    return write_video(pictures, codec=request.param, times_ms=[40 * i for i in range(150)])


@pytest.mark.parametrize("start", [0.01, 0.91, 1.03, 3.99, 5.91])
def test_where_reading_begins_does_not_change_what_is_shown(film, start):
    times = start + np.arange(12) * 0.04
    jumped = list(frames_at(film, times))
    _, *from_the_beginning = frames_at(film, np.concatenate([[0.0], times]))
    assert np.array_equal(jumped, from_the_beginning)
    brightness = [picture.mean() for picture in jumped]
    np.testing.assert_allclose(brightness, 40 + np.minimum(np.rint(times / 0.04), 149), atol=5.0)


def test_times_beyond_the_end_show_the_last_picture(film):
    shown = [picture.mean() for picture in frames_at(film, np.array([20.0, 21.0]))]
    np.testing.assert_allclose(shown, [189.0, 189.0], atol=5.0)
