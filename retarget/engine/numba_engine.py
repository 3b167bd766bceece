"""Turns clip targets into costs with derivatives, and into motions frame by frame, by the compiled kernels."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float

from retarget.clip_target import ClipTarget, FrameTarget
from retarget.engine.frame_problem import FrameProblem, new_workspace
from retarget.engine.frame_solver import cold_start, safe_reach, solve_frames
from retarget.engine.jit import plain
from retarget.engine.poses import Placements
from retarget.engine.quadratic import clip_quadratic, place_frames

_Target = TypeVar("_Target", FrameTarget, ClipTarget)


class ClipQuadratic(NamedTuple):
    """Costs of all frames with the derivatives of half the cost."""

    cost: Float[np.ndarray, " frames"]
    gradient: Float[np.ndarray, "frames nv"]
    hessian: Float[np.ndarray, "frames packed"]
    """Packed as :mod:`retarget.engine.tree` says."""


class FramewiseResult(NamedTuple):
    """A clip solved frame after frame."""

    q: Float[np.ndarray, "frames nq"]
    """Pinocchio's configurations."""
    cost: Float[np.ndarray, " frames"]
    """Cost of each frame, that of the way from the frame before included."""
    evaluations: int
    """How often the cost of a frame was evaluated."""


class NumbaEngine:
    """Evaluates and solves one problem; not for several threads at once."""

    def __init__(self, problem: FrameProblem) -> None:
        """Take the problem and make room to work in."""
        self.problem = problem
        self.tree = problem.tree
        self._work = new_workspace(problem)

    def evaluate(self, q: Float[np.ndarray, "frames nq"], target: ClipTarget) -> ClipQuadratic:
        """Return the costs of all frames, their gradients and Gauss-Newton Hessians."""
        n = len(q)
        result = ClipQuadratic(np.empty(n), np.empty((n, self.tree.nv)), np.empty((n, self.tree.n_packed)))
        clip_quadratic(plain(q), plain_target(target), self.problem, self._work, *result)
        return result

    def place(self, q: Float[np.ndarray, "frames nq"]) -> Placements:
        """Return frames and axes of all bodies."""
        n, tree = len(q), self.tree
        placed = Placements(
            np.empty((n, tree.n_bodies, 3, 3)), np.empty((n, tree.n_bodies, 3)), np.empty((n, tree.nv, 6))
        )
        placed.axes[:, :6] = np.eye(6)
        place_frames(plain(q), tree, *placed)
        return placed

    def cold_start(self, target: FrameTarget) -> tuple[Float[np.ndarray, " nq"], float]:
        """Solve a frame that has no frame before it; return the configuration and its cost."""
        return cold_start(plain_target(target), self.problem, self._work)

    def solve_frames(
        self,
        target: ClipTarget,
        speed: Float[np.ndarray, " joints"],
        fps: float,
        reference_weight: Float[np.ndarray, " joints"],
        start: Float[np.ndarray, " nq"] | None = None,
    ) -> FramewiseResult:
        """Solve a clip frame after frame, joints within their ranges and speeds.

        Args:
            target: What the clip asks for.
            speed: Joint speed limits [rad/s].
            fps: Frames per second [1/s].
            reference_weight: Price of each joint away from the frame before [1/rad].
            start: First frame; by default it is solved from nothing.
        """
        target = plain_target(target)
        first = self.cold_start(target.frame(0))[0] if start is None else plain(start)
        q, cost = np.empty((target.n_frames, self.tree.nv + 1)), np.empty(target.n_frames)
        reach = safe_reach(self.tree, np.asarray(speed, float), fps)
        used = solve_frames(first, target, self.problem, reach, plain(reference_weight), self._work, q, cost)
        return FramewiseResult(q, cost, used)


def plain_target(target: _Target) -> _Target:
    """Return a target whose arrays compiled code reads without compiling anew."""
    return target._replace(
        pos_w=plain(target.pos_w),
        rot_w=plain(target.rot_w),
        position_weight=plain(target.position_weight),
        rotation_weight=plain(target.rotation_weight),
        planted=plain(target.planted, dtype=np.bool_),
    )
