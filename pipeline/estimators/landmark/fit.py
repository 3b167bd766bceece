"""Gauss-Newton over a whole clip: robust, damped, with all frames solved at once.

Levenberg-Marquardt on iteratively reweighted residuals (Zach, "Robust Bundle Adjustment Revisited",
ECCV 2014): every step is kept only if it lowers the robust cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.estimators.exceptions import FitDiverged
from pipeline.estimators.landmark import ground_terms, terms
from pipeline.estimators.landmark.config import LandmarkConfig
from pipeline.estimators.landmark.normal_equations import BlockRows, NormalEquations, Rows, cost
from pipeline.estimators.landmark.observation import Observation
from pipeline.estimators.landmark.state import ClipState, Placed, Unknowns, place
from pipeline.estimators.landmark.tracked_points import TrackedPoints

_FIRST_DAMPING = 1e-4
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
    up_prior: Float[np.ndarray, "3"]
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
    """Improve a belief until it stops paying; without ``contact`` the ground plays no part.

    Raises:
        FitDiverged: The evidence has no finite explanation.
    """
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


def _minimise(
    problem: Problem, state: ClipState, rows_of: Callable[[Placed], list[AnyRows]], iterations: int
) -> Placed:
    placed = problem.place(state)
    rows = rows_of(placed)
    value, damping = sum(map(cost, rows)), _FIRST_DAMPING
    if not np.isfinite(value):
        raise FitDiverged(problem="the start is not finite")
    for _ in range(iterations):
        equations = NormalEquations(len(state.root_pos), problem.unknowns.n)
        for each in rows:
            equations.add(each)
        while damping < _MAX_DAMPING:
            candidate = problem.place(placed.state.moved(*equations.solve(damping)))
            candidate_rows = rows_of(candidate)
            candidate_value = sum(map(cost, candidate_rows))
            if candidate_value < value:
                break
            damping *= 10.0
        else:
            return placed
        decrease = (value - candidate_value) / value
        placed, rows, value, damping = candidate, candidate_rows, candidate_value, max(0.2 * damping, 1e-8)
        if decrease < _SUFFICIENT_DECREASE:
            break
    return placed
