"""A foot that rests on the floor is flat: what a source says of it there is a constant, and is taken off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from retarget.correspondence import load_correspondence
from retarget.flat_soles import FlatSolesConfig, with_flat_soles
from retarget.rest_pose import robot_rest
from retarget.retargeter import RetargetConfig, Retargeter
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from robots.soles import Soles

PITCH = 0.21
"""12 degrees, toes down."""
ANKLES = [SMPL_JOINT_NAMES.index(name) - 1 for name in ("left_ankle", "right_ankle")]


@pytest.fixture(scope="module")
def table(robot):
    return load_correspondence("smpl_to_g1").on_robot(robot.body_names)


@pytest.fixture(scope="module")
def level(robot, table):
    """The function, on the G1, with settings to change."""
    rest = robot_rest(robot.pin_model(), table)
    return lambda trajectory, **settings: with_flat_soles(trajectory, table, rest, FlatSolesConfig(**settings))


def askew(motion, *rotvecs):
    """Turn the feet in their own frames [rad], each by a constant or frame by frame, as another rig would have them."""
    pose = motion.body_pose.copy()
    for ankle, rotvec in zip(ANKLES, rotvecs, strict=True):
        pose[:, ankle] = (Rotation.from_rotvec(pose[:, ankle]) * Rotation.from_rotvec(rotvec)).as_rotvec()
    return replace(motion, body_pose=pose)


def on_toes(walker, heel_up, fps=30.0):
    """A person who stands on the spot, heels raised by these angles [rad], toes where they are.

    The straight leg follows the ankle: the whole body rises and leans with it.
    """
    rest = walker.smpl_motion({}).rest_joint_pos
    ankle, toe = (rest[SMPL_JOINT_NAMES.index(f"left_{name}")] for name in ("ankle", "foot"))
    turn = np.stack([heel_up, 0 * heel_up, 0 * heel_up], axis=1)
    shift = (toe - ankle) - Rotation.from_rotvec(turn).apply(toe - ankle)  # y up, z to the front
    pelvis = np.stack([shift[:, 2], 0 * heel_up, 0.08 - ankle[1] + shift[:, 1]], axis=1)
    pose = {"left_ankle": turn, "right_ankle": turn}
    return walker.smpl_motion(pose, len(heel_up), fps, pelvis)


def test_who_stands_flat_is_not_touched(level, retargeter, robot, walked):
    """To the last bit: the very same motion goes on, and the robot does what it does without the levelling."""
    levelled = level(walked.trajectory)
    assert levelled.trajectory is walked.trajectory and levelled.turn_rad == (0.0, 0.0)
    without = Retargeter(robot, RetargetConfig(flat_soles=FlatSolesConfig(largest_turn=0.0)))
    np.testing.assert_array_equal(without.retarget(walked.trajectory).motion.joint_pos, walked.result.motion.joint_pos)


@pytest.mark.parametrize(
    "rotvecs",
    [
        ([PITCH, 0, 0], [PITCH, 0, 0]),  # toes down, as of a rig whose toes lie lower
        ([-PITCH, 0, 0], [0, 0, 0]),  # toes up, one foot
        ([PITCH, 0, 0.09], [0.3, 0, -0.05]),  # each foot its own way, on its edge as well
    ],
)
def test_a_constant_turn_of_the_feet_changes_nothing(retargeter, walker, walked, rotvecs):
    motion = askew(walker.walk()[0], *rotvecs)
    result = retargeter.retarget(motion.body_trajectory())
    np.testing.assert_allclose(result.sole_turns_rad, np.linalg.norm(rotvecs, axis=1), atol=1e-3)
    np.testing.assert_allclose(result.motion.joint_pos, walked.result.motion.joint_pos, atol=2e-3)
    np.testing.assert_allclose(result.motion.root_pos_w, walked.result.motion.root_pos_w, atol=1e-3)
    np.testing.assert_array_equal(result.motion.foot_contact, walked.result.motion.foot_contact)


def test_only_the_orientation_of_the_foot_changes(level, walker):
    """Places of joints were measured, and tell contacts: the ball of a foot stays where it is as the heel rises."""
    given = askew(walker.walk()[0], [PITCH, 0, 0], [0, 0, 0]).body_trajectory()
    levelled, truth = level(given).trajectory, walker.walk()[0].body_trajectory()
    ankle = given.names.index("left_ankle")
    others = [body for body in range(len(given.names)) if body != ankle]
    np.testing.assert_array_equal(levelled.pos_w, given.pos_w)
    np.testing.assert_allclose(levelled.quat_wxyz_w[:, others], given.quat_wxyz_w[:, others], atol=1e-15)
    np.testing.assert_allclose(levelled.quat_wxyz_w[:, ankle], truth.quat_wxyz_w[:, ankle], atol=1e-4)


@pytest.mark.parametrize("offset", [0.0, PITCH])
def test_heels_that_are_raised_stay_raised(retargeter, robot, walker, offset):
    """A second of flat standing tells the constant; three on the toes are a posture, though they are the most."""
    rise = np.interp(np.arange(150) / 30.0, [1.2, 1.6, 4.4, 4.8], [0.0, 0.4, 0.4, 0.0])
    motion = askew(on_toes(walker, rise), [offset, 0, 0], [offset, 0, 0])
    result = retargeter.retarget(motion.body_trajectory())
    tilt = np.arccos(np.clip(Soles.of(result.motion, robot).up_w[..., 2], -1.0, 1.0))
    assert result.infeasible_stances == () and (result.motion.foot_contact == 1.0).all()
    assert tilt[:30].max() < 0.02, "flat to begin with"
    assert tilt[60:120].min() > 0.3, "the heels were put down"


def test_a_foot_that_rests_now_so_now_otherwise_is_left(level, walker):
    """It has no constant: a foot that tilts with the shin in wide stances, or a broken ankle."""
    wander = np.repeat(np.linspace(-0.4, 0.4, 6), 30)[:, None] * [1.0, 0.0, 0.0]
    motion = askew(walker.smpl_motion({}, len(wander)), wander, [PITCH, 0, 0])
    assert level(motion.body_trajectory()).turn_rad == (0.0, pytest.approx(PITCH, abs=1e-3))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, 0.0), ({"largest_turn": 0.6}, 0.5), ({"largest_turn": 0.6, "least_turn": 0.55}, 0.0)],
)
def test_too_far_and_too_little_are_left(level, walker, settings, expected):
    motion = askew(walker.smpl_motion({}, 60), [0.5, 0, 0], [0.5, 0, 0])
    assert level(motion.body_trajectory(), **settings).turn_rad == pytest.approx((expected, expected), abs=1e-3)


def test_feet_that_move_or_are_not_seen_or_carry_nobody_tell_nothing(level, walker):
    standing = askew(walker.smpl_motion({}, 60), [PITCH, 0, 0], [PITCH, 0, 0]).body_trajectory()
    assert min(level(standing).turn_rad) > 0.2
    gliding = replace(standing, pos_w=standing.pos_w + np.linspace([0, 0, 0], [2, 0, 0], 60)[:, None])
    unseen = replace(standing, trust=np.zeros((60, len(standing.names))))
    regions = ("left_foot", "right_foot")
    lifted = replace(standing, contact_regions=regions, contact_prob=np.zeros((60, 2)))
    bend = {f"{side}_{joint}": [angle, 0, 0] for side in ("left", "right") for joint, angle in (("hip", -1.6),)}
    seated = askew(walker.smpl_motion(bend, 60), [PITCH, 0, 0], [PITCH, 0, 0]).body_trajectory()
    short = askew(walker.smpl_motion({}, 4), [PITCH, 0, 0], [PITCH, 0, 0]).body_trajectory()
    for trajectory in (gliding, unseen, lifted, seated, short):
        assert level(trajectory).turn_rad == (0.0, 0.0)


@pytest.mark.parametrize("fps", [24.0, 120.0])
def test_the_frame_rate_and_the_heading_do_not_matter(level, walker, fps):
    trajectory = askew(walker.walk(fps=fps)[0], [PITCH, 0, 0], [0, 0, 0]).body_trajectory()
    turned = walker.transformed(trajectory, Rotation.from_euler("z", 1.1), np.array([3.0, -2.0, 0.2]))
    assert level(turned).turn_rad == pytest.approx((PITCH, 0.0), abs=2e-3)
