"""Gauss-Newton over a whole clip: robust, damped, with all frames solved at once.

Levenberg-Marquardt on iteratively reweighted residuals (Zach, "Robust Bundle Adjustment Revisited",
ECCV 2014): every step is kept only if it lowers the robust cost.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.estimators.landmark import ground_terms, terms
from pipeline.estimators.landmark.config import LandmarkConfig
from pipeline.estimators.landmark.normal_equations import BlockRows, NormalEquations, Rows, cost
from pipeline.estimators.landmark.observation import Observation
from pipeline.estimators.landmark.state import ClipState, Placed, Unknowns, place
from pipeline.estimators.landmark.tracked_points import TrackedPoints

_FIRST_DAMPING = 1e-4
_LEAST_DAMPING = 1e-8
_MAX_DAMPING = 1e6
_SUFFICIENT_DECREASE = 1e-4
"""Relative decrease of the cost below which a round is over."""

AnyRows = Rows | BlockRows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """What does not change while a clip is fitted."""

    seen: Observation
    points: TrackedPoints
    rest_joint_pos: Float[np.ndarray, "24 3"]
    unknowns: Unknowns
    up_prior: Float[np.ndarray, " 3"]
    """Unit vector against gravity that the camera, or a sensor, suggests, in the first camera's axes."""
    tilt_rad: tuple[float, float]
    """How far the truth may lie from it by roll and by pitch [rad]."""
    config: LandmarkConfig

    def place(self, state: ClipState) -> Placed:
        """Put the body where the state says."""
        return place(state, self.points, self.rest_joint_pos, self.unknowns)

    def depth(self, state: ClipState) -> Float[np.ndarray, " frames"]:
        """Distance of the pelvis along the view [m]."""
        relative = state.root_pos - state.camera_pos
        return np.maximum(np.einsum("ti,ti->t", self.seen.R_w2c[:, 2], relative), 0.3)


def fit(
    problem: Problem, state: ClipState, contact: Float[np.ndarray, "frames soles"] | None, iterations: int
) -> Placed:
    """Improve a belief until it stops paying; without ``contact`` the ground plays no part."""
    depth = problem.depth(state)
    return _minimise(problem, state, lambda placed: _all_rows(problem, placed, depth, contact), iterations)


def _all_rows(
    problem: Problem,
    placed: Placed,
    depth: Float[np.ndarray, " frames"],
    contact: Float[np.ndarray, "frames soles"] | None,
) -> list[AnyRows]:
    seen, config, fps = problem.seen, problem.config, problem.seen.fps
    rows: list[AnyRows] = [
        terms.reprojection(placed, seen, depth, config),
        terms.bone_directions(placed, seen, config),
        terms.joint_smoothness(placed, seen, config),
        terms.root_smoothness(placed, seen, config),
        *terms.camera_motion(placed, fps, config),
        terms.pose_habit(placed, seen, config),
        terms.joint_limits(placed, config),
        ground_terms.camera_level(placed, problem.up_prior, problem.tilt_rad, fps),
    ]
    if contact is not None:
        rows += [
            ground_terms.sole_lock(placed, contact, fps, config),
            *ground_terms.sole_height(placed, contact, config),
            ground_terms.balance(placed, contact * seen.usable[:, None], config),  # in a gap inertia rules
        ]
    return rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Guess:
    """A belief and what speaks against it."""

    placed: Placed
    rows: list[AnyRows]
    cost: float


_RowsOf = Callable[[Placed], list[AnyRows]]


def _guess(problem: Problem, state: ClipState, rows_of: _RowsOf) -> _Guess:
    placed = problem.place(state)
    rows = rows_of(placed)
    return _Guess(placed=placed, rows=rows, cost=sum(map(cost, rows)))


def _minimise(problem: Problem, state: ClipState, rows_of: _RowsOf, iterations: int) -> Placed:
    best, damping = _guess(problem, state, rows_of), _FIRST_DAMPING
    for _ in range(iterations):
        better, damping = _downhill(problem, best, rows_of, damping)
        if better is None:
            break
        decrease = 1.0 - better.cost / best.cost
        best, damping = better, max(0.2 * damping, _LEAST_DAMPING)
        if decrease < _SUFFICIENT_DECREASE:
            break
    return best.placed


def _downhill(problem: Problem, best: _Guess, rows_of: _RowsOf, damping: float) -> tuple[_Guess | None, float]:
    """Return a better guess and the damping it took, or None at the minimum."""
    state = best.placed.state
    equations = NormalEquations(len(state.root_pos), problem.unknowns.n)
    for rows in best.rows:
        equations.add(rows)
    while damping <= _MAX_DAMPING:
        with suppress(np.linalg.LinAlgError):  # rounding made the system indefinite: damp more
            candidate = _guess(problem, state.moved(*equations.solve(damping)), rows_of)
            if candidate.cost < best.cost:
                return candidate, damping
        damping *= 10.0
    return None, damping
