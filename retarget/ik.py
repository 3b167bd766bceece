"""Turns targets for a robot's links in one frame into joint angles inside a box, by Gauss-Newton on Pinocchio.

Configurations are Pinocchio's: base position, base quaternion **xyzw**, joints. Steps live in its tangent
space: base twist in the base's own frame, then joints. With isotropic weights the matrix ``J^T W J`` of
pose tasks equals the joint-space mass matrix of a robot whose links weigh ``position_weight^2`` and have the inertia
``rotation_weight^2``; so it is well behaved wherever such a robot is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pinocchio as pin
from jaxtyping import Float

from retarget.box_qp import solve_box_qp
from retarget.clip_target import FrameTarget
from retarget.engine.frame_problem import FrameTask, IkConfig
from retarget.rotations import rotation_log
from robots.exceptions import UnknownName

__all__ = ["FrameTarget", "FrameTask", "IkConfig", "InverseKinematics", "Linearisation", "Sole"]


class Sole(NamedTuple):
    """The corner points of a foot's sole, in the frame of its link [m]."""

    link: str
    points_b: Float[np.ndarray, "points 3"]


class Linearisation(NamedTuple):
    """Weighted residuals and their Jacobian; the cost is the sum of the squared residuals."""

    cost: float
    residual: Float[np.ndarray, " rows"]
    jacobian: Float[np.ndarray, "rows nv"]


class InverseKinematics:
    """Solves one frame after the other for one robot and one set of tasks."""

    def __init__(
        self,
        model: pin.Model,
        tasks: Sequence[FrameTask],
        soles: Sequence[Sole],
        posture: Float[np.ndarray, " nq"],
        config: IkConfig,
    ) -> None:
        """Resolve links to joints once.

        Args:
            model: Robot with a floating base.
            tasks: Points with targets.
            soles: Feet that stay above the floor.
            posture: Configuration that is preferred where the targets leave a choice.
            config: Weights and effort.

        Raises:
            UnknownName: A task or sole names a link that the robot lacks.
        """
        self.model, self.data, self.config = model, model.createData(), config
        self.posture = posture[7:]
        corners = [FrameTask(sole.link, point) for sole in soles for point in sole.points_b]
        task_joint, self._task_rot, self._task_point = _attach(model, tasks)
        corner_joint, _, self._corner_point = _attach(model, corners)
        self._joints = sorted({*task_joint, *corner_joint})
        self._task_row = np.array([self._joints.index(joint) for joint in task_joint])
        self._corner_row = np.array([self._joints.index(joint) for joint in corner_joint], dtype=int)
        self._n_soles = len(soles)
        self._task_mask = _support_mask(model, task_joint)[:, None, :]
        self._corner_mask = _support_mask(model, corner_joint)

    def task_poses(
        self, q: Float[np.ndarray, " nq"]
    ) -> tuple[Float[np.ndarray, "tasks 3"], Float[np.ndarray, "tasks 3 3"]]:
        """World positions [m] of the task points and world rotations of their links."""
        pin.forwardKinematics(self.model, self.data, q)
        pos, rot = self._placements()
        return _carried(pos, rot, self._task_row, self._task_point), rot[self._task_row] @ self._task_rot

    def corner_heights(self, q: Float[np.ndarray, " nq"]) -> Float[np.ndarray, "soles points"]:
        """Heights of the sole points above the floor [m]."""
        pin.forwardKinematics(self.model, self.data, q)
        return _carried(*self._placements(), self._corner_row, self._corner_point)[:, 2].reshape(self._n_soles, -1)

    def linearise(self, q: Float[np.ndarray, " nq"], target: FrameTarget) -> Linearisation:
        """Weighted residuals of tasks and soles at ``q``, with their Jacobian in the tangent space.

        The rows of an orientation are exact at its target and leave out the factor ``Jl^-1(log)`` elsewhere;
        the gradient is exact everywhere, because ``Jl^-T(e) e = e``.
        """
        pin.computeJointJacobians(self.model, self.data, q)
        columns = self.data.J
        joint_pos, joint_rot = self._placements()
        pos, rot = _carried(joint_pos, joint_rot, self._task_row, self._task_point), joint_rot[self._task_row]
        angular = columns[3:] * self._task_mask
        linear = columns[:3] * self._task_mask - _skew(pos) @ angular
        residual_pos = pos - target.pos_w
        residual_rot = rotation_log(rot @ self._task_rot @ target.rot_w.transpose(0, 2, 1))
        corners = _carried(joint_pos, joint_rot, self._corner_row, self._corner_point)
        heights, height_rows = self._sole_rows(corners, columns, target.planted)
        nv, weight_rot = self.model.nv, target.rotation_weight[:, None]
        jacobian = np.concatenate(
            [
                (linear * target.position_weight[:, :, None]).reshape(-1, nv),
                (angular * weight_rot[:, :, None]).reshape(-1, nv),
                height_rows,
            ]
        )
        residual = np.concatenate(
            [(residual_pos * target.position_weight).ravel(), (residual_rot * weight_rot).ravel(), heights]
        )
        return Linearisation(float(residual @ residual), residual, jacobian)

    def solve(
        self,
        q: Float[np.ndarray, " nq"],
        target: FrameTarget,
        lower: Float[np.ndarray, " joints"],
        upper: Float[np.ndarray, " joints"],
        reference: Float[np.ndarray, " joints"],
        *,
        reference_weight: Float[np.ndarray, " joints"] | None = None,
        max_iterations: int | None = None,
    ) -> tuple[Float[np.ndarray, " nq"], float]:
        """Return the configuration near ``q`` that meets ``target`` best with all joints in ``[lower, upper]``.

        Args:
            q: Start; joints outside the box are moved onto its walls.
            target: What is asked for.
            lower: Smallest joint angles allowed [rad].
            upper: Largest joint angles allowed [rad].
            reference: Joint angles to stay near [rad].
            reference_weight: Price of each joint away from the reference, other than the configured one [1/rad].
            max_iterations: Other than the configured number of steps.

        Returns:
            The configuration and its cost, regularisation included.
        """
        q = np.concatenate([q[:7], np.clip(q[7:], lower, upper)])
        weight = np.full(len(lower), self.config.reference_weight) if reference_weight is None else reference_weight
        cost, hessian, gradient = self._normal_equations(q, target, reference, weight)
        trust, free_base = self.config.trust, np.full(6, np.inf)
        for _ in range(max_iterations or self.config.max_iterations):
            low, high = np.concatenate([-free_base, lower - q[7:]]), np.concatenate([free_base, upper - q[7:]])
            step = solve_box_qp(hessian, gradient, low, high)
            step *= min(1.0, trust / max(np.abs(step).max(), 1e-12))
            trial = pin.integrate(self.model, q, step)
            np.clip(trial[7:], lower, upper, out=trial[7:])
            length = np.abs(step).max()
            trial_cost, trial_hessian, trial_gradient = self._normal_equations(trial, target, reference, weight)
            if trial_cost <= cost * (1 + 1e-12):
                q, cost, hessian, gradient = trial, trial_cost, trial_hessian, trial_gradient
                trust = min(2.0 * trust, self.config.trust)
            else:
                trust = 0.25 * length
            if length < self.config.tolerance:
                break
        return q, cost

    def _normal_equations(
        self, q: np.ndarray, target: FrameTarget, reference: np.ndarray, reference_weight: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Cost, Gauss-Newton Hessian and gradient (both halved) with regularisation."""
        cost, residual, jacobian = self.linearise(q, target)
        hessian, gradient = jacobian.T @ jacobian, jacobian.T @ residual
        diagonal = np.einsum("ii->i", hessian)  # a view
        diagonal += self.config.damping**2
        for weight, wanted in ((self.config.posture_weight, self.posture), (reference_weight, reference)):
            away, squared = q[7:] - wanted, weight**2
            cost += float(away @ (squared * away))
            gradient[6:] += squared * away
            diagonal[6:] += squared
        return cost, hessian, gradient

    def _placements(self) -> tuple[np.ndarray, np.ndarray]:
        """World positions and rotations of the joints that carry tasks or soles."""
        placements = [self.data.oMi[joint] for joint in self._joints]
        return np.array([p.translation for p in placements]), np.array([p.rotation for p in placements])

    def _sole_rows(self, points: np.ndarray, columns: np.ndarray, planted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted heights of the sole points that count now, and their Jacobian."""
        height = points[:, 2].reshape(self._n_soles, -1)
        counts = height < 0
        feet = np.flatnonzero(planted)
        counts[feet, height[feet].argmin(axis=1)] = True
        rows = np.flatnonzero(counts)
        x, y = points[rows, 0, None], points[rows, 1, None]
        jacobian = (columns[2] + columns[3] * y - columns[4] * x) * self._corner_mask[rows]
        return self.config.sole_weight * points[rows, 2], self.config.sole_weight * jacobian


def _attach(model: pin.Model, tasks: Sequence[FrameTask]) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Joint, rotation joint -> link and point in the joint's frame of each task."""
    links = tuple(frame.name for frame in model.frames if frame.type == pin.FrameType.BODY)
    joints, rotations, points = [], [], []
    for task in tasks:
        if task.link not in links:
            raise UnknownName("robot link", task.link, links)
        frame = model.frames[model.getFrameId(task.link, pin.FrameType.BODY)]
        joints.append(int(frame.parentJoint))
        rotations.append(frame.placement.rotation)
        points.append(frame.placement.act(np.asarray(task.point_b, dtype=float)))
    return joints, np.array(rotations), np.array(points)


def _carried(pos: np.ndarray, rot: np.ndarray, row: np.ndarray, points: np.ndarray) -> Float[np.ndarray, "points 3"]:
    """World positions of points fixed to joints."""
    return pos[row] + (rot[row] @ points[:, :, None])[:, :, 0]


def _support_mask(model: pin.Model, joints: Sequence[int]) -> Float[np.ndarray, "points nv"]:
    """1 where a velocity coordinate moves the joint's frame."""
    mask = np.zeros((len(joints), model.nv))
    for row, joint in enumerate(joints):
        for support in model.supports[joint]:
            first = model.joints[support].idx_v
            mask[row, first : first + model.joints[support].nv] = support > 0
    return mask


def _skew(vectors: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3 3"]:
    """Matrices of the cross product with each vector."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)
