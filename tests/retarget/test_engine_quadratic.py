import numpy as np
import pinocchio as pin
import pytest
from scipy.spatial.transform import Rotation

from retarget.clip_target import ClipTarget
from retarget.engine.factor import factorise, multiply, solve_factored
from retarget.engine.frame_problem import FloorPatch, FrameTask, IkConfig, build_problem, new_workspace
from retarget.engine.numba_engine import NumbaEngine
from retarget.engine.pinocchio_engine import PinocchioEngine
from retarget.engine.poses import clip_poses
from retarget.engine.quadratic import frame_cost, integrate, place_bodies
from retarget.engine.rotation_error import rotation_error
from retarget.engine.tree import attach, build_tree, packed, unpacked
from retarget.exceptions import UnsupportedJoint
from retarget.self_collision import capsule_table
from robots.exceptions import UnknownName
from robots.g1 import load_g1

LINKS = (
    "pelvis", "torso_link", "left_knee_link", "right_knee_link", "left_ankle_roll_link", "right_ankle_roll_link",
    "left_shoulder_yaw_link", "right_shoulder_yaw_link", "left_elbow_link", "right_elbow_link", "left_wrist_yaw_link",
)  # fmt: skip
FRAMES = 6


class Case:
    """A robot, a problem with every kind of term, random configurations near the floor and random targets."""

    def __init__(self, variant, capsules=True, seed=0):
        self.robot, self.rng = load_g1(variant), np.random.default_rng(seed)
        self.model = self.robot.pin_model()
        links = [link for link in LINKS if self.model.existFrame(link, pin.FrameType.BODY)]
        tasks = [FrameTask(link, np.array([0.01, -0.02, 0.03])) for link in links]
        patches = [FloorPatch(link, self.robot.sole_points_b) for link in self.robot.foot_body_names]
        patches.append(FloorPatch("left_knee_link", np.array([[0.05, 0.0, 0.0]]), radius=0.06, name="left_knee"))
        config = IkConfig(collision_weight=200.0, collision_margin_m=0.05)
        table = capsule_table(self.robot, build_tree(self.model)) if capsules else None
        posture = self.robot.default_joint_pos
        self.problem = build_problem(self.model, tasks, patches, posture, config, table)
        self.tree, self.work = self.problem.tree, new_workspace(self.problem)
        self.q = np.array([self.random_configuration() for _ in range(FRAMES)])
        n, rng = len(tasks), self.rng
        self.target = ClipTarget(
            pos_w=rng.normal(size=(FRAMES, n, 3)),
            rot_w=Rotation.random(FRAMES * n, rng=rng).as_matrix().reshape(FRAMES, n, 3, 3),
            position_weight=rng.uniform(1, 30, (FRAMES, n, 3)),
            rotation_weight=rng.uniform(1, 5, (FRAMES, n)),
            planted=rng.uniform(size=(FRAMES, 3)) > 0.5,
        )

    def random_configuration(self):
        lower, upper = self.robot.joint_lower, self.robot.joint_upper
        joints = lower + (upper - lower) * self.rng.uniform(0, 1, len(lower))
        base = [*self.rng.normal(size=2), 0.3]
        return np.concatenate([base, Rotation.random(rng=self.rng).as_quat(), joints])


@pytest.fixture(scope="module", params=["29dof", "23dof"])
def case(request):
    return Case(request.param)


def test_bodies_are_where_pinocchio_puts_them(case):
    """Frames are turned so that hinges are z axes; turned back, they are Pinocchio's to rounding."""
    data = case.model.createData()
    for q in case.q:
        place_bodies(q, case.tree, case.work.rot, case.work.pos, case.work.axes)
        pin.forwardKinematics(case.model, data, q)
        for body in range(case.tree.n_bodies):
            pose = data.oMi[body + 1]
            np.testing.assert_allclose(case.work.pos[body] + q[:3], pose.translation, atol=1e-12)
            back = case.work.rot[body] @ case.tree.turned_rot[body].T
            np.testing.assert_allclose(back, pose.rotation, atol=1e-12)


def test_engines_agree_on_poses(case):
    """Retargeting judges stances by them, whichever engine solved the clip."""
    engines = NumbaEngine(case.problem), PinocchioEngine(case.model, case.problem)
    for fast, slow in zip(*(clip_poses(case.q, engine) for engine in engines), strict=True):
        assert fast.shape == slow.shape
        np.testing.assert_allclose(fast, slow, atol=1e-12)


def test_a_hinge_about_any_axis_is_placed_rightly():
    """Robots other than the G1 have skew hinges."""
    rng = np.random.default_rng(3)
    model = pin.Model()
    parent = model.addJoint(0, pin.JointModelFreeFlyer(), pin.SE3.Identity(), "root")
    for i in range(4):
        axis = rng.normal(size=3)
        joint = pin.JointModelRevoluteUnaligned(axis / np.linalg.norm(axis))
        parent = model.addJoint(parent, joint, pin.SE3.Random(), f"joint{i}")
    tree, data = build_tree(model), model.createData()
    q = np.concatenate([[0.0, 0.0, 0.0], Rotation.random(rng=rng).as_quat(), rng.normal(size=4)])
    rot, pos, axes = np.zeros((5, 3, 3)), np.zeros((5, 3)), np.zeros((10, 6))
    place_bodies(q, tree, rot, pos, axes)
    pin.forwardKinematics(model, data, q)
    for body in range(5):
        np.testing.assert_allclose(pos[body], data.oMi[body + 1].translation, atol=1e-12)
        np.testing.assert_allclose(rot[body] @ tree.turned_rot[body].T, data.oMi[body + 1].rotation, atol=1e-12)


def test_joints_other_than_hinges_are_refused():
    model = pin.Model()
    root = model.addJoint(0, pin.JointModelFreeFlyer(), pin.SE3.Identity(), "root")
    model.addJoint(root, pin.JointModelPX(), pin.SE3.Identity(), "rail")
    with pytest.raises(UnsupportedJoint, match="joint 'rail' is not a hinge with one angle"):
        build_tree(model)


def test_an_unknown_link_is_named_with_the_valid_ones(case):
    with pytest.raises(UnknownName, match=r"unknown robot link 'tail'.*Known: .*left_ankle_roll_link"):
        attach(case.model, case.tree, "tail", np.zeros(3))


def test_gradient_is_the_derivative_of_the_cost(case):
    """Central differences of all terms at once, far from the targets, under the floor and in collision."""
    result = NumbaEngine(case.problem).evaluate(case.q, case.target)
    step, ahead, behind = 1e-6, np.zeros(len(case.q[0])), np.zeros(len(case.q[0]))
    for t, q in enumerate(case.q):
        numeric = np.empty(case.tree.nv)
        for i, direction in enumerate(step * np.eye(case.tree.nv)):
            integrate(q, direction, ahead)
            integrate(q, -direction, behind)
            target = case.target.frame(t)
            more, less = (frame_cost(x, target, case.problem, case.work) for x in (ahead, behind))
            numeric[i] = (more - less) / (4 * step)
        np.testing.assert_allclose(result.gradient[t], numeric, atol=1e-7 * np.abs(numeric).max())


def test_both_engines_agree(case):
    """Cost, gradient and Hessian, from two kinematics and two ways of adding up."""
    fast = NumbaEngine(case.problem).evaluate(case.q, case.target)
    slow = PinocchioEngine(case.model, case.problem).evaluate(case.q, case.target)
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9 * np.abs(b).max())


def test_hessian_is_made_of_pinocchios_frame_jacobians():
    """J'WJ from ``pin.getFrameJacobian``; its tangent is the base's own frame, turned into world axes."""
    case = Case("29dof", capsules=False, seed=1)
    case.q[:, 2] += 3.0  # off the floor, so that tasks are all there is
    hessian = (
        NumbaEngine(case.problem).evaluate(case.q, case.target._replace(planted=np.zeros((FRAMES, 3), bool))).hessian
    )
    tasks = [link for link in LINKS if case.model.existFrame(link, pin.FrameType.BODY)]
    data = case.model.createData()
    for t, q in enumerate(case.q):
        pin.computeJointJacobians(case.model, data, q)
        base = Rotation.from_quat(q[3:7]).as_matrix()
        to_local = np.eye(case.tree.nv)
        to_local[:3, :3] = to_local[3:6, 3:6] = base.T
        full = np.diag(np.concatenate([np.zeros(6), case.problem.posture_weight**2]))
        for i, link in enumerate(tasks):
            frame = case.model.getFrameId(link, pin.FrameType.BODY)
            joint = case.model.frames[frame]
            placement = joint.placement * pin.SE3(np.eye(3), np.array([0.01, -0.02, 0.03]))
            jacobian = pin.getFrameJacobian(
                case.model, data, joint.parentJoint, placement, pin.ReferenceFrame.LOCAL_WORLD_ALIGNED
            )
            jacobian = jacobian @ to_local
            prices = np.concatenate([case.target.position_weight[t, i], np.full(3, case.target.rotation_weight[t, i])])
            full += jacobian.T @ np.diag(prices**2) @ jacobian
        np.testing.assert_allclose(unpacked(case.tree, hessian[t]), full, atol=1e-9 * np.abs(full).max())


def test_tree_factors_solve_and_multiply_like_dense_matrices(case):
    hessian = NumbaEngine(case.problem).evaluate(case.q, case.target).hessian
    for packed_row in hessian:
        packed_row[case.tree.row_start[:-1]] += 1.0
        full = unpacked(case.tree, packed_row)
        np.testing.assert_array_equal(packed(case.tree, full), packed_row)
        x, product, factor = case.rng.normal(size=case.tree.nv), np.zeros(case.tree.nv), packed_row.copy()
        multiply(case.tree, packed_row, x, product)
        np.testing.assert_allclose(product, full @ x, atol=1e-9 * np.abs(full @ x).max())
        assert factorise(case.tree, factor)
        solution = x.copy()
        solve_factored(case.tree, factor, solution)
        dense = np.linalg.solve(full, x)
        np.testing.assert_allclose(solution, dense, atol=1e-9 * np.abs(dense).max())


def test_an_indefinite_matrix_is_noticed(case):
    """Steps from a saddle would climb."""
    matrix = packed(case.tree, -np.eye(case.tree.nv))
    assert not factorise(case.tree, matrix)


def test_a_step_of_the_base_is_a_turn_about_world_axes():
    rng = np.random.default_rng(4)
    q, step, out = np.zeros(9), rng.normal(size=8), np.zeros(9)
    for size in (1.0, 1e-3, 1e-6, 0.0):
        turn = Rotation.random(rng=rng)
        q[:3], q[3:7] = rng.normal(size=3), turn.as_quat()
        integrate(q, size * step, out)
        expected = (Rotation.from_rotvec(size * step[3:6]) * turn).as_matrix()
        np.testing.assert_allclose(Rotation.from_quat(out[3:7]).as_matrix(), expected, atol=1e-14)
        np.testing.assert_allclose(out[:3], q[:3] + size * step[:3], atol=1e-15)
        np.testing.assert_allclose(out[7:], q[7:] + size * step[6:], atol=1e-15)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 0.3, np.pi / 3, 1.1, 2.0, 3.0, np.pi - 1e-3, np.pi - 1e-7, np.pi])
def test_rotation_error_inverts_the_exponential(angle):
    """Also where the sine vanishes, at nothing and at half a turn, and across the seams of its three formulas."""
    rng = np.random.default_rng(5)
    for _ in range(10):
        axis, link, target = rng.normal(size=3), Rotation.random(rng=rng), Rotation.random(rng=rng)
        vector = angle * axis / np.linalg.norm(axis)
        body = Rotation.from_rotvec(vector) * target * link.inv()
        error = rotation_error(body.as_matrix()[None], 0, link.as_matrix(), target.as_matrix())
        again = Rotation.from_rotvec(error)
        assert (again * Rotation.from_rotvec(vector).inv()).magnitude() < 1e-9
        assert abs(np.linalg.norm(error) - angle) < 1e-7


def test_bad_numbers_show_in_the_cost(case):
    """NaN must not turn into a pose."""
    target = case.target._replace(pos_w=np.full_like(case.target.pos_w, np.nan))
    assert np.isnan(NumbaEngine(case.problem).evaluate(case.q, target).cost).all()
