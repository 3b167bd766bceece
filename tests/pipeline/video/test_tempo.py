"""Slow motion is suspected from the camera's note, from repeated pictures and from how jumps fall, else not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.camera import CameraPath, default_intrinsics
from pipeline.kfbench import PIECES, stage_piece
from pipeline.render.stage import look_at
from pipeline.video.decode import VideoInfo
from pipeline.video.tempo import content_rate, find_flights, suspect_slow_motion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

SIZE = (1280, 720)
_JOINT = {name: number for number, name in enumerate(SMPL_JOINT_NAMES)}


def _info(mean_fps=30.0, recorded_fps=0.0):
    return VideoInfo(
        width=SIZE[0],
        height=SIZE[1],
        mean_fps=mean_fps,
        duration_s=0.0,
        n_frames=0,
        codec="h264",
        interlaced=False,
        recorded_fps=recorded_fps,
        focal_px=0.0,
    )


def _suspect(times, kp2d, *, info=None, repeats=None):
    repeats = np.zeros(len(times), dtype=bool) if repeats is None else repeats
    return suspect_slow_motion(info or _info(), picture_times=times, repeats=repeats, times=times, kp2d=kp2d)


@pytest.fixture(scope="module")
def body():
    return load_body()


def _posed(body, n, left, right):
    """Axis-angles of a body whose legs swing (hip, knee) by these angles [rad]; elbows hang a little bent."""
    pose = np.zeros((n, 21, 3))
    for side, (hip, knee) in {"left": left, "right": right}.items():
        pose[:, _JOINT[f"{side}_hip"] - 1, 0] = -hip
        pose[:, _JOINT[f"{side}_knee"] - 1, 0] = knee
        pose[:, _JOINT[f"{side}_ankle"] - 1, 0] = hip - knee
        pose[:, _JOINT[f"{side}_shoulder"] - 1, 2] = -1.2 if side == "left" else 1.2
    return pose


def _standing(body, fps, pose):
    """Put the lower ankle of every frame on the floor."""
    n = len(pose)
    upright = np.tile(Rotation.from_euler("xyz", [np.pi / 2, 0.0, np.pi / 2]).as_rotvec(), (n, 1))
    transl = np.zeros((n, 3))
    ankles = [_JOINT["left_ankle"], _JOINT["right_ankle"]]
    joints, _ = body.motion(fps, np.zeros(10), upright, pose, transl).joints()
    transl[:, 2] = 0.08 - joints[:, ankles, 2].min(axis=1)
    return upright, transl


def _jump(body, fps, take_off=2.4, gravity=9.81):
    """Stand, crouch, fly for half a second with the legs drawn up, land, stand."""
    flight_s = 2.0 * take_off / gravity
    t = np.arange(round((2.4 + flight_s) * fps)) / fps
    lands = 1.2 + flight_s
    crouch = 0.7 * (np.exp(-(((t - 0.85) / 0.17) ** 2)) + np.exp(-(((t - lands - 0.3) / 0.16) ** 2)))
    flying = (t > 1.2) & (t < lands)
    tuck = np.where(flying, 0.35 * np.sin(np.pi * np.clip((t - 1.2) / flight_s, 0.0, 1.0)), 0.0)
    legs = (crouch + tuck, 2.0 * (crouch + tuck))
    pose = _posed(body, len(t), legs, legs)
    upright, transl = _standing(body, fps, pose)
    start = transl[np.flatnonzero(flying)[0] - 1, 2]
    since = t[flying] - 1.2
    transl[flying, 2] = start + take_off * since - 0.5 * gravity * since**2
    return body.motion(fps, np.zeros(10), upright, pose, transl)


def _walk(body, fps):
    t = np.arange(round(6.0 * fps)) / fps
    swing = 2.0 * np.pi * 0.9 * t
    left = 0.4 * np.sin(swing), 0.15 + 0.8 * np.maximum(0.0, np.cos(swing)) ** 2
    right = -0.4 * np.sin(swing), 0.15 + 0.8 * np.maximum(0.0, -np.cos(swing)) ** 2
    pose = _posed(body, len(t), left, right)
    upright, transl = _standing(body, fps, pose)
    transl[:, 0] = 1.2 * t - 3.6
    return body.motion(fps, np.zeros(10), upright, pose, transl)


def _seen(body, motion, *, noise_px=0.0, pos_w=(5.0, 1.0, 1.2), seed=0):
    """Keypoints before a tripod, as a detector with this noise gives them."""
    n, pos = len(motion), np.array(pos_w)
    rotation = look_at(np.array([0.0, 0.0, 0.95]) - pos)
    camera = CameraPath(K=default_intrinsics(*SIZE), R_w2c=np.tile(rotation, (n, 1, 1)), pos_w=np.tile(pos, (n, 1)))
    pixels, _ = camera.project(body.motion_keypoints(motion)[:, :17])
    pixels = pixels + np.random.default_rng(seed).normal(0.0, noise_px, pixels.shape)
    return np.concatenate([pixels, np.full((n, 17, 1), 0.9)], axis=2)


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0])
@pytest.mark.parametrize("noise_px", [0.0, 2.0])
def test_a_jump_at_true_speed_falls_with_gravity(body, fps, noise_px):
    """The ruler is the height of the person, and everybody falls alike; noise of a detector must not matter."""
    kp2d = _seen(body, _jump(body, fps), noise_px=noise_px)
    times = np.arange(len(kp2d)) / fps
    flights = find_flights(times, kp2d)
    assert len(flights) == 1
    assert flights[0].gravity == pytest.approx(9.81, rel=0.25)
    assert _suspect(times, kp2d) is None


@pytest.mark.parametrize("slowness", [2.0, 4.0])
@pytest.mark.parametrize("noise_px", [0.0, 2.0])
@pytest.mark.parametrize("pos_w", [(5.0, 1.0, 1.2), (1.0, -6.0, 0.6)], ids=["front", "side"])
def test_a_jump_in_slow_motion_is_told(body, slowness, noise_px, pos_w):
    """Time stretched by a factor divides gravity by its square."""
    kp2d = _seen(body, _jump(body, 30.0 * slowness), noise_px=noise_px, pos_w=pos_w)
    times = np.arange(len(kp2d)) / 30.0
    flights = find_flights(times, kp2d)
    assert len(flights) == 1
    assert np.sqrt(9.81 / flights[0].gravity) == pytest.approx(slowness, rel=0.15)
    assert "times slower than it happened: a jump falls with" in (_suspect(times, kp2d) or "")


def test_a_jump_played_too_fast_is_told(body):
    """Each moment is seen, at half its time."""
    kp2d = _seen(body, _jump(body, 30.0))
    said = _suspect(np.arange(len(kp2d)) / 60.0, kp2d) or ""
    assert "times faster than it happened" in said


@pytest.mark.parametrize("name", ["kungfu_form", "dance"])
@pytest.mark.parametrize("stretch", [1.0, 2.0])
def test_choreographies_without_jumps_raise_no_suspicion(body, name, stretch):
    """Steps, turns, kicks and crouches, before a tripod and a walking camera; nothing falls, so nothing is known."""
    truth = stage_piece(PIECES[name], body, size=SIZE)
    pixels, _ = truth.camera.project(body.motion_keypoints(truth.motion)[:, :17])
    noisy = pixels + np.random.default_rng(1).normal(0.0, 2.0, pixels.shape)
    kp2d = np.concatenate([noisy, np.full((len(pixels), 17, 1), 0.9)], axis=2)
    assert _suspect(np.arange(len(kp2d)) * stretch / 30.0, kp2d) is None


@pytest.mark.parametrize("noise_px", [0.0, 3.0])
def test_walking_raises_no_suspicion(body, noise_px):
    """One foot is always down."""
    kp2d = _seen(body, _walk(body, 30.0), noise_px=noise_px, pos_w=(0.5, -7.0, 1.2))
    assert find_flights(np.arange(len(kp2d)) / 30.0, kp2d) == []


def test_being_lifted_is_no_fall(body):
    """Feet leave the floor, slowly: an arc, but too flat or not followed to the floor on both sides."""
    motion = _jump(body, 30.0, take_off=2.4)
    kp2d = _seen(body, motion)
    n = len(kp2d)
    raised = np.interp(np.arange(n), [0.2 * n, 0.4 * n, 0.6 * n, 0.8 * n], [0.0, 120.0, 120.0, 0.0])
    still = np.repeat(kp2d[:1], n, axis=0)
    still[..., 1] -= raised[:, None]
    assert find_flights(np.arange(n) / 30.0, still) == []


def test_the_cameras_note_tells(body):
    """240 pictures a second were taken, 30 are played: eight times slower. Equal rates mean nothing."""
    times, nobody = np.arange(60) / 30.0, np.zeros((60, 17, 3))
    said = _suspect(times, nobody, info=_info(mean_fps=30.0, recorded_fps=240.0))
    assert said == (
        "The video seems to play about 8 times slower than it happened: "
        "the camera notes 240 pictures/s, the file plays 30."
    )
    assert _suspect(times, nobody, info=_info(mean_fps=29.97, recorded_fps=30.0)) is None
    assert _suspect(times, nobody, info=_info(mean_fps=240.0, recorded_fps=240.0)) is None
    assert "about 30 times faster" in (_suspect(times, nobody, info=_info(mean_fps=30.0, recorded_fps=1.0)) or "")


@pytest.mark.parametrize(
    ("fps", "content"), [(30.0, 24.0), (24.0, 12.0), (60.0, 12.0), (60.0, 24.0)], ids=lambda value: f"{value:g}"
)
def test_repeated_pictures_tell_the_rate_of_the_content(fps, content):
    """Also where only the middle of the video moves, so that repeats are seen only there."""
    n = round(6.0 * fps)
    shown = np.floor(np.arange(n) * content / fps + 1e-9)
    repeats = np.concatenate([[False], np.diff(shown) == 0])
    repeats[: n // 3] = repeats[-n // 3 :] = False
    times = np.arange(n) / fps
    assert content_rate(times, repeats) == pytest.approx(content, rel=0.12)
    said = _suspect(times, np.zeros((n, 17, 3)), info=_info(mean_fps=fps), repeats=repeats) or ""
    assert "show something new" in said


def test_a_frozen_stream_or_a_few_repeats_have_no_rate():
    """A second of standing picture, and one dropped picture now and then."""
    times = np.arange(300) / 30.0
    frozen = np.zeros(300, dtype=bool)
    frozen[100:130] = True
    assert content_rate(times, frozen) is None
    assert content_rate(times, np.arange(300) % 40 == 39) is None
    assert content_rate(times, np.zeros(300, dtype=bool)) is None


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_too_little_tells_nothing(n):
    """No person, one picture: no suspicion, no warning."""
    times = np.arange(n) / 30.0
    assert _suspect(times, np.zeros((n, 17, 3)), info=_info(mean_fps=0.0)) is None
