"""A drawn camera is the camera of its seed, of its kind, and sees the person it films."""

import numpy as np
import pytest

from pipeline.body import load_body
from pipeline.kfbench import PIECES, perform
from pipeline.kfbench.bench_cameras import (
    CAMERA_KINDS,
    IMAGE_SIZE,
    MOVING_KINDS,
    sample_camera,
    share_in_picture,
)
from robots.exceptions import UnknownName

FPS = 30.0


@pytest.fixture(scope="module")
def joints():
    return perform(PIECES["dance"], load_body()).joints()[0]


@pytest.mark.parametrize("kind", CAMERA_KINDS)
def test_a_seed_is_a_camera(kind, joints):
    """Figures can be had again."""
    first, again, other = (sample_camera(kind, joints, FPS, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.R_w2c, again.R_w2c)
    np.testing.assert_array_equal(first.pos_w, again.pos_w)
    assert np.abs(first.pos_w - other.pos_w).max() > 0.1


@pytest.mark.parametrize("kind", CAMERA_KINDS)
def test_the_person_is_in_the_picture(kind, joints):
    """And at a distance, a height and a tilt that people film from."""
    for seed in range(12):
        camera = sample_camera(kind, joints, FPS, np.random.default_rng(seed))
        assert share_in_picture(camera, joints, IMAGE_SIZE) > 0.9
        away = np.linalg.norm((camera.pos_w - joints.mean(axis=1))[:, :2], axis=-1).mean()
        assert 2.0 < away < 10.0
        assert camera.pos_w[:, 2].min() > 0.2 and camera.pos_w[:, 2].max() < 2.8
        np.testing.assert_allclose(
            camera.R_w2c @ np.swapaxes(camera.R_w2c, 1, 2), np.tile(np.eye(3), (len(joints), 1, 1)), atol=1e-9
        )
        np.testing.assert_allclose(np.linalg.det(camera.R_w2c), 1.0, atol=1e-9)
        down_c = camera.R_w2c @ [0.0, 0.0, -1.0]
        assert (down_c[:, 1] > 0.5).all()  # the world's down is the picture's down, not its up
        assert np.degrees(np.abs(np.arctan2(down_c[:, 0], down_c[:, 1]))).max() < 15.0


def test_a_kind_moves_as_it_is_called(joints):
    """Static does nothing, a pan turns on the spot, an orbit and a walk change place, a dolly never turns."""
    cameras = {kind: sample_camera(kind, joints, FPS, np.random.default_rng(2)) for kind in CAMERA_KINDS}
    travel = {kind: np.ptp(camera.pos_w[:, :2], axis=0).max() for kind, camera in cameras.items()}
    turned = {kind: np.abs(camera.R_w2c - camera.R_w2c[0]).max() for kind, camera in cameras.items()}
    assert travel["static"] == turned["static"] == turned["dolly"] == 0.0
    assert travel["pan"] == 0.0 and all(turned[kind] > 0.01 for kind in MOVING_KINDS if kind != "dolly")
    assert 0.02 < travel["handheld"] < 0.6
    assert travel["orbit"] > 1.0


def test_a_dolly_rolls_on_the_level_as_fast_as_a_person_walks_slowly(joints):
    """Sideways, nearer or away, in one straight line, and it takes its time to start and to stop."""
    ways = set()
    for seed in range(48):
        camera = sample_camera("dolly", joints, FPS, np.random.default_rng(seed))
        velocity_c = np.diff(camera.pos_w, axis=0) * FPS @ camera.R_w2c[0].T
        speed = np.linalg.norm(velocity_c, axis=-1)
        assert 0.19 < speed.max() < 0.81
        assert np.ptp(camera.pos_w[:, 2]) == 0.0
        way = velocity_c[speed.argmax()] / speed.max()
        np.testing.assert_allclose(velocity_c, speed[:, None] * way, atol=1e-9)
        assert np.abs(np.diff(speed)).max() * FPS < 1.1 * 0.8 / (np.sqrt(2 * np.pi) * 0.3)  # [m/s^2]
        ways.add((abs(way[0]) > 0.9, bool(way[0] > 0) if abs(way[0]) > 0.9 else bool(way[2] > 0)))
    assert len(ways) == 4


def test_hands_tremble_as_much_at_any_rate(joints):
    """Smooth noise has the variance it was asked for; a faster recording of the same hand is the same hand."""
    spread = []
    for fps in (30.0, 120.0):
        still = np.repeat(joints[:1], int(20 * fps), axis=0)
        paths = [sample_camera("handheld", still, fps, np.random.default_rng(seed)).pos_w for seed in range(10)]
        spread.append(np.mean([np.std(path - path.mean(axis=0), axis=0)[:2].mean() for path in paths]))
    assert spread[0] == pytest.approx(spread[1], rel=0.25)
    assert spread[0] == pytest.approx(0.06, rel=0.25)


def test_an_unknown_kind_is_answered_with_the_known_ones(joints):
    with pytest.raises(UnknownName, match=r"unknown camera 'drone'.*static, pan, orbit, handheld, track, dolly"):
        sample_camera("drone", joints, FPS, np.random.default_rng(0))
