"""Turns targets into configurations by damped Gauss-Newton inside a box of joint angles, frame after frame, compiled.

The damping follows Levenberg and Marquardt; each step is :func:`retarget.engine.box_step.box_step`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from retarget.clip_target import ClipTarget, FrameTarget
from retarget.engine.box_step import box_step
from retarget.engine.factor import multiply
from retarget.engine.frame_problem import FrameProblem, Workspace
from retarget.engine.jit import compiled, inlined, piece
from retarget.engine.quadratic import (
    add_pull,
    carried,
    frame_of,
    frame_quadratic,
    integrate,
    place_bodies,
    price_frame,
    priced_quadratic,
    pull_cost,
)
from retarget.engine.tree import KinematicTree

_NOTHING = 1e-6
"""Cost below which a frame counts as met: 10 micrometres at a price of 100 / m."""

_COLD_ITERATIONS = 60
"""Steps allowed where there is no frame before to start from."""

_COLD_TOLERANCE = 1e-6
"""Share of the cost that the last step of a cold start saves at most: it is taken once, so it is taken well."""


@inlined
def _model_saving(tree: KinematicTree, hessian: np.ndarray, gradient: np.ndarray, work: Workspace) -> float:
    """Return how much of the cost the model says that ``work.step`` saves."""
    multiply(tree, hessian, work.step, work.slope)
    saving = 0.0
    for i in range(len(gradient)):
        saving -= work.step[i] * (2.0 * gradient[i] + work.slope[i])
    return saving


@inlined
def _shortened(step: np.ndarray, longest: float) -> bool:
    """Scale a step down to the trust region; return whether it had to be."""
    size = 0.0
    for i in range(len(step)):
        size = max(size, abs(step[i]))
    if size <= longest:
        return False
    for i in range(len(step)):
        step[i] *= longest / size
    return True


@inlined
def _move(q: np.ndarray, lower: np.ndarray, upper: np.ndarray, step: np.ndarray, out: np.ndarray) -> None:
    """Set ``out`` to where a step leads, joints inside their box to the last bit."""
    integrate(q, step, out)
    for j in range(len(lower)):
        out[7 + j] = min(max(out[7 + j], lower[j]), upper[j])


@inlined
def _total(
    q: np.ndarray,
    reference: np.ndarray,
    reference_weight: np.ndarray,
    target: FrameTarget,
    problem: FrameProblem,
    work: Workspace,
    hessian: np.ndarray,
    gradient: np.ndarray,
) -> float:
    """Evaluate a frame with the price of its way from the reference."""
    cost = frame_quadratic(q, target, problem, work, hessian, gradient)
    return cost + add_pull(problem.tree, q, reference, reference_weight, hessian, gradient)


@inlined
def _expect_floor(trial: np.ndarray, problem: FrameProblem, work: Workspace) -> bool:
    """Mark the points that a trial has taken under the floor, to be held on it; return whether any is new."""
    found = False
    for patch in range(len(problem.patch_body)):
        b = problem.patch_body[patch]
        for k in range(problem.patch_start[patch], problem.patch_start[patch + 1]):
            _, _, z = carried(work.rot, work.pos, b, problem.patch_point[k])
            if trial[2] + z < problem.patch_radius[patch] and not work.expected[k]:
                work.expected[k] = found = True
    return found


@inlined
def _forget_floor(q: np.ndarray, problem: FrameProblem, work: Workspace) -> bool:
    """Let go the points that stayed above the floor all the same; return whether any is still held."""
    left = False
    for patch in range(len(problem.patch_body)):
        b = problem.patch_body[patch]
        for k in range(problem.patch_start[patch], problem.patch_start[patch + 1]):
            if work.expected[k]:
                _, _, z = carried(work.rot, work.pos, b, problem.patch_point[k])
                work.expected[k] = q[2] + z < problem.patch_radius[patch]
                left = left or work.expected[k]
    return left


@inlined
def copy_numbers(source: np.ndarray, out: np.ndarray) -> None:
    """Copy a row of numbers; compiled ``out[:] = source`` would first form a sentence for lengths that differ."""
    for i in range(len(out)):
        out[i] = source[i]


@piece
def solve_frame(
    q: Float[np.ndarray, " nq"],
    lower: Float[np.ndarray, " joints"],
    upper: Float[np.ndarray, " joints"],
    reference: Float[np.ndarray, " joints"],
    reference_weight: Float[np.ndarray, " joints"],
    target: FrameTarget,
    problem: FrameProblem,
    max_iterations: int,
    work: Workspace,
) -> tuple[float, int]:
    """Move ``q`` to the configuration near it that meets a target best with all joints in ``[lower, upper]``.

    A step is the last when it saved little, or when it saved just what the model said: then the model is so good that
    its minimum, where the step has led, is the cost's.

    The model knows nothing of the floor below a foot in the air. So where a step that climbs took points under it,
    the model is asked again with these held on it.

    Args:
        q: Start and result; joints outside the box begin on its walls.
        lower: Smallest joint angles allowed [rad].
        upper: Largest joint angles allowed [rad].
        reference: Joint angles to stay near [rad].
        reference_weight: Price of each joint away from the reference [1/rad].
        target: What is asked for.
        problem: Robot and prices.
        max_iterations: Most steps to take.
        work: Memory to work in.

    Returns:
        The cost, that of the reference included, and how often it was evaluated.
    """
    for j in range(len(lower)):
        q[7 + j] = min(max(q[7 + j], lower[j]), upper[j])
    tree, trial, least = problem.tree, work.q, problem.damping * problem.damping
    hessian, gradient = work.hessian, work.gradient
    cost = _total(q, reference, reference_weight, target, problem, work, hessian, gradient)
    damping, evaluations, blind = least, 1, True
    for _ in range(max_iterations):
        if not box_step(q, lower, upper, tree, hessian, gradient, damping, work):
            damping = max(10.0 * damping, 1.0)
            continue
        whole = not _shortened(work.step, problem.trust) and damping <= least and blind
        saving = _model_saving(tree, hessian, gradient, work)
        _move(q, lower, upper, work.step, trial)
        trial_cost, number = price_frame(trial, target, problem, work)
        trial_cost += pull_cost(trial, reference, reference_weight)
        evaluations += 1
        saved = cost - trial_cost
        if trial_cost <= cost:
            copy_numbers(trial, q)
            cost, damping = trial_cost, max(0.2 * damping, least)
            enough = problem.tolerance * (cost + _NOTHING)
            if saved <= enough or (whole and abs(saved - saving) <= enough):
                break
            priced_quadratic(q, number, problem, work, hessian, gradient)
            add_pull(tree, q, reference, reference_weight, hessian, gradient)
            blind = not _forget_floor(q, problem, work)
        elif _expect_floor(trial, problem, work):
            _total(q, reference, reference_weight, target, problem, work, hessian, gradient)
            evaluations, blind = evaluations + 1, False
        elif blind and saving <= 1e-12 * (cost + _NOTHING):
            break  # at the bottom, but for rounding
        else:
            damping = max(10.0 * damping, 1.0)
    work.expected[:] = False
    return cost, evaluations


@inlined
def speed_box(
    joints: Float[np.ndarray, " joints"],
    tree: KinematicTree,
    reach: Float[np.ndarray, " joints"],
    lower: Float[np.ndarray, " joints"],
    upper: Float[np.ndarray, " joints"],
) -> None:
    """Set the box of joint angles that can be reached from ``joints`` and are within the joints' ranges."""
    for j in range(len(joints)):
        lower[j] = max(tree.joint_lower[j], joints[j] - reach[j])
        upper[j] = min(tree.joint_upper[j], joints[j] + reach[j])


@compiled
def solve_frames(
    start: Float[np.ndarray, " nq"],
    target: ClipTarget,
    problem: FrameProblem,
    reach: Float[np.ndarray, " joints"],
    reference_weight: Float[np.ndarray, " joints"],
    work: Workspace,
    q: Float[np.ndarray, "frames nq"],
    cost: Float[np.ndarray, " frames"],
) -> int:
    """Solve frame after frame, each from the one before and within its reach; the first is ``start`` itself.

    Args:
        start: Configuration of the first frame.
        target: What the clip asks for.
        problem: Robot and prices.
        reach: Farthest that each joint moves from frame to frame [rad]; see :func:`safe_reach`.
        reference_weight: Price of each joint away from the frame before [1/rad].
        work: Memory to work in.
        q: Results.
        cost: Their costs, that of the frame before included.

    Returns:
        How often the cost of a frame was evaluated.
    """
    evaluations = 1
    for t in range(len(q)):
        goal = frame_of(target, t)
        if t == 0:
            copy_numbers(start, q[t])
            cost[t] = frame_quadratic(q[t], goal, problem, work, work.hessian, work.gradient)
            continue
        before = q[t - 1, 7:]
        speed_box(before, problem.tree, reach, work.lower, work.upper)
        copy_numbers(q[t - 1], q[t])
        cost[t], used = solve_frame(
            q[t],
            work.lower,
            work.upper,
            before,
            reference_weight,
            goal,
            problem,
            problem.max_iterations,
            work,
        )
        evaluations += used
    return evaluations


def safe_reach(tree: KinematicTree, speed: Float[np.ndarray, " joints"], fps: float) -> Float[np.ndarray, " joints"]:
    """Return how far joints may move in a frame so that ``abs(difference) * fps <= speed`` in floating point too.

    Args:
        tree: The robot.
        speed: Joint speed limits [rad/s].
        fps: Frames per second [1/s].
    """
    ends = np.maximum(np.abs(tree.joint_lower), np.abs(tree.joint_upper))
    return np.maximum(speed / fps - 4.0 * np.finfo(float).eps * (ends + speed / fps), 0.0)


def cold_start(target: FrameTarget, problem: FrameProblem, work: Workspace) -> tuple[Float[np.ndarray, " nq"], float]:
    """Solve a frame that has no frame before it.

    The base is set on its target. Orientations are met first and positions after, because a limb that is pulled by its
    end alone may fold the wrong way. Joints begin in the middle of their ranges, farthest from all stops, and again
    at the preferred posture; the better result counts.

    Returns:
        The configuration and its cost.
    """
    tree = problem.tree
    careful = problem._replace(tolerance=_COLD_TOLERANCE, max_iterations=_COLD_ITERATIONS)
    nowhere = np.zeros(target.position_weight.shape)
    nowhere[problem.base_task] = target.position_weight[problem.base_task]
    turned = target._replace(position_weight=nowhere, planted=np.zeros_like(target.planted))
    lower, upper = tree.joint_lower, tree.joint_upper
    anywhere, free = np.full(len(lower), np.inf), np.zeros(len(lower))
    best, least = np.zeros(tree.nv + 1), np.inf
    for joints in ((lower + upper) / 2, np.clip(problem.posture, lower, upper)):
        q, cost = np.empty((2, tree.nv + 1)), np.full(2, np.inf)
        q[1] = base_on_target(target, problem, joints, work)
        for goal in (turned, target):
            twice = ClipTarget(*(np.stack([field, field]) for field in goal))  # of a start the cost is told, no more
            solve_frames(q[1].copy(), twice, careful, anywhere, free, work, q, cost)
        if not cost[1] >= least:
            best, least = q[1].copy(), float(cost[1])
    return best, least


def base_on_target(
    target: FrameTarget, problem: FrameProblem, joints: Float[np.ndarray, " joints"], work: Workspace
) -> Float[np.ndarray, " nq"]:
    """Return the configuration with these joints whose base task is on its target."""
    q = np.concatenate([np.zeros(6), [1.0], joints])
    place_bodies(q, problem.tree, work.rot, work.pos, work.axes)
    task = problem.base_task
    body = problem.task_body[task]
    rot = target.rot_w[task] @ (work.rot[body] @ problem.task_rot[task]).T
    q[:3] = target.pos_w[task] - rot @ (work.pos[body] + work.rot[body] @ problem.task_point[task])
    q[3:7] = Rotation.from_matrix(rot).as_quat()
    return q
