from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.limits import find_limits
from pipeline.measurement import Measurements
from pipeline.validation import ValidationConfig, WrongRobot, measure_robot
from pipeline.verdict import Verdict, judge
from robots.exceptions import InvalidArray
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1()
FPS = 30.0


def measure(motion: RobotMotion) -> Measurements:
    return measure_robot(motion, ROBOT, ValidationConfig())


def judged(motion: RobotMotion, tier: str) -> Verdict:
    return judge((measure(motion),), find_limits(tier))


def standing(n_frames: int = 90, fps: float = FPS) -> RobotMotion:
    """The default pose, both feet on the floor."""
    return RobotMotion.from_qpos(
        np.tile(ROBOT.default_qpos, (n_frames, 1)),
        fps=fps,
        joint_names=ROBOT.joint_names,
        foot_contact=np.ones((n_frames, 2)),
    )


def lively(n_frames: int = 60, fps: float = FPS) -> RobotMotion:
    """Every joint swings, the root sways and turns, the feet take turns: nothing is zero by accident."""
    phase = np.random.default_rng(3).uniform(0, 2 * np.pi, len(ROBOT.joint_names))
    t = np.arange(n_frames)[:, None] / fps
    motion = standing(n_frames, fps)
    return replace(
        motion,
        joint_pos=motion.joint_pos + 0.15 * np.sin(3 * t + phase),
        root_pos_w=motion.root_pos_w + 0.1 * np.sin(2 * t + phase[:3]) * [1, 1, 0.3],
        root_quat_wxyz=Rotation.from_rotvec(0.3 * np.sin(2 * t + phase[3:6])).as_quat(scalar_first=True),
        foot_contact=0.5 + 0.4 * np.sin(2 * t + phase[6:8]),
    )


def moved(motion: RobotMotion, shift: np.ndarray) -> RobotMotion:
    return replace(motion, root_pos_w=motion.root_pos_w + shift)


def bent(motion: RobotMotion, joint: str, angle: np.ndarray) -> RobotMotion:
    joint_pos = motion.joint_pos.copy()
    joint_pos[:, ROBOT.joint_names.index(joint)] = angle
    return replace(motion, joint_pos=joint_pos)


def values(measured: Measurements) -> dict[str, float]:
    return {item.name: item.value for item in measured.items}


def test_standing_passes_the_clean_tier():
    """The pose that every motion begins and ends with has no fault."""
    verdict = judged(standing(), "clean")
    assert verdict.reasons == ()
    assert verdict.accepted


def test_measurements_do_not_depend_on_place_and_heading():
    motion, turn = lively(), Rotation.from_euler("z", 2.1)
    away = replace(
        motion,
        root_pos_w=turn.apply(motion.root_pos_w.copy()) + np.array([30.0, -70.0, 0.0]),
        root_quat_wxyz=(turn * Rotation.from_quat(motion.root_quat_wxyz, scalar_first=True)).as_quat(scalar_first=True),
    )
    assert values(measure(away)) == pytest.approx(values(measure(motion)), abs=1e-6)


def test_measurements_do_not_depend_on_the_order_of_the_columns():
    """Joints are found by name."""
    motion = lively()
    order = np.random.default_rng(0).permutation(len(ROBOT.joint_names))
    shuffled = replace(
        motion, joint_names=tuple(ROBOT.joint_names[i] for i in order), joint_pos=motion.joint_pos[:, order]
    )
    assert values(measure(shuffled)) == values(measure(motion))


def test_measurements_do_not_depend_on_the_frame_rate():
    """At its ends a filter guesses a fixed number of frames, which third differences show most."""
    coarse, fine = values(measure(lively(120, 60.0))), values(measure(lively(240, 120.0)))
    assert (coarse.pop("frame_rate"), fine["frame_rate"]) == (60.0, 120.0)
    for name, value in coarse.items():
        assert fine[name] == pytest.approx(value, rel=0.15 if "jerk" in name else 0.05, abs=5e-3), name


def test_sunk_into_the_floor_it_penetrates_by_as_much():
    found = measure(moved(standing(), np.array([0, 0, -0.05])))
    assert found["penetration_max"].value == pytest.approx(0.05, abs=1e-4)
    assert found["penetration_p95"].value == pytest.approx(0.05, abs=1e-4)
    assert found["ground_offset"].value == pytest.approx(-0.05, abs=1e-4)
    assert found["stance_height_std"].value == pytest.approx(0.0, abs=1e-9)


def test_a_span_over_the_floor_floats_by_as_much_at_its_frames():
    lift = np.zeros((90, 3))
    lift[30:55, 2] = 0.05
    found = measure(moved(standing(), lift))["stance_float_p95"]
    assert found.value == pytest.approx(0.05, abs=1e-4)
    np.testing.assert_array_equal(np.flatnonzero(found.series > 0.01), np.arange(30, 55))


def test_a_foot_in_the_air_by_its_label_does_not_float():
    lift = np.zeros((90, 3))
    lift[30:55, 2] = 0.05
    motion = moved(standing(), lift)
    labels = np.where(lift[:, [2]] > 0, 0.0, 1.0) * np.ones((90, 2))
    found = measure(replace(motion, foot_contact=labels))
    assert found["stance_float_p95"].value == pytest.approx(0.0, abs=1e-4)
    assert np.isnan(found["stance_float_p95"].series[30:55]).all()
    assert found["contact_share"].value == pytest.approx(65 / 90)


@pytest.mark.parametrize("speed", [0.05, 0.3, 2.0])
def test_a_slide_is_measured_with_its_speed_and_way(speed):
    found = measure(moved(standing(), np.outer(np.arange(90) / FPS, [0.6 * speed, 0.8 * speed, 0])))
    assert found["skate_mean"].value == pytest.approx(speed)
    assert found["skate_p95"].value == pytest.approx(speed)
    assert found["stance_slip_max"].value == pytest.approx(speed * 89 / FPS)


def test_a_slide_without_contact_is_no_skate_but_is_seen():
    """Empty labels must not make a sliding clip pass."""
    motion = replace(moved(standing(), np.outer(np.arange(90) / FPS, [0.1, 0, 0])), foot_contact=np.zeros((90, 2)))
    found = measure(motion)
    assert found["skate_mean"].value == 0.0
    assert found["contact_share"].value == 0.0
    assert found["contact_unlabelled_share"].value == 1.0
    assert not judged(motion, "trainable").accepted


@pytest.mark.parametrize("over", [0.02, 0.1])
@pytest.mark.parametrize("joint", ["left_knee_joint", "right_elbow_joint"])
def test_a_joint_beyond_its_range_is_measured_with_its_excess_and_frames(joint, over):
    column = ROBOT.joint_names.index(joint)
    angle = standing().joint_pos[:, column].copy()
    angle[20:30] = ROBOT.joint_upper[column] + over
    found = measure(bent(standing(), joint, angle))
    assert found["joint_over_limit"].value == pytest.approx(over)
    assert joint in found["joint_over_limit"].meaning
    np.testing.assert_array_equal(np.flatnonzero(found["joint_over_limit"].series), np.arange(20, 30))
    assert found["joint_near_limit_share"].value == pytest.approx(10 / 90)


def test_a_joint_at_a_steady_speed_is_that_share_of_its_limits():
    """Both tiers are reported; for the ankles they differ (37 and 30 rad/s)."""
    joint = ROBOT.joint_names.index("left_ankle_pitch_joint")
    motion = bent(standing(10), "left_ankle_pitch_joint", 0.1 * np.arange(10))
    found = measure(motion)
    assert found["joint_speed"].value == pytest.approx(0.1 * FPS)
    assert found["joint_speed_ratio"].value == pytest.approx(0.1 * FPS / ROBOT.velocity_limit[joint])
    assert found["joint_speed_ratio_soft"].value == pytest.approx(0.1 * FPS / ROBOT.velocity_limit_soft[joint])
    assert "left_ankle_pitch_joint" in found["joint_speed_ratio"].meaning
    assert found["joint_acc"].value == pytest.approx(0.0, abs=1e-9)


def test_played_faster_everything_is_faster_by_its_order():
    slow, fast = values(measure(lively())), values(measure(replace(lively(), fps=1.5 * FPS)))
    orders = {"joint_speed": 1, "joint_speed_ratio": 1, "root_speed": 1, "root_ang_speed": 1, "skate_mean": 1,
              "skate_p95": 1, "joint_acc": 2, "joint_acc_p99": 2, "root_acc": 2, "root_ang_acc": 2,
              "joint_jerk_median": 3}  # fmt: skip
    for name, order in orders.items():
        assert fast[name] == pytest.approx(1.5**order * slow[name]), name
    for name in ("penetration_max", "self_collision_depth", "joint_over_limit", "stance_height_std", "stance_slip_max"):
        assert fast[name] == pytest.approx(slow[name]), name


def test_crossed_legs_are_found_named_and_located():
    crossed = np.zeros(90)
    crossed[40:60] = 0.3
    found = measure(bent(bent(standing(), "left_hip_roll_joint", -crossed), "right_hip_roll_joint", crossed))
    depth = found["self_collision_depth"]
    assert found["self_collision_share"].value == pytest.approx(20 / 90)
    np.testing.assert_array_equal(np.flatnonzero(depth.series), np.arange(40, 60))
    assert depth.value > 0.01
    assert "left_" in depth.meaning
    assert "right_" in depth.meaning


def test_a_teleport_is_measured_at_its_frame():
    shift = np.zeros((90, 3))
    shift[50:, 0] = 0.15
    found = measure(moved(standing(), shift))
    assert found["root_speed"].value == pytest.approx(0.15 * FPS)
    assert found["root_acc"].value == pytest.approx(0.15 * FPS**2)
    assert found["root_acc"].series.argmax() in (49, 50)


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_the_shortest_motions_are_measured(n_frames):
    measured = measure(standing(n_frames))
    assert measured.n_frames == n_frames
    assert measured["joint_jerk_median"].value == 0.0
    assert measured["contact_share"].value == 1.0


def test_a_motion_with_nan_cannot_exist():
    with pytest.raises(InvalidArray, match="root_pos_w: holds NaN"):
        moved(standing(5), np.array([np.nan, 0, 0]))


def test_another_robot_is_named():
    """A 23-joint motion on the 29-joint robot would have its arms silently shifted."""
    small = load_g1("23dof")
    motion = RobotMotion.from_qpos(
        small.default_qpos[None], fps=FPS, joint_names=small.joint_names, foot_contact=np.ones((1, 2))
    )
    with pytest.raises(WrongRobot, match=r"does not fit the robot 'g1.*lacks left_wrist_roll_joint, .*29 or 23 joints"):
        measure(motion)
    with pytest.raises(WrongRobot, match="has joints that robot does not know: left_wrist_roll_joint"):
        measure_robot(standing(1), small, ValidationConfig())


def test_the_faults_of_the_field_are_refused_and_told(faulty):
    """The standing pose passes; each of these turns it into something no one should train on."""
    heading = Rotation.from_euler("z", 60, degrees=True).as_quat(scalar_first=True)
    motion = replace(standing(150), root_quat_wxyz=np.tile(heading, (150, 1)))
    assert judged(motion, "trainable").accepted
    for fault, broken in faulty(motion).items():
        verdict = judged(broken, "trainable")
        assert not verdict.accepted, fault
        assert all(reason.startswith("validation: ") for reason in verdict.reasons)
