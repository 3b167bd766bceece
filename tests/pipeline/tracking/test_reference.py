import mujoco
import numpy as np
import pytest

from pipeline.tracking.exceptions import WrongDuration
from pipeline.tracking.reference import ReferenceConfig, reference
from robots.exceptions import JointsDoNotMatch
from robots.g1 import load_g1
from robots.motion import RobotMotion

CONFIG = ReferenceConfig()


def squatting(fps: float = 30.0, seconds: float = 2.0, variant="29dof") -> RobotMotion:
    """Bends both knees and turns a little; the pelvis goes down so that the feet stay where they are."""
    robot = load_g1(variant)
    time = np.arange(round(seconds * fps) + 1) / fps
    qpos = np.tile(robot.default_qpos, (len(time), 1))
    depth = 0.2 * (1 - np.cos(2 * np.pi * time / seconds))
    for side in ("left", "right"):
        for joint, share in (("hip_pitch", -1), ("knee", 2), ("ankle_pitch", -1)):
            qpos[:, 7 + robot.joint_names.index(f"{side}_{joint}_joint")] += share * depth
    model = robot.mj_model()
    data = mujoco.MjData(model)
    foot = model.body(robot.foot_body_names[0]).id
    data.qpos[:] = robot.default_qpos
    mujoco.mj_kinematics(model, data)
    planted = data.xpos[foot].copy()
    for row in qpos:
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        row[:3] += planted - data.xpos[foot]
    return RobotMotion.from_qpos(qpos, fps=fps, joint_names=robot.joint_names, foot_contact=np.ones((len(time), 2)))


def with_height(motion: RobotMotion, height, contact=None) -> RobotMotion:
    """The same motion, lifted."""
    qpos = motion.qpos
    qpos[:, 2] += height
    contact = motion.foot_contact if contact is None else contact
    return RobotMotion.from_qpos(qpos, fps=motion.fps, joint_names=motion.joint_names, foot_contact=contact)


@pytest.mark.parametrize("variant", ["29dof", "23dof"])
@pytest.mark.parametrize("fps", [24.0, 30.0, 120.0])
def test_velocities_and_accelerations_are_the_derivatives_of_what_is_followed(variant, fps):
    """MuJoCo's difference of neighbouring samples is the oracle; a tracker with other speeds fights itself."""
    robot = load_g1(variant)
    motion = squatting(fps, variant=variant)
    qpos = motion.qpos
    angle = 0.4 * np.sin(2 * np.arange(len(motion)) / fps)
    qpos[:, 3:7] = np.stack([np.cos(angle / 2), *(np.sin(angle / 2) * np.array([[0.6], [0.0], [0.8]]))], axis=1)
    turning = RobotMotion.from_qpos(qpos, fps=fps, joint_names=motion.joint_names, foot_contact=motion.foot_contact)
    followed = reference(robot, turning, CONFIG)
    model = robot.mj_model()
    step = np.zeros((len(followed) - 1, model.nv))
    for i in range(len(step)):
        mujoco.mj_differentiatePos(model, step[i], 1 / followed.hz, followed.qpos[i], followed.qpos[i + 1])
    np.testing.assert_allclose(step, (followed.qvel[1:] + followed.qvel[:-1]) / 2, atol=0.01)
    rate = np.diff(followed.qvel, axis=0) * followed.hz
    np.testing.assert_allclose(rate, (followed.qacc[1:] + followed.qacc[:-1]) / 2, atol=0.5)
    np.testing.assert_allclose(np.linalg.norm(followed.qpos[:, 3:7], axis=1), 1.0, atol=1e-12)


def test_one_motion_at_several_frame_rates_is_one_reference():
    """What is followed must not depend on how finely it was written down."""
    coarse, fine = (reference(load_g1(), squatting(fps), CONFIG) for fps in (30.0, 120.0))
    assert len(coarse) == len(fine)
    np.testing.assert_allclose(coarse.qpos, fine.qpos, atol=2e-3)
    np.testing.assert_array_equal(coarse.contact, fine.contact)


@pytest.mark.parametrize("height", [-0.05, 0.08])
def test_a_constant_height_is_taken_off_and_told(height):
    """Retargeters leave such offsets; to a simulation, five centimetres are a fall."""
    motion = squatting()
    low, high = (reference(load_g1(), with_height(motion, h), CONFIG) for h in (0.0, height))
    np.testing.assert_allclose(high.qpos, low.qpos, atol=1e-9)
    assert high.ground_offset_m - low.ground_offset_m == pytest.approx(height, abs=1e-9)
    assert high.contact.all()
    np.testing.assert_allclose(high.sole_pos_w[..., 2].min(axis=2), 0.0, atol=2e-3)


def test_a_pad_whose_labels_say_nothing_stands_on_its_own_floor():
    """PBHC's pads begin 1.5 cm over the floor, whatever the height of the motion between them."""
    motion = squatting(seconds=4.0)
    contact = np.ones((len(motion), 2))
    contact[:30] = contact[-30:] = 0.5
    height = np.full(len(motion), -0.045)
    height[:30], height[-30:] = np.linspace(0.015, -0.045, 30), np.linspace(-0.045, 0.015, 30)
    followed = reference(load_g1(), with_height(motion, height, contact), CONFIG)
    np.testing.assert_allclose(followed.sole_pos_w[..., 2].min(axis=(1, 2)), 0.0, atol=8e-3)
    assert followed.contact.all()


def test_joints_beyond_their_range_are_held_at_its_end():
    """The simulated robot has stops; speed into a stop would be pushed against."""
    robot = load_g1()
    motion = squatting()
    qpos = motion.qpos
    elbow = 7 + robot.joint_names.index("left_elbow_joint")
    qpos[:, elbow] = 3.0
    beyond = RobotMotion.from_qpos(
        qpos, fps=motion.fps, joint_names=motion.joint_names, foot_contact=motion.foot_contact
    )
    followed = reference(robot, beyond, CONFIG)
    assert (followed.qpos[:, elbow] == robot.joint_upper[elbow - 7]).all()
    assert not followed.qvel[:, elbow - 1].any()
    assert not followed.qacc[:, elbow - 1].any()


def test_a_raised_foot_carries_nothing_whatever_its_label_says():
    """A label alone makes no contact: feed-forward would push where there is no floor."""
    motion = squatting()
    height = np.where(np.arange(len(motion)) < 45, 0.0, 0.3)
    raised = reference(load_g1(), with_height(motion, height), CONFIG).contact
    assert raised[:250].all()
    assert not raised[330:].any()


def test_of_two_feet_the_one_that_slides_does_not_carry():
    """The left leg swings sideways just over the floor; the right one stands."""
    robot = load_g1()
    motion = squatting()
    qpos = motion.qpos
    swing = 0.25 * np.sin(2 * np.pi * np.arange(len(motion)) / 20)
    qpos[:, 7 + robot.joint_names.index("left_hip_yaw_joint")] += swing
    qpos[:, 7 + robot.joint_names.index("left_hip_roll_joint")] += 0.4 * swing
    swinging = RobotMotion.from_qpos(
        qpos, fps=motion.fps, joint_names=motion.joint_names, foot_contact=np.tile([0.0, 1.0], (len(motion), 1))
    )
    followed = reference(robot, swinging, ReferenceConfig(touch_speed=0.2))
    assert followed.contact[:, 1].all()
    assert not followed.contact[:, 0].all()


def test_the_place_and_heading_of_a_motion_do_not_matter():
    """Contacts and heights are those of the same motion elsewhere."""
    motion = squatting()
    turn = np.array([np.cos(0.6), 0, 0, np.sin(0.6)])
    quat = np.empty((len(motion), 4))
    for i, old in enumerate(motion.root_quat_wxyz):
        mujoco.mju_mulQuat(quat[i], turn, old)
    spin = np.array([[np.cos(1.2), -np.sin(1.2), 0], [np.sin(1.2), np.cos(1.2), 0], [0, 0, 1]])
    qpos = np.hstack([motion.root_pos_w @ spin.T + [5, -3, 0], quat, motion.joint_pos])
    moved = RobotMotion.from_qpos(
        qpos, fps=motion.fps, joint_names=motion.joint_names, foot_contact=motion.foot_contact
    )
    here, there = (reference(load_g1(), each, CONFIG) for each in (motion, moved))
    np.testing.assert_array_equal(here.contact, there.contact)
    np.testing.assert_allclose(here.sole_pos_w[..., 2], there.sole_pos_w[..., 2], atol=1e-9)
    np.testing.assert_allclose(here.com_pos_w @ spin.T + [5, -3, 0], there.com_pos_w, atol=1e-9)


def test_a_peak_between_samples_is_found_at_its_frame():
    """A report names frames of the motion, not samples of the simulation."""
    followed = reference(load_g1(), squatting(), CONFIG)
    series = np.zeros(len(followed))
    series[100] = 1.0
    frames = followed.per_frame(series)
    assert len(frames) == 61
    assert np.flatnonzero(frames).tolist() == [round(100 / 200 * 30)]
    assert np.isnan(followed.per_frame(np.full(len(followed), np.nan))).all()
    fine = reference(load_g1(), squatting(120.0), ReferenceConfig(hz=50.0))
    assert np.isfinite(fine.per_frame(np.ones(len(fine)))).all()


def test_too_short_and_too_long_motions_are_refused_with_what_to_do():
    """Anything survives two frames: that would be a pass by absence of evidence."""
    motion = squatting()
    two = RobotMotion.from_qpos(
        motion.qpos[:2], fps=30.0, joint_names=motion.joint_names, foot_contact=motion.foot_contact[:2]
    )
    with pytest.raises(WrongDuration, match="give a longer clip"):
        reference(load_g1(), two, CONFIG)
    with pytest.raises(WrongDuration, match="Cut it into clips of at most 1 s"):
        reference(load_g1(), motion, ReferenceConfig(longest_s=1.0))


def test_a_motion_of_another_robot_is_refused():
    """Joints are matched by name, never by count."""
    with pytest.raises(JointsDoNotMatch, match="wrist"):
        reference(load_g1("29dof"), squatting(variant="23dof"), CONFIG)
