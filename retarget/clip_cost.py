"""Turns configurations of all frames into the cost of a whole clip and its linearisation.

The cost is the sum over frames of what the engine charges for the targets, and of squared prices times squared speeds,
accelerations, excess of joint speed, and, in flight, the centre of mass's departure from free fall. Prices are in
physical units and all terms are sums over frames, so the same motion at another frame rate has the same optimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int

from retarget.centre_of_mass import CentreOfMass
from retarget.clip_target import ClipTarget
from retarget.engine.clip_pcg import ClipSystem
from retarget.engine.clip_steps import SmoothnessWeights, add_smoothness
from retarget.engine.frame_problem import FrameProblem
from retarget.spans import Span
from robots.arrays import check_settings
from robots.exceptions import InvalidArray

GRAVITY = 9.81
"""Acceleration of free fall [m/s^2]."""


class FrameQuadratics(Protocol):
    """Cost of each frame, and gradient and packed Gauss-Newton Hessian of half of it."""

    @property
    def cost(self) -> Float[np.ndarray, " frames"]: ...  # noqa: D102
    @property
    def gradient(self) -> Float[np.ndarray, "frames nv"]: ...  # noqa: D102
    @property
    def hessian(self) -> Float[np.ndarray, "frames packed"]: ...  # noqa: D102


class ClipEngine(Protocol):
    """What linearises the cost of single frames."""

    problem: FrameProblem
    """The robot, its tasks and prices; evaluation reads them anew each time."""

    def evaluate(self, q: Float[np.ndarray, "frames nq"], target: ClipTarget) -> FrameQuadratics:
        """Cost, gradient and packed Hessian of every frame."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothnessConfig:
    """What moving costs. A price of 1 s/rad makes 1 rad/s in a frame cost 1, as much as 1 rad of an angle priced 1."""

    joint_velocity: float = 0.0236
    """Price of the speed of a joint [s/rad]."""
    joint_acceleration: float = 0.0111
    """Price of the acceleration of a joint [s^2/rad]."""
    base_velocity: float = 0.0
    """Price of the speed of the base [s/m]."""
    base_acceleration: float = 0.0111
    """Price of the acceleration of the base [s^2/m]."""
    turn_velocity: float = 0.0
    """Price of the base's angular velocity [s/rad]."""
    turn_acceleration: float = 0.0111
    """Price of the base's angular acceleration [s^2/rad]."""
    excess: float = 10.0
    """Price of joint speed beyond the limit [s/rad]; what is left is cut off at the end."""
    excess_margin: float = 0.01
    """Share of the speed limit that is kept free, so that little has to be cut off."""
    free_fall: float = 1.0
    """Price of the centre of mass's departure from free fall in flight [s^2/m]; never a constraint."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, below_one=("excess_margin",))

    def weights(self, speed: Float[np.ndarray, " joints"], fps: float) -> SmoothnessWeights:
        """Return squared prices of differences between frames, for joints that keep ``speed`` [rad/s]."""
        sizes = (3, 3, len(speed))
        velocity = np.repeat((self.base_velocity, self.turn_velocity, self.joint_velocity), sizes)
        acceleration = np.repeat((self.base_acceleration, self.turn_acceleration, self.joint_acceleration), sizes)
        reach = np.concatenate([np.full(6, np.inf), (1.0 - self.excess_margin) * speed / fps])
        return SmoothnessWeights((velocity * fps) ** 2, (acceleration * fps**2) ** 2, reach, (self.excess * fps) ** 2)


class ClipModel(NamedTuple):
    """Cost of a clip at one place, and what is known around it; gradient and matrices are of half the cost."""

    cost: float
    frame_cost: Float[np.ndarray, " frames"]
    """What the engine charges for each frame."""
    gradient: Float[np.ndarray, "frames nv"]
    hessian: Float[np.ndarray, "frames packed"]
    velocity: Float[np.ndarray, "pairs nv"]
    """Curvature along the difference of two frames."""
    com_jacobian: Float[np.ndarray, "rows 3 nv"]
    """Of the frames of flight."""

    def system(self, cost: ClipCost, damping: np.ndarray, fixed: Bool[np.ndarray, "frames nv"]) -> ClipSystem:
        """Return the quadratic model in the coordinates that are not fixed."""
        free = ~fixed[cost.com_frames, None, :]
        return ClipSystem(
            hessian=self.hessian,
            gradient=self.gradient,
            damping=damping,
            velocity=self.velocity,
            acceleration=cost.weights.acceleration,
            fixed=fixed,
            middle=cost.middle,
            com_row=cost.com_row,
            com_jacobian=self.com_jacobian * free,
            com_curvature=cost.com_curvature,
        )


class ClipCost:
    """The cost of one clip at one frame rate."""

    def __init__(
        self,
        engine: ClipEngine,
        target: ClipTarget,
        fps: float,
        *,
        weights: SmoothnessWeights,
        flight: Sequence[Span] = (),
        free_fall: float = 0.0,
        centre_of_mass: CentreOfMass | None = None,
    ) -> None:
        """Find the frames of flight.

        Args:
            engine: Linearises single frames.
            target: What is asked of each frame.
            fps: Frames per second [1/s].
            weights: Prices of differences between frames.
            flight: Frames without any contact.
            free_fall: Price of the departure from free fall [s^2/m].
            centre_of_mass: Needed where there is flight.
        """
        self._engine, self._target, self._fps, self.weights = engine, target, fps, weights
        self._centre_of_mass = centre_of_mass
        inside = [np.arange(start + 1, stop - 1) for start, stop in flight]
        self.middle: Int[np.ndarray, " flights"] = (
            np.unique(np.concatenate(inside)).astype(np.int64) if inside and free_fall > 0 else np.zeros(0, np.int64)
        )
        self.com_frames = np.unique(self.middle[:, None] + np.array([-1, 0, 1]))
        self.com_row = np.full(target.n_frames, -1, dtype=np.int64)
        self.com_row[self.com_frames] = np.arange(len(self.com_frames))
        self.com_curvature = (free_fall * fps**2) ** 2

    def __call__(self, q: Float[np.ndarray, "frames nq"]) -> ClipModel:
        """Linearise the cost at ``q``.

        Raises:
            InvalidArray: The cost is not finite, for the targets or the start are not.
        """
        frames = self._engine.evaluate(q, self._target)
        gradient = frames.gradient
        velocity = np.empty((len(q) - 1, gradient.shape[1]))
        cost = float(frames.cost.sum()) + add_smoothness(q, self.weights, gradient, velocity)
        fall_cost, jacobian = self._add_free_fall(q, gradient)
        if not np.isfinite(cost + fall_cost):
            raise InvalidArray("target", problem="gives a cost that is not finite; check for NaN and infinity")
        return ClipModel(cost + fall_cost, frames.cost, gradient, frames.hessian, velocity, jacobian)

    def _add_free_fall(self, q: np.ndarray, gradient: np.ndarray) -> tuple[float, np.ndarray]:
        """Add the gradient of the departure from free fall; return its cost and the Jacobians it needs."""
        if not len(self.middle):
            return 0.0, np.zeros((0, 3, gradient.shape[1]))
        if self._centre_of_mass is None:
            raise InvalidArray("flight", problem="needs the solver to be given the robot's centre of mass")
        place, jacobian = self._centre_of_mass(q[self.com_frames])
        row = self.com_row[self.middle]
        fall = np.array([0.0, 0.0, GRAVITY / self._fps**2])
        departure = place[row + 1] - 2.0 * place[row] + place[row - 1] + fall
        pull = np.zeros_like(place)
        for shift, scale in ((-1, 1.0), (0, -2.0), (1, 1.0)):
            pull[row + shift] += scale * self.com_curvature * departure
        gradient[self.com_frames] += np.einsum("ra,rai->ri", pull, jacobian)
        return self.com_curvature * float((departure**2).sum()), jacobian
