"""Turns clip targets into costs with derivatives by Pinocchio's kinematics and dense matrices.

The reference that compiled code is measured against, and the way to work where kinematics must be Pinocchio's own. It
shares the problem's numbers with the compiled engine, but neither kinematics nor Jacobians.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pinocchio as pin
from jaxtyping import Bool, Float, Int

from retarget.box_qp import solve_box_qp
from retarget.clip_target import ClipTarget, FrameTarget
from retarget.engine.frame_problem import FrameProblem
from retarget.engine.numba_engine import ClipQuadratic
from retarget.engine.poses import Placements
from retarget.engine.tree import packed, unpacked
from retarget.rotations import rotation_log
from retarget.self_collision import collision_terms

_CHUNK = 128
"""Frames that are evaluated at once; their Jacobians fill some megabytes."""


class PinocchioEngine:
    """Evaluates and solves one problem, slowly."""

    def __init__(self, model: pin.Model, problem: FrameProblem) -> None:
        """Take the robot and the problem that was built for it."""
        self.model, self.problem, self.tree = model, problem, problem.tree
        self._data = model.createData()
        points = np.repeat(problem.patch_body, np.diff(problem.patch_start))
        self._point_body = points
        self._task_mask = self._support(problem.task_body)
        self._point_mask = self._support(points)

    def evaluate(self, q: Float[np.ndarray, "frames nq"], target: ClipTarget) -> ClipQuadratic:
        """Return the costs of all frames, their gradients and Gauss-Newton Hessians."""
        parts = [
            self._evaluate_chunk(q[i : i + _CHUNK], target.part(slice(i, i + _CHUNK))) for i in range(0, len(q), _CHUNK)
        ]
        return ClipQuadratic(*(np.concatenate(field) for field in zip(*parts, strict=True)))

    def place(self, q: Float[np.ndarray, "frames nq"]) -> Placements:
        """Return frames and axes of all bodies."""
        n, tree = len(q), self.tree
        placements = Placements(
            np.empty((n, tree.n_bodies, 3, 3)), np.empty((n, tree.n_bodies, 3)), np.empty((n, tree.nv, 6))
        )
        for t in range(n):
            pin.computeJointJacobians(self.model, self._data, q[t])
            poses = [self._data.oMi[joint] for joint in range(1, self.model.njoints)]
            placements.rot[t] = [pose.rotation for pose in poses]
            placements.pos[t] = [pose.translation for pose in poses]
            placements.axes[t] = self._data.J.T
        base = placements.pos[:, :1].copy()
        # Pinocchio's columns speak of the point at the world's origin; here it is the base's.
        placements.axes[..., :3] += np.cross(placements.axes[..., 3:], base)
        placements.axes[:, :6] = np.eye(6)
        return Placements(placements.rot @ tree.turned_rot, placements.pos - base, placements.axes)

    def step(
        self,
        q: Float[np.ndarray, " nq"],
        lower: Float[np.ndarray, " joints"],
        upper: Float[np.ndarray, " joints"],
        target: FrameTarget,
        damping: float,
    ) -> Float[np.ndarray, " nv"]:
        """Return the damped Gauss-Newton step with all joints in their box.

        Args:
            q: Where to step from; inside the box.
            lower: Smallest joint angles allowed [rad].
            upper: Largest joint angles allowed [rad].
            target: What is asked for.
            damping: Added to the diagonal of the Hessian.
        """
        model = self.evaluate(q[None], ClipTarget(*(field[None] for field in target)))
        return self._box_step(q, lower, upper, unpacked(self.tree, model.hessian[0]), model.gradient[0], damping)

    def _box_step(
        self,
        q: np.ndarray,
        lower: np.ndarray,
        upper: np.ndarray,
        hessian: Float[np.ndarray, "nv nv"],
        gradient: Float[np.ndarray, " nv"],
        damping: float,
    ) -> Float[np.ndarray, " nv"]:
        """Minimise the quadratic model in the box."""
        free = np.full(6, np.inf)
        low, high = np.concatenate([-free, lower - q[7:]]), np.concatenate([free, upper - q[7:]])
        return solve_box_qp(hessian + damping * np.eye(len(gradient)), gradient, low, high)

    def _support(self, bodies: Int[np.ndarray, " points"]) -> Bool[np.ndarray, "points nv"]:
        """Which coordinates move each body, as Pinocchio knows it."""
        mask = np.zeros((len(bodies), self.model.nv), dtype=bool)
        for i, body in enumerate(bodies):
            for joint in self.model.supports[int(body) + 1]:
                first = self.model.joints[joint].idx_v if joint > 0 else 0
                mask[i, first : first + self.model.joints[joint].nv if joint > 0 else 0] = True
        return mask

    def _evaluate_chunk(self, q: np.ndarray, target: ClipTarget) -> ClipQuadratic:
        """Evaluate a few frames at once."""
        placed, problem = self.place(q), self.problem
        task = _weighted(*self._task_rows(q, placed, target))
        floor = _weighted(*self._floor_rows(q, placed, target.planted))
        collision = collision_terms(
            problem.capsules, self.tree, *placed, problem.collision_weight, problem.collision_margin_m
        )
        away, squared = q[:, 7:] - problem.posture, problem.posture_weight**2
        cost = task.cost + floor.cost + collision.cost + (squared * away**2).sum(axis=1)
        gradient = task.gradient + floor.gradient + collision.gradient
        gradient[:, 6:] += squared * away
        hessian = packed(self.tree, task.hessian + floor.hessian) + collision.hessian
        hessian[:, self.tree.row_start[6:-1]] += squared
        return ClipQuadratic(cost, gradient, hessian)

    def _task_rows(
        self, q: np.ndarray, placed: Placements, target: ClipTarget
    ) -> tuple[Float[np.ndarray, "frames rows"], Float[np.ndarray, "frames rows nv"]]:
        """Weighted residuals of the tasks and their Jacobian."""
        problem, n = self.problem, len(q)
        rot, point = _carried(placed, problem.task_body, problem.task_point)
        error = point + q[:, None, :3] - target.pos_w
        turned = rot @ problem.task_rot @ target.rot_w.swapaxes(-1, -2)
        turn = rotation_log(turned.reshape(-1, 3, 3)).reshape(error.shape) if error.size else error
        linear, angular = _point_rows(placed.axes, point, self._task_mask)
        price, price_rot = target.position_weight[..., None], target.rotation_weight[..., None]
        residual = np.concatenate([target.position_weight * error, price_rot * turn], axis=-1)
        jacobian = np.concatenate([price * linear, price_rot[..., None] * angular], axis=-2)
        return residual.reshape(n, -1), jacobian.reshape(n, residual[0].size, -1)

    def _floor_rows(
        self, q: np.ndarray, placed: Placements, planted: Bool[np.ndarray, "frames patches"]
    ) -> tuple[Float[np.ndarray, "frames points"], Float[np.ndarray, "frames points nv"]]:
        """Weighted heights of the floor points that count now, and their Jacobian."""
        problem = self.problem
        _, point = _carried(placed, self._point_body, problem.patch_point)
        start = problem.patch_start
        height = q[:, 2, None] + point[..., 2] - np.repeat(problem.patch_radius, np.diff(start))
        counts = height < 0.0
        for patch in range(len(problem.patch_body)):
            stands = np.flatnonzero(planted[:, patch])
            lowest = start[patch] + height[stands, start[patch] : start[patch + 1]].argmin(axis=1)
            counts[stands, lowest] = True
        linear, _ = _point_rows(placed.axes, point, self._point_mask)
        price = problem.sole_weight * counts
        return price * height, price[..., None] * linear[..., 2, :]


class _Normal(NamedTuple):
    """Cost, gradient and full Hessian of weighted residuals."""

    cost: Float[np.ndarray, " frames"]
    gradient: Float[np.ndarray, "frames nv"]
    hessian: Float[np.ndarray, "frames nv nv"]


def _weighted(residual: Float[np.ndarray, "frames rows"], jacobian: Float[np.ndarray, "frames rows nv"]) -> _Normal:
    """Return the normal equations of residuals."""
    across = jacobian.swapaxes(-1, -2)
    return _Normal((residual**2).sum(axis=1), (across @ residual[..., None])[..., 0], across @ jacobian)


def _carried(
    placed: Placements, body: Int[np.ndarray, " points"], point: Float[np.ndarray, "points 3"]
) -> tuple[Float[np.ndarray, "frames points 3 3"], Float[np.ndarray, "frames points 3"]]:
    """Rotations of the bodies that carry points, and the points from the base's origin."""
    rot = placed.rot[:, body]
    return rot, placed.pos[:, body] + (rot @ point[..., None])[..., 0]


def _point_rows(
    axes: Float[np.ndarray, "frames nv 6"], point: Float[np.ndarray, "frames points 3"], mask: np.ndarray
) -> tuple[Float[np.ndarray, "frames points 3 nv"], Float[np.ndarray, "frames points 3 nv"]]:
    """Velocities of points and angular velocities of what carries them, by coordinate."""
    moved = mask[None, :, None, :]
    angular = axes[:, None, :, 3:]
    linear = axes[:, None, :, :3] + np.cross(angular, point[:, :, None])
    return linear.swapaxes(-1, -2) * moved, angular.swapaxes(-1, -2) * moved
