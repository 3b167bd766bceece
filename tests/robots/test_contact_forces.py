"""Laws of forces between a robot and the floor."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from robots.contact_forces import FrictionConfig, explain_forces
from robots.contact_points import ContactPoints, ContactRules, contact_points
from robots.exceptions import InvalidArray
from robots.g1 import load_g1
from robots.model import RobotModel
from robots.trajectory import RobotTrajectory

ROBOT = load_g1("29dof")
GRAVITY = 9.81
CONFIG = FrictionConfig()


def standing(robot: RobotModel = ROBOT, frames: int = 3, acceleration=(0.0, 0.0, 0.0)) -> RobotTrajectory:
    """The default pose, at rest or pushed off with an acceleration of the whole body."""
    qacc = np.zeros((frames, 6 + len(robot.joint_names)))
    qacc[:, :3] = acceleration
    return RobotTrajectory(
        fps=30.0, qpos=np.tile(robot.default_qpos, (frames, 1)), qvel=np.zeros(qacc.shape), qacc=qacc
    )


def soles(trajectory: RobotTrajectory, robot: RobotModel = ROBOT, labels: float = 1.0) -> ContactPoints:
    return contact_points(robot, trajectory.qpos, np.full((len(trajectory), 2), labels), ContactRules())


def nothing(frames: int) -> ContactPoints:
    empty = np.empty(0, dtype=int)
    return ContactPoints(
        starts=np.zeros(frames + 1, dtype=int), pos_w=np.empty((0, 3)), body=empty, identity=empty, floor_height=0.0
    )


def moving(frames: int = 40, seed: int = 3) -> RobotTrajectory:
    """Poses near the standing one, with velocities and accelerations of any kind."""
    rng = np.random.default_rng(seed)
    trajectory = standing(frames=frames)
    qpos = trajectory.qpos.copy()
    qpos[:, 7:] += 0.2 * rng.normal(size=qpos[:, 7:].shape)
    qpos[:, 3:7] = Rotation.from_rotvec(0.2 * rng.normal(size=(frames, 3))).as_quat(scalar_first=True)
    rates = rng.normal(size=(2, *trajectory.qvel.shape))
    return replace(trajectory, qpos=qpos, qvel=rates[0], qacc=2 * rates[1])


@pytest.mark.parametrize("variant", ["29dof", "23dof"])
def test_a_robot_that_stands_is_carried_by_its_feet(variant):
    """Statics: nothing is left over, and the floor carries the weight, no more and no less."""
    robot = load_g1(variant)
    trajectory = standing(robot)
    forces = explain_forces(robot, trajectory, soles(trajectory, robot), CONFIG)
    assert np.abs(forces.residual_force_w).max() < 1e-3
    assert np.abs(forces.residual_moment_w).max() < 1e-3
    assert forces.weight == pytest.approx(robot.mj_model().body_mass.sum() * GRAVITY)
    assert forces.foot_force_w[..., 2].sum(axis=1) == pytest.approx(forces.weight, abs=1e-3)
    assert forces.other_force_w == pytest.approx(0.0)
    assert forces.cop_w == pytest.approx(forces.com_w[:, :2], abs=1e-5)  # else it would tip over


def test_a_body_that_falls_freely_needs_no_force():
    trajectory = standing(acceleration=(0, 0, -GRAVITY))
    forces = explain_forces(ROBOT, trajectory, nothing(3), CONFIG)
    assert np.abs(forces.residual_force_w).max() < 1e-9
    assert np.abs(forces.residual_moment_w).max() < 1e-9
    assert np.isnan(forces.cop_w).all()
    assert np.isnan(forces.friction_demand).all()


def test_a_body_that_hovers_lacks_its_weight():
    forces = explain_forces(ROBOT, standing(), nothing(3), CONFIG)
    assert forces.residual_force_w == pytest.approx(np.tile([0, 0, forces.weight], (3, 1)))


def test_the_floor_does_not_pull():
    """A body thrown down faster than it would fall needs a pull; contacts give none, and push nowhere."""
    trajectory = standing(acceleration=(0, 0, -1.5 * GRAVITY))
    forces = explain_forces(ROBOT, trajectory, soles(trajectory), CONFIG)
    assert forces.residual_force_w[:, 2] == pytest.approx(-0.5 * forces.weight, rel=1e-3)
    assert np.abs(forces.point_force_w).max() < 0.1


def test_forces_stay_in_their_cones():
    trajectory = moving()
    forces = explain_forces(ROBOT, trajectory, soles(trajectory), CONFIG)
    sideways = np.linalg.norm(forces.point_force_w[:, :2], axis=1)
    assert (forces.point_force_w[:, 2] >= 0).all()
    assert (sideways <= CONFIG.friction * forces.point_force_w[:, 2] + 1e-9).all()
    assert forces.point_force_w[:, 2].max() > 10


@pytest.mark.parametrize("acceleration", [0.5, 1.0, 2.0])
def test_friction_demand_is_acceleration_over_gravity(acceleration):
    """A body carried along at a needs m a sideways and m g upwards, whatever lets the floor give it."""
    trajectory = standing(acceleration=(acceleration, 0, 0))
    forces = explain_forces(ROBOT, trajectory, soles(trajectory), CONFIG)
    assert forces.friction_demand == pytest.approx(acceleration / GRAVITY)


def test_what_friction_cannot_give_is_left_over():
    """Ice: the residual grows with the acceleration, from the moment that friction is used up."""
    slippery = FrictionConfig(friction=0.05, moment_scale=1e3)  # forces alone, as moments would tip it over before
    residual = []
    for acceleration in (0.0, 0.4, 1.0, 2.0):
        trajectory = standing(acceleration=(acceleration, 0, 0))
        forces = explain_forces(ROBOT, trajectory, soles(trajectory), slippery)
        residual.append(np.linalg.norm(forces.residual_force_w[0]))
    mass = forces.weight / GRAVITY
    assert residual[0] < 1e-3
    assert residual[1] < 1e-3
    # The nearest point of the cone: its edge rises by 1 for each 0.05 aside.
    assert residual[2] == pytest.approx(mass * (1.0 - 0.05 * GRAVITY) / np.hypot(1, 0.05), rel=1e-3)
    assert residual[3] == pytest.approx(mass * (2.0 - 0.05 * GRAVITY) / np.hypot(1, 0.05), rel=1e-3)


def test_forces_obey_the_equations_of_motion():
    """M qacc + h = S' tau + J' f + what is left over: checked with MuJoCo's own mass matrix and Jacobians."""
    trajectory = moving()
    points = soles(trajectory)
    forces = explain_forces(ROBOT, trajectory, points, CONFIG)
    model = ROBOT.mj_model()
    data = mujoco.MjData(model)
    for i in range(len(trajectory)):
        data.qpos[:], data.qvel[:] = trajectory.qpos[i], trajectory.qvel[i]
        mujoco.mj_forward(model, data)
        mass, jacobian = np.zeros((model.nv, model.nv)), np.zeros((3, model.nv))
        mujoco.mj_fullM(model, data, mass)
        needed = mass @ trajectory.qacc[i] + data.qfrc_bias
        given = np.concatenate([np.zeros(6), forces.joint_torque[i]])
        for row in range(points.starts[i], points.starts[i + 1]):
            mujoco.mj_jac(model, data, jacobian, None, points.pos_w[row], points.body[row] + 1)
            given += jacobian.T @ forces.point_force_w[row]
        arm = data.subtree_com[1] - data.xpos[1]
        moment = forces.residual_moment_w[i] + np.cross(arm, forces.residual_force_w[i])
        given[:3] += forces.residual_force_w[i]
        given[3:6] += data.xmat[1].reshape(3, 3).T @ moment
        assert given == pytest.approx(needed, abs=1e-6)


def test_forces_turn_with_the_robot():
    """No figure may depend on where the robot stands and which way it faces."""
    trajectory = moving()
    turn = Rotation.from_euler("z", 0.7)
    quat = turn * Rotation.from_quat(trajectory.qpos[:, 3:7], scalar_first=True)
    qpos = np.hstack(
        [
            turn.apply(trajectory.qpos[:, :3] + np.array([3.0, -2.0, 0.0])),
            quat.as_quat(scalar_first=True),
            trajectory.qpos[:, 7:],
        ]
    )
    qvel, qacc = trajectory.qvel.copy(), trajectory.qacc.copy()
    qvel[:, :3], qacc[:, :3] = turn.apply(qvel[:, :3]), turn.apply(qacc[:, :3])
    turned = RobotTrajectory(fps=trajectory.fps, qpos=qpos, qvel=qvel, qacc=qacc)
    before = explain_forces(ROBOT, trajectory, soles(trajectory), CONFIG)
    after = explain_forces(ROBOT, turned, soles(turned), CONFIG)
    assert after.joint_torque == pytest.approx(before.joint_torque, abs=1e-4)
    assert after.residual_force_w == pytest.approx(turn.apply(before.residual_force_w.copy()), abs=1e-4)
    assert after.point_force_w == pytest.approx(turn.apply(before.point_force_w.copy()), abs=1e-3)
    assert after.friction_demand == pytest.approx(before.friction_demand, nan_ok=True)


def test_an_answer_does_not_depend_on_the_frame_before():
    """Solutions start from their neighbour's; they must not end there."""
    trajectory = moving()
    points = soles(trajectory)
    whole = explain_forces(ROBOT, trajectory, points, CONFIG)
    for i in (0, 7, 23):
        chosen = np.arange(len(trajectory)) == i
        alone = RobotTrajectory(
            fps=30.0, qpos=trajectory.qpos[chosen], qvel=trajectory.qvel[chosen], qacc=trajectory.qacc[chosen]
        )
        forces = explain_forces(ROBOT, alone, points.of_frames(chosen), CONFIG)
        assert forces.joint_torque[0] == pytest.approx(whole.joint_torque[i], abs=1e-5)
        assert forces.point_force_w == pytest.approx(whole.point_force_w[points.frame == i], abs=1e-4)


def test_the_zero_moment_point_of_a_feasible_motion_is_where_the_floor_pushes():
    """Two ways to the same point: from the motion alone, and from the contact forces."""
    trajectory = standing(acceleration=(0.5, -0.3, 1.0))
    forces = explain_forces(ROBOT, trajectory, soles(trajectory), CONFIG)
    assert np.abs(forces.residual_moment_w).max() < 1e-2
    assert forces.zero_moment_point_w(0.0) == pytest.approx(forces.cop_w, abs=1e-3)


def test_momentum_is_that_of_the_parts():
    trajectory = moving(frames=3)
    forces = explain_forces(ROBOT, trajectory, nothing(3), CONFIG)
    model = ROBOT.mj_model()
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = trajectory.qpos[1], trajectory.qvel[1]
    mujoco.mj_forward(model, data)
    mujoco.mj_subtreeVel(model, data)
    assert forces.com_vel_w[1] == pytest.approx(data.subtree_linvel[1])
    assert forces.angular_momentum_w[1] == pytest.approx(data.subtree_angmom[1])


def test_points_of_another_motion_are_refused():
    with pytest.raises(InvalidArray, match="points: are of 4 frames, the trajectory has 3"):
        explain_forces(ROBOT, standing(), nothing(4), CONFIG)


def test_a_trajectory_of_another_robot_is_refused():
    with pytest.raises(InvalidArray, match="has 3 frames of 30 positions, 'g1_29dof' has 36"):
        explain_forces(ROBOT, standing(load_g1("23dof")), nothing(3), CONFIG)


@pytest.mark.parametrize("broken", [{"friction": -0.1}, {"moment_scale": 0.0}, {"force_price": 0.0}])
def test_settings_outside_their_range_are_refused(broken):
    with pytest.raises(InvalidArray):
        FrictionConfig(**broken)
