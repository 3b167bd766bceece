"""Which of the people in a video it is about."""

from __future__ import annotations

import numpy as np

from pipeline.video.blazepose import Pose
from pipeline.video.people import main_person
from pipeline.video.roi import Roi


def _pose(x=300.0, size=200.0, score=0.9):
    roi = Roi(center_x=x, center_y=200.0, size=size, angle=0.0)
    return Pose(
        score=score,
        roi=roi,
        next_roi=roi,
        landmarks=np.full((33, 2), x),
        visibility=np.ones(33),
        presence=np.ones(33),
        landmarks_w=np.zeros((33, 3)),
    )


def _clip(n, people):
    """People as number -> (frames, pose)."""
    seen = [{number: pose for number, (frames, pose) in people.items() if frame in frames} for frame in range(n)]
    return seen, np.arange(n) / 30.0


def test_the_larger_of_two_people_is_the_main_one():
    seen, times = _clip(60, {0: (range(60), _pose(size=100)), 1: (range(60), _pose(x=600, size=240))})
    assert {pose.roi.size for pose in main_person(seen, times, 1.0).values()} == {240}


def test_a_passer_by_close_to_the_camera_is_not_the_main_person():
    """Twice as large but for a second of ten."""
    seen, times = _clip(300, {0: (range(300), _pose()), 1: (range(100, 130), _pose(x=600, size=400))})
    assert list(main_person(seen, times, 1.0)) == list(range(300))


def test_a_person_found_again_nearby_is_the_same():
    """Motion blur loses a fast kick for a few frames; the form goes on."""
    seen, times = _clip(90, {0: (range(40), _pose()), 1: (range(50, 90), _pose(x=340))})
    assert list(main_person(seen, times, 1.0)) == [*range(40), *range(50, 90)]


def test_somebody_else_elsewhere_is_not_the_same():
    far, small = _pose(x=900), _pose(size=100)
    for other in (far, small):
        seen, times = _clip(90, {0: (range(40), _pose()), 1: (range(45, 70), other)})
        assert list(main_person(seen, times, 1.0)) == list(range(40))


def test_a_long_absence_ends_the_motion():
    """Across seconds nothing can be interpolated; the longer part is kept."""
    seen, times = _clip(200, {0: (range(40), _pose()), 1: (range(100, 200), _pose())})
    assert list(main_person(seen, times, 1.0)) == list(range(100, 200))
    assert len(main_person(seen, times, 5.0)) == 140


def test_nobody_is_nobody():
    assert main_person([{}, {}], np.array([0.0, 0.1]), 1.0) == {}
    assert main_person([], np.zeros(0), 1.0) == {}
