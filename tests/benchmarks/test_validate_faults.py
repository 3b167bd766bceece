"""Laws of the faults that the validator is tried with: each changes what it says, where it says, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.validation.exact import jump, standing
from benchmarks.validation.faults import FAULTS
from benchmarks.validation.faulty import draw_span
from benchmarks.validation.localisation import dilated, intersection_over_union, named_frames
from benchmarks.validation.time_faults import flights
from pipeline.verdict import CheckResult, Verdict
from robots.g1 import load_g1
from robots.motion import RobotMotion

BY_KEY = {fault.key: fault for fault in FAULTS}
LABEL_FAULTS = ("empty_labels", "wrong_labels_swapped", "wrong_labels_inverted", "wrong_labels_shifted")
SWINGS = (
    ("left_hip_pitch", 0.4),
    ("right_hip_pitch", -0.4),
    ("left_knee", 0.3),
    ("left_shoulder_pitch", 0.6),
    ("right_shoulder_pitch", -0.6),
    ("left_elbow", 0.5),
)


@pytest.fixture(scope="module")
def robot():
    return load_g1()


@pytest.fixture(scope="module")
def motion(robot):
    """Ten seconds on the spot: legs and arms swing, the feet bear weight by turns."""
    fps, frames = 30.0, 300
    qpos = np.tile(robot.default_qpos, (frames, 1))
    phase = 2 * np.pi * 0.6 * np.arange(frames) / fps
    for name, size in SWINGS:
        qpos[:, 7 + robot.joint_names.index(f"{name}_joint")] += size * np.sin(phase)
    left = np.sin(phase) > -0.3
    right = np.sin(phase) < 0.3
    contact = np.stack([left, right], axis=1).astype(float)
    return RobotMotion.from_qpos(qpos, fps=fps, joint_names=robot.joint_names, foot_contact=contact)


def put(key, motion, robot, seed=0):
    faulty = BY_KEY[key].apply(motion, robot, np.random.default_rng(seed))
    assert faulty is not None
    return faulty


def differs(one: RobotMotion, other: RobotMotion):
    """Frames in which two motions of equal length differ in pose or labels."""
    pose = np.abs(one.qpos - other.qpos).max(axis=1) > 1e-9
    return pose | (np.abs(one.foot_contact - other.foot_contact).max(axis=1) > 1e-9)


def test_keys_are_unique_as_others_read_them():
    assert len(BY_KEY) == len(FAULTS)


@pytest.mark.parametrize("key", sorted(BY_KEY))
def test_a_fault_changes_the_motion_or_finds_no_room_and_is_the_same_for_the_same_seed(key, motion, robot):
    clip = jump(robot, speed=1.0) if key.startswith(("speed", "wrong_fps", "hang")) else motion
    once, again = (BY_KEY[key].apply(clip, robot, np.random.default_rng(3)) for _ in range(2))
    assert once is not None and again is not None
    assert once.bad.any()
    np.testing.assert_array_equal(once.motion.qpos, again.motion.qpos)
    same_frames = len(once.motion) == len(clip) and not differs(once.motion, clip).any()
    assert not same_frames or once.motion.fps != clip.fps


@pytest.mark.parametrize("key", ["mirror", "freeze", "self_intersection", "hover_10cm"])
def test_faults_of_a_span_leave_the_rest_alone_and_take_at_most_thirty_per_cent(key, motion, robot):
    for seed in range(5):
        faulty = put(key, motion, robot, seed)
        reach = 6 if key in ("self_intersection", "hover_10cm") else 0  # they swing in and out within 0.2 s
        assert not (differs(faulty.motion, motion) & ~dilated(faulty.bad, reach)).any()
        assert 0.02 < faulty.bad.mean() <= 0.31


def test_drift_rises_at_its_speed_and_moves_nothing_else(motion, robot):
    faulty = put("drift_3cms", motion, robot)
    shift = faulty.motion.root_pos_w - motion.root_pos_w
    np.testing.assert_allclose(np.abs(shift[:, 2]), 0.03 * np.arange(len(motion)) / motion.fps, atol=1e-12)
    np.testing.assert_array_equal(shift[:, :2], 0.0)
    assert faulty.bad.all()


def test_teleport_is_one_step_of_its_length_and_the_truth_lies_round_it(motion, robot):
    faulty = put("teleport_15cm", motion, robot)
    steps = np.linalg.norm(np.diff(faulty.motion.root_pos_w - motion.root_pos_w, axis=0), axis=1)
    (frame,) = np.flatnonzero(steps > 1e-9)
    assert steps[frame] == pytest.approx(0.15)
    np.testing.assert_array_equal(np.flatnonzero(faulty.bad), np.arange(frame - 2, frame + 4))


def test_noise_has_its_standard_deviation(motion, robot):
    shaken = put("noise_30mrad", motion, robot).motion.joint_pos - motion.joint_pos
    assert shaken.std() == pytest.approx(0.03, rel=0.05)


def test_a_wrong_frame_rate_is_another_speed_of_the_same_frames(robot):
    """A clip of 24 fps that is called one of 30 is over in 0.8 of its time."""
    clip = jump(robot, speed=1.0)
    for key, factor in (("wrong_fps_24", 1.25), ("wrong_fps_60", 0.5), ("speed_x150", 1.5)):
        played = put(key, clip, robot).motion
        np.testing.assert_array_equal(played.qpos, clip.qpos)
        assert played.duration_s == pytest.approx(clip.duration_s / factor)


def test_a_flight_that_hangs_lasts_twice_as_long_on_the_same_path(robot):
    clip = jump(robot, speed=1.0)
    faulty = put("hang_x2", clip, robot)
    ((start, stop),) = flights(clip, robot)
    assert faulty.bad.sum() == pytest.approx(2 * (stop - start), abs=2)
    np.testing.assert_array_equal(np.flatnonzero(faulty.bad), np.arange(start, start + faulty.bad.sum()))
    high = faulty.motion.root_pos_w[:, 2]
    assert high.max() == pytest.approx(clip.root_pos_w[:, 2].max(), abs=0.01)
    np.testing.assert_allclose(high[~faulty.bad], np.delete(clip.root_pos_w[:, 2], np.arange(start, stop - 1)))


def test_speed_is_not_changed_where_nothing_flies(robot):
    """Who never leaves the floor may move as slowly as he likes: no check could know."""
    assert BY_KEY["speed_x200"].apply(standing(robot, 3.0), robot, np.random.default_rng(0)) is None


def test_a_mirror_twice_is_no_mirror(motion, robot):
    """The exchange of sides is its own inverse."""
    faulty = put("mirror", motion, robot, seed=1)
    back = put("mirror", faulty.motion, robot, seed=1)
    inside = faulty.bad & back.bad
    assert inside.any()
    np.testing.assert_allclose(back.motion.joint_pos[inside], motion.joint_pos[inside], atol=1e-12)


def test_a_frozen_span_stands_still_and_is_put_where_something_moves(motion, robot):
    faulty = put("freeze", motion, robot)
    held = faulty.motion.joint_pos[faulty.bad]
    np.testing.assert_array_equal(held, np.tile(held[0], (len(held), 1)))
    assert BY_KEY["freeze"].apply(standing(robot, 5.0), robot, np.random.default_rng(0)) is None


def test_xyzw_read_as_wxyz_is_undone_by_reading_it_the_other_way(motion, robot):
    wrong = put("quat_order", motion, robot).motion.root_quat_wxyz
    np.testing.assert_allclose(np.abs(wrong[:, [3, 0, 1, 2]]), np.abs(motion.root_quat_wxyz), atol=1e-12)


def test_tilt_keeps_the_robot_rigid_and_turns_it_by_its_angle(motion, robot):
    tilted = put("tilt_10deg", motion, robot).motion
    np.testing.assert_array_equal(tilted.joint_pos, motion.joint_pos)
    half = np.abs((tilted.root_quat_wxyz * motion.root_quat_wxyz).sum(axis=1))
    np.testing.assert_allclose(np.degrees(2 * np.arccos(half)), 10.0, atol=1e-6)


@pytest.mark.parametrize("key", LABEL_FAULTS)
def test_wrong_labels_leave_the_motion_as_it_was(key, motion, robot):
    faulty = put(key, motion, robot)
    np.testing.assert_array_equal(faulty.motion.qpos, motion.qpos)
    changed = (faulty.motion.foot_contact > 0.5) != (motion.foot_contact > 0.5)
    np.testing.assert_array_equal(faulty.bad, changed.any(axis=1))


def test_who_stands_on_both_feet_has_no_feet_to_be_swapped(robot):
    """Labels that say the same of both feet say the same when swapped: that is no fault."""
    assert BY_KEY["wrong_labels_swapped"].apply(standing(robot), robot, np.random.default_rng(0)) is None


def test_a_jump_flies_once_for_its_time(robot):
    ((start, stop),) = flights(jump(robot, speed=1.0, flight_s=0.5), robot)
    assert stop - start == pytest.approx(15, abs=1)


def test_spans_keep_off_the_ends_and_are_none_where_nothing_is_worth_it(motion):
    rng = np.random.default_rng(0)
    for _ in range(20):
        span = draw_span(motion, rng, np.ones(len(motion)), 0.5)
        assert span is not None
        assert span[0] >= 3 and span[1] <= len(motion) - 3
        assert 0.15 <= (span[1] - span[0]) / len(motion) <= 0.31
    assert draw_span(motion, rng, np.zeros(len(motion)), 0.5) is None


def test_intersection_over_union_is_one_for_the_truth_and_nought_far_from_it():
    truth = np.zeros(300, dtype=bool)
    truth[100:130] = True
    assert intersection_over_union(truth, truth, 30.0) == 1.0
    assert intersection_over_union(np.roll(truth, 150), truth, 30.0) == 0.0
    half = truth.copy()
    half[100:115] = False
    assert intersection_over_union(half, truth, 30.0) == pytest.approx(21 / 36)  # both widened by 3 frames at each end


def test_a_check_without_spans_speaks_of_all_frames_and_a_warning_of_none():
    def check(severity, spans):
        return CheckResult(
            stage="validation",
            measurement="m",
            value=1.0,
            unit="1",
            limit=0.5,
            passed=False,
            severity=severity,
            reason="",
            spans=spans,
        )

    def named(*checks):
        return named_frames(Verdict(tier="t", checks=checks, score=0.5), 10)

    assert named(check("reject", ())).all()
    assert not named(check("warn", ((0, 5),))).any()
    np.testing.assert_array_equal(
        np.flatnonzero(named(check("reject", ((2, 4),)), check("reject", ((3, 6),)))), [2, 3, 4, 5]
    )
