"""Certificates: given for what can be done, refused with a reason, and the same wherever the robot faces."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.measurement import Measurements
from pipeline.tracking.certificate import T1Config, certify
from pipeline.tracking.certificate_measure import measure_t1
from pipeline.tracking.certificate_rule import CertificateRule, Evidence, Repair
from pipeline.tracking.exceptions import WrongDuration
from pipeline.tracking.floor_contact import others_on_floor
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOTS = {variant: load_g1(variant) for variant in ("23dof", "29dof")}
FPS = 30.0


def squat(robot, seconds=1.5):
    """Bend the knees by 0.3 rad and come up again, soles flat, arms along."""
    time = np.arange(round(seconds * FPS) + 1) / FPS
    bend = 0.15 * (1 - np.cos(2 * np.pi * time / time[-1]))
    qpos = np.tile(robot.default_qpos, (len(time), 1))
    for side in ("left", "right"):
        for joint, share in (("hip_pitch", -1.0), ("knee", 2.0), ("ankle_pitch", -1.0)):
            qpos[:, 7 + robot.joint_names.index(f"{side}_{joint}_joint")] += share * bend
    return RobotMotion.from_qpos(qpos, fps=FPS, joint_names=robot.joint_names, foot_contact=np.ones((len(time), 2)))


@pytest.fixture(scope="module", params=ROBOTS)
def squatted(request):
    robot = ROBOTS[request.param]
    motion = squat(robot)
    return robot, motion, certify(robot, motion)


def test_squat_is_certified_and_its_refined_version_fits_the_motion(squatted):
    """The refined version has the motion's frames, joints and rate, and what was a free-hanging squat now stands."""
    robot, motion, result = squatted
    assert result.certified and result.survival == 1.0
    refined = result.refined
    assert refined is result.simulated
    assert (len(refined), refined.fps, refined.joint_names) == (len(motion), motion.fps, robot.joint_names)
    assert np.abs(refined.joint_pos - result.planned.joint_pos).max() < 0.1
    assert np.nanmean(result.slack_n) < 1.0 and np.nanmax(result.root_error) < 0.03


def test_measurements_have_a_value_for_every_frame(squatted):
    """They go into the tracking stage as they are."""
    _, motion, result = squatted
    items = measure_t1(result)
    taken = Measurements(stage="tracking", fps=motion.fps, n_frames=len(motion), items=items)
    assert taken["t1_certified"].value == 1.0
    assert taken["t1_survival"].value == 1.0
    assert 0.0 < taken["t1_root_error"].value < 0.02
    assert taken["t1_repair_mean"].series is not None
    assert {item.name: item.unit for item in items} == {
        "t1_certified": "1",
        "t1_survival": "1",
        "t1_slack_mean": "1",
        "t1_root_error": "m",
        "t1_joint_error": "rad",
        "t1_unsolved": "1",
        "t1_repair_mean": "m",
        "t1_repair_shift": "m",
        "t1_repair_posture": "m",
        "t1_repair_ankle": "rad",
    }


def test_certificate_does_not_depend_on_where_the_robot_faces():
    """Turned and moved, the motion gets the same figures, and its refined version is turned and moved with it."""
    robot = ROBOTS["23dof"]
    motion = squat(robot, 1.0)
    turn, shift = Rotation.from_euler("z", 2.0), np.array([3.0, -4.0, 0.0])
    rotation = Rotation.from_quat(motion.root_quat_wxyz, scalar_first=True)
    other = replace(
        motion,
        root_pos_w=turn.apply(motion.root_pos_w.copy()) + shift,
        root_quat_wxyz=(turn * rotation).as_quat(scalar_first=True),
    )
    first, second = certify(robot, motion), certify(robot, other)
    for one, two in zip(measure_t1(first), measure_t1(second), strict=True):
        assert one.value == pytest.approx(two.value, abs=1e-6)
    assert first.refined is not None and second.refined is not None
    assert np.allclose(turn.apply(first.refined.root_pos_w.copy()) + shift, second.refined.root_pos_w, atol=1e-6)


def test_jump_out_of_nowhere_gets_a_plan_but_no_certificate():
    """No push precedes the flight, so that no robot can follow; a plan that fell is no refined version."""
    robot = ROBOTS["23dof"]
    motion = squat(robot, 2.0)
    time = np.arange(len(motion)) / FPS - 0.6
    flying = (time > 0.0) & (time < 0.8)
    rise = np.where(flying, 0.5 * 9.81 * time * (0.8 - time), 0.0)
    jump = replace(
        motion,
        root_pos_w=motion.root_pos_w + rise[:, None] * [0, 0, 1],
        foot_contact=np.where(flying[:, None], 0.0, motion.foot_contact),
    )
    result = certify(robot, jump)
    assert not result.certified and 0.0 < result.survival < 1.0
    assert "fell at" in result.reason
    assert result.simulated is None and result.refined is None
    assert result.planned is not None
    assert np.isnan(result.root_error[-1]) and np.isfinite(result.root_error[0])
    assert {m.name: m.value for m in measure_t1(result)}["t1_certified"] == 0.0


def test_motion_on_hands_or_back_is_outside_what_feet_can_do():
    """Lying is said to be outside; nothing is simulated, and nothing certified by absence of evidence."""
    robot = ROBOTS["23dof"]
    motion = squat(robot, 1.0)
    lying = Rotation.from_euler("y", 90, degrees=True).as_quat(scalar_first=True)
    flat = replace(
        motion,
        root_pos_w=motion.root_pos_w * [1, 1, 0] + [0, 0, 0.1],
        root_quat_wxyz=np.tile(lying, (len(motion), 1)),
    )
    result = certify(robot, flat)
    assert not result.certified and result.refined is None
    assert "floor" in result.reason
    assert {m.name: m.value for m in measure_t1(result)}["t1_survival"] == 0.0


def test_motion_without_any_contact_is_not_certified():
    """A robot that floats away from the floor has nothing to stand on."""
    robot = ROBOTS["23dof"]
    motion = squat(robot, 1.0)
    rising = motion.root_pos_w + np.linspace(0.0, 9.0, len(motion))[:, None] * [0, 0, 1]
    result = certify(robot, replace(motion, root_pos_w=rising, foot_contact=np.zeros((len(motion), 2))))
    assert not result.certified
    assert result.survival < 1.0


def test_two_frames_are_refused_in_a_sentence():
    """A motion that is over before a robot could fall certifies nothing."""
    robot = ROBOTS["23dof"]
    motion = squat(robot)
    short = RobotMotion.from_qpos(
        motion.qpos[:2], fps=FPS, joint_names=robot.joint_names, foot_contact=motion.foot_contact[:2]
    )
    with pytest.raises(WrongDuration, match="cannot be tracked"):
        certify(robot, short, T1Config())


def test_a_standing_pose_that_slides_is_not_certified_by_standing_still():
    """The plan stops the feet, and the robot stands: true, and of another motion than the one that was asked for."""
    robot = ROBOTS["23dof"]
    motion = squat(robot, 1.0)
    speed = np.array([3.0, 0.0, 0.0])
    sliding = replace(motion, root_pos_w=motion.root_pos_w + np.arange(len(motion))[:, None] / FPS * speed)
    result = certify(robot, sliding)
    assert result.survival == 1.0 and result.simulated is not None
    assert not result.certified and result.refined is None
    assert "another motion: it moves the robot along the floor" in result.reason


def evidence(**change):
    """A run without any fault, but for what is changed."""
    still = np.zeros(100)
    faultless = Evidence(
        root_error=still, joint_error=still, unsolved_share=0.0, others_share=0.0, repair=Repair.none(100)
    )
    return replace(faultless, **change)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"root_error": np.full(100, 0.11)}, "left the plan: its root is away by 0.11 m on average"),
        ({"root_error": np.linspace(0.0, 0.31, 100) ** 4 * 0.31**-3}, "its root is away by 0.31 m at worst"),
        ({"joint_error": np.full(100, 0.16)}, "its joints are away by 0.16 rad"),
        ({"unsolved_share": 0.02}, "found no torques in 2.00 % of its steps, more than 1"),
        ({"others_share": 0.03}, "sank into the floor in 3.00 % of frames"),
        ({"root_error": np.full(100, np.nan)}, "left the plan"),
        ({"repair": replace(Repair.none(100), shift=np.full(100, 0.26))}, "along the floor by 0.26 m on average"),
        ({"repair": replace(Repair.none(100), shift=np.eye(100)[0])}, "along the floor by 1.00 m at worst"),
        (
            {"repair": replace(Repair.none(100), posture=np.full(100, 0.16))},
            "moves the links, besides along the floor, by 0.16 m",
        ),
    ],
)
def test_the_rule_names_what_it_objects_to(change, says):
    """Each bound alone refuses, and NaN meets none."""
    assert CertificateRule().objection(evidence()) == ""
    assert says in CertificateRule().objection(evidence(**change))


def test_hands_that_sink_into_a_floor_they_do_not_feel_are_seen():
    """The plant lets them through; on a real floor it would have been another run."""
    robot = ROBOTS["29dof"]
    qpos = np.tile(robot.default_qpos, (2, 1))
    qpos[1, 2] -= 0.6
    np.testing.assert_array_equal(others_on_floor(robot, qpos, 0.01), [False, True])
