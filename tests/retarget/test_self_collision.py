"""The price of parts that touch: exact slopes, a matrix that never promises too much, and MuJoCo as the judge."""

from typing import NamedTuple

import mujoco
import numpy as np
import pytest

from retarget.engine.collision_terms import (
    CapsuleTable,
    CollisionWork,
    add_contacts,
    collision_cost,
    collision_work,
    price_collisions,
)
from retarget.engine.quadratic import place_bodies
from retarget.engine.tree import KinematicTree, build_tree, unpacked
from retarget.self_collision import capsule_table, collision_terms, self_collision_depth, self_collisions
from robots.capsules import PairRules
from robots.exceptions import JointsDoNotMatch
from robots.g1 import load_g1
from robots.model import RobotModel
from robots.motion import RobotMotion

WEIGHT, MARGIN = 30.0, 0.02


class Setup(NamedTuple):
    robot: RobotModel
    tree: KinematicTree
    table: CapsuleTable
    work: CollisionWork
    rot: np.ndarray
    pos: np.ndarray
    axes: np.ndarray

    def place(self, q):
        place_bodies(q, self.tree, self.rot, self.pos, self.axes)

    def cost(self, q, table=None, margin=MARGIN):
        self.place(q)
        if table is None:
            return collision_cost(self.table, self.rot, self.pos, WEIGHT, margin, self.work)
        return collision_cost(table, self.rot, self.pos, WEIGHT, margin, collision_work(table, self.tree))

    def terms(self, q, table=None, weight=WEIGHT, margin=MARGIN):
        self.place(q)
        hessian, gradient = np.zeros(self.tree.n_packed), np.zeros(self.tree.nv)
        work = self.work if table is None else collision_work(table, self.tree)
        table = self.table if table is None else table
        cost, number = price_collisions(table, self.rot, self.pos, weight, margin, work)
        add_contacts(table, self.tree, self.axes, weight, number, work, hessian, gradient)
        return cost, gradient, hessian

    def slow_terms(self, q, table=None):
        self.place(q)
        table = self.table if table is None else table
        found = collision_terms(table, self.tree, self.rot[None], self.pos[None], self.axes[None], WEIGHT, MARGIN)
        return found.cost[0], found.gradient[0], found.hessian[0]

    def random(self, n, seed):
        rng = np.random.default_rng(seed)
        quat = rng.normal(size=(n, 4))
        quat /= np.linalg.norm(quat, axis=1, keepdims=True)
        joints = rng.uniform(self.robot.joint_lower, self.robot.joint_upper, (n, len(self.robot.joint_names)))
        return np.hstack([rng.normal(size=(n, 3)), quat, joints])

    def single_pairs(self, q):
        """Tables of one pair each, of the pairs that pay at ``q``."""
        for near in range(len(self.table.sphere_pair)):
            for k in range(self.table.first_pair[near], self.table.first_pair[near + 1]):
                alone = self.table._replace(
                    sphere_pair=self.table.sphere_pair[[near]],
                    branch_length=self.table.branch_length[[near]],
                    first_pair=np.array([0, 1]),
                    pair=self.table.pair[[k]],
                )
                if self.cost(q, alone) > 0:
                    yield alone


def build(variant):
    robot = load_g1(variant)
    tree = build_tree(robot.pin_model())
    table = capsule_table(robot, tree)
    axes = np.zeros((tree.nv, 6))
    axes[:6] = np.eye(6)
    return Setup(
        robot, tree, table, collision_work(table, tree),
        np.zeros((tree.n_bodies, 3, 3)), np.zeros((tree.n_bodies, 3)), axes,
    )  # fmt: skip


@pytest.fixture(scope="module", params=["29dof", "23dof"])
def setup(request):
    return build(request.param)


@pytest.fixture(scope="module")
def g1():
    return build("29dof")


def close(a, b):
    return np.abs(np.subtract(a, b)).max() <= 1e-9 * max(np.abs(b).max(), 1e-300)


def test_compiled_terms_are_those_of_numpy(setup):
    """Two ways to compute one thing: loops over near pairs, and arrays over all of them."""
    paying = 0
    for q in setup.random(60, seed=1):
        fast, slow = setup.terms(q), setup.slow_terms(q)
        assert all(close(a, b) for a, b in zip(fast, slow, strict=True))
        assert setup.cost(q) == pytest.approx(fast[0], rel=1e-12)
        paying += fast[0] > 0
    assert paying > 40


def test_what_was_computed_before_changes_no_bit(g1):
    """The list of pairs that may come near is kept while bodies move little: slow and quick walks, other margins."""
    rng, renewed = np.random.default_rng(13), 0
    q = g1.random(1, seed=13)[0]
    for step in (1e-3, 1e-2, 0.05, 0.3):
        for k in range(150):
            q[7:] += step * rng.normal(size=len(q) - 7)
            margin = MARGIN if k % 10 else 0.5 * MARGIN
            before = g1.work.listed_start.copy()
            walked = g1.terms(q, margin=margin)
            renewed += not np.array_equal(before, g1.work.listed_start)
            fresh = g1._replace(work=collision_work(g1.table, g1.tree)).terms(q, margin=margin)
            assert all(np.array_equal(a, b) for a, b in zip(walked, fresh, strict=True))
    assert 200 < renewed < 500


def test_many_frames_at_once_are_the_frames_one_by_one(g1):
    qs = g1.random(20, seed=2)
    rot, pos, axes = [], [], []
    for q in qs:
        g1.place(q)
        rot.append(g1.rot.copy())
        pos.append(g1.pos.copy())
        axes.append(g1.axes.copy())
    together = collision_terms(g1.table, g1.tree, np.array(rot), np.array(pos), np.array(axes), WEIGHT, MARGIN)
    for frame, q in enumerate(qs):
        assert all(close(whole[frame], part) for whole, part in zip(together, g1.slow_terms(q), strict=True))


def test_the_gradient_is_the_slope_of_half_the_cost(setup):
    """Central differences along every joint; poses of all depths, from a brush to limbs through each other."""
    step, checked = 1e-6, 0
    for q in setup.random(25, seed=3):
        cost, gradient, _ = setup.terms(q)
        if cost == 0:
            continue
        slope = np.zeros(setup.tree.nv)
        for joint in range(len(setup.robot.joint_names)):
            side = np.zeros(len(q))
            side[7 + joint] = step
            slope[6 + joint] = (setup.cost(q + side) - setup.cost(q - side)) / (4 * step)
        assert np.abs(slope - gradient).max() < 1e-5 * np.abs(gradient).max()
        checked += 1
    assert checked > 15


def test_where_the_robot_is_and_faces_changes_nothing(g1):
    """A gap is between two parts of the robot: no base coordinate gets a slope or an entry of the matrix."""
    for q in g1.random(10, seed=4):
        cost, gradient, hessian = g1.terms(q)
        moved = np.concatenate([[1.0, -2.0, 3.0, 0.5, -0.5, 0.5, 0.5], q[7:]])
        assert g1.cost(moved) == pytest.approx(cost, rel=1e-9)
        assert not gradient[:6].any()
        assert not unpacked(g1.tree, hessian)[:6].any()


def test_the_matrix_is_never_below_gauss_newton(setup):
    """Else a step could overshoot: the cost along it would rise faster than the model says. Pair by pair, then all."""
    split = exact = 0
    for q in setup.random(14, seed=5):
        total = np.zeros((setup.tree.nv, setup.tree.nv))
        for alone in setup.single_pairs(q):
            cost, gradient, hessian = setup.terms(q, alone)
            full, row = unpacked(setup.tree, hessian), gradient / np.sqrt(cost)
            scale = np.abs(full).max()
            assert np.linalg.eigvalsh(full - np.outer(row, row)).min() >= -1e-9 * scale
            if (alone.branch_length == 0).any():
                assert np.abs(full - np.outer(row, row)).max() <= 1e-9 * scale
                exact += 1
            else:
                assert np.trace(full) <= 2 * (row @ row) * (1 + 1e-9)
                split += 1
            total += np.outer(row, row)
        difference = unpacked(setup.tree, setup.terms(q)[2]) - total
        assert np.linalg.eigvalsh(difference).min() >= -1e-9 * max(np.abs(total).max(), 1.0)
    assert split > 20 and exact > 20


def test_damped_steps_part_the_robot(g1):
    """The terms alone lead poses with shallow collisions out of them, and never uphill.

    Through the middle of a limb the shortest way out may be the wrong one, so deep ones are another matter.
    """
    margin = PairRules().clearance_m
    start = [q for q in g1.random(400, seed=6) if 0 < g1.cost(q, margin=margin) < 2 * (WEIGHT * 2 * margin) ** 2][:20]
    assert len(start) == 20
    for q in start:
        for _ in range(60):
            cost, gradient, hessian = g1.terms(q, margin=margin)
            step = -np.linalg.solve(unpacked(g1.tree, hessian) + 1e-2 * np.eye(g1.tree.nv), gradient)
            for share in 0.5 ** np.arange(12):
                trial = np.append(q[:7], q[7:] + share * step[6:])
                if g1.cost(trial, margin=margin) <= cost:
                    q = trial
                    break
        assert g1.cost(q, margin=margin) < (WEIGHT * 1e-3) ** 2


def artificial(g1, q, ends_a, ends_b):
    """Two capsules, one on either hand, that lie at given places of the world, relative to the base."""
    g1.place(q)
    hands = {g1.tree.n_bodies - 1, g1.tree.n_bodies - 8}
    near = next(k for k, pair in enumerate(g1.table.sphere_pair) if set(g1.table.sphere_body[pair]) == hands)
    body = g1.table.sphere_body[g1.table.sphere_pair[near]]
    ends = [(np.asarray(ends) - g1.pos[b]) @ g1.rot[b] for b, ends in zip(body, (ends_a, ends_b), strict=True)]
    return CapsuleTable(
        body=body,
        start_b=np.array([ends[0][0], ends[1][0]]),
        end_b=np.array([ends[0][1], ends[1][1]]),
        radius=np.array([0.03, 0.04]),
        sphere_body=body,
        sphere_centre_b=np.array([capsule.mean(axis=0) for capsule in ends]),
        sphere_radius=np.array([1.0, 1.0]),
        sphere_pair=np.array([[0, 1]]),
        branch_length=g1.table.branch_length[[near]],
        first_pair=np.array([0, 1]),
        pair=np.array([[0, 1]]),
    )


SPECIAL = {
    "axes that cross": ([[-0.1, 0, 0], [0.1, 0, 0]], [[0, -0.1, 0], [0, 0.1, 0]]),
    "one axis within the other": ([[-0.1, 0, 0], [0.1, 0, 0]], [[-0.05, 0, 0], [0.2, 0, 0]]),
    "points in one place": ([[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]),
    "parallel": ([[-0.1, 0, 0], [0.1, 0, 0]], [[-0.05, 0.05, 0], [0.2, 0.05, 0]]),
    "a point and an axis": ([[0.02, 0.05, 0], [0.02, 0.05, 0]], [[-0.1, 0, 0], [0.1, 0, 0]]),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_where_the_way_out_is_a_choice_one_is_taken(g1, name):
    """No NaN where axes cross or lie in one line; both twins choose alike up to the sign, and the step parts them."""
    q = g1.random(1, seed=7)[0]
    shift = np.array([0.3, 0.1, 0.2])  # away from the base, where moments would vanish
    table = artificial(g1, q, *(np.array(ends) + shift for ends in SPECIAL[name]))
    cost, gradient, hessian = g1.terms(q, table)
    assert np.isfinite(cost) and np.isfinite(gradient).all() and np.isfinite(hessian).all()
    slow = g1.slow_terms(q, table)
    assert cost == pytest.approx(slow[0], rel=1e-7)
    assert np.linalg.norm(gradient) > 0
    trial = q.copy()
    trial[7:] -= 1e-3 * gradient[6:] / np.abs(gradient).max()
    assert g1.cost(trial, table) < cost


def test_nothing_is_added_where_nothing_is_near_or_nothing_is_asked(g1):
    """The standing pose is free of charge, and so is a robot without a price."""
    standing = np.concatenate([[0, 0, 0.8, 0, 0, 0, 1], g1.robot.default_joint_pos])
    cost, gradient, hessian = g1.terms(standing, margin=PairRules().clearance_m)
    assert cost == 0 and not gradient.any() and not hessian.any()
    colliding = next(q for q in g1.random(20, seed=8) if g1.cost(q) > 0)
    cost, gradient, hessian = g1.terms(colliding, weight=0.0)
    assert cost == 0 and not gradient.any() and not hessian.any()


def test_the_cost_is_that_of_mujocos_distance_where_shapes_are_capsules(g1):
    """One pair at a time: forearms, thighs and chest are capsules in both models."""
    model = g1.robot.mj_model()
    data = mujoco.MjData(model)
    ids = [i for i in range(model.ngeom) if model.geom_contype[i] and model.geom_bodyid[i] > 0]
    seen = 0
    for q in g1.random(10, seed=9):
        data.qpos[:] = np.concatenate([q[:3], q[[6, 3, 4, 5]], q[7:]])
        mujoco.mj_kinematics(model, data)
        gaps = [
            mujoco.mj_geomDistance(model, data, a, b, 1.0, None)
            for n, a in enumerate(ids) for b in ids[n + 1 :]
            if model.geom_type[a] == model.geom_type[b] == mujoco.mjtGeom.mjGEOM_CAPSULE
        ]  # fmt: skip
        for alone in g1.single_pairs(q):
            radius = g1.table.radius[alone.pair[0]]
            if np.isin(np.round(radius, 4), [0.0625, 0.0563, 0.0165, 0.0167, 0.015]).any():
                continue  # stands for an ellipsoid
            gap = MARGIN - np.sqrt(g1.cost(q, alone)) / WEIGHT
            assert np.abs(np.array(gaps) - gap).min() < 1e-6
            seen += 1
    assert seen > 20


def motion_of(robot, joint_pos, height=0.8):
    n = len(joint_pos)
    return RobotMotion(
        fps=30.0,
        joint_names=robot.joint_names,
        root_pos_w=np.tile([0.0, 0.0, height], (n, 1)),
        root_quat_wxyz=np.tile([1.0, 0.0, 0.0, 0.0], (n, 1)),
        joint_pos=joint_pos,
        foot_contact=np.zeros((n, 2)),
    )


def test_depth_is_that_of_the_deepest_pair_and_zero_while_standing(setup):
    """MuJoCo's distance of single shapes against its list of contacts; ellipsoids are found by iteration."""
    robot = setup.robot
    joints = np.vstack([robot.default_joint_pos, setup.random(15, seed=10)[:, 7:]])
    motion = motion_of(robot, joints)
    depth = self_collision_depth(robot, motion)
    assert depth[0] == 0 and (depth[1:] > 0.01).sum() > 8
    model = robot.mj_model()
    data = mujoco.MjData(model)
    for collision in self_collisions(robot, motion):
        if collision.depth < depth[collision.frame]:
            continue
        data.qpos[:] = motion.qpos[collision.frame]
        mujoco.mj_kinematics(model, data)
        a, b = (model.geom(name).id for name in collision.shapes)
        assert -mujoco.mj_geomDistance(model, data, a, b, 1.0, None) == pytest.approx(collision.depth, abs=1e-3)


def test_the_floor_is_not_the_robot(g1):
    """Feet on, and even a robot in, the floor do not count."""
    joints = np.vstack([g1.robot.default_joint_pos, g1.random(3, seed=12)[:, 7:]])
    above = self_collision_depth(g1.robot, motion_of(g1.robot, joints, height=5.0))
    below = self_collision_depth(g1.robot, motion_of(g1.robot, joints, height=-0.5))
    assert above.max() > 0.02
    assert np.abs(above - below).max() < 1e-6


def test_the_depth_of_another_robots_motion_is_refused(g1):
    with pytest.raises(JointsDoNotMatch, match="wrist"):
        self_collision_depth(g1.robot, motion_of(load_g1("23dof"), np.zeros((1, 23))))
