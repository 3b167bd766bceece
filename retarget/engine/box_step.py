"""Turns a packed quadratic model into the step to its minimum inside a box of joint angles, compiled.

The minimum is found exactly by a primal-dual active set: every joint that would leave goes to its wall, every one that
its wall holds back for nothing is let go, all at once, until nothing changes (Hintermueller, Ito and Kunisch, SIAM J.
Optim. 2003).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from retarget.engine.factor import factorise, multiply, solve_factored
from retarget.engine.frame_problem import Workspace
from retarget.engine.jit import inlined
from retarget.engine.tree import KinematicTree

_RELEASE_ROUNDS = 8
"""Rounds of the active set in which walls may let go; then they only take hold, so that the rounds end."""


@inlined
def damped_copy(tree: KinematicTree, hessian: np.ndarray, damping: float, wall: np.ndarray, factor: np.ndarray) -> None:
    """Copy a packed Hessian with damping, its rows and columns of held joints those of a unit matrix."""
    for i in range(len(tree.chain_length)):
        row, n = tree.row_start[i], tree.chain_length[i]
        if i >= 6 and wall[i - 6] != 0:
            factor[row] = 1.0
            for k in range(1, n):
                factor[row + k] = 0.0
            continue
        factor[row] = hessian[row] + damping
        for k in range(1, n):
            above = tree.chain[i, k]
            held = above >= 6 and wall[above - 6] != 0
            factor[row + k] = 0.0 if held else hessian[row + k]


@inlined
def _first_walls(q: np.ndarray, lower: np.ndarray, upper: np.ndarray, gradient: np.ndarray, wall: np.ndarray) -> int:
    """Hold the joints that are on a wall and pushed against it; return how many."""
    held = 0
    for j in range(len(wall)):
        at = q[7 + j]
        wall[j] = 0
        if at <= lower[j] and (gradient[6 + j] > 0.0 or lower[j] >= upper[j]):
            wall[j] = -1
        elif at >= upper[j] and gradient[6 + j] < 0.0:
            wall[j] = 1
        held += wall[j] != 0
    return held


@inlined
def _minimise_on_face(
    q: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    tree: KinematicTree,
    hessian: np.ndarray,
    gradient: np.ndarray,
    damping: float,
    wall: np.ndarray,
    held: int,
    work: Workspace,
) -> bool:
    """Set ``work.step`` to the minimiser with the held joints on their walls; False if the model has none."""
    step, nv = work.step, len(gradient)
    damped_copy(tree, hessian, damping, wall, work.factor)
    if not factorise(tree, work.factor):
        return False
    for i in range(nv):
        step[i] = -gradient[i]
    if held > 0:
        for i in range(nv):
            work.move[i] = 0.0
        for j in range(len(wall)):
            if wall[j] != 0:
                work.move[6 + j] = (lower[j] if wall[j] < 0 else upper[j]) - q[7 + j]
        multiply(tree, hessian, work.move, work.slope)
        for i in range(nv):
            step[i] -= work.slope[i]
        for j in range(len(wall)):
            if wall[j] != 0:
                step[6 + j] = work.move[6 + j]
    solve_factored(tree, work.factor, step)
    return True


@inlined
def _update_walls(
    q: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    damping: float,
    gradient: np.ndarray,
    wall: np.ndarray,
    may_release: bool,
    work: Workspace,
) -> bool:
    """Hold what left the box, let go what is held back for nothing; return whether any changed.

    ``work.slope`` is the product of Hessian and step.
    """
    changed = False
    for j in range(len(wall)):
        move = work.step[6 + j]
        if wall[j] == 0:
            # Rounding alone must not hold a joint: it would be let go and held again for ever.
            slack = 1e-13
            if move < lower[j] - q[7 + j] - slack:
                wall[j], changed = -1, True
            elif move > upper[j] - q[7 + j] + slack:
                wall[j], changed = 1, True
        elif may_release and lower[j] < upper[j]:
            slope = gradient[6 + j] + work.slope[6 + j] + damping * move
            noise = 1e-12 * abs(gradient[6 + j])
            if (wall[j] < 0 and slope < -noise) or (wall[j] > 0 and slope > noise):
                wall[j], changed = 0, True
    return changed


@inlined
def box_step(
    q: Float[np.ndarray, " nq"],
    lower: Float[np.ndarray, " joints"],
    upper: Float[np.ndarray, " joints"],
    tree: KinematicTree,
    hessian: Float[np.ndarray, " packed"],
    gradient: Float[np.ndarray, " nv"],
    damping: float,
    work: Workspace,
) -> bool:
    """Set ``work.step`` to the minimiser of ``s.(H + damping)s / 2 + g.s`` with all joints in their box.

    Joints on a wall are there but for rounding; ``q`` must be inside.

    Returns:
        False if the damped Hessian is not positive definite.
    """
    wall = work.wall
    held = _first_walls(q, lower, upper, gradient, wall)
    for turn in range(_RELEASE_ROUNDS + len(wall)):
        if not _minimise_on_face(q, lower, upper, tree, hessian, gradient, damping, wall, held, work):
            return False
        may_release = held > 0 and turn < _RELEASE_ROUNDS
        if may_release:
            multiply(tree, hessian, work.step, work.slope)
        if not _update_walls(q, lower, upper, damping, gradient, wall, may_release, work):
            break
        held = 0
        for j in range(len(wall)):
            held += wall[j] != 0
    return True
