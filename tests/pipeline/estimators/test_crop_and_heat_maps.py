"""Cutting a person out and reading keypoints back are each other's reverse, wherever the person is."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.estimators.crop import CROP_PX, crop_matrix, cut_out, halved, normalised
from pipeline.estimators.heat_maps import COCO_SWAPPED, keypoints_of_maps, unmirrored
from robots.exceptions import InvalidArray

ROWS, COLUMNS = 64, 48


def bump(x: float, y: float, *, height: float = 0.9, sigma: float = 2.0) -> np.ndarray:
    """A heat map with one hill."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    return height * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


def maps_of(rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Hills well inside their maps, and where they are [map pixels]."""
    at = rng.uniform([8, 8], [COLUMNS - 9, ROWS - 9], size=(batch, 17, 2))
    maps = np.array([[bump(x, y) for x, y in one] for one in at])
    return maps, at


def test_the_corners_of_a_box_land_on_the_corners_of_its_crop():
    box = np.array([300.0, 200.0, 170.0])
    corners = np.array([[215.0, 115.0, 1], [385.0, 285.0, 1], [300.0, 200.0, 1]])
    found = corners @ crop_matrix(box).T
    np.testing.assert_allclose(found, [[0, 0], [CROP_PX - 1] * 2, [(CROP_PX - 1) / 2] * 2], atol=1e-3)


def test_a_point_goes_into_the_crop_and_comes_back_by_its_heat_map():
    """What the network sees at a quarter of the crop's pixels is read in the picture's."""
    rng = np.random.default_rng(4)
    boxes = np.array([[400.0, 300.0, 210.0], [50.0, 480.0, 630.0]])
    maps, at = maps_of(rng, len(boxes))
    share = at / [COLUMNS - 1, ROWS - 1] - 0.5
    expected = boxes[:, None, :2] + share * [0.75, 1.0] * boxes[:, None, 2:]
    found = keypoints_of_maps(maps, boxes)
    assert np.abs(found[..., :2] - expected).max() < 0.02 * boxes[:, 2].max() / ROWS
    np.testing.assert_allclose(found[..., 2], maps.max((2, 3)))


def test_a_brighter_square_is_found_where_it_was():
    picture = np.zeros((360, 480, 3), dtype=np.uint8)
    picture[100:140, 200:240] = 255
    box = np.array([210.0, 130.0, 150.0])
    rows, columns = np.nonzero(cut_out(picture, box)[..., 0] > 127)
    middle = np.array([columns.mean(), rows.mean(), 1.0])
    back = np.linalg.inv(np.vstack([crop_matrix(box), [0, 0, 1]])) @ middle
    np.testing.assert_allclose(back[:2], [219.5, 119.5], atol=0.5)


def test_a_box_beyond_the_picture_is_black_there_and_a_wide_one_is_smoothed():
    picture = np.full((100, 100, 3), 200, dtype=np.uint8)
    assert not cut_out(picture, np.array([500.0, 500.0, 50.0])).any()
    stripes = np.zeros((1200, 1200, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    wide = cut_out(stripes, np.array([600.0, 600.0, 1100.0])).astype(float)
    plain = cut_out(stripes, np.array([600.0, 600.0, 560.0])).astype(float)
    assert wide.std() < plain.std()


@pytest.mark.parametrize("box", [[0.0, 0.0, 0.0], [np.nan, 1.0, 5.0], [1.0, 1.0, np.inf], [1.0, 1.0, -4.0]])
def test_a_box_that_is_none_is_refused(box):
    with pytest.raises(InvalidArray, match="is no square of a picture"):
        cut_out(np.zeros((9, 9, 3), dtype=np.uint8), np.array(box))


def test_white_and_black_are_the_ends_of_the_networks_colours():
    ends = normalised(np.stack([np.zeros((256, 256, 3), np.uint8), np.full((256, 256, 3), 255, np.uint8)]))
    assert ends.shape == (2, 3, 256, 256) and ends.dtype == np.float32
    np.testing.assert_allclose(ends[:, :, 0, 0], [[-2.1179, -2.0357, -1.8044], [2.2489, 2.4286, 2.64]], atol=1e-4)


def test_a_halved_picture_is_the_mean_of_four_pixels():
    picture = np.random.default_rng(0).integers(0, 256, (10, 16, 3), dtype=np.uint8)
    mean = picture.reshape(5, 2, 8, 2, 3).mean((1, 3))
    assert np.abs(halved(picture) - mean).max() <= 0.5


def test_keypoints_move_and_grow_with_their_box():
    maps, _ = maps_of(np.random.default_rng(7), 1)
    small, large = np.array([[0.0, 0.0, 100.0]]), np.array([[30.0, -20.0, 300.0]])
    near, far = keypoints_of_maps(maps, small), keypoints_of_maps(maps, large)
    np.testing.assert_allclose(far[..., :2], 3 * near[..., :2] + [30.0, -20.0], atol=1e-9)


def test_a_hill_that_moves_by_a_pixel_moves_its_keypoint_by_one():
    box = np.array([[0.0, 0.0, 63.0]])
    here, there = (keypoints_of_maps(bump(x, y)[None, None], box) for x, y in ((20.3, 30.6), (21.3, 32.6)))
    np.testing.assert_allclose((there - here)[0, 0, :2], [63 * 0.75 / 47, 2.0], atol=1e-3)


def test_a_batch_says_what_each_says_alone():
    rng = np.random.default_rng(9)
    maps, _ = maps_of(rng, 3)
    boxes = rng.uniform(100, 300, size=(3, 3))
    alone = np.concatenate([keypoints_of_maps(maps[i : i + 1], boxes[i : i + 1]) for i in range(3)])
    np.testing.assert_array_equal(keypoints_of_maps(maps, boxes), alone)


def test_the_mirror_image_of_the_maps_gives_the_mirror_image_of_the_person():
    maps, _ = maps_of(np.random.default_rng(2), 2)
    boxes = np.array([[0.0, 50.0, 120.0], [0.0, 0.0, 80.0]])
    found, mirrored = keypoints_of_maps(maps, boxes), keypoints_of_maps(unmirrored(maps), boxes)
    np.testing.assert_allclose(mirrored, found[:, COCO_SWAPPED] * [-1.0, 1.0, 1.0], atol=1e-4)
    np.testing.assert_array_equal(unmirrored(unmirrored(maps)), maps)


def test_a_map_that_shows_nothing_has_no_confidence_and_a_finite_place():
    maps, boxes = np.full((1, 17, ROWS, COLUMNS), -0.1), np.array([[100.0, 100.0, 50.0]])
    found = keypoints_of_maps(maps, boxes)
    assert (found[..., 2] <= 0).all() and np.isfinite(found).all()
