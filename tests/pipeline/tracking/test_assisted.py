from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.tracking.assisted import UNCAPPED, AssistConfig, body_weight, follow, smallest_cap
from pipeline.tracking.feed_forward import feed_forward
from pipeline.tracking.measure import TrackingConfig, measure_tracking
from pipeline.tracking.plant import plant
from pipeline.tracking.reference import Reference, ReferenceConfig, reference
from robots.exceptions import InvalidArray
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1()
CONFIG = AssistConfig()
MODEL = plant(ROBOT, timestep_s=0.005)
WEIGHT = body_weight(MODEL)


def standing(
    seconds: float = 1.5, height: float | np.ndarray = 0.0, turn: Rotation | None = None, fps: float = 30.0
) -> RobotMotion:
    """Stand still in the default pose, lifted or turned about the point between the feet."""
    qpos = np.tile(ROBOT.default_qpos, (round(seconds * fps) + 1, 1))
    if turn is not None:
        qpos[:, :3] = turn.apply(qpos[:, :3])
        qpos[:, 3:7] = turn.as_quat(scalar_first=True)
    qpos[:, 2] += height
    return RobotMotion.from_qpos(qpos, fps=fps, joint_names=ROBOT.joint_names, foot_contact=np.ones((len(qpos), 2)))


def punching(turn: Rotation | None = None) -> RobotMotion:
    """Stand and throw both arms forward twice."""
    motion = standing(2.0, turn=turn)
    joints = motion.joint_pos.copy()
    swing = 1 - np.cos(2 * np.pi * np.arange(len(motion)) / 30)
    for side in ("left", "right"):
        joints[:, ROBOT.joint_names.index(f"{side}_shoulder_pitch_joint")] -= 0.6 * swing
    return replace(motion, joint_pos=joints)


def prepared(motion: RobotMotion) -> tuple[Reference, np.ndarray]:
    followed = reference(ROBOT, motion, ReferenceConfig())
    return followed, feed_forward(ROBOT, followed, 0.8)


def measured(motion: RobotMotion) -> dict[str, float]:
    return {item.name: item.value for item in measure_tracking(motion, ROBOT, TrackingConfig()).items}


def test_feed_forward_of_standing_carries_the_weight_with_the_legs():
    """Both legs push alike and without acceleration nothing is asked of the yaw joints."""
    _, torque = prepared(standing())
    left, right = (torque[:, ROBOT.joint_names.index(f"{side}_knee_joint")] for side in ("left", "right"))
    np.testing.assert_allclose(left, right, atol=0.05)
    assert abs(left).min() > 1.0
    assert abs(torque[:, ROBOT.joint_names.index("waist_yaw_joint")]).max() < 1e-3


def test_standing_still_hardly_needs_help():
    """A posture in balance is a motion that physics gives for nothing."""
    figures = measured(standing())
    assert figures["assist_mean"] < 0.02
    assert figures["assist_cap"] < 0.1
    assert figures["tracking_root_error"] < 0.01
    assert figures["torque_saturation"] == 0.0


def test_a_hovering_robot_is_carried_with_its_weight():
    """Where no floor pushes, the help is the whole weight: the spring is a scale."""
    height = np.concatenate([np.zeros(61), np.full(60, 0.25)])
    labels = np.where(height > 0, 0.0, 1.0)[:, None].repeat(2, axis=1)
    followed, torque = prepared(replace(standing(4.0, height=height), foot_contact=labels))
    run = follow(MODEL, followed, torque, UNCAPPED, CONFIG)
    assert run.fell_at is None
    assert np.mean(run.force[700:]) == pytest.approx(WEIGHT, rel=0.02)
    assert np.mean(run.root_error[700:]) == pytest.approx(WEIGHT / CONFIG.spring, rel=0.02)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_turning_help_brings_the_root_back_about_every_axis(axis):
    """From a start turned away by 0.3 rad the root comes back: signs and frames of the moment are right.

    What is left is what a start in place needs: the centre of mass lies before the pelvis.
    """
    turn = Rotation.from_rotvec(0.3 * np.eye(3)[axis]) * Rotation.from_euler("z", 1.0)
    followed, torque = prepared(standing(2.0, height=0.5, turn=Rotation.from_euler("z", 1.0)))
    qpos = followed.qpos.copy()
    qpos[:, 2] += 0.5  # in the air, where nothing but the spring turns it
    in_place = follow(MODEL, replace(followed, qpos=qpos), torque, UNCAPPED, CONFIG)
    away = qpos.copy()
    away[0, 3:7] = turn.as_quat(scalar_first=True)
    run = follow(MODEL, replace(followed, qpos=away), torque, UNCAPPED, CONFIG)
    assert run.fell_at is None
    assert run.moment[1] == pytest.approx(0.3 * CONFIG.turn_spring, rel=0.1)
    assert run.moment[-1] == pytest.approx(in_place.moment[-1], abs=2.0)


@pytest.mark.parametrize("cap", [0.0, 0.05, 0.2])
def test_help_keeps_its_cap(cap):
    """Force and moment are capped together; without a cap there is no force at all."""
    followed, torque = prepared(standing(turn=Rotation.from_euler("y", 0.2)))
    run = follow(MODEL, followed, torque, cap, CONFIG)
    assert np.nanmax(run.force) <= cap * WEIGHT + 1e-9
    assert np.nanmax(run.moment) <= cap * WEIGHT * CONFIG.moment_arm + 1e-9


def test_the_smallest_cap_survives_and_a_little_less_does_not():
    """The answer is a bracket of simulations that were run, not an estimate; every smaller rung is named."""
    followed, torque = prepared(standing(turn=Rotation.from_euler("y", 0.15)))
    search = smallest_cap(MODEL, followed, torque, CONFIG)
    assert 0.0 < search.smallest < CONFIG.worst_cap
    assert follow(MODEL, followed, torque, search.smallest, CONFIG).fell_at is None
    assert search.last_fall is not None
    assert search.smallest - search.last_fall.cap <= CONFIG.resolution
    assert follow(MODEL, followed, torque, search.last_fall.cap, CONFIG).fell_at == search.last_fall.fell_at
    assert all(survived == 1.0 for cap, survived in search.survival if cap >= search.smallest)


def test_leaning_further_needs_more_help():
    """Statics: the further the weight is beside the feet, the larger the moment that holds it."""
    caps = [measured(standing(turn=Rotation.from_euler("y", lean)))["assist_cap"] for lean in (0.0, 0.15, 0.3)]
    assert caps[0] < caps[1] < caps[2]


def test_without_help_a_leaning_robot_falls_and_nothing_is_told_of_what_follows():
    """After a fall there is no motion that is followed."""
    followed, torque = prepared(standing(turn=Rotation.from_euler("y", 0.3)))
    run = follow(MODEL, followed, torque, 0.0, CONFIG)
    assert run.fell_at is not None
    assert 0.0 < run.survival < 1.0
    for series in (run.force, run.moment, run.root_error, run.joint_error, run.effort):
        assert np.isfinite(series[: run.fell_at]).all()
        assert np.isnan(series[run.fell_at :]).all()


def test_a_motion_that_nothing_can_follow_counts_as_the_worst():
    """A teleport of ten metres leaves even the uncapped spring behind: said, and never a survival."""
    motion = standing(2.0)
    root = motion.root_pos_w.copy()
    root[30:, 0] += 10.0
    measurements = measure_tracking(replace(motion, root_pos_w=root), ROBOT, TrackingConfig())
    cap = measurements["assist_cap"]
    assert cap.value == CONFIG.worst_cap
    assert "even with all the help" in cap.meaning
    assert cap.series is not None
    assert np.isnan(cap.series[-1])
    assert 25 <= cap.spans[0][0] <= 31


def test_equal_motions_are_equal_to_the_last_bit():
    """A figure that a second run does not give again is no figure."""
    assert measured(punching()) == measured(punching())


def test_place_and_heading_do_not_change_the_figures():
    """A friction pyramid stands still in the world; the motion is turned to face along it before it is simulated."""
    moved = punching(turn=Rotation.from_euler("z", 2.0))
    moved = replace(moved, root_pos_w=moved.root_pos_w + np.array([7.0, -2.0, 0.0]))
    here, there = measured(punching()), measured(moved)
    for name, value in here.items():
        assert there[name] == pytest.approx(value, abs=0.02), name


@pytest.mark.parametrize("turn", ["x", "y", "-y"])
def test_upside_down_and_lying_motions_are_measured(turn):
    """A verdict must come of any motion, and where no sole can stand, help is needed throughout."""
    angle = np.pi if turn == "x" else np.pi / 2 * (-1 if turn == "-y" else 1)
    motion = standing(1.0, height=1.0, turn=Rotation.from_euler(turn[-1], angle))
    assert measured(replace(motion, foot_contact=np.zeros((len(motion), 2))))["assist_cap"] > 0.2


def test_every_series_has_one_value_a_frame():
    """Reports draw them over the motion's own frames, at any frame rate."""
    for fps in (24.0, 120.0):
        motion = standing(1.0, fps=fps)
        measurements = measure_tracking(motion, ROBOT, TrackingConfig())
        assert measurements.n_frames == len(motion)
        assert all(item.series is None or len(item.series) == len(motion) for item in measurements.items)


def test_the_robot_with_locked_wrists_is_followed_too():
    """PBHC's variant has 23 joints."""
    robot = load_g1("23dof")
    qpos = np.tile(robot.default_qpos, (31, 1))
    motion = RobotMotion.from_qpos(qpos, fps=30.0, joint_names=robot.joint_names, foot_contact=np.ones((31, 2)))
    assert measure_tracking(motion, robot, TrackingConfig())["assist_cap"].value < 0.1


def test_a_foot_that_the_reference_swings_bears_nothing():
    """Standing with one foot called free, the other one carries alone, and the help must hold the robot upright."""
    followed, torque = prepared(standing())
    contact = followed.contact.copy()
    contact[:, 0] = False
    on_one = replace(followed, contact=contact)
    free = follow(MODEL, on_one, torque, UNCAPPED, CONFIG)
    stubbing = follow(MODEL, on_one, torque, UNCAPPED, replace(CONFIG, swing_touches=True))
    assert np.nanmean(stubbing.moment) < 1.0
    assert np.nanmean(free.moment) > 5.0


@pytest.mark.parametrize("caps", [(), (0.1, 0.2), (0.0, 0.3, 0.2), (0.0, 0.1, 0.1)])
def test_caps_ascend_from_none(caps):
    """The lowest rung is the run without help, and every rung has one below."""
    with pytest.raises(InvalidArray, match="caps: must ascend from 0"):
        AssistConfig(caps=caps)
