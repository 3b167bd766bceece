"""The capsules of a robot are its shapes, and no collision that can happen goes unwatched."""

import itertools
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from robots.capsules import PairRules, capsule_pairs, robot_capsules
from robots.exceptions import UnsupportedShape
from robots.g1 import load_g1
from robots.segments import closest_shares, segment_distance

VARIANTS = ("29dof", "23dof")


@pytest.fixture(scope="module", params=VARIANTS)
def robot(request):
    return load_g1(request.param)


def random_joints(robot, n, seed):
    return np.random.default_rng(seed).uniform(robot.joint_lower, robot.joint_upper, (n, len(robot.joint_names)))


def placed(data, capsule):
    body = data.body(capsule.body)
    return (body.xmat.reshape(3, 3) @ np.stack([capsule.start_b, capsule.end_b], axis=1)).T + body.xpos


def gap_of_shapes(data, parts_a, parts_b):
    """Smallest gap between the capsules of two shapes."""
    gaps = []
    for a, b in itertools.product(parts_a, parts_b):
        gaps.append(segment_distance(*placed(data, a), *placed(data, b)) - a.radius - b.radius)
    return float(min(gaps))


def parts_by_shape(robot):
    parts = {}
    for capsule in robot_capsules(robot):
        parts.setdefault(capsule.name.partition("/")[0], []).append(capsule)
    return parts


def test_gaps_agree_with_mujoco_on_its_own_shapes(robot):
    """Capsules to rounding, ellipsoids within what two of them are off by, where shapes are near contact."""
    model, parts = robot.mj_model(), parts_by_shape(robot)
    data = mujoco.MjData(model)
    exact, fitted = [], []
    for joints in random_joints(robot, 25, seed=3):
        data.qpos[7:] = joints
        mujoco.mj_kinematics(model, data)
        for a, b in itertools.combinations(parts, 2):
            gap = gap_of_shapes(data, parts[a], parts[b])
            if not -0.015 < gap < 0.1 or model.geom(a).bodyid == model.geom(b).bodyid:
                continue
            truth = mujoco.mj_geomDistance(model, data, model.geom(a).id, model.geom(b).id, 1.0, None)
            kinds = {int(model.geom(name).type[0]) for name in (a, b)}
            (exact if kinds == {mujoco.mjtGeom.mjGEOM_CAPSULE} else fitted).append(gap - truth)
    assert len(exact) > 200 and len(fitted) > 200
    assert np.abs(exact).max() < 1e-6
    assert np.abs(fitted).max() < 0.008
    assert np.sqrt(np.mean(np.square(fitted))) < 0.004


def test_every_solid_shape_has_capsules_and_nothing_else_has():
    """What is only seen does not collide, and what collides in the simulator must not be forgotten here."""
    robot = load_g1()
    model = robot.mj_model()
    solid = {model.geom(i).name for i in range(model.ngeom) if model.geom_contype[i] and model.geom_bodyid[i] > 0}
    assert set(parts_by_shape(robot)) == solid


def test_ellipsoids_are_met_within_five_millimetres_in_every_direction():
    """Extent of the capsules against extent of the shape, over the whole sphere of directions."""
    robot = load_g1()
    model, parts = robot.mj_model(), parts_by_shape(robot)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    directions = np.random.default_rng(0).normal(size=(2000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    ellipsoids = [name for name in parts if model.geom(name).type[0] == mujoco.mjtGeom.mjGEOM_ELLIPSOID]
    assert len(ellipsoids) == 6  # pelvis, head, palms, fingers
    for name in ellipsoids:
        geom = data.geom(name)
        reach = np.linalg.norm(directions @ geom.xmat.reshape(3, 3) * model.geom(name).size, axis=1)
        ends = [(placed(data, part) - geom.xpos, part.radius) for part in parts[name]]
        capsules = np.max([(directions @ end.T).max(axis=1) + radius for end, radius in ends], axis=0)
        assert np.abs(capsules - reach).max() < 0.0051


def test_deep_collisions_of_other_random_poses_are_between_watched_pairs(robot):
    """The pairs were chosen on one set of poses; another set must not show a collision that nobody looks for."""
    capsules = robot_capsules(robot)
    shape = [capsule.name.partition("/")[0] for capsule in capsules]
    watched = {frozenset((shape[i], shape[j])) for i, j in capsule_pairs(robot, capsules)}
    model = robot.mj_model()
    data = mujoco.MjData(model)
    seen = 0
    for joints in random_joints(robot, 1500, seed=11):
        data.qpos[2], data.qpos[7:] = 5.0, joints
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_collision(model, data)
        for contact in data.contact[: data.ncon]:
            if contact.dist < -0.01:
                names = frozenset(model.geom(int(geom)).name for geom in contact.geom)
                assert names in watched, sorted(names)
                seen += 1
    assert seen > 1000


def test_nothing_watched_is_near_in_poses_known_to_be_free(robot):
    """A price on the way the robot stands would bend every motion."""
    capsules = robot_capsules(robot)
    pairs = capsule_pairs(robot, capsules)
    model = robot.mj_model()
    data = mujoco.MjData(model)
    for joints in (np.zeros(len(robot.joint_names)), robot.default_joint_pos):
        data.qpos[7:] = joints
        mujoco.mj_kinematics(model, data)
        for i, j in pairs:
            assert gap_of_shapes(data, [capsules[i]], [capsules[j]]) >= PairRules().clearance_m - 1e-9


def test_pairs_are_watched_once_and_never_within_a_link_or_with_its_parent(robot):
    capsules = robot_capsules(robot)
    pairs = capsule_pairs(robot, capsules)
    assert len({frozenset(pair) for pair in pairs.tolist()}) == len(pairs)
    model = robot.mj_model()
    for i, j in pairs:
        a, b = model.body(capsules[i].body), model.body(capsules[j].body)
        assert a.id != b.id and a.parentid != b.id and b.parentid != a.id


def test_the_pairs_are_the_same_for_the_same_seed():
    robot = load_g1()
    capsules = robot_capsules(robot)
    assert np.array_equal(capsule_pairs(robot, capsules), capsule_pairs(robot, capsules))


def test_shapes_without_a_capsule_are_refused_by_name():
    """A mesh that collides would otherwise be passed through in silence."""
    robot = load_g1()
    mesh = '<mesh name="wedge" vertex="0 0 0 .1 0 0 0 .1 0 0 0 .1"/>'
    mjcf = robot.mjcf.replace("<asset>", f"<asset>{mesh}")
    geom = '<geom name="wedge" type="mesh" mesh="wedge"/>'
    mjcf = mjcf.replace('<freejoint name="floating_base_joint"/>', f'<freejoint name="floating_base_joint"/>{geom}')
    with pytest.raises(UnsupportedShape, match="'wedge' is a mesh"):
        robot_capsules(replace(robot, mjcf=mjcf))


def random_segments(n, seed):
    return np.random.default_rng(seed).normal(size=(4, n, 3))


def test_no_other_two_points_of_two_segments_are_closer():
    """The distance against a fine grid over both segments, whose best can only be a little larger."""
    a, b, c, d = random_segments(200, seed=0)
    shares = np.linspace(0.0, 1.0, 101)
    first = a[:, None] + shares[:, None] * (b - a)[:, None]
    second = c[:, None] + shares[:, None] * (d - c)[:, None]
    grid = np.linalg.norm(first[:, :, None] - second[:, None], axis=-1).min(axis=(1, 2))
    found = segment_distance(a, b, c, d)
    assert (found <= grid + 1e-12).all()
    assert (grid - found).max() < 0.05


def test_distance_does_not_know_first_from_second_or_start_from_end():
    a, b, c, d = random_segments(500, seed=1)
    found = segment_distance(a, b, c, d)
    for other in ((c, d, a, b), (b, a, c, d), (a, b, d, c)):
        assert np.abs(segment_distance(*other) - found).max() < 1e-12


def test_parallel_segments_meet_in_the_middle_of_where_they_run_side_by_side():
    """Any other choice would turn a limb that lies along another."""
    a, b = np.zeros(3), np.array([1.0, 0.0, 0.0])
    c, d = np.array([0.5, 0.2, 0.0]), np.array([2.5, 0.2, 0.0])
    s, t = closest_shares(a, b, c, d)
    assert (s, t) == pytest.approx((0.75, 0.125))
    assert segment_distance(a, b, c, d) == pytest.approx(0.2)
    beyond = np.array([3.0, 0.0, 0.0]), np.array([4.0, 0.0, 0.0])
    assert segment_distance(a, b, *beyond) == pytest.approx(2.0)


def test_points_are_segments_of_no_length():
    """A sphere is a capsule whose ends are one point."""
    a, b, c, _ = random_segments(100, seed=2)
    share = np.clip(((c - a) * (b - a)).sum(-1) / ((b - a) ** 2).sum(-1), 0, 1)[:, None]
    truth = np.linalg.norm(a + share * (b - a) - c, axis=-1)
    assert np.abs(segment_distance(a, b, c, c) - truth).max() < 1e-12
    assert np.abs(segment_distance(c, c, a, b) - truth).max() < 1e-12
    assert np.abs(segment_distance(a, a, c, c) - np.linalg.norm(a - c, axis=-1)).max() < 1e-12
