"""Each fault on a motion of the real G1: found with its size, where it is, and not where it is not."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.measurement import Measurements
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.validation.breaks import mirrored_joints
from pipeline.validation.flight import momentum_rate
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1()
FPS = 30.0
LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")


def measure(motion: RobotMotion) -> Measurements:
    return measure_robot(motion, ROBOT, ValidationConfig())


def series(measured: Measurements, name: str) -> np.ndarray:
    return np.asarray(measured[name].series)


def stepping(n_frames: int = 150) -> RobotMotion:
    """Stands at the default pose with both feet on the floor; the arms swing against each other."""
    time = np.arange(n_frames) / FPS
    qpos = np.tile(ROBOT.default_qpos, (n_frames, 1))
    for joint, phase in (("left_shoulder_pitch_joint", 0.0), ("right_shoulder_pitch_joint", 3.0)):
        qpos[:, 7 + ROBOT.joint_names.index(joint)] += 0.6 * np.sin(5 * time + phase)
    return RobotMotion.from_qpos(qpos, fps=FPS, joint_names=ROBOT.joint_names, foot_contact=np.ones((n_frames, 2)))


def jumping(duration: float = 0.5, fps: float = 60.0) -> RobotMotion:
    """Standing, a flight of free fall, standing again."""
    time = np.arange(0, 1.0 + duration, 1 / fps)
    since = np.clip(time - 0.5, 0.0, duration)
    qpos = np.tile(ROBOT.default_qpos, (len(time), 1))
    qpos[:, 2] += 9.81 / 2 * since * (duration - since)
    contact = np.where((since > 0) & (since < duration), 0.0, 1.0)[:, None] * np.ones(2)
    return RobotMotion.from_qpos(qpos, fps=fps, joint_names=ROBOT.joint_names, foot_contact=contact)


def played(motion: RobotMotion, speed: float) -> RobotMotion:
    """The same motion played at a speed, with the old frame rate."""
    return replace(motion.resampled(motion.fps / speed), fps=motion.fps)


def test_a_jump_falls_with_g():
    found = measure(jumping())
    assert found["flight_share"].value > 0.25
    assert found["flight_acc_error"].value == pytest.approx(0.0, abs=0.01)
    assert found["flight_misfit"].value < 1e-3
    assert found["flight_momentum_rate"].value == pytest.approx(0.0, abs=1e-6)
    assert found["playback_speed_error"].value == pytest.approx(0.0, abs=1e-3)
    assert found["hover_height"].value < 0.03


@pytest.mark.parametrize("speed", [0.5, 0.7, 1.5, 2.0])
def test_a_jump_at_a_wrong_speed_is_recognised_and_its_speed_told(speed):
    found = measure(played(jumping(), speed))
    assert found["playback_speed"].value == pytest.approx(speed, rel=0.05)
    assert found["playback_speed_error"].value > 0.8 * abs(speed - 1)
    assert found["flight_acc_error"].value > 4.0


def test_a_hover_is_no_flight():
    """Lifted and held, a robot does not fall; it says nothing of the speed of playback."""
    motion = jumping()
    off = motion.foot_contact[:, 0] < 0.5
    hover = replace(motion, root_pos_w=ROBOT.default_qpos[:3] + np.where(off, 0.15, 0.0)[:, None] * [0.0, 0.0, 1.0])
    found = measure(hover)
    assert found["hover_height"].value == pytest.approx(0.15, abs=1e-3)
    np.testing.assert_array_equal(series(found, "hover_height") > 0.1, off)
    assert found["hover_duration"].value == pytest.approx(off.sum() / motion.fps)
    assert found["flight_acc_error"].value > 9.0
    assert found["playback_speed_error"].value == 0.0


def test_a_turn_that_speeds_up_in_the_air_takes_a_moment():
    """Its size is the inertia about the vertical times the acceleration."""
    fps, acceleration = 120.0, 8.0
    time = np.arange(30) / fps
    qpos = np.tile(ROBOT.default_qpos, (30, 1))
    yaw = acceleration * time**2 / 2
    qpos[:, 3:7] = Rotation.from_rotvec(np.outer(yaw, [0, 0, 1])).as_quat(scalar_first=True)
    model = ROBOT.mj_model()
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[5] = ROBOT.default_qpos, 1.0
    mujoco.mj_forward(model, data)
    mujoco.mj_subtreeVel(model, data)
    momentum = np.linalg.norm(data.subtree_angmom[1])  # of one rad/s about the vertical
    assert momentum_rate(ROBOT, qpos, fps) == pytest.approx(acceleration * momentum, rel=0.1)


def test_limbs_that_change_sides_are_found_where_they_do():
    motion = stepping()
    joint_pos = motion.joint_pos.copy()
    joint_pos[60:90] = mirrored_joints(ROBOT, motion.joint_pos, LIMBS)[60:90]
    found = series(measure(replace(motion, joint_pos=joint_pos)), "swapped_share")
    np.testing.assert_array_equal(np.flatnonzero(found), np.arange(60, 90))
    assert measure(motion)["swapped_share"].value == 0.0


def test_the_mirror_image_of_a_pose_has_its_feet_on_the_other_side():
    """Kinematics decide the signs: a mirrored pose puts each foot and hand where the other was, mirrored."""
    rng = np.random.default_rng(0)
    pose = ROBOT.default_joint_pos + 0.3 * rng.uniform(-1, 1, len(ROBOT.joint_names))
    pose[[i for i, name in enumerate(ROBOT.joint_names) if name.startswith("waist")]] = 0.0
    model = ROBOT.mj_model()
    data = mujoco.MjData(model)
    places = []
    for joints in (pose, mirrored_joints(ROBOT, pose[None], LIMBS)[0]):
        data.qpos[:] = np.concatenate([[0, 0, 1, 1, 0, 0, 0], joints])
        mujoco.mj_kinematics(model, data)
        places.append({name: data.body(name).xpos.copy() for name in ROBOT.body_names})
    for name, place in places[0].items():
        if name.startswith("left_"):
            np.testing.assert_allclose(places[1]["right_" + name[5:]], place * [1, -1, 1], atol=2e-4)


def test_a_freeze_is_found_where_it_is():
    motion = stepping()
    qpos = motion.qpos.copy()
    qpos[60:80] = qpos[60]
    frozen = RobotMotion.from_qpos(qpos, fps=FPS, joint_names=motion.joint_names, foot_contact=motion.foot_contact)
    found = series(measure(frozen), "freeze_duration")
    np.testing.assert_array_equal(np.flatnonzero(found), np.arange(60, 80))
    assert measure(motion)["freeze_duration"].value == 0.0


def test_a_teleport_is_a_jump_of_its_size():
    motion = stepping()
    shift = np.where(np.arange(150) >= 70, 0.15, 0.0)[:, None] * [0.6, 0.8, 0.0]
    found = measure(replace(motion, root_pos_w=motion.root_pos_w + shift))
    assert found["root_jump"].value == pytest.approx(0.15)
    np.testing.assert_array_equal(np.flatnonzero(series(found, "root_jump") > 0.01), [69])


@pytest.mark.parametrize("rate", [0.03, -0.03])
def test_a_drift_is_measured_by_its_rate(rate):
    motion = stepping()
    rise = rate * np.arange(150)[:, None] / FPS * [0.0, 0.0, 1.0]
    found = measure(replace(motion, root_pos_w=motion.root_pos_w + rise))["ground_drift"]
    assert found.value == pytest.approx(abs(rate), rel=0.05)
    assert ("rises" if rate > 0 else "sinks") in found.meaning


@pytest.mark.parametrize("angle", [5.0, 10.0])
@pytest.mark.parametrize("axis", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.8, 0.0]])
def test_a_tilted_world_is_measured_by_its_angle(angle, axis):
    """Stances all over the place show the plane they lie in."""
    motion = stepping()
    places = np.random.default_rng(0).uniform(-1, 1, (10, 2)).repeat(15, axis=0)
    walk = replace(motion, root_pos_w=motion.root_pos_w + np.column_stack([places, np.zeros(150)]))
    turn = Rotation.from_rotvec(np.radians(angle) * np.array(axis))
    quat = turn * Rotation.from_quat(walk.root_quat_wxyz, scalar_first=True)
    tilted = replace(
        walk, root_pos_w=turn.apply(walk.root_pos_w.copy()), root_quat_wxyz=quat.as_quat(scalar_first=True)
    )
    assert measure(tilted)["ground_tilt"].value == pytest.approx(np.radians(angle), rel=0.1)
    assert measure(tilted)["sole_tilt_median"].value == pytest.approx(np.radians(angle), rel=1e-3)
    assert measure(walk)["ground_tilt"].value < 1e-3


def test_labels_of_the_wrong_foot_and_chatter_are_found():
    """One foot is lifted; labelled as the one that carries, it contradicts twice."""
    motion = stepping()
    joint_pos = motion.joint_pos.copy()
    for joint, angle in (("left_hip_pitch_joint", -0.9), ("left_knee_joint", 1.6)):
        joint_pos[:, ROBOT.joint_names.index(joint)] = angle
    lifted = replace(motion, joint_pos=joint_pos, foot_contact=np.tile([0.0, 1.0], (150, 1)))
    right, wrong = measure(lifted), measure(replace(lifted, foot_contact=lifted.foot_contact[:, ::-1]))
    assert right["contact_swapped_share"].value == right["contact_wrong_share"].value == 0.0
    assert wrong["contact_wrong_share"].value == 1.0
    flicker = lifted.foot_contact.copy()
    flicker[[40, 80], 1] = 0.0
    assert measure(replace(lifted, foot_contact=flicker))["contact_chatter_share"].value == pytest.approx(2 / 150)


def test_noise_is_jitter_and_one_jump_is_not():
    motion = stepping()
    noise = 0.03 * np.random.default_rng(0).normal(size=motion.joint_pos.shape)
    jump = np.where(np.arange(150) >= 70, 0.5, 0.0)[:, None]
    name = "joint_high_frequency_share"
    assert measure(replace(motion, joint_pos=motion.joint_pos + noise))[name].value > 0.2
    assert measure(replace(motion, joint_pos=motion.joint_pos + jump))[name].value < 0.01
