"""Laws of the linear algebra under the clip solver, on the G1's tree with random matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from retarget.engine.clip_banded import solve_clip_banded
from retarget.engine.clip_pcg import BlockInverse, ClipSystem, solve_clip_step
from retarget.engine.clip_steps import SmoothnessWeights, add_smoothness, differences, move
from retarget.engine.tree import build_tree, packed, unpacked
from retarget.speed_limits import too_fast, within_speed


@pytest.fixture(scope="module")
def tree(robot):
    return build_tree(robot.pin_model())


def random_system(tree, random, frames=9, flights=(3, 4, 6), fixed_share=0.2):
    """Positive definite blocks of the tree's pattern, every coupling in time, some coordinates fixed."""
    nv = tree.nv
    full = np.zeros((frames, nv, nv))
    for leaf in range(nv):
        chain = tree.chain[leaf, : tree.chain_length[leaf]]
        rows = random.standard_normal((frames, 3, len(chain)))
        full[:, chain[:, None], chain] += rows.transpose(0, 2, 1) @ rows
    fixed = random.random((frames, nv)) < fixed_share
    flights = np.array(flights if frames > 2 else (), dtype=np.int64)
    com_frames = np.unique(flights[:, None] + np.array([-1, 0, 1])).astype(np.int64)
    com_row = np.full(frames, -1, dtype=np.int64)
    com_row[com_frames] = np.arange(len(com_frames))
    return ClipSystem(
        hessian=packed(tree, full),
        gradient=random.standard_normal((frames, nv)),
        damping=random.uniform(0.1, 1.0, frames),
        velocity=random.uniform(0.0, 5.0, (max(frames - 1, 0), nv)),
        acceleration=random.uniform(0.0, 20.0, nv),
        fixed=fixed,
        middle=flights,
        com_row=com_row,
        com_jacobian=random.standard_normal((len(com_frames), 3, nv)) * ~fixed[com_frames, None, :],
        com_curvature=50.0,
    )


def dense_step(system, tree):
    """The same minimum from one dense matrix, built term by term from rows of differences."""
    frames, nv = system.gradient.shape
    size, blocks = frames * nv, unpacked(tree, system.hessian)
    matrix = np.zeros((size, size))
    for t in range(frames):
        part = slice(t * nv, (t + 1) * nv)
        matrix[part, part] = blocks[t] + system.damping[t] * np.eye(nv)
    place = np.eye(size).reshape(frames, nv, size)
    for t in range(frames - 1):
        rows = place[t + 1] - place[t]
        matrix += rows.T @ (system.velocity[t][:, None] * rows)
    for t in range(1, frames - 1):
        rows = place[t + 1] - 2 * place[t] + place[t - 1]
        matrix += rows.T @ (system.acceleration[:, None] * rows)
    for t in system.middle:
        com = [system.com_jacobian[system.com_row[t + k]] @ place[t + k] for k in (-1, 0, 1)]
        rows = com[2] - 2 * com[1] + com[0]
        matrix += system.com_curvature * rows.T @ rows
    free = ~system.fixed.reshape(-1)
    step = np.zeros(size)
    step[free] = np.linalg.solve(matrix[np.ix_(free, free)], -system.gradient.reshape(-1)[free])
    return step.reshape(frames, nv)


def pcg_step(system, tree, tolerance=1e-12, most=2000):
    com = system.com_jacobian
    room = BlockInverse(np.empty_like(system.hessian), np.empty_like(com), np.empty((len(com), 3)))
    step = np.empty_like(system.gradient)
    return step, solve_clip_step(system, tree, room, tolerance, most, step)


@pytest.mark.parametrize("frames", [1, 2, 3, 9])
def test_both_linear_solvers_find_the_minimum_of_the_dense_matrix(tree, frames):
    """Every coupling, the centre of mass and fixed coordinates included; short clips have fewer couplings."""
    flights = (3, 4, 6) if frames > 7 else (1,)
    system = random_system(tree, np.random.default_rng(frames), frames, flights)
    wanted = dense_step(system, tree)
    scale = np.abs(wanted).max()
    assert np.abs(solve_clip_banded(system, tree) - wanted).max() < 1e-9 * scale
    assert np.abs(pcg_step(system, tree)[0] - wanted).max() < 1e-8 * scale


def test_frames_that_are_not_coupled_take_one_iteration(tree):
    """The preconditioner is the exact inverse of each frame's block, fixed coordinates included."""
    system = random_system(tree, np.random.default_rng(0), 5, ())
    alone = system._replace(velocity=np.zeros_like(system.velocity), acceleration=np.zeros_like(system.acceleration))
    assert pcg_step(alone, tree, tolerance=1e-8)[1] == 1


def test_fixed_coordinates_do_not_move(tree):
    """A joint on its stop is held by both solvers exactly, not nearly."""
    system = random_system(tree, np.random.default_rng(1))
    assert np.all(pcg_step(system, tree)[0][system.fixed] == 0)
    assert np.all(solve_clip_banded(system, tree)[system.fixed] == 0)


def random_motion(random, frames, joints, swing=0.5):
    """A configuration a frame, its base turning up to large angles between frames."""
    turns = Rotation.from_rotvec(random.uniform(-swing, swing, (frames, 3)))
    quat = np.empty((frames, 4))
    total = Rotation.identity()
    for t in range(frames):
        total = turns[t] * total
        quat[t] = total.as_quat()
    return np.hstack([random.standard_normal((frames, 3)), quat, random.standard_normal((frames, joints))])


def test_moving_and_taking_differences_agree_with_rotations():
    """The base's turn is a left increment in world axes, and the difference of two frames undoes it."""
    random = np.random.default_rng(2)
    q, step = random_motion(random, 6, 29), random.uniform(-1, 1, (6, 35))
    moved = np.empty_like(q)
    move(q, step, np.full(29, -np.inf), np.full(29, np.inf), moved)
    turned = Rotation.from_rotvec(step[:, 3:6]) * Rotation.from_quat(q[:, 3:7])
    assert np.abs((turned * Rotation.from_quat(moved[:, 3:7]).inv()).magnitude()).max() < 1e-12
    for t in range(6):
        back = np.empty((1, 35))
        differences(np.stack([q[t], moved[t]]), back)
        assert np.abs(back[0] - step[t]).max() < 1e-12


@pytest.mark.parametrize("swing", [1e-5, 0.3, 1.5])
def test_gradient_of_smoothness_is_that_of_finite_differences(swing):
    """Exact also where the base turns far between frames, where the turn's own Jacobian is not the unit matrix."""
    random = np.random.default_rng(3)
    q = random_motion(random, 6, 29, swing)
    reach = np.concatenate([np.full(6, np.inf), np.full(29, 0.8)])
    axes = random.uniform(0.5, 2.0, 35)
    axes[3:6] = axes[3]
    weights = SmoothnessWeights(axes, 3.0 * axes, reach, 7.0)

    def cost(step):
        moved = np.empty_like(q)
        move(q, step, np.full(29, -np.inf), np.full(29, np.inf), moved)
        return add_smoothness(moved, weights, np.zeros((6, 35)), np.empty((5, 35)))

    gradient, along = np.zeros((6, 35)), random.standard_normal((6, 35))
    add_smoothness(q, weights, gradient, np.empty((5, 35)))
    slope = (cost(1e-6 * along) - cost(-1e-6 * along)) / 2e-6
    assert slope == pytest.approx(2.0 * (gradient * along).sum(), rel=1e-6)


def test_smoothness_has_no_direction_in_time():
    """A motion costs what it costs backwards."""
    q = random_motion(np.random.default_rng(4), 7, 29, 1.0)
    axes = np.ones(35)
    weights = SmoothnessWeights(axes, axes, np.full(35, 0.5), 2.0)
    forth, back = (add_smoothness(x.copy(), weights, np.zeros((7, 35)), np.empty((6, 35))) for x in (q, q[::-1]))
    assert forth == pytest.approx(back, rel=1e-12)


LOWER, UPPER, SPEED = np.array([-1.0, -2.0, -0.5]), np.array([1.0, 0.5, 3.0]), np.array([3.0, 10.0, 37.0])


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_path_keeps_every_limit_exactly(seed):
    """Compared without any tolerance, as the benchmark does."""
    angle = np.random.default_rng(seed).uniform(-3, 3, (200, 3))
    path = within_speed(angle, LOWER, UPPER, SPEED, 30.0)
    assert not too_fast(path, SPEED, 30.0).any()
    assert np.all((path >= LOWER) & (path <= UPPER))


def test_a_path_that_keeps_the_limits_is_left_alone():
    """Nothing is to be disturbed without need."""
    t = np.linspace(0, 6, 181)[:, None]
    angle = 0.4 * np.sin(t * np.array([1.0, 2.0, 3.0]))
    assert np.array_equal(within_speed(angle, LOWER, UPPER, SPEED, 30.0), angle)


def test_the_nearest_path_has_the_least_possible_deviation():
    """Two angles that differ by more than their time allows cannot both be met better than half way each."""
    angle = np.random.default_rng(7).uniform(-0.5, 0.5, (80, 3))
    reach = SPEED / 30.0
    gap = np.abs(np.arange(80)[:, None] - np.arange(80))[..., None]
    needed = 0.5 * (np.abs(angle[:, None] - angle[None]) - gap * reach).max(axis=(0, 1))
    deviation = np.abs(within_speed(angle, LOWER, UPPER, SPEED, 30.0) - angle).max(axis=0)
    assert np.abs(deviation - np.maximum(needed, 0)).max() < 1e-8


def test_the_nearest_path_neither_lags_nor_leads():
    """A clamp that runs through time one way would."""
    angle = np.random.default_rng(8).uniform(-0.5, 0.5, (80, 3))
    forth = within_speed(angle, LOWER, UPPER, SPEED, 30.0)
    assert np.abs(within_speed(angle[::-1], LOWER, UPPER, SPEED, 30.0)[::-1] - forth).max() < 1e-12
