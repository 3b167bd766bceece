import numpy as np
import pinocchio as pin
import pytest
from scipy.spatial.transform import Rotation

from retarget.clip_solver import ClipSolver
from retarget.ik import FrameTarget, FrameTask, IkConfig, InverseKinematics, Sole
from retarget.rotations import rotation_log
from robots.exceptions import UnknownName

LINKS = (
    "pelvis", "torso_link", "left_knee_link", "right_knee_link", "left_ankle_roll_link", "right_ankle_roll_link",
    "left_shoulder_yaw_link", "right_shoulder_yaw_link", "left_elbow_link", "right_elbow_link",
    "left_wrist_yaw_link", "right_wrist_yaw_link",
)  # fmt: skip


@pytest.fixture(scope="module")
def ik(robot):
    """A solver that wants nothing but its targets."""
    tasks = [FrameTask(link, np.array([0.01, -0.02, 0.03])) for link in LINKS]
    soles = [Sole(link, robot.sole_points_b) for link in robot.foot_body_names]
    posture = np.concatenate([np.zeros(6), [1.0], robot.default_joint_pos])
    config = IkConfig(posture_weight=0.0, reference_weight=0.0, max_iterations=50, tolerance=1e-8)
    return InverseKinematics(robot.pin_model(), tasks, soles, posture, config)


def random_configuration(robot, rng, height=3.0):
    middle, half = (robot.joint_upper + robot.joint_lower) / 2, (robot.joint_upper - robot.joint_lower) / 2
    joints = middle + 0.7 * half * rng.uniform(-1, 1, len(middle))
    return np.concatenate([[*rng.normal(size=2), height], Rotation.random(rng=rng).as_quat(), joints])


def target_at(ik, q, planted=(False, False)):
    pos, rot = ik.task_poses(q)
    return FrameTarget(pos, rot, np.full(pos.shape, 30.0), np.full(len(pos), 5.0), np.array(planted))


def residual_by_definition(ik, q, target):
    """Positions and rotation logarithms written out again, without Jacobians."""
    pos, rot = ik.task_poses(q)
    turn = rotation_log(rot @ target.rot_w.transpose(0, 2, 1))
    return np.concatenate([(target.position_weight * (pos - target.pos_w)).ravel(), (5.0 * turn).ravel()])


def test_jacobian_is_the_derivative_along_the_tangent_space(ik, robot):
    """Central differences by ``pin.integrate``; orientation rows are exact where their residual is zero."""
    q = random_configuration(robot, np.random.default_rng(0))
    target = target_at(ik, q)
    jacobian = ik.linearise(q, target).jacobian
    step = 1e-6
    numeric = np.empty_like(jacobian)
    for i, direction in enumerate(step * np.eye(ik.model.nv)):
        ahead = residual_by_definition(ik, pin.integrate(ik.model, q, direction), target)
        behind = residual_by_definition(ik, pin.integrate(ik.model, q, -direction), target)
        numeric[:, i] = (ahead - behind) / (2 * step)
    np.testing.assert_allclose(jacobian, numeric, atol=1e-6)


@pytest.mark.parametrize("height", [3.0, 0.5])
def test_gradient_is_exact_far_from_the_target_and_under_the_floor(ik, robot, height):
    """The orientation rows leave out a factor away from their target; it must not touch the gradient."""
    rng = np.random.default_rng(1)
    target = target_at(ik, random_configuration(robot, rng, height), planted=(True, False))
    q = random_configuration(robot, rng, height)
    at_q = ik.linearise(q, target)
    gradient = 2 * at_q.jacobian.T @ at_q.residual
    step = 1e-6
    for i, direction in enumerate(step * np.eye(ik.model.nv)):
        ahead = ik.linearise(pin.integrate(ik.model, q, direction), target).cost
        behind = ik.linearise(pin.integrate(ik.model, q, -direction), target).cost
        np.testing.assert_allclose(gradient[i], (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-3)


def test_normal_matrix_is_the_mass_matrix_of_a_robot_made_of_weights(ik, robot):
    """J'WJ of pose tasks is the inertia of links of mass w_pos^2 and rotational inertia w_rot^2, here by CRBA."""
    q = random_configuration(robot, np.random.default_rng(2))
    jacobian = ik.linearise(q, target_at(ik, q)).jacobian
    heavy = robot.pin_model()
    for joint in range(1, heavy.njoints):
        heavy.inertias[joint] = pin.Inertia.Zero()
    for link in LINKS:
        frame = heavy.frames[heavy.getFrameId(link, pin.FrameType.BODY)]
        point = frame.placement.act(np.array([0.01, -0.02, 0.03]))
        heavy.inertias[frame.parentJoint] += pin.Inertia(30.0**2, point, 5.0**2 * np.eye(3))
    heavy.armature[:] = 0.0
    mass = np.triu(pin.crba(heavy, heavy.createData(), q))
    np.testing.assert_allclose(np.triu(jacobian.T @ jacobian), mass, atol=1e-8 * np.abs(mass).max())


def test_a_motion_of_the_robot_itself_is_found_again(ik, robot):
    """Targets made by the robot's own kinematics can be met, so they must be met: below 1 mm and 0.1 deg."""
    rng = np.random.default_rng(3)
    start, end = random_configuration(robot, rng), random_configuration(robot, rng)
    path = [pin.interpolate(ik.model, start, end, s) for s in np.linspace(0, 1, 40)]
    targets = [target_at(ik, q) for q in path]
    solver = ClipSolver(ik, robot.joint_lower, robot.joint_upper, robot.velocity_limit)
    found = solver.solve(targets, 30.0, lambda done, total: None)
    pos, rot = solver.task_poses(found)
    assert max(np.abs(p - t.pos_w).max() for p, t in zip(pos, targets, strict=True)) < 1e-3
    turn = [rotation_log(r @ t.rot_w.transpose(0, 2, 1)) for r, t in zip(rot, targets, strict=True)]
    assert np.abs(turn).max() < np.deg2rad(0.1)


def test_unreachable_targets_stop_at_the_walls_exactly(ik, robot):
    """Limits are a box that the solver never leaves, not a price that it may pay."""
    rng = np.random.default_rng(4)
    q = random_configuration(robot, rng)
    target = target_at(ik, random_configuration(robot, rng))
    lower, upper = q[7:] - 0.05, q[7:] + 0.05
    found, _ = ik.solve(q, target, lower, upper, q[7:])
    assert (found[7:] >= lower).all() and (found[7:] <= upper).all()
    assert ((found[7:] == lower) | (found[7:] == upper)).any()


def test_a_foot_under_the_floor_is_lifted_onto_it(ik, robot):
    """Height is one-sided: a foot asked for in the air stays in the air, one asked for below stands."""
    q = np.concatenate([[0, 0, robot.default_root_height], [0, 0, 0, 1], robot.default_joint_pos])
    for shift, low, high in ((-0.05, -1e-3, 1e-4), (0.05, 0.045, 0.055)):
        moved = q + np.concatenate([[0, 0, shift], np.zeros(len(q) - 3)])
        found, _ = ik.solve(moved, target_at(ik, moved), robot.joint_lower, robot.joint_upper, q[7:])
        assert low < ik.corner_heights(found).min() < high


def test_a_planted_foot_is_pulled_down_to_the_floor(ik, robot):
    q = np.concatenate([[0, 0, robot.default_root_height + 0.01], [0, 0, 0, 1], robot.default_joint_pos])
    found, _ = ik.solve(q, target_at(ik, q, planted=(True, True)), robot.joint_lower, robot.joint_upper, q[7:])
    assert np.abs(ik.corner_heights(found).min(axis=1)).max() < 1e-3


def test_an_unknown_link_is_named_with_the_valid_ones(robot):
    with pytest.raises(UnknownName, match=r"unknown robot link 'left_hand'.*Known: .*left_ankle_roll_link"):
        InverseKinematics(robot.pin_model(), [FrameTask("left_hand", np.zeros(3))], [], np.zeros(36), IkConfig())


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-4, 1.0, 3.0, np.pi - 1e-3, np.pi - 1e-7, np.pi])
def test_rotation_log_inverts_the_exponential(angle):
    """Also where the sine vanishes: at nothing and at half a turn."""
    axes = np.random.default_rng(5).normal(size=(10, 3))
    vectors = angle * axes / np.linalg.norm(axes, axis=1, keepdims=True)
    matrices = Rotation.from_rotvec(vectors).as_matrix()
    again = Rotation.from_rotvec(rotation_log(matrices)).as_matrix()
    np.testing.assert_allclose(again, matrices, atol=1e-9)
