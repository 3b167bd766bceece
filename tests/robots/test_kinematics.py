"""Poses and velocities of the links agree with each other and with MuJoCo's own accessors."""

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from robots.exceptions import JointsDoNotMatch
from robots.g1 import load_g1
from robots.kinematics import body_states, generalised_velocities, link_poses, qpos_in_order
from robots.motion import RobotMotion


def swinging(frames=41, fps=100.0, seed=0, variant="29dof"):
    """A smooth motion in which everything moves: sines of random phase around the middle of the joint ranges."""
    g1 = load_g1(variant)
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / fps
    joints = len(g1.joint_names)
    middle, reach = (g1.joint_lower + g1.joint_upper) / 2, (g1.joint_upper - g1.joint_lower) / 4
    joint_pos = middle + reach * np.sin(3.0 * time + rng.uniform(0, 6, joints))
    turn = Rotation.from_rotvec(time * [0.4, -0.3, 2.0]) * Rotation.from_rotvec(rng.normal(size=3))
    return g1, RobotMotion(
        fps=fps,
        joint_names=g1.joint_names,
        root_pos_w=np.hstack([0.5 * time, 0.1 * np.sin(4 * time), 0.8 + 0.05 * np.cos(5 * time)]),
        root_quat_wxyz=turn.as_quat(scalar_first=True),
        joint_pos=joint_pos,
        foot_contact=np.zeros((frames, 2)),
    )


def test_link_velocities_are_the_time_derivatives_of_link_poses():
    """Central differences of positions and rotations at 1 kHz see the same velocities (error of order dt^2)."""
    g1, motion = swinging(frames=60, fps=1000.0)
    states = body_states(g1, motion)
    lin_vel = (states.pos_w[2:] - states.pos_w[:-2]) * motion.fps / 2
    assert np.abs(lin_vel - states.lin_vel_w[1:-1]).max() < 2e-4
    before = Rotation.from_quat(states.quat_wxyz_w[:-2].reshape(-1, 4), scalar_first=True)
    after = Rotation.from_quat(states.quat_wxyz_w[2:].reshape(-1, 4), scalar_first=True)
    ang_vel = (after * before.inv()).as_rotvec().reshape(len(motion) - 2, -1, 3) * motion.fps / 2
    assert np.abs(ang_vel - states.ang_vel_w[1:-1]).max() < 2e-4


def test_link_velocities_are_those_of_mujocos_accessor():
    """mj_objectVelocity of the link frame, world axes, is what mjlab stores; ours is vectorised over the links."""
    g1, motion = swinging(frames=5)
    states = body_states(g1, motion)
    model = g1.mj_model()
    data = mujoco.MjData(model)
    qvel = generalised_velocities(model, motion.qpos, motion.fps)
    velocity = np.empty(6)
    for frame in range(len(motion)):
        data.qpos[:], data.qvel[:] = motion.qpos[frame], qvel[frame]
        mujoco.mj_forward(model, data)
        for index, name in enumerate(g1.body_names):
            mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_XBODY, model.body(name).id, velocity, 0)
            assert np.allclose(states.ang_vel_w[frame, index], velocity[:3], atol=1e-12)
            assert np.allclose(states.lin_vel_w[frame, index], velocity[3:], atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(yaw=st.floats(-3, 3), x=st.floats(-50, 50), seed=st.integers(0, 100))
def test_moving_the_world_moves_links_and_turns_velocities(yaw, x, seed):
    """Kinematics does not care where north is."""
    g1, motion = swinging(frames=7, seed=seed)
    turn, shift = Rotation.from_euler("z", yaw), np.array([x, 0, 0])
    moved = RobotMotion(
        fps=motion.fps,
        joint_names=motion.joint_names,
        root_pos_w=turn.apply(motion.root_pos_w.copy()) + shift,
        root_quat_wxyz=(turn * Rotation.from_quat(motion.root_quat_wxyz, scalar_first=True)).as_quat(scalar_first=True),
        joint_pos=motion.joint_pos,
        foot_contact=motion.foot_contact,
    )
    here, there = body_states(g1, motion), body_states(g1, moved)
    turned = turn.as_matrix().T
    assert np.allclose(here.pos_w @ turned + shift, there.pos_w, atol=1e-9)
    assert np.allclose(here.lin_vel_w @ turned, there.lin_vel_w, atol=1e-9)
    assert np.allclose(here.ang_vel_w @ turned, there.ang_vel_w, atol=1e-9)
    assert np.allclose(here.joint_vel, there.joint_vel, atol=1e-9)


def test_joint_columns_are_found_by_name():
    """A file with its columns in another order is the same motion."""
    g1, motion = swinging(frames=6)
    order = np.random.default_rng(1).permutation(len(g1.joint_names))
    shuffled = RobotMotion(
        fps=motion.fps,
        joint_names=tuple(motion.joint_names[i] for i in order),
        root_pos_w=motion.root_pos_w,
        root_quat_wxyz=motion.root_quat_wxyz,
        joint_pos=motion.joint_pos[:, order],
        foot_contact=motion.foot_contact,
    )
    assert np.array_equal(qpos_in_order(g1, shuffled), motion.qpos)
    assert np.array_equal(body_states(g1, shuffled).pos_w, body_states(g1, motion).pos_w)


def test_one_frame_stands_still():
    g1, motion = swinging(frames=1)
    states = body_states(g1, motion)
    assert states.pos_w.shape == (1, 30, 3)
    assert not states.lin_vel_w.any() and not states.ang_vel_w.any() and not states.joint_vel.any()


def test_body_states_and_link_poses_agree():
    g1, motion = swinging(frames=9)
    pos_w, quat_w = link_poses(g1, motion.qpos)
    states = body_states(g1, motion)
    assert np.array_equal(pos_w, states.pos_w) and np.array_equal(quat_w, states.quat_wxyz_w)


def test_a_motion_of_another_robot_is_refused_with_the_joints_that_differ():
    _, motion = swinging(frames=3, variant="29dof")
    with pytest.raises(JointsDoNotMatch, match=r"does not fit the robot 'g1_23dof': it moves left_wrist_roll_joint, "):
        body_states(load_g1("23dof"), motion)
    _, motion = swinging(frames=3, variant="23dof")
    with pytest.raises(JointsDoNotMatch, match=r"the robot 'g1_29dof': it lacks left_wrist_roll_joint, "):
        body_states(load_g1("29dof"), motion)
