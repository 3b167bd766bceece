"""Where people are looked for, and that each is found once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.video.roi import Roi
from pipeline.video.search import View, distinct, tile_views, view_around, whole_view
from pipeline.video.ssd import Detection

sides = st.integers(1, 3000)


def _detection(x, y, radius, score=0.9):
    points = np.array([[x, y], [x, y - radius], [x, y - 0.6 * radius], [x, y - radius]], dtype=float)
    return Detection(score=score, box=np.array([x - 5, y - radius, x + 5, y - radius + 10.0]), points=points)


@given(width=sides, height=sides)
def test_tiles_cover_the_picture_and_overlap(width, height):
    """Nobody stands in a crack between two tiles."""
    tiles = tile_views(width, height)
    if not tiles:
        assert max(width, height) <= max(224, 0.6 * min(width, height) + 1)
        return
    assert all(t.left >= 0 and t.top >= 0 for t in tiles)
    assert all(t.left + t.width <= width and t.top + t.height <= height for t in tiles)
    for start, length, whole in (("left", "width", width), ("top", "height", height)):
        spans = sorted({(getattr(t, start), getattr(t, length)) for t in tiles})
        assert spans[0][0] == 0
        assert sum(spans[-1]) == whole
        for (a, size), (b, _) in pairwise(spans):
            assert b <= a + size * 2 / 3 + 1


def test_a_720p_picture_has_few_tiles():
    """Each costs a run of the detector."""
    assert len(tile_views(1280, 720)) == len(tile_views(720, 1280)) == 8


@given(
    turns=st.integers(0, 3), left=st.integers(0, 20), top=st.integers(0, 10), x=st.integers(0, 29), y=st.integers(0, 14)
)
def test_a_point_of_a_turned_view_returns_to_its_place(turns, left, top, x, y):
    """Else whoever lies on the floor would be mirrored or moved."""
    picture = np.zeros((40, 60, 3), dtype=np.uint8)
    picture[top + y, left + x] = 255
    view = View(left=left, top=top, width=30, height=15, quarter_turns=turns)
    row, column = (int(v[0]) for v in np.nonzero(view.cut(picture)[..., 0]))
    assert view.to_picture(np.array([[column + 0.5, row + 0.5]])) == pytest.approx(
        np.array([[left + x + 0.5, top + y + 0.5]])
    )


def test_the_surroundings_of_somebody_lie_inside_the_picture():
    roi = Roi(center_x=30, center_y=300, size=200, angle=0.4)
    view = view_around(roi, 640, 360)
    assert view is not None
    assert (view.left, view.top, view.width, view.height) == (0, 100, 231, 260)
    assert view_around(Roi(center_x=-900, center_y=300, size=200, angle=0), 640, 360) is None


def test_somebody_seen_in_two_tiles_is_one_and_neighbours_are_two():
    seen_twice = [_detection(100, 200, 60), _detection(108, 204, 66, 0.8)]
    neighbours = [_detection(100, 200, 60), _detection(160, 200, 60)]
    behind = [_detection(100, 200, 60), _detection(104, 200, 20)]
    assert distinct(seen_twice) == seen_twice[:1]
    assert distinct(neighbours) == neighbours
    assert distinct(behind) == behind


def test_the_whole_picture_is_seen_as_it_is():
    picture = np.random.default_rng(0).integers(0, 255, (30, 50, 3), dtype=np.uint8)
    assert np.array_equal(whole_view(50, 30).cut(picture), picture)
