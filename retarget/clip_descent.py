"""Turns a start of a whole clip into the nearest minimum of its cost inside the joints' ranges, by damped Gauss-Newton.

Each frame has its own damping, for one frame in a contortion is no reason that the others step with care. Joints on a
wall that the gradient pushes them against are held there (projected Newton; Bertsekas, SIAM J. Control Optim. 1982).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from retarget.clip_cost import ClipCost, ClipModel
from retarget.engine.clip_banded import solve_clip_banded
from retarget.engine.clip_pcg import BlockInverse, ClipSystem, solve_clip_step
from retarget.engine.clip_steps import move
from retarget.engine.tree import KinematicTree
from robots.arrays import check_settings

_WALL = 1e-12
"""Joints nearer to an end of their range than this lie on it [rad]."""
_HARDEST = 1e9
"""Damping at which a step is too short to mean anything."""
_REFUSED_DAMPING = 10.0
"""Damping after a refused step at least: contacts are so stiff that less would be refused again."""
_SETTLED = 0.01
"""A frame is settled when a step changes its cost by less than this share of the mean cost of a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescentConfig:
    """How hard the solver tries."""

    linear_solver: Literal["iterative", "direct"] = "iterative"
    """``iterative``: preconditioned conjugate gradients, compiled. ``direct``: LAPACK's banded Cholesky."""
    max_iterations: int = 30
    """Gauss-Newton steps on one level."""
    first_damping: float = 1.0
    """Resistance of every coordinate to the first step from a neutral start [1/m^2, 1/rad^2]."""
    damping: float = 1e-2
    """The least resistance [1/m^2, 1/rad^2]."""
    trust: float = 0.3
    """Longest step of a coordinate [m, rad]; farther on a foot stands on another corner."""
    linear_tolerance: float = 0.05
    """Conjugate gradients stop when the residual has fallen to this share."""
    max_linear_iterations: int = 60
    """Conjugate gradient iterations in a step."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        efforts = ("max_iterations", "linear_tolerance", "max_linear_iterations")
        check_settings(self, positive=("first_damping", "damping", "trust", *efforts), below_one=("linear_tolerance",))


class Descent(NamedTuple):
    """Where a descent ended."""

    q: Float[np.ndarray, "frames nq"]
    model: ClipModel
    settled: Bool[np.ndarray, " frames"]
    """Frames whose cost the last step hardly changed."""
    iterations: int
    linear_iterations: int


def descend(
    cost: ClipCost,
    q: Float[np.ndarray, "frames nq"],
    tree: KinematicTree,
    config: DescentConfig,
    *,
    tolerance: float,
    first_damping: float | None = None,
    held: Bool[np.ndarray, "frames nv"] | None = None,
) -> Descent:
    """Go down from ``q``, whose joints must be inside their ranges.

    Args:
        cost: Of the clip.
        q: Where to start.
        tree: The robot, with the ranges of its joints.
        config: Effort.
        tolerance: Done when a step saves less than this share of the cost.
        first_damping: Other than the least.
        held: Coordinates that must stay where they are.
    """
    frames = len(q)
    model = cost(q)
    solver = _LinearSolver(tree, config, model.hessian.shape)
    damping = np.full(frames, config.damping if first_damping is None else first_damping)
    trial, linear = np.empty_like(q), 0
    fixed, change = np.zeros(model.gradient.shape, dtype=bool), np.full(frames, np.inf)
    iterations = 0
    while iterations < config.max_iterations:
        iterations += 1
        fixed[:, 6:] = _pushed_against_wall(q, model.gradient, tree)
        if held is not None:
            fixed |= held
        step, used = solver(model.system(cost, damping, fixed))
        linear += used
        longest = np.abs(step).max(axis=1)
        step *= np.minimum(1.0, config.trust / np.maximum(longest, 1e-12))[:, None]
        move(q, step, tree.joint_lower, tree.joint_upper, trial)
        there = cost(trial)
        rose = there.frame_cost > 1.1 * model.frame_cost + 0.1 * model.cost / frames
        if there.cost < model.cost:
            done = model.cost - there.cost < tolerance * model.cost
            q, trial, change = trial, q, np.abs(there.frame_cost - model.frame_cost)
            model = there
            damping = np.where(rose, 3.0 * damping, np.maximum(0.2 * damping, config.damping))
            if done:
                break
        else:
            damping = np.where(rose, 20.0, 4.0) * np.maximum(damping, _REFUSED_DAMPING)
            if damping.min() > _HARDEST or longest.max() < 1e-9:
                break
    return Descent(q, model, change <= _SETTLED * model.cost / frames, iterations, linear)


class _LinearSolver:
    """Solves the quadratic models of one descent, in memory that is taken once."""

    def __init__(self, tree: KinematicTree, config: DescentConfig, packed_shape: tuple[int, ...]) -> None:
        self._tree, self._config = tree, config
        self._factor = np.empty(packed_shape)
        self._step = np.empty((packed_shape[0], tree.nv))

    def __call__(self, system: ClipSystem) -> tuple[Float[np.ndarray, "frames nv"], int]:
        """Return the step and the number of iterations."""
        if self._config.linear_solver == "direct":
            return solve_clip_banded(system, self._tree), 1
        com = system.com_jacobian
        room = BlockInverse(self._factor, np.empty_like(com), np.empty((len(com), 3)))
        tolerance, most = self._config.linear_tolerance, self._config.max_linear_iterations
        used = solve_clip_step(system, self._tree, room, tolerance, most, self._step)
        return self._step, used


def _pushed_against_wall(
    q: Float[np.ndarray, "frames nq"], gradient: Float[np.ndarray, "frames nv"], tree: KinematicTree
) -> Bool[np.ndarray, "frames joints"]:
    """Tell which joints lie on an end of their range and would leave it downhill."""
    joints, uphill = q[:, 7:], gradient[:, 6:]
    low = (joints <= tree.joint_lower + _WALL) & (uphill > 0)
    return low | ((joints >= tree.joint_upper - _WALL) & (uphill < 0))
