"""By what people are known again."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.video.appearance import describe, distance, mean_appearance
from pipeline.video.blazepose import Pose
from pipeline.video.roi import Roi

_RED, _NAVY, _SKIN = (180, 40, 40), (30, 30, 90), (220, 170, 140)


def _pose(x=200.0, y=200.0, scale=1.0):
    """Somebody who stands with hips at x, y, about 300 px tall."""
    landmarks = np.zeros((33, 2))
    places = {
        range(11): (0, -135),
        (11,): (25, -100),
        (12,): (-25, -100),
        (13, 15, 17, 19, 21): (45, -40),
        (14, 16, 18, 20, 22): (-45, -40),
        (23,): (15, 0),
        (24,): (-15, 0),
        (25,): (15, 70),
        (26,): (-15, 70),
        (27, 29, 31): (15, 140),
        (28, 30, 32): (-15, 140),
    }
    for numbers, place in places.items():
        landmarks[list(numbers)] = np.array([x, y]) + scale * np.array(place)
    roi = Roi(center_x=x, center_y=y, size=450.0 * scale, angle=0.0)
    ones = np.ones(33)
    return Pose(
        score=1.0,
        roi=roi,
        next_roi=roi,
        landmarks=landmarks,
        visibility=ones,
        presence=ones,
        landmarks_w=np.zeros((33, 3)),
    )


def _picture(shirt, trousers, *, background=(120, 130, 110), shape=(400, 400)):
    picture = np.full((*shape, 3), background, dtype=np.uint8)
    picture[30:95, 170:230] = _SKIN
    picture[95:200, 165:235] = shirt
    picture[200:345, 175:225] = trousers
    return picture


def test_the_same_clothes_are_alike_and_other_clothes_are_not():
    here = describe(_picture(_RED, _NAVY), _pose())
    assert distance(here, here) == pytest.approx(0, abs=1e-3)
    assert distance(here, describe(_picture(_NAVY, _RED), _pose())) > 0.5
    assert distance(here, describe(_picture(_RED, (230, 230, 230)), _pose())) > 0.25


def test_the_background_counts_for_little():
    """People walk past banners."""
    here = describe(_picture(_RED, _NAVY), _pose())
    assert distance(here, describe(_picture(_RED, _NAVY, background=(20, 160, 40)), _pose())) < 0.25


def test_a_little_more_light_is_not_somebody_else():
    picture = _picture(_RED, _NAVY)
    brighter = np.clip(picture * 1.15, 0, 255).astype(np.uint8)
    assert distance(describe(picture, _pose()), describe(brighter, _pose())) < 0.25


def test_a_mirrored_picture_looks_the_same():
    """The person turned round; nothing of who they are changed."""
    picture = _picture(_RED, _NAVY)
    picture[100:150, 165:185] = (240, 240, 20)
    pose = _pose()
    there = describe(np.ascontiguousarray(picture[:, ::-1]), _pose(x=400.0 - 200.0))
    assert distance(describe(picture, pose), there) < 0.1


def test_size_does_not_matter():
    picture = _picture(_RED, _NAVY)
    half = np.ascontiguousarray(picture[::2, ::2])
    assert distance(describe(picture, _pose()), describe(half, _pose(100, 100, 0.5))) < 0.1


def test_somebody_outside_the_picture_looks_like_nothing_at_all():
    """Neither alike nor different; and absurd places are no trouble."""
    picture = _picture(_RED, _NAVY)
    here = describe(picture, _pose())
    for x in (-5000.0, 1e30, -1e30):
        away = describe(picture, _pose(x=x))
        assert not away.any()
        assert distance(here, away) == 0.5
    assert np.isfinite(describe(picture[:1, :1], _pose())).all()
    assert np.isfinite(describe(picture, _pose(scale=0.0))).all()


def test_the_mean_lies_between_and_weights_count():
    red, navy = describe(_picture(_RED, _NAVY), _pose()), describe(_picture(_NAVY, _RED), _pose())
    both = np.stack([red, navy])
    middle = mean_appearance(both, np.ones(2))
    assert distance(middle, red) == pytest.approx(float(distance(middle, navy)), abs=0.02)
    assert distance(mean_appearance(both, np.array([1.0, 0.0])), red) == pytest.approx(0, abs=1e-3)
    assert not mean_appearance(both, np.zeros(2)).any()
