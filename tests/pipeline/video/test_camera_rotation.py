"""The camera's rotation from pictures of a textured room, in front of which somebody moves."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.video.camera_rotation import CameraRotationTracker, is_static

N = 60
ALONG = np.linspace(0.0, 1.0, N)
NOWHERE = np.zeros((N, 3))


def _turning(yaw_deg):
    """Rotations world -> camera that pan by so much in all, with a little tilt."""
    angles = np.column_stack([-np.broadcast_to(yaw_deg, N), 0.1 * np.broadcast_to(yaw_deg, N)])
    return Rotation.from_euler("yx", angles, degrees=True).as_matrix()


def _followed(room, R_w2c, pos_w, board, *, noise=0.0):
    """Film the room and the board that walks through the picture; return what the tracker says."""
    tracker = CameraRotationTracker(room.K)
    rng = np.random.default_rng(0)
    for i, (R, pos) in enumerate(zip(R_w2c, pos_w, strict=True)):
        picture = room.film(R, pos)
        left = int(150 + 200 * ALONG[i])
        picture[60:300, left : left + 120] = np.roll(board, 3 * i, axis=0)
        if noise:
            picture = np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)
        tracker.update(picture, [np.array([left, 60.0, left + 120, 300.0])])
    return tracker.finish()


def _errors_deg(found, truth):
    relative = truth @ truth[0].T
    return np.degrees(Rotation.from_matrix(found @ np.swapaxes(relative, 1, 2)).magnitude())


@pytest.mark.parametrize("noise", [0.0, 5.0])
def test_a_standing_camera_stays_to_the_last_bit(room, moving_person_picture, noise):
    """A drift of a tenth of a degree would let a standing dancer slide."""
    motion = _followed(room, _turning(0.0), NOWHERE, moving_person_picture, noise=noise)
    assert np.array_equal(motion.R_w2c, np.broadcast_to(np.eye(3), motion.R_w2c.shape))
    assert motion.measured.all()
    assert np.array_equal(motion.zoom, np.ones(N))
    assert not motion.zooming.any()
    assert not motion.shaken.any()


def test_a_pan_is_followed_to_a_twentieth_of_a_degree(room, moving_person_picture):
    truth = _turning(35.0 * ALONG)
    motion = _followed(room, truth, NOWHERE, moving_person_picture)
    assert _errors_deg(motion.R_w2c, truth).max() < 0.05
    assert motion.measured.all()
    assert not motion.zooming.any()
    assert not motion.shaken.any()


@pytest.mark.parametrize("yaw_deg", [0.0, 24.0, 35.0])
def test_walking_while_panning_is_not_taken_for_turning(room, moving_person_picture, yaw_deg):
    """The wall's points move as if the camera turned the other way; the half degree is the stage's promise."""
    truth = _turning(yaw_deg * ALONG)
    pos_w = ALONG[:, None] * np.array([1.0, 0.1, 0.3])
    motion = _followed(room, truth, pos_w, moving_person_picture)
    assert _errors_deg(motion.R_w2c, truth).max() < 0.5
    assert motion.measured.all()
    assert not motion.zooming.any()


def test_a_pan_that_stops_stays_where_it_stopped(room, moving_person_picture):
    truth = _turning(10.0 * np.minimum(1.0, 2.0 * ALONG))
    R = _followed(room, truth, NOWHERE, moving_person_picture).R_w2c
    assert _errors_deg(R, truth).max() < 0.05
    assert np.ptp(R[-10:], axis=0).max() < 1e-3


def test_without_background_the_rotation_is_carried_over_and_said_to_be(room):
    """A dark stage tells nothing about the camera; what was known before still holds."""
    tracker = CameraRotationTracker(room.K)
    truth = _turning(10.0 * ALONG)
    for i in range(N):
        dark = 20 <= i < 30
        tracker.update(np.zeros((360, 640), np.uint8) if dark else room.film(truth[i], NOWHERE[i]), [])
    motion = tracker.finish()
    R, measured = motion.R_w2c, motion.measured
    assert not measured[20:31].any()
    assert measured[:20].all()
    assert measured[31:].all()
    assert np.array_equal(R[20:31], np.broadcast_to(R[19], (11, 3, 3)))
    assert _errors_deg(R[30:] @ R[30].T, truth[30:]).max() < 0.05


def test_a_person_who_fills_the_picture_leaves_nothing_to_measure(room):
    tracker = CameraRotationTracker(room.K)
    for _ in range(3):
        tracker.update(room.film(np.eye(3), np.zeros(3)), [np.array([-50.0, -50.0, 700.0, 400.0])])
    motion = tracker.finish()
    R, measured = motion.R_w2c, motion.measured
    assert np.array_equal(R, np.broadcast_to(np.eye(3), (3, 3, 3)))
    assert measured.tolist() == [True, False, False]


def test_no_pictures_give_no_rotations(room):
    motion = CameraRotationTracker(room.K).finish()
    assert motion.R_w2c.shape == (0, 3, 3)
    assert motion.measured.shape == motion.zooming.shape == motion.shaken.shape == motion.zoom.shape == (0,)


def test_the_smallest_of_pictures_are_survived():
    tracker = CameraRotationTracker(np.diag([10.0, 10.0, 1.0]))
    for level in (0, 255, 0):
        tracker.update(np.full((2, 3), level, np.uint8), [])
    assert tracker.finish().R_w2c.shape == (3, 3, 3)


@pytest.mark.parametrize(
    ("turn_deg", "static"), [(0.0, True), (0.09, True), (0.11, False), (90.0, False), (180.0, False)]
)
def test_static_means_a_tenth_of_a_degree(turn_deg, static):
    """Half a turn has the sine of none; it is not the same."""
    R = np.stack([np.eye(3), Rotation.from_rotvec([0.0, np.radians(turn_deg), 0.0]).as_matrix()])
    assert is_static(R) is static


def _watched(pictures):
    K = np.array([[734.0, 0, 320], [0, 734.0, 180], [0, 0, 1]])
    tracker = CameraRotationTracker(K)
    for picture in pictures:
        tracker.update(np.clip(picture, 0, 255).astype(np.uint8), [])
    return tracker.finish()


def _stands_still(motion):
    return np.array_equal(motion.R_w2c, np.broadcast_to(np.eye(3), motion.R_w2c.shape))


def test_a_crowd_does_not_move_a_tripod(room, moving_person_picture):
    """Eight people whom nobody masked, over half of the picture, each to and fro."""
    rng = np.random.default_rng(0)
    phase, speed = rng.uniform(0, 6.28, 8), rng.uniform(0.05, 0.25, 8)
    base = room.film(np.eye(3), np.zeros(3))

    def picture(i):
        here = base.copy()
        for k in range(8):
            left = int(20 + 75 * k + 15 * np.sin(phase[k] + speed[k] * i))
            here[150:350, left : left + 70] = np.roll(moving_person_picture, 17 * k, axis=0)[:200, :70]
        return here

    assert _stands_still(_watched(picture(i) for i in range(N)))


def test_a_screen_does_not_move_a_tripod(room, moving_person_picture):
    """A third of the picture shows another film, with cuts."""
    base = room.film(np.eye(3), np.zeros(3))

    def picture(i):
        here = base.copy()
        film = np.roll(moving_person_picture, 40 * (i // 3), axis=0)
        here[40:240, 120:520] = np.tile(film, (1, 4))[:200, :400]
        return here

    assert _stands_still(_watched(picture(i) for i in range(N)))


@pytest.mark.parametrize("light", ["lamp", "dusk", "strobe"])
def test_light_does_not_move_a_tripod(room, light):
    base = room.film(np.eye(3), np.zeros(3)).astype(float)
    gain = {
        "lamp": 1.0 + 0.25 * np.sin(2.1 * np.arange(N)),
        "dusk": 1.0 - 0.85 * ALONG,
        "strobe": np.where(np.arange(N) % 5 == 0, 0.05, 1.0),
    }[light]
    assert _stands_still(_watched(g * base for g in gain))


@pytest.mark.parametrize("noise", [1.0, 8.0])
@pytest.mark.parametrize("scene", ["black", "gradient"])
def test_noise_alone_is_no_background(scene, noise):
    """Corners of grain lie elsewhere in every picture; a guess of standing still is better, and said to be one."""
    rng = np.random.default_rng(0)
    scenes = {"black": np.full((360, 640), 12.0), "gradient": np.tile(np.linspace(60, 200, 640), (360, 1))}
    motion = _watched(scenes[scene] + rng.normal(0, noise, (360, 640)) for _ in range(20))
    assert _stands_still(motion)
    assert not motion.measured[1:].any()
    assert not motion.shaken.any()


def test_a_slow_drift_is_no_tripod(room):
    """A head that sinks by 4 degrees a minute."""
    yaw = 4.0 / 60 / 30 * np.arange(150)
    R = Rotation.from_euler("y", yaw[:, None], degrees=True).as_matrix()
    motion = _watched(room.film(here, np.zeros(3)) for here in R)
    assert not is_static(motion.R_w2c)
    assert _errors_deg(motion.R_w2c, R).max() < 0.05


def test_what_was_seen_is_forgotten(room):
    """Ten minutes are 18,000 pictures: no more of each may stay than its rotation."""
    turn = 0.1 * np.sin(2 * np.pi * np.arange(60) / 60)
    pictures = [room.film(R, np.zeros(3)) for R in Rotation.from_euler("y", turn[:, None]).as_matrix()]
    tracker = CameraRotationTracker(room.K)
    grown = []
    tracemalloc.start()
    try:
        for lap in range(5):
            for picture in pictures:
                tracker.update(picture.copy(), [])
            if lap in (1, 4):
                grown.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert grown[1] - grown[0] < 180 * 1000 + 500_000  # a picture is 230 kB, its tracks 2 kB, an open window 0.4 MB


def test_a_zoom_while_panning_leaves_the_rotation_right(room):
    """Through 1.6 times, about the picture's middle, as lenses do."""
    zoom = 1.0 + 0.6 * np.clip((np.arange(N) - 10) / 40, 0, 1)
    truth = _turning(15.0 * ALONG)
    tracker = CameraRotationTracker(room.K)
    for R, z in zip(truth, zoom, strict=True):
        lens = type(room)(room.K * np.array([[z, 1, 1], [1, z, 1], [1, 1, 1]]), room.width, room.height)
        tracker.update(lens.film(R, np.zeros(3)), [])
    motion = tracker.finish()
    assert _errors_deg(motion.R_w2c, truth).max() < 0.1
    assert motion.zoom == pytest.approx(zoom, rel=5e-3)
    assert motion.zooming[12:49].all()
    assert not motion.zooming[55:].any()
