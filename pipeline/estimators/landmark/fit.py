"""Gauss-Newton over a whole clip: robust, damped, with all frames solved at once.

Residuals and their derivatives are made for a window of frames at a time; only the banded system spans the clip.

Levenberg-Marquardt on iteratively reweighted residuals (Zach, "Robust Bundle Adjustment Revisited",
ECCV 2014): every step is kept only if it lowers the robust cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.estimators.landmark import ground_terms, terms
from pipeline.estimators.landmark.config import LandmarkConfig
from pipeline.estimators.landmark.normal_equations import REACH, AnyRows, NormalEquations, cost
from pipeline.estimators.landmark.observation import Observation
from pipeline.estimators.landmark.state import ClipState, Placed, Unknowns, place
from pipeline.estimators.landmark.tracked_points import TrackedPoints

_FIRST_DAMPING = 1e-4
_LEAST_DAMPING = 1e-8
_MAX_DAMPING = 1e6
_SUFFICIENT_DECREASE = 1e-4
"""Relative decrease of the cost below which a round is over."""

WINDOW_FRAMES = 32
"""Frames whose derivatives are in memory at one time, 0.3 MB each; they fit a processor's cache."""


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
    window_frames: int = WINDOW_FRAMES
    """Frames that are differentiated at a time; changes memory and speed, never the result."""

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
    objective = _Objective(problem=problem, depth=problem.depth(state), contact=contact)
    equations = NormalEquations(len(state.root_pos), problem.unknowns.n)
    cost_here, damping = objective.cost(state), _FIRST_DAMPING
    for _ in range(iterations):
        better = _downhill(objective, equations, state, cost_here, damping)
        if better is None:
            break
        decrease = 1.0 - better.cost / cost_here
        state, cost_here, damping = better.state, better.cost, max(0.2 * better.damping, _LEAST_DAMPING)
        if decrease < _SUFFICIENT_DECREASE:
            break
    return problem.place(state)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Objective:
    """What a belief is judged by during one fit."""

    problem: Problem
    depth: Float[np.ndarray, " frames"]
    """Depth of the person [m], held fixed."""
    contact: Float[np.ndarray, "frames soles"] | None

    def cost(self, state: ClipState) -> float:
        """Return the robust cost of all residuals."""
        return sum(cost(rows, n) for _, n, sets in self._windows(state) for rows in sets)

    def assemble(self, state: ClipState, equations: NormalEquations) -> None:
        """Linearise at a belief."""
        equations.reset()
        for first, n_frames, sets in self._windows(state):
            equations.add(sets, first, n_frames)

    def _windows(self, state: ClipState) -> Iterator[tuple[int, int, list[AnyRows]]]:
        """Residuals window by window: first frame, number of frames, residuals of these and of those they reach."""
        for first, n_frames in _windows(len(state.root_pos), self.problem.window_frames):
            yield first, n_frames, self._rows(state, slice(first, first + n_frames + REACH))

    def _rows(self, state: ClipState, frames: slice) -> list[AnyRows]:
        problem, config = self.problem, self.problem.config
        seen, placed = problem.seen.part(frames), problem.place(state.part(frames))
        rows: list[AnyRows] = [
            terms.reprojection(placed, seen, self.depth[frames], config),
            terms.bone_directions(placed, seen, config),
            terms.joint_smoothness(placed, seen, config),
            terms.root_smoothness(placed, seen, config),
            *terms.camera_motion(placed, seen, config),
            terms.pose_habit(placed, seen, config),
            terms.joint_limits(placed, config),
        ]
        if frames.start == 0:
            rows += terms.camera_origin(placed)
            rows.append(ground_terms.camera_level(placed, problem.up_prior, problem.tilt_rad, seen.fps))
        if self.contact is not None:
            contact = self.contact[frames]
            rows += [
                ground_terms.sole_lock(placed, contact, seen.fps, config),
                ground_terms.sole_height(placed, contact, config),
                ground_terms.balance(placed, contact * seen.usable[:, None], config),  # in a gap inertia rules
            ]
        return rows


def _windows(total: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut frames into windows: first frame and length. None is so short that accelerations have no room."""
    first = 0
    while first < total:
        length = size if total - first - size > REACH else total - first
        yield first, length
        first += length


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Better:
    """A belief that costs less, and the damping of the step that led to it."""

    state: ClipState
    cost: float
    damping: float


def _downhill(
    objective: _Objective, equations: NormalEquations, state: ClipState, cost_here: float, damping: float
) -> _Better | None:
    """Return a better belief, or None at the minimum.

    A step that fails is repeated from new equations: keeping a copy of them would double the memory.
    """
    while damping <= _MAX_DAMPING:
        objective.assemble(state, equations)
        with suppress(np.linalg.LinAlgError):  # rounding made the system indefinite: damp more
            candidate = state.moved(*equations.solve(damping))
            cost_there = objective.cost(candidate)
            if cost_there < cost_here:
                return _Better(state=candidate, cost=cost_there, damping=damping)
        damping *= 10.0
    return None
