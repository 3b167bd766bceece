"""How sharp the picture is at each landmark."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeline.video.blazepose import Pose
from pipeline.video.roi import Roi
from pipeline.video.sharpness import landmark_sharpness


def _pose(points: np.ndarray) -> Pose:
    roi = Roi(center_x=0.0, center_y=0.0, size=100.0, angle=0.0)
    return Pose(
        score=1.0,
        roi=roi,
        next_roi=roi,
        landmarks=points,
        visibility=np.ones(33),
        presence=np.ones(33),
        landmarks_w=np.zeros((33, 3)),
    )


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, Pose]:
    """Blocks of cloth of many shades, and a person 300 px tall before them."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 255, (45, 60), dtype=np.uint8)
    picture = cv2.resize(blocks, (960, 720), interpolation=cv2.INTER_NEAREST)
    return picture, _pose(np.array([480, 360]) + rng.uniform(-1, 1, (33, 2)) * [80, 150])


@pytest.mark.parametrize("length", [9, 21])
@pytest.mark.parametrize("across", [True, False])
def test_a_smear_in_any_direction_lowers_it(scene, length, across):
    """An open shutter averages along the way."""
    picture, pose = scene
    smeared = cv2.blur(picture, (length, 1) if across else (1, length))
    ratio = landmark_sharpness(smeared, pose) / landmark_sharpness(picture, pose)
    assert np.median(ratio) < 0.95


def test_a_longer_smear_lowers_it_more(scene):
    picture, pose = scene
    levels = [np.median(landmark_sharpness(cv2.blur(picture, (n, n)), pose)) for n in (1, 7, 15, 31)]
    assert (np.diff(levels) < 0).all()


def test_contrast_and_brightness_do_not_matter(scene):
    """A shadow on the arm is no blur."""
    picture, pose = scene
    dim = (picture * 0.4 + 30).astype(np.uint8)
    np.testing.assert_allclose(landmark_sharpness(dim, pose), landmark_sharpness(picture, pose), rtol=0.1)


def test_a_larger_copy_of_the_picture_is_hardly_less_sharp(scene):
    """Walking towards the camera is no blur: the person is looked at in one size."""
    picture, pose = scene
    double = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_AREA)
    twice = landmark_sharpness(double, replace(pose, landmarks=pose.landmarks * 2 + 0.5))
    np.testing.assert_allclose(np.median(twice), np.median(landmark_sharpness(picture, pose)), rtol=0.1)


def test_grey_and_colour_are_alike(scene):
    picture, pose = scene
    colour = np.repeat(picture[..., None], 3, axis=2)
    np.testing.assert_allclose(landmark_sharpness(colour, pose), landmark_sharpness(picture, pose), rtol=0.02)


def test_landmarks_outside_the_picture_have_none(scene):
    picture, pose = scene
    points = pose.landmarks.copy()
    points[:5] = [[-1, 300], [400, -20], [960.5, 300], [400, 721], [-500, -500]]
    sharpness = landmark_sharpness(picture, replace(pose, landmarks=points))
    np.testing.assert_array_equal(sharpness[:5], 0.0)
    assert (sharpness[5:] > 0).all()


@pytest.mark.parametrize(
    "points",
    [
        np.full((33, 2), 100.0),
        np.full((33, 2), np.nan),
        np.linspace(-1e6, 1e6, 66).reshape(33, 2),
        np.full((33, 2), -300.0),
    ],
    ids=["one point", "not a number", "huge", "elsewhere"],
)
def test_absurd_landmarks_give_finite_numbers(scene, points):
    picture, _ = scene
    sharpness = landmark_sharpness(picture, _pose(points))
    assert sharpness.dtype == np.float32 and sharpness.shape == (33,)
    assert np.isfinite(sharpness).all() and (sharpness >= 0).all()


def test_the_smallest_pictures_do():
    for shape in ((1, 1), (2, 3), (5, 1)):
        points = np.zeros((33, 2))
        assert np.isfinite(landmark_sharpness(np.zeros(shape, dtype=np.uint8), _pose(points))).all()
