import numpy as np
import pinocchio as pin
import pytest
from scipy.spatial.transform import Rotation

from retarget.clip_target import ClipTarget
from retarget.engine.box_step import box_step
from retarget.engine.frame_problem import FloorPatch, FrameTask, IkConfig, build_problem, new_workspace
from retarget.engine.frame_solver import safe_reach, solve_frame
from retarget.engine.numba_engine import NumbaEngine
from retarget.engine.pinocchio_engine import PinocchioEngine
from retarget.rotations import rotation_log
from robots.g1 import load_g1

LINKS = (
    "pelvis", "torso_link", "left_knee_link", "right_knee_link", "left_ankle_roll_link", "right_ankle_roll_link",
    "left_shoulder_yaw_link", "right_shoulder_yaw_link", "left_elbow_link", "right_elbow_link",
    "left_wrist_yaw_link", "right_wrist_yaw_link",
)  # fmt: skip
FPS = 30.0


class Solver:
    """A robot with targets for its limbs, soles that stay above the floor, and nothing else that it wants."""

    def __init__(self, variant="29dof", **config):
        self.robot = load_g1(variant)
        self.model = self.robot.pin_model()
        links = [link for link in LINKS if self.model.existFrame(link, pin.FrameType.BODY)]
        tasks = [FrameTask(link, np.array([0.01, -0.02, 0.03])) for link in links]
        patches = [FloorPatch(link, self.robot.sole_points_b) for link in self.robot.foot_body_names]
        settings = IkConfig(**{"posture_weight": 0.0, "tolerance": 1e-8, "max_iterations": 100, **config})
        self.problem = build_problem(self.model, tasks, patches, self.robot.default_joint_pos, settings)
        self.slow = PinocchioEngine(self.model, self.problem)
        self.fast, self.work = NumbaEngine(self.problem), new_workspace(self.problem)
        self.free = np.zeros(len(self.robot.joint_names))

    def configuration(self, rng, height=3.0, share=0.7):
        middle = (self.robot.joint_upper + self.robot.joint_lower) / 2
        half = (self.robot.joint_upper - self.robot.joint_lower) / 2
        joints = middle + share * half * rng.uniform(-1, 1, len(middle))
        return np.concatenate([[*rng.normal(size=2), height], Rotation.random(rng=rng).as_quat(), joints])

    def poses(self, q):
        """World points and link rotations of the tasks, by Pinocchio."""
        placed = self.slow.place(q)
        rot = placed.rot[:, self.problem.task_body]
        point = placed.pos[:, self.problem.task_body] + (rot @ self.problem.task_point[..., None])[..., 0]
        return point + q[:, None, :3], rot @ self.problem.task_rot

    def target_at(self, q, planted=(False, False)):
        pos, rot = self.poses(q)
        n, tasks = pos.shape[:2]
        return ClipTarget(
            pos, rot, np.full((n, tasks, 3), 30.0), np.full((n, tasks), 5.0), np.tile(np.array(planted), (n, 1))
        )

    def lowest(self, q):
        """Height of the lowest point of each sole [m]."""
        placed = self.slow.place(q[None])
        heights = [
            (placed.rot[0, body] @ self.problem.patch_point[start:stop].T)[2] + placed.pos[0, body, 2] + q[2]
            for body, start, stop in zip(
                self.problem.patch_body, self.problem.patch_start[:-1], self.problem.patch_start[1:], strict=True
            )
        ]
        return np.array([height.min() for height in heights])

    def solve(self, q, target):
        q = q.copy()
        lower, upper = self.robot.joint_lower.copy(), self.robot.joint_upper.copy()
        cost, _ = solve_frame(q, lower, upper, q[7:].copy(), self.free, target, self.problem, 100, self.work)
        return q, cost


@pytest.fixture(scope="module", params=["29dof", "23dof"])
def solver(request):
    return Solver(request.param)


@pytest.fixture(scope="module")
def full():
    return Solver()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("width", [0.02, 0.3, 10.0])
def test_a_step_is_the_minimiser_in_the_box(solver, seed, width):
    """The same as a dense active set method finds from Pinocchio's Jacobians, with few or many joints on walls."""
    rng = np.random.default_rng(seed)
    q = solver.configuration(rng, height=0.5)
    lower = np.maximum(solver.robot.joint_lower, q[7:] - width * rng.uniform(0, 1, len(q) - 7))
    upper = np.minimum(solver.robot.joint_upper, q[7:] + width * rng.uniform(0, 1, len(q) - 7))
    target = solver.target_at(solver.configuration(rng)[None]).frame(0)
    slow = solver.slow.step(q, lower, upper, target, damping=1.0)
    at_q = solver.fast.evaluate(q[None], ClipTarget(*(field[None] for field in target)))
    tree = solver.problem.tree
    assert box_step(q, lower, upper, tree, at_q.hessian[0], at_q.gradient[0], 1.0, solver.work)
    np.testing.assert_allclose(solver.work.step, slow, atol=1e-9 * np.abs(slow).max())


def test_a_motion_of_the_robot_itself_is_found_again(solver):
    """Targets made by the robot's own kinematics can be met, so they must be met: below 1 mm and 0.1 deg."""
    rng = np.random.default_rng(3)
    start, end = solver.configuration(rng), solver.configuration(rng)
    path = np.array([pin.interpolate(solver.model, start, end, s) for s in np.linspace(0, 1, 40)])
    target = solver.target_at(path)
    found = solver.fast.solve_frames(target, solver.robot.velocity_limit, FPS, solver.free)
    pos, rot = solver.poses(found.q)
    assert np.abs(pos - target.pos_w).max() < 1e-3
    turn = rotation_log((rot @ target.rot_w.swapaxes(-1, -2)).reshape(-1, 3, 3))
    assert np.abs(turn).max() < np.deg2rad(0.1)


def test_limits_of_position_and_speed_hold_to_the_last_bit(solver):
    """Targets that jump ask for the impossible; limits are a box that is never left, not a price."""
    rng = np.random.default_rng(4)
    target = solver.target_at(np.array([solver.configuration(rng, share=1.0) for _ in range(60)]))
    for limit in (solver.robot.velocity_limit, solver.robot.velocity_limit_soft):
        joints = solver.fast.solve_frames(target, limit, FPS, solver.free).q[:, 7:]
        assert (joints >= solver.robot.joint_lower).all() and (joints <= solver.robot.joint_upper).all()
        speed = np.abs(np.diff(joints, axis=0)) * FPS
        assert (speed <= limit).all()
        assert (speed > limit * (1 - 1e-12)).any()


@pytest.mark.parametrize("fps", [24.0, 29.97, 30.0, 59.94, 120.0])
def test_a_whole_reach_is_no_faster_than_the_limit_in_floating_point(full, fps):
    """Rounding may add a bit to a joint angle; the reach leaves room for it."""
    tree, limit = full.problem.tree, full.robot.velocity_limit
    reach = safe_reach(tree, limit, fps)
    angle = np.random.default_rng(5).uniform(tree.joint_lower, tree.joint_upper, (5000, len(limit)))
    assert (np.abs((angle + reach) - angle) * fps <= limit).all()
    assert (np.abs((angle - reach) - angle) * fps <= limit).all()


def test_a_frame_that_is_met_is_left_alone(full):
    """Warm frames must be cheap: one look and one step that confirms it."""
    q = full.configuration(np.random.default_rng(6))
    target = full.target_at(q[None])
    again = full.fast.solve_frames(
        target.part(np.zeros(10, dtype=int)), full.robot.velocity_limit, FPS, full.free, start=q
    )
    np.testing.assert_allclose(again.q, np.tile(q, (10, 1)), atol=1e-9)
    assert again.evaluations <= 1 + 9 * 2


def test_the_gradient_vanishes_at_a_solution(full):
    """A minimum inside the box is a place without slope."""
    rng = np.random.default_rng(7)
    target = full.target_at(full.configuration(rng)[None])
    target = target._replace(pos_w=target.pos_w + rng.normal(scale=0.01, size=target.pos_w.shape))
    q, cost = full.fast.cold_start(target.frame(0))
    joints = q[7:]
    inside = (joints > full.robot.joint_lower + 1e-9) & (joints < full.robot.joint_upper - 1e-9)
    slope = full.fast.evaluate(q[None], target).gradient[0]
    free = np.concatenate([np.ones(6, bool), inside])
    assert np.abs(slope[free]).max() < 1e-2 * np.sqrt(cost) * 30.0


def test_a_cold_start_finds_what_a_warm_one_knows(full):
    """Whatever way the robot faces, upside down too: a pose away from the stops is reached from nothing."""
    rng = np.random.default_rng(8)
    for _ in range(20):
        target = full.target_at(full.configuration(rng, share=0.4)[None])
        assert full.fast.cold_start(target.frame(0))[1] < 1e-3


def test_a_cold_start_stands_on_the_target_of_the_task_nearest_to_the_base(full):
    """A table need not name the base itself."""
    rng = np.random.default_rng(9)
    q = full.configuration(rng, share=0.3)
    tasks = [FrameTask(link, np.zeros(3)) for link in LINKS if link != "pelvis"]
    problem = build_problem(full.model, tasks, [], full.robot.default_joint_pos, IkConfig(posture_weight=0.0))
    assert tasks[problem.base_task].link == "torso_link"
    other = NumbaEngine(problem)
    placed = full.slow.place(q[None])
    rot = placed.rot[:, problem.task_body] @ problem.task_rot
    n = len(tasks)
    pos = placed.pos[:, problem.task_body] + q[:3]
    target = ClipTarget(pos, rot, np.full((1, n, 3), 30.0), np.full((1, n), 5.0), np.zeros((1, 0), bool))
    assert other.cold_start(target.frame(0))[1] < 1e-3


def test_a_foot_under_the_floor_is_lifted_onto_it(full):
    """Height is one-sided: a foot asked for in the air stays in the air, one asked for below stands."""
    robot = full.robot
    q = np.concatenate([[0, 0, robot.default_root_height], [0, 0, 0, 1], robot.default_joint_pos])
    for shift, low, high in ((-0.05, -1e-3, 1e-4), (0.05, 0.045, 0.055)):
        moved = q + np.concatenate([[0, 0, shift], np.zeros(len(q) - 3)])
        found, _ = full.solve(moved, full.target_at(moved[None]).frame(0))
        assert low < full.lowest(found).min() < high


def test_a_planted_foot_is_pulled_down_to_the_floor(full):
    robot = full.robot
    q = np.concatenate([[0, 0, robot.default_root_height + 0.01], [0, 0, 0, 1], robot.default_joint_pos])
    found, _ = full.solve(q, full.target_at(q[None], planted=(True, True)).frame(0))
    assert np.abs(full.lowest(found)).max() < 1e-3


def test_where_the_targets_are_bad_numbers_the_robot_stays(full):
    """A frame of NaN must neither move the robot nor spoil the frames after it."""
    q = full.configuration(np.random.default_rng(10))
    target = full.target_at(np.tile(q, (5, 1)))
    target.pos_w[2] = np.nan
    found = full.fast.solve_frames(target, full.robot.velocity_limit, FPS, full.free, start=q)
    np.testing.assert_allclose(found.q, np.tile(q, (5, 1)), atol=1e-6)
    assert np.isnan(found.cost[2]) and np.isfinite(found.cost[[0, 1, 3, 4]]).all()
