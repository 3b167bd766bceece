"""Who is in a shot, found and followed by the networks on rendered pictures."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.video.blazepose import BlazePose
from pipeline.video.config import VideoConfig
from pipeline.video.decode import decode_frames
from pipeline.video.people import ShotPeople
from pipeline.video.pictures import mark_pictures

SHARED = Path(__file__).parents[3].parent / "shared"

pytestmark = pytest.mark.render  # the clip they look at is rendered


@pytest.fixture(scope="module")
def pictures(short_clip):
    """Twelve pictures of somebody about 250 px tall."""
    return [frame.rgb for frame in islice(decode_frames(short_clip.video), 12)]


@pytest.fixture(scope="module")
def network(keypoint_models):
    return BlazePose(keypoint_models)


def _watch(network, pictures, fps=30.0, **options):
    shot = ShotPeople(network, options.pop("config", VideoConfig()), **options)
    times = np.arange(len(pictures)) / fps
    poses = [shot.update(time_s, rgb) for time_s, rgb in zip(times.tolist(), pictures, strict=True)]
    return poses, shot.finish(times)


def _height(pose):
    return float(np.ptp(pose.landmarks[:, 1]))


def test_one_person_is_one_person_in_every_picture(network, pictures):
    poses, persons = _watch(network, pictures)
    assert len(persons) == 1
    assert persons[0].pictures.tolist() == list(range(len(pictures)))
    assert not persons[0].crowded.any()
    assert all(number in seen for number, seen in zip(persons[0].tracklets.tolist(), poses, strict=True))


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_turned_picture_shows_the_same_person_turned(network, pictures, quarter_turns):
    """Also left and right, and the landmarks in the camera's own axes: somebody on the floor is not mirrored."""
    turned = [np.ascontiguousarray(np.rot90(rgb, quarter_turns)) for rgb in pictures]
    height, width = pictures[0].shape[:2]
    upright, _ = _watch(network, pictures)
    poses, persons = _watch(network, turned)
    assert len(persons) == 1
    assert len(persons[0].pictures) == len(pictures)
    for before, after, number in zip(upright, poses, persons[0].tracklets.tolist(), strict=True):
        (a,), b = before.values(), after[number]
        x, y = a.landmarks.T
        there = {1: (y, width - x), 2: (width - x, height - y), 3: (height - y, x)}[quarter_turns]
        apart = np.linalg.norm(b.landmarks - np.column_stack(there), axis=1)
        assert np.median(apart) < 0.03 * _height(a)
        assert apart[11:].max() < 0.15 * _height(a)
        c, s = np.cos(quarter_turns * np.pi / 2), np.sin(quarter_turns * np.pi / 2)
        spun = a.landmarks_w @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        assert np.median(np.linalg.norm(b.landmarks_w - spun, axis=1)) < 0.08


def test_somebody_who_is_suddenly_upside_down_is_found_again(network, pictures):
    """From one picture to the next, as after a fast handspring: turned squares are tried before the person is lost."""
    flipped = [np.ascontiguousarray(np.rot90(rgb, 2)) for rgb in pictures]
    alone, _ = _watch(network, flipped)
    (truth,) = alone[-1].values()
    poses, persons = _watch(network, pictures[:4] + flipped[4:])
    last = poses[-1][int(persons[0].tracklets[-1])]
    assert persons[0].pictures[-1] == len(pictures) - 1
    assert np.median(np.linalg.norm(last.landmarks - truth.landmarks, axis=1)) < 0.05 * _height(truth)


def test_who_is_seen_well_is_not_turned_by_a_detector_that_errs(network):
    """It takes the thighs of this lifter for a face, once: the square was turned by half and the body with it."""
    video = SHARED / "data" / "video" / "stgcn_clean_and_jerk.mp4"
    if not video.exists():
        pytest.skip("the real clips are not here")
    shot = ShotPeople(network, VideoConfig())
    for picture in mark_pictures(frame for frame in decode_frames(video) if frame.time_s < 5.2):
        if not picture.repeats:
            (pose,) = shot.update(picture.frame.time_s, picture.frame.rgb).values()
            assert pose.landmarks[0, 1] < pose.landmarks[[23, 24], 1].min(), f"at {picture.frame.time_s:.2f} s"


def test_somebody_small_is_found_in_a_tile_and_not_without(network, pictures):
    """A fifth of the picture's height: the detector on the whole picture sees 30 pixels of them."""
    rgb = pictures[0]
    (pose,) = _watch(network, pictures[:1])[0][0].values()
    x0, y0, x1, y1 = pose.box
    side = int(1.3 * max(x1 - x0, y1 - y0))
    left, top = int((x0 + x1 - side) / 2), max(0, int((y0 + y1 - side) / 2))
    part = cv2.resize(rgb[top : top + side, left : left + side], (190, 190), interpolation=cv2.INTER_AREA)
    large = np.full((720, 1280, 3), 128, dtype=np.uint8)
    large[300:490, 500:690] = part[:190, :190]
    assert _watch(network, [large], search_tiles=False)[0] == [{}]
    (found,) = _watch(network, [large])[0][0].values()
    there = (pose.landmarks - [left, top]) * (190 / side) + [500, 300]
    assert np.median(np.linalg.norm(found.landmarks - there, axis=1)) < 0.05 * _height(found)


def test_two_people_are_two_and_stay_so_in_a_mirror(network, pictures):
    """The picture beside its own mirror image shows two people of one size."""
    pairs = [np.hstack([rgb[:, 100:540], rgb[:, 100:540][:, ::-1]]) for rgb in pictures]
    for shown in (pairs, [np.ascontiguousarray(rgb[:, ::-1]) for rgb in pairs]):
        _, persons = _watch(network, shown)
        assert [len(person.pictures) for person in persons] == [len(pictures)] * 2


def test_no_more_people_are_followed_than_asked_for_and_the_large_are_preferred(network, pictures):
    """A row of small spectators must not keep the performer from being followed."""
    height, width = pictures[0].shape[:2]
    small = [cv2.resize(rgb, (width // 2, height // 2), interpolation=cv2.INTER_AREA) for rgb in pictures]
    shown = []
    for number, (rgb, tiny) in enumerate(zip(pictures, small, strict=True)):
        canvas = np.full((height, width + width // 2, 3), 128, dtype=np.uint8)
        canvas[:180, width:] = tiny
        if number >= 3:
            canvas[:, :width] = rgb
        shown.append(canvas)
    config = replace(VideoConfig(), max_people=1, search_every_s=0.1)
    poses, persons = _watch(network, shown, config=config)
    assert all(len(seen) <= 1 for seen in poses)
    assert poses[0]
    (last,) = poses[-1].values()
    assert last.landmarks[:, 0].max() < width
    assert len(persons) == 2


def test_the_same_bits_whatever_the_number_of_threads(keypoint_models, pictures):
    """Else a dataset would depend on the machine that built it."""
    (one, _), (two, _) = (_watch(BlazePose(keypoint_models, threads=n), pictures[:4]) for n in (1, 2))
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        assert all(np.array_equal(a[k].landmarks, b[k].landmarks) for k in a)


def test_an_empty_room_has_nobody(network):
    for rgb in (
        np.zeros((360, 640, 3), dtype=np.uint8),
        np.random.default_rng(1).integers(0, 255, (360, 640, 3), dtype=np.uint8),
        np.zeros((1, 1, 3), dtype=np.uint8),
        np.zeros((3, 900, 3), dtype=np.uint8),
    ):
        poses, persons = _watch(network, [rgb] * 2)
        assert poses == [{}, {}]
        assert persons == []


def test_a_shot_of_one_picture_or_none(network, pictures):
    assert len(_watch(network, pictures[:1])[1]) == 1
    assert _watch(network, [])[1] == []


def test_times_must_be_those_of_the_pictures(network, pictures):
    shot = ShotPeople(network, VideoConfig())
    shot.update(0.0, pictures[0])
    with pytest.raises(ValueError, match="1 pictures were given, but 2 times"):
        shot.finish(np.zeros(2))
