from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from robots.exceptions import InvalidArray
from robots.motion import RobotMotion, hemisphere_continuous

JOINTS = ("hip", "knee")


def smooth_motion(n_frames: int, fps: float, seed: int = 0) -> RobotMotion:
    """Sines in everything: smooth, so that resampling has a truth to be held against."""
    t = np.arange(n_frames)[:, None] / fps
    phase = np.random.default_rng(seed).uniform(0, 2 * np.pi, (3, 3))
    return RobotMotion(
        fps=fps,
        joint_names=JOINTS,
        root_pos_w=np.sin(2 * t + phase[0]),
        root_quat_wxyz=Rotation.from_rotvec(1.5 * np.sin(t + phase[1])).as_quat(scalar_first=True),
        joint_pos=np.sin(3 * t + phase[2, :2]),
        foot_contact=np.clip(np.sin(4 * t + phase[0, :2]), 0, 1),
    )


def test_qpos_round_trips():
    """MuJoCo's order is one of two ways to write the same motion."""
    motion = smooth_motion(40, 30)
    again = RobotMotion.from_qpos(
        motion.qpos, fps=motion.fps, joint_names=motion.joint_names, foot_contact=motion.foot_contact
    )
    assert motion.qpos.shape == (40, 9)
    np.testing.assert_allclose(again.qpos, motion.qpos, atol=1e-15)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_hemisphere_does_not_depend_on_the_signs_given(flips):
    """q and -q are one rotation; neighbours in one hemisphere can be interpolated and differenced."""
    n = len(flips)
    quat = smooth_motion(n, 30).root_quat_wxyz
    signs = np.where(flips, -1.0, 1.0)[:, None]
    continuous = hemisphere_continuous(quat * signs)
    assert (np.einsum("ij,ij->i", continuous[1:], continuous[:-1]) >= 0).all()
    np.testing.assert_allclose(continuous, quat * signs[0], atol=1e-15)


@pytest.mark.parametrize("fps", [24.0, 50.0, 59.94, 120.0])
def test_resampling_keeps_the_motion(fps):
    """At the new instants the motion is where the smooth truth is; its duration does not grow or jump."""
    motion, dense = smooth_motion(121, 60.0), smooth_motion(100_000, 10_000.0)
    resampled = motion.resampled(fps)
    assert resampled.fps == fps
    assert 0 <= motion.duration_s - resampled.duration_s < 1 / fps
    at = np.round(np.arange(len(resampled)) / fps * 10_000).astype(int)
    np.testing.assert_allclose(resampled.root_pos_w, dense.root_pos_w[at], atol=3e-4)
    np.testing.assert_allclose(resampled.joint_pos, dense.joint_pos[at], atol=3e-4)
    turn = Rotation.from_quat(resampled.root_quat_wxyz) * Rotation.from_quat(dense.root_quat_wxyz[at]).inv()
    assert turn.magnitude().max() < 2e-3
    assert np.abs(resampled.foot_contact - dense.foot_contact[at]).max() < 0.07


def test_resampling_twice_as_fast_keeps_every_frame():
    motion = smooth_motion(31, 30.0)
    np.testing.assert_allclose(motion.resampled(60.0).qpos[::2], motion.qpos, atol=1e-9)


@given(st.floats(1.0, 240.0), st.integers(2, 40), st.integers(0, 1000))
def test_resampling_never_leaves_the_valid(fps, n_frames, seed):
    """Rounding of an interpolated probability or time must not turn into a refused motion."""
    resampled = smooth_motion(n_frames, 30.0, seed).resampled(fps)
    assert resampled.foot_contact.min() >= 0
    assert resampled.foot_contact.max() <= 1


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_the_shortest_motions_can_be_resampled(n_frames):
    motion = smooth_motion(n_frames, 30.0)
    resampled = motion.resampled(60.0)
    assert len(resampled) == 2 * n_frames - 1
    np.testing.assert_allclose(resampled.qpos[[0, -1]], motion.qpos[[0, -1]], atol=1e-12)


@pytest.mark.parametrize("fps", [0.0, -30.0, np.nan, np.inf])
def test_a_frame_rate_is_a_positive_number(fps):
    with pytest.raises(InvalidArray, match="fps: must be positive"):
        replace(smooth_motion(5, 30.0), fps=fps)
    with pytest.raises(InvalidArray, match="fps: must be positive"):
        smooth_motion(5, 30.0).resampled(fps)


def test_what_a_motion_cannot_be_is_refused_by_name():
    """Each of these was seen in files of the field; the message names the field at fault."""
    motion = smooth_motion(5, 30.0)
    bad = {
        "has no frames": {name: getattr(motion, name)[:0] for name in
                          ("root_pos_w", "root_quat_wxyz", "joint_pos", "foot_contact")},
        "joint_names: names a joint twice": {"joint_names": ("hip", "hip")},
        "joint_pos: has shape": {"joint_names": ("hip",)},
        "joint_pos: holds NaN": {"joint_pos": np.full((5, 2), np.nan)},
        "root_quat_wxyz: is not made of unit": {"root_quat_wxyz": np.zeros((5, 4))},
        "foot_contact: holds a probability outside": {"foot_contact": np.full((5, 2), 1.5)},
        "foot_contact: has shape": {"foot_contact": np.zeros((4, 2))},
    }  # fmt: skip
    for message, change in bad.items():
        with pytest.raises(InvalidArray, match=message):
            replace(motion, **change)


def test_one_frame_lasts_no_time():
    assert smooth_motion(1, 30.0).duration_s == 0.0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"fps": 1e9}, "fps: must be positive"),
        ({"fps": float("nan")}, "fps: must be positive"),
        ({"root_pos_w": np.full((4, 3), 1e7)}, "root_pos_w: holds 1e.07, beyond 100000: give metres"),
        ({"joint_pos": np.full((4, 2), 1e300)}, "joint_pos: holds 1e.300, beyond 1000: give radians"),
    ],
    ids=["rate", "no rate", "place", "angle"],
)
def test_numbers_that_are_only_finite_are_refused(change, says):
    """Their squares overflow, and a filter of a tenth of a second would be as long as the memory."""
    with pytest.raises(InvalidArray, match=says):
        replace(smooth_motion(4, 30), **change)
