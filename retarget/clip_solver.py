"""Turns targets for every frame of a clip into configurations: cold start, then frame by frame within the limits.

A robot's arm reaches most places in several ways, and a solver that follows one frame after the other keeps the way
it came, even where that has become a contortion. So frames that went badly are asked again from a cold start;
where that is far better, the clip is led over to the better way in time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from retarget.ik import FrameTarget, InverseKinematics

_COLD_ITERATIONS = 40
"""Steps allowed where there is no frame before to start from."""

_MERGED_RAD = 1e-3
"""Two ways have become one when no joint differs by more [rad]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RescueConfig:
    """When a clip leaves the way it came."""

    doubtful_cost: float = 20.0
    """Frames that cost more are asked again from a cold start."""
    ratio: float = 0.5
    """A cold start is far better if it costs less than this share."""
    every_s: float = 0.2
    """Time between the frames that are looked at [s]."""
    bridge_s: float = 0.4
    """Time in which joints are led over [s]."""
    bridge_weight: float = 100.0
    """Price of a joint that is led over away from its path [1/rad]."""
    changed_rad: float = 0.3
    """Joints that differ by more than this between the two ways are led over [rad]; the others just follow."""


class ClipSolver:
    """Solves the frames of a clip in order; between frames no joint moves faster than its limit."""

    def __init__(
        self,
        ik: InverseKinematics,
        joint_lower: Float[np.ndarray, " joints"],
        joint_upper: Float[np.ndarray, " joints"],
        joint_speed: Float[np.ndarray, " joints"],
        rescue: RescueConfig | None = None,
    ) -> None:
        """Take the solver of single frames and the robot's limits [rad], [rad/s]."""
        self._ik, self._rescue = ik, rescue or RescueConfig()
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
        for i in range(1, len(targets)):
            q[i] = self._step(q[i - 1], targets[i], fps)
            progress(i + 1, len(targets))
        return self._rescued(q, targets, fps)

    def cold_start(self, target: FrameTarget) -> Float[np.ndarray, " nq"]:
        """Solve a frame that has no frame before it.

        The base is set on its target and the joints begin in the middle of their ranges, farthest from all stops.
        Orientations are met first and positions after, because a limb that is pulled by its end alone may
        fold the wrong way. In the end the joints become their own reference, as in a clip that stands still.
        """
        q = self._from_middle(target)
        for _ in range(3):
            q, _ = self._ik.solve(q, target, self._lower, self._upper, q[7:], max_iterations=_COLD_ITERATIONS)
        return q

    def _from_middle(self, target: FrameTarget) -> np.ndarray:
        """Solve a frame from the middle of the joints' ranges."""
        middle = (self._lower + self._upper) / 2
        q = np.concatenate([target.pos_w[0], Rotation.from_matrix(target.rot_w[0]).as_quat(), middle])
        first = np.zeros_like(target.position_weight)
        first[0] = target.position_weight[0]
        turned = target._replace(position_weight=first, planted=np.zeros_like(target.planted))
        no_reference = np.zeros(len(middle))
        for goal in (turned, target):
            q, _ = self._ik.solve(
                q,
                goal,
                self._lower,
                self._upper,
                middle,
                reference_weight=no_reference,
                max_iterations=_COLD_ITERATIONS,
            )
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

    def _step(
        self,
        before: np.ndarray,
        target: FrameTarget,
        fps: float,
        reference: np.ndarray | None = None,
        weight: np.ndarray | None = None,
    ) -> np.ndarray:
        """Solve the frame after ``before``, near ``before`` unless another reference is given."""
        joints, reach = before[7:], self._speed / fps
        lower, upper = np.maximum(self._lower, joints - reach), np.minimum(self._upper, joints + reach)
        reference = joints if reference is None else reference
        return self._ik.solve(before, target, lower, upper, reference, reference_weight=weight)[0]

    def _rescued(self, q: np.ndarray, targets: Sequence[FrameTarget], fps: float) -> np.ndarray:
        """Lead the clip over to better ways where there are any."""
        cost = self._costs(q, targets)
        stride = max(1, round(self._rescue.every_s * fps))
        for frame in range(stride, len(targets), stride):
            if cost[frame] < self._rescue.doubtful_cost:
                continue
            better = self._from_middle(targets[frame])
            if self._cost(better, targets[frame]) > self._rescue.ratio * cost[frame]:
                continue
            start, way = self._bridged(q, targets, frame, better, fps)
            changed = slice(start, start + len(way))
            way_cost = self._costs(way, targets[changed])
            if way_cost.sum() < cost[changed].sum():
                q[changed], cost[changed] = way, way_cost
        return q

    def _bridged(
        self, q: np.ndarray, targets: Sequence[FrameTarget], frame: int, better: np.ndarray, fps: float
    ) -> tuple[int, np.ndarray]:
        """Leave the way before ``frame``, be at ``better`` there, go on until both ways meet: first frame, frames."""
        start = frame - max(1, round(self._rescue.bridge_s * fps))
        if start <= 0:  # nothing before is worth keeping: begin on the better way, solved backwards in time
            start, way = 0, [better]
            for i in range(frame - 1, -1, -1):
                way.insert(0, self._step(way[0], targets[i], fps))
        else:
            way = self._lead_over(q[start], better, targets[start : frame + 1], fps)
        for i in range(frame + 1, len(q)):
            step, reach = self._step(way[-1], targets[i], fps), self._speed / fps
            # The old way must also be in reach of the last frame kept, or the seam would be faster than the limit.
            if np.abs(step - q[i])[7:].max() < _MERGED_RAD and (np.abs(q[i] - way[-1])[7:] <= reach + 1e-12).all():
                break
            way.append(step)
        return start, np.array(way)

    def _lead_over(
        self, begin: np.ndarray, end: np.ndarray, targets: Sequence[FrameTarget], fps: float
    ) -> list[np.ndarray]:
        """Frames from ``begin`` on, whose joints are drawn along a straight path to ``end``."""
        change = end[7:] - begin[7:]
        drawn = np.abs(change) > self._rescue.changed_rad
        weight = np.where(drawn, self._rescue.bridge_weight, self._ik.config.reference_weight)
        way = [begin]
        for i, target in enumerate(targets[1:], start=1):
            share = i / (len(targets) - 1)
            way.append(self._step(way[-1], target, fps, begin[7:] + share * change, weight))
        return way

    def _cost(self, q: np.ndarray, target: FrameTarget) -> float:
        return self._ik.linearise(q, target).cost

    def _costs(self, q: np.ndarray, targets: Sequence[FrameTarget]) -> np.ndarray:
        return np.array([self._cost(row, target) for row, target in zip(q, targets, strict=True)])
