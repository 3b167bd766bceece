"""Turns targets for every frame of a clip into configurations: cold start, then frame by frame within the limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from retarget.ik import FrameTarget, InverseKinematics

_COLD_ITERATIONS = 60
"""Steps allowed where there is no frame before to start from."""


class ClipSolver:
    """Solves the frames of a clip in order; between frames no joint moves faster than its limit."""

    def __init__(
        self,
        ik: InverseKinematics,
        joint_lower: Float[np.ndarray, "joints"],
        joint_upper: Float[np.ndarray, "joints"],
        joint_speed: Float[np.ndarray, "joints"],
    ) -> None:
        """Take the solver of single frames and the robot's limits [rad], [rad/s]."""
        self._ik = ik
        self._lower, self._upper, self._speed = np.array(joint_lower), np.array(joint_upper), np.array(joint_speed)

    def solve(
        self, targets: Sequence[FrameTarget], fps: float, progress: Callable[[int, int | None], None]
    ) -> Float[np.ndarray, "frames nq"]:
        """Solve all frames.

        Args:
            targets: One target a frame.
            fps: Frames per second [1/s].
            progress: Told the number of frames done and expected.

        Returns:
            Pinocchio configurations, joints inside their position limits and per-frame speed limits.
        """
        q = np.empty((len(targets), self._ik.model.nq))
        q[0] = self.cold_start(targets[0])
        progress(1, len(targets))
        reach = self._speed / fps
        for i in range(1, len(targets)):
            before = q[i - 1, 7:]
            lower = np.maximum(self._lower, before - reach)
            upper = np.minimum(self._upper, before + reach)
            q[i], _ = self._ik.solve(q[i - 1], targets[i], lower, upper, before)
            progress(i + 1, len(targets))
        return q

    def cold_start(self, target: FrameTarget) -> Float[np.ndarray, "nq"]:
        """Solve a frame that has no frame before it.

        The base is set on its target and the joints begin at the default pose. Orientations are met first and
        positions after, because a limb that is pulled by its end alone may fold the wrong way.
        """
        posture = self._ik.posture
        q = np.concatenate([target.pos_w[0], Rotation.from_matrix(target.rot_w[0]).as_quat(), posture])
        first = np.zeros_like(target.position_weight)
        first[0] = target.position_weight[0]
        turned = target._replace(position_weight=first, planted=np.zeros_like(target.planted))
        for goal in (turned, target):
            q, _ = self._ik.solve(q, goal, self._lower, self._upper, posture, max_iterations=_COLD_ITERATIONS)
        # Settle: at rest the frame before the first is the first itself, as it is for all that follow.
        for _ in range(3):
            q, _ = self._ik.solve(q, target, self._lower, self._upper, q[7:], max_iterations=_COLD_ITERATIONS)
        return q

    def task_poses(
        self, q: Float[np.ndarray, "frames nq"]
    ) -> tuple[Float[np.ndarray, "frames tasks 3"], Float[np.ndarray, "frames tasks 3 3"]]:
        """World positions [m] of the task points and rotations of their links in every frame."""
        poses = [self._ik.task_poses(row) for row in q]
        return np.array([p for p, _ in poses]), np.array([r for _, r in poses])

    def corner_heights(self, q: Float[np.ndarray, "frames nq"]) -> Float[np.ndarray, "frames soles points"]:
        """Heights of the sole points above the floor [m] in every frame."""
        return np.array([self._ik.corner_heights(row) for row in q])
