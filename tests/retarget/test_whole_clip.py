"""Laws of solving all frames of a clip at once, on the real G1 with a target on every limb."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pinocchio as pin
import pytest
from scipy.spatial.transform import Rotation

from retarget.centre_of_mass import CentreOfMass
from retarget.clip_cost import GRAVITY, ClipCost, SmoothnessConfig
from retarget.clip_descent import DescentConfig
from retarget.clip_target import ClipTarget
from retarget.engine.clip_steps import move
from retarget.engine.frame_problem import FloorPatch, FrameTask, IkConfig, build_problem
from retarget.engine.numba_engine import NumbaEngine
from retarget.engine.pinocchio_engine import PinocchioEngine
from retarget.whole_clip import WholeClipConfig, WholeClipSolver
from robots.exceptions import InvalidArray

LINKS = [
    "pelvis",
    "left_knee_link",
    "left_ankle_roll_link",
    "right_knee_link",
    "right_ankle_roll_link",
    "torso_link",
    "left_shoulder_yaw_link",
    "left_elbow_link",
    "left_wrist_yaw_link",
    "right_shoulder_yaw_link",
    "right_elbow_link",
    "right_wrist_yaw_link",
]

TIGHT = WholeClipConfig(
    tolerance=1e-10,
    coarse_tolerance=1e-6,
    descent=DescentConfig(max_iterations=200, linear_tolerance=1e-4, max_linear_iterations=500),
)


@pytest.fixture(scope="module")
def g1(robot):
    """The robot, its engine without a preferred posture, and its solver."""
    model = robot.pin_model()
    soles = [FloorPatch(link, np.asarray(robot.sole_points_b)) for link in robot.foot_body_names]
    tasks = [FrameTask(link, np.zeros(3)) for link in LINKS]

    def solver(config=TIGHT, speed=robot.velocity_limit):
        problem = build_problem(model, tasks, soles, robot.default_joint_pos, IkConfig(posture_weight=0.0))
        limits = (robot.joint_lower, robot.joint_upper, speed)
        return WholeClipSolver(NumbaEngine(problem), *limits, config, centre_of_mass=CentreOfMass(model))

    return SimpleNamespace(robot=robot, model=model, solver=solver)


def dance(g1, seconds=2.0, fps=30.0, swing=0.3):
    """A smooth motion inside all limits: every joint swings, the base sways and turns."""
    robot, t = g1.robot, np.arange(round(seconds * fps) + 1) / fps
    phase = np.linspace(0, 5, 29)
    middle = np.clip(robot.default_joint_pos, robot.joint_lower + 0.15, robot.joint_upper - 0.15)
    room = np.minimum(middle - robot.joint_lower, robot.joint_upper - middle)
    joints = middle + np.minimum(0.9 * room, swing) * np.sin(2.0 * t[:, None] + phase)
    place = np.stack([0.3 * t, 0.1 * np.sin(2 * t), 1.1 + 0.02 * np.sin(3 * t)], axis=1)
    turn = Rotation.from_rotvec(np.stack([0.1 * np.sin(t), 0.1 * np.cos(t), 0.5 * t], axis=1))
    return np.hstack([place, turn.as_quat(), joints])


def asked(g1, q, position=20.0, rotation=10.0):
    """Targets that a motion meets exactly."""
    data = g1.model.createData()
    ids = [g1.model.getFrameId(link, pin.FrameType.BODY) for link in LINKS]
    pos, rot = np.empty((len(q), len(ids), 3)), np.empty((len(q), len(ids), 3, 3))
    for t, row in enumerate(q):
        pin.framesForwardKinematics(g1.model, data, row)
        pos[t], rot[t] = [data.oMf[i].translation for i in ids], [data.oMf[i].rotation for i in ids]
    shape = (len(q), len(ids))
    return ClipTarget(
        pos, rot, np.full((*shape, 3), position), np.full(shape, rotation), np.zeros((len(q), 2), dtype=bool)
    )


def noisy(target, seed, metres=0.02, radians=0.1):
    """Targets that contradict each other a little."""
    random = np.random.default_rng(seed)
    turn = Rotation.from_rotvec(radians * random.standard_normal((target.rotation_weight.size, 3))).as_matrix()
    rot = np.ascontiguousarray(turn.reshape(target.rot_w.shape) @ target.rot_w)
    return target._replace(pos_w=target.pos_w + metres * random.standard_normal(target.pos_w.shape), rot_w=rot)


def apart(a, b):
    """Largest difference of two motions in base position, base angle and joints."""
    turn = Rotation.from_quat(a[:, 3:7]) * Rotation.from_quat(b[:, 3:7]).inv()
    return max(np.abs(a[:, :3] - b[:, :3]).max(), turn.magnitude().max(), np.abs(a[:, 7:] - b[:, 7:]).max())


def test_gradient_of_the_whole_cost_is_that_of_finite_differences(g1):
    """Targets, soles, speeds, accelerations, excess speed and free fall together."""
    q, fps = dance(g1, 0.3), 30.0
    random = np.random.default_rng(0)
    q[:, 7:] += 0.05 * random.standard_normal(q[:, 7:].shape)
    q[:, 2] -= 0.4
    config = SmoothnessConfig(free_fall=0.3)
    weights = config.weights(np.full(29, 1.0), fps)
    engine = NumbaEngine(g1.solver()._engine.problem)
    target = noisy(asked(g1, dance(g1, 0.3)), 1)
    target.planted[2:5, 0] = True
    free = {"flight": [(3, 8)], "free_fall": 0.3, "centre_of_mass": CentreOfMass(g1.model)}
    cost = ClipCost(engine, target, fps, weights=weights, **free)
    along, wide = random.standard_normal((len(q), 35)), np.full(29, np.inf)

    def at(share):
        moved = np.empty_like(q)
        move(q, share * along, -wide, wide, moved)
        return cost(moved).cost

    slope = (at(1e-6) - at(-1e-6)) / 2e-6
    assert slope == pytest.approx(2.0 * (cost(q).gradient * along).sum(), rel=1e-6)


def test_a_reachable_smooth_motion_is_reproduced(g1):
    """From neutral, without having seen it: within what smoothness may cost."""
    q = dance(g1)
    found = g1.solver(WholeClipConfig()).solve(asked(g1, q), 30.0)
    assert apart(found.q, q) < 0.02
    assert not found.on_speed_limit.any()


def test_time_has_no_direction(g1):
    """Targets played backwards give the motion played backwards."""
    target = noisy(asked(g1, dance(g1, 1.0)), 2)
    forth = g1.solver().solve(target, 30.0).q
    back = g1.solver().solve(target.part(np.arange(target.n_frames)[::-1]), 30.0).q[::-1]
    assert apart(forth, back) < 1e-3


def test_heading_and_place_do_not_matter(g1):
    """A turned and shifted scene turns and shifts the base and leaves the joints."""
    target = noisy(asked(g1, dance(g1, 1.0)), 3)
    turn, shift = Rotation.from_euler("z", 2.0), np.array([3.0, -1.0, 0.0])
    scene = target._replace(
        pos_w=target.pos_w @ turn.as_matrix().T + shift, rot_w=np.ascontiguousarray(turn.as_matrix() @ target.rot_w)
    )
    here, there = g1.solver().solve(target, 30.0).q, g1.solver().solve(scene, 30.0).q
    here[:, :3] = here[:, :3] @ turn.as_matrix().T + shift
    here[:, 3:7] = (turn * Rotation.from_quat(here[:, 3:7])).as_quat()
    assert apart(here, there) < 1e-3


def test_the_frame_rate_does_not_matter(g1):
    """Prices are physical: twice the frames give the same motion, which differs from the targets far more."""
    heavy = replace(TIGHT, smoothness=SmoothnessConfig(joint_acceleration=0.5, joint_velocity=2.0))
    target = asked(g1, dance(g1, 2.0, 60.0, swing=0.5))
    fine = g1.solver(heavy).solve(target, 60.0).q
    coarse = g1.solver(heavy).solve(target.part(slice(0, None, 2)), 30.0).q
    inside = slice(10, -10)  # at the ends half a frame more or less of motion is paid for
    lag = apart(coarse[inside], dance(g1, 2.0, 30.0, swing=0.5)[inside])
    assert lag > 0.05
    assert apart(fine[::2][inside], coarse[inside]) < 0.05 * lag


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_short_clips_work(g1, frames):
    """Two frames have no acceleration, one has no speed."""
    q = dance(g1)[:frames]
    assert apart(g1.solver().solve(asked(g1, q), 30.0).q, q) < 0.01


def test_both_linear_solvers_find_the_same_motion(g1):
    """Conjugate gradients and the banded factorisation are two ways to one minimum."""
    target = noisy(asked(g1, dance(g1, 0.5)), 4)
    direct = replace(TIGHT, descent=replace(TIGHT.descent, linear_solver="direct"))
    assert apart(g1.solver().solve(target, 30.0).q, g1.solver(direct).solve(target, 30.0).q) < 1e-4


def test_pinocchio_and_compiled_code_find_the_same_motion(g1):
    """The fallback shares neither kinematics nor linear algebra with the fast way."""
    target = noisy(asked(g1, dance(g1, 0.3)), 8)
    target.planted[2:6, 0] = True
    fast = g1.solver()
    direct = replace(TIGHT, descent=replace(TIGHT.descent, linear_solver="direct"))
    robot, engine = g1.robot, PinocchioEngine(g1.model, fast._engine.problem)
    slow = WholeClipSolver(engine, robot.joint_lower, robot.joint_upper, robot.velocity_limit, direct)
    assert apart(fast.solve(target, 30.0).q, slow.solve(target, 30.0).q) < 1e-4


def test_position_and_speed_limits_hold_exactly(g1):
    """Compared without tolerance, on targets that jump and reach far beyond the joints' ranges."""
    q, robot = dance(g1), g1.robot
    q[30:, 7:] += np.random.default_rng(5).uniform(-2.5, 2.5, 29)
    speed = np.full(29, 5.0)
    found = g1.solver(WholeClipConfig(), speed).solve(asked(g1, q), 30.0)
    joints = found.q[:, 7:]
    assert np.all((joints >= robot.joint_lower) & (joints <= robot.joint_upper))
    assert np.all(np.abs(np.diff(joints, axis=0)) * 30.0 <= speed)
    assert found.on_position_limit.any()
    assert found.on_speed_limit.any()


def test_frames_far_from_a_speed_limit_in_use_feel_nothing_of_it(g1):
    """What is cut off disturbs its neighbourhood only."""
    q = dance(g1, 3.0)
    q[45:, 10] += 0.6
    target = asked(g1, q)
    free = g1.solver().solve(target, 30.0).q
    slow = g1.solver(speed=np.full(29, 2.0)).solve(target, 30.0)
    assert slow.on_speed_limit.any()
    assert apart(slow.q[:20], free[:20]) < 1e-3
    assert apart(slow.q[70:], free[70:]) < 1e-3


def test_the_centre_of_mass_falls_freely_in_flight(g1):
    """Targets that float at one height are pulled onto a parabola, and only in the air."""
    q = np.repeat(dance(g1)[:1], 31, axis=0)
    target, span = asked(g1, q, position=3.0, rotation=3.0), (10, 22)
    centre = CentreOfMass(g1.model)

    def departure(flight):
        place, _ = centre(g1.solver().solve(target, 30.0, flight=flight).q)
        fall = np.diff(place, 2, axis=0) * 900 + [0, 0, GRAVITY]
        return np.abs(fall[span[0] : span[1] - 2]).max()

    assert departure([]) > 9.0
    assert departure([span]) < 0.5


def test_jacobian_of_the_centre_of_mass_is_that_of_finite_differences(g1):
    """In world axes, unlike Pinocchio's."""
    q, centre, wide = dance(g1, 0.1), CentreOfMass(g1.model), np.full(29, np.inf)
    along = np.random.default_rng(6).standard_normal((len(q), 35))
    ends = []
    for share in (1e-6, -1e-6):
        moved = np.empty_like(q)
        move(q, share * along, -wide, wide, moved)
        ends.append(centre(moved)[0])
    slope = np.einsum("tai,ti->ta", centre(q)[1], along)
    assert np.abs((ends[0] - ends[1]) / 2e-6 - slope).max() < 1e-7


def test_a_start_near_the_end_gives_the_same_end(g1):
    """Leaving the coarse levels and their softer floor out is a matter of time, not of the result.

    A cost that is minimal to 1e-10 says where the minimum is to its root, 1e-5, or a few times that.
    """
    target = noisy(asked(g1, dance(g1, 0.5)), 7)
    target.planted[3:9, 0] = True  # the coarse levels have a softer floor
    found = g1.solver().solve(target, 30.0).q
    assert apart(g1.solver().solve(target, 30.0, start=found).q, found) < 1e-4


def test_bad_targets_are_refused(g1):
    """NaN must not turn into a pose."""
    target = asked(g1, dance(g1, 0.5))
    target.pos_w[3, 2, 0] = np.nan
    with pytest.raises(InvalidArray, match="not finite"):
        g1.solver().solve(target, 30.0)
    with pytest.raises(InvalidArray, match="needs a frame"):
        g1.solver().solve(target.part(slice(0, 0)), 30.0)
    with pytest.raises(InvalidArray, match="start"):
        g1.solver().solve(target, 30.0, start=np.zeros((2, 36)))
