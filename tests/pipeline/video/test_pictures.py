"""Shots begin where the place changes and nowhere else; pictures that show nothing new are known as such."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.video.decode import VideoFrameRgb, decode_frames
from pipeline.video.pictures import LOOK_AHEAD, mark_pictures


def _frames(pictures, fps=30.0, times=None):
    for number, picture in enumerate(pictures):
        yield VideoFrameRgb(time_s=number / fps if times is None else times[number], scale=1.0, rgb=picture)


def _starts(pictures, **kwargs):
    marked = list(mark_pictures(_frames(pictures, **kwargs)))
    assert len(marked) == len(pictures)
    return [number for number, picture in enumerate(marked) if picture.starts_shot]


def _repeats(pictures, **kwargs):
    return [number for number, picture in enumerate(mark_pictures(_frames(pictures, **kwargs))) if picture.repeats]


def _turn(yaw):
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]])


@pytest.fixture(scope="module")
def film(room):
    """Film the textured room from a place, turning at a rate [deg/s]."""

    def shoot(n, *, x=0.0, z=0.0, yaw_deg=0.0, rate_deg=0.0, fps=30.0):
        pictures = []
        for number in range(n):
            yaw = np.radians(yaw_deg + rate_deg * number / fps)
            gray = room.film(_turn(yaw), np.array([x, 0.0, z]))
            pictures.append(cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB))
            if rate_deg == 0.0:
                return pictures * n
        return pictures

    return shoot


def _with_walker(pictures, board, speed_px=9.0, start=-60.0):
    """Let a board cross the pictures, a stand-in for somebody who walks; it moves by parts of a pixel too."""
    return [_with_board(picture, board, start + speed_px * number) for number, picture in enumerate(pictures)]


def _with_board(picture, board, left):
    height, width = picture.shape[:2]
    shift = np.array([[1.0, 0.0, left], [0.0, 1.0, height - board.shape[0]]])
    edged = np.dstack([cv2.merge([board] * 3), np.full(board.shape, 255, dtype=np.uint8)])
    layer = cv2.warpAffine(edged, shift, (width, height), borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    share = layer[..., 3:] / 255.0
    return np.rint(layer[..., :3] + (1.0 - share) * picture).astype(np.uint8)


@pytest.mark.parametrize("fps", [12.0, 30.0, 60.0])
def test_a_cut_between_views_of_the_same_room_is_found(film, fps):
    """Both sides have the same colours: only what stands where differs."""
    n = round(fps)
    pictures = film(n, fps=fps) + film(n, x=1.5, z=1.0, yaw_deg=25.0, fps=fps) + film(n, x=-1.0, yaw_deg=-20.0, fps=fps)
    assert _starts(pictures, fps=fps) == [0, n, 2 * n]


@pytest.mark.parametrize("fps", [12.0, 30.0, 60.0])
def test_a_cut_between_two_pans_is_found(film, fps):
    """Motion on both sides must not hide it."""
    n = round(fps)
    pictures = film(n, yaw_deg=-20.0, rate_deg=40.0, fps=fps) + film(
        n, x=1.5, z=1.0, yaw_deg=20.0, rate_deg=-40.0, fps=fps
    )
    assert _starts(pictures, fps=fps) == [0, n]


@pytest.mark.parametrize("fps", [12.0, 24.0, 60.0])
@pytest.mark.parametrize("rate_deg", [20.0, 90.0])
def test_a_pan_is_no_cut(film, fps, rate_deg):
    """At 90 deg/s and 12 pictures a second each shows a sixth of the picture anew."""
    assert _starts(film(round(60.0 / rate_deg * fps), yaw_deg=-30.0, rate_deg=rate_deg, fps=fps), fps=fps) == [0]


def test_a_fast_zoom_is_no_cut(film):
    """A lens that doubles its length in a third of a second."""
    still = film(1)[0]
    height, width = still.shape[:2]
    pictures = []
    for zoom in [1.0] * 8 + list(np.linspace(1.0, 2.0, 10)) + [2.0] * 8:
        shift = (1.0 - zoom) / 2.0 * np.array([width, height])
        pictures.append(cv2.warpAffine(still, np.column_stack([np.eye(2) * zoom, shift]), (width, height)))
    assert _starts(pictures) == [0]


@pytest.mark.parametrize("n_flashed", [1, 2])
@pytest.mark.parametrize("rows", [slice(None), slice(0, 200)], ids=["whole", "rolling shutter"])
def test_a_camera_flash_is_no_cut(film, n_flashed, rows):
    """The picture after it shows what the one before it showed."""
    pictures = [picture.copy() for picture in film(30, rate_deg=10.0)]
    for picture in pictures[12 : 12 + n_flashed]:
        picture[rows] = np.clip(picture[rows].astype(float) * 1.6 + 90.0, 0, 255).astype(np.uint8)
    assert _starts(pictures) == [0]


def test_lights_that_go_on_are_no_cut(film):
    """Brightness jumps and stays; the place does not change."""
    dark = [(picture * 0.4).astype(np.uint8) for picture in film(15)]
    assert _starts(dark + film(15)) == [0]


def test_somebody_who_passes_close_is_no_cut(film, moving_person_picture):
    """They cover most of the picture for a third of a second."""
    board = cv2.resize(moving_person_picture, (420, 360))
    assert _starts(_with_walker(film(40), board, speed_px=45.0, start=-500.0)) == [0]


def test_a_cut_through_black_begins_the_shot_at_its_first_visible_picture(film):
    """Black shows no place: what counts is what was there before it."""
    first, black, second = film(20), [np.zeros_like(film(1)[0])] * 10, film(20, x=1.5, z=1.0, yaw_deg=25.0)
    assert _starts(first + black + second) == [0, 30]
    assert _starts(first + black + first) == [0]


def test_a_fade_through_black_is_a_cut(film):
    """Contrast goes and comes; correlation does not ask for it as long as there is some."""
    fade = np.linspace(1.0, 0.0, 15)[:, None, None, None]
    first = (np.stack(film(15)) * fade).astype(np.uint8)
    second = (np.stack(film(15, x=1.5, z=1.0, yaw_deg=25.0)) * fade[::-1]).astype(np.uint8)
    starts = _starts([*film(10), *first, *second, *film(10, x=1.5, z=1.0, yaw_deg=25.0)])
    assert len(starts) == 2
    assert 25 <= starts[1] <= 32


def test_pictures_of_another_shape_begin_a_shot(film):
    """Streams may change size on the way; there is nothing to compare then."""
    upright = [np.ascontiguousarray(picture.transpose(1, 0, 2)) for picture in film(10)]
    assert _starts(film(10) + upright) == [0, 10]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_few_pictures_are_marked_too(film, n):
    assert _starts(film(n)) == [0][:n]


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 900, 3), (2000, 8, 3)])
def test_pictures_of_absurd_shape_do_no_harm(shape):
    rng = np.random.default_rng(0)
    assert _starts([rng.integers(0, 255, shape, dtype=np.uint8) for _ in range(10)])[0] == 0


def test_no_more_pictures_are_held_back_than_stated(film):
    """A large video is streamed: each picture held is megabytes."""
    taken = 0

    def counted():
        nonlocal taken
        for frame in _frames(film(1) * 40):
            taken += 1
            yield frame

    for given, _ in enumerate(mark_pictures(counted()), start=1):
        assert taken - given <= LOOK_AHEAD + 1


def test_the_source_is_closed_with_the_marks(film):
    """Else the file stays open, and its thread alive, when a caller stops early."""
    source = _frames(film(20))
    marked = mark_pictures(source)
    next(marked)
    marked.close()
    assert source.gi_frame is None


PULLDOWN = [k * 24 // 30 for k in range(60)]
ON_TWOS = [k // 2 for k in range(60)]
ON_FIVES = [k // 5 for k in range(100)]
FROZEN = [*range(20), *[20] * 20, *range(21, 40)]


@pytest.mark.parametrize("compressed", [False, True], ids=["exact", "compressed"])
@pytest.mark.parametrize(
    "shown", [PULLDOWN, ON_TWOS, ON_FIVES, FROZEN], ids=["24 in 30", "12 in 24", "12 in 60", "frozen"]
)
def test_repeated_pictures_are_found(film, moving_person_picture, write_video, shown, compressed):
    """Compression changes a repeated picture a little, so that it is no copy to the last bit."""
    walk = _with_walker(film(max(shown) + 1), moving_person_picture)
    pictures = [walk[number] for number in shown]
    if compressed:
        pictures = [frame.rgb for frame in decode_frames(write_video(pictures), interlaced=False)]
    truth = {k for k in range(1, len(shown)) if shown[k] == shown[k - 1]}
    found = set(_repeats(pictures))
    assert found <= truth
    assert len(found) >= 0.9 * len({k for k in truth if k > 10})


def test_new_pictures_are_no_repeats(film, moving_person_picture):
    """Whether the camera stands or pans, and the walker is fast or slow."""
    for speed in (0.3, 2.0, 9.0):
        assert _repeats(_with_walker(film(50), moving_person_picture, speed_px=speed)) == []
    assert _repeats(film(40, rate_deg=30.0)) == []


@pytest.mark.parametrize("sigma", [0.0, 3.0], ids=["rendered", "filmed"])
def test_somebody_who_stands_still_is_not_repeated(film, moving_person_picture, sigma):
    """Without noise the pictures are copies of each other; yet nothing is missing between them."""
    rng = np.random.default_rng(0)
    pictures = _with_walker(film(40), moving_person_picture, speed_px=0.0, start=200.0)
    noisy = [np.clip(picture + rng.normal(0.0, sigma, picture.shape), 0, 255).astype(np.uint8) for picture in pictures]
    assert _repeats(noisy) == []


def test_a_motion_that_slows_into_a_hold_is_not_repeated(film, moving_person_picture):
    """A form has its holds. Nobody stops within one picture."""
    ease = np.concatenate([200.0 * (1.0 - (1.0 - np.linspace(0, 1, 30)) ** 3), np.full(30, 200.0)])
    scene = film(1)[0]
    pictures = [_with_board(scene, moving_person_picture, start) for start in ease]
    assert _repeats(pictures) == []
