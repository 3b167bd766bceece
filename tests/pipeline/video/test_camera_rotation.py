"""The camera's rotation from pictures of a textured room, in front of which somebody moves."""

from __future__ import annotations

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
