"""Turns points of the human, frame by frame as they come, into what bears weight now: never looks ahead.

A region bears weight if it is slow [m/s] and low [m]. Velocity is a difference through a first-order low-pass of fixed
time constant, discretised exactly, so that answers depend on time and not on the frame rate. Where the floor is unknown
it is learned from the lowest slow points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from retarget.engine.jit import compiled, piece
from robots.arrays import check_settings
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalContactConfig:
    """When a region counts as bearing weight, told from the past alone."""

    still_speed: float = 0.22
    """Speed at which a low region is as likely to bear weight as not [m/s]."""
    speed_softness: float = 0.06
    """Width of the transition in speed [m/s]."""
    lifted_height: float = 0.04
    """Height above its bearing height at which a slow region is as likely to bear weight as not [m]."""
    height_softness: float = 0.01
    """Width of the transition in height [m]."""
    begin_time_s: float = 0.015
    """Time constant of the smoothing of velocities that tells when a stance begins [s]."""
    end_time_s: float = 0.05
    """The same for its end: noise must not end a stance, and one that ends a moment late costs little [s]."""
    begin_probability: float = 0.6
    """A stance begins where the probability rises above this."""
    end_probability: float = 0.4
    """A stance ends where the probability falls below this."""
    floor_sinks_s: float = 0.05
    """Time constant with which a learned floor follows points below it [s]."""
    floor_rises_s: float = 1.0
    """Time constant with which a learned floor rises to the points that stand on it [s]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        times = ("begin_time_s", "end_time_s", "floor_sinks_s", "floor_rises_s")
        check_settings(
            self,
            positive=("still_speed", "speed_softness", "height_softness", "end_probability", *times),
            below_one=("begin_probability",),
        )
        if self.end_probability > self.begin_probability:
            problem = f"must be at most begin_probability ({self.begin_probability}), got {self.end_probability}"
            raise InvalidArray("end_probability", problem=problem)


class CausalContactParams(NamedTuple):
    """Numbers that :func:`update_contacts` reads; see :class:`CausalContactConfig`."""

    bearing_height: Float[np.ndarray, " regions"]
    """Height of each region's point above the floor as it bears weight [m]."""
    still_speed: Float[np.ndarray, " regions"]
    """[m/s]"""
    lifted_height: Float[np.ndarray, " regions"]
    """[m]"""
    teaches_floor: Bool[np.ndarray, " regions"]
    """Regions from whose points the floor is learned: feet. All false if the floor is known."""
    speed_softness: float
    height_softness: float
    begin_time_s: float
    end_time_s: float
    begin_probability: float
    end_probability: float
    floor_sinks_s: float
    floor_rises_s: float


class CausalContactState(NamedTuple):
    """What :func:`update_contacts` remembers between frames, and its answers."""

    point_w: Float[np.ndarray, "regions 3"]
    """Points of the last frame [m]."""
    velocity_w: Float[np.ndarray, "regions 3"]
    """Velocities, smoothed a little [m/s]."""
    slow_velocity_w: Float[np.ndarray, "regions 3"]
    """Velocities, smoothed more [m/s]."""
    prob: Float[np.ndarray, " regions"]
    """Answer: probability that a region bears weight."""
    standing: Bool[np.ndarray, " regions"]
    """Answer: regions that bear weight, with hysteresis."""
    floor: Float[np.ndarray, " 1"]
    """Height of the floor, given or learned [m]."""
    begun: Bool[np.ndarray, " 1"]
    """False before the first frame."""


def causal_contacts(
    bearing_height: Sequence[float],
    config: CausalContactConfig | None = None,
    *,
    floor: float | None = None,
    teaches_floor: Sequence[bool] | None = None,
) -> tuple[CausalContactParams, CausalContactState]:
    """Prepare parameters and an empty state.

    Args:
        bearing_height: Height of each region's point above the floor as it bears weight [m]. If the floor is learned
            from all regions, only differences between them count: zeros do for two feet.
        config: Settings; defaults when left out.
        floor: Height of the floor [m]; learned where it is not given.
        teaches_floor: Regions from which the floor is learned; all when left out.
    """
    config = config or CausalContactConfig()
    n = len(bearing_height)
    teaches = np.ones(n, dtype=bool) if teaches_floor is None else np.array(teaches_floor, dtype=bool)
    params = CausalContactParams(
        bearing_height=np.array(bearing_height, dtype=float),
        still_speed=np.full(n, config.still_speed),
        lifted_height=np.full(n, config.lifted_height),
        teaches_floor=teaches if floor is None else np.zeros(n, dtype=bool),
        speed_softness=config.speed_softness,
        height_softness=config.height_softness,
        begin_time_s=config.begin_time_s,
        end_time_s=config.end_time_s,
        begin_probability=config.begin_probability,
        end_probability=config.end_probability,
        floor_sinks_s=config.floor_sinks_s,
        floor_rises_s=config.floor_rises_s,
    )
    state = CausalContactState(
        point_w=np.zeros((n, 3)),
        velocity_w=np.zeros((n, 3)),
        slow_velocity_w=np.zeros((n, 3)),
        prob=np.zeros(n),
        standing=np.zeros(n, dtype=bool),
        floor=np.array([0.0 if floor is None else floor]),
        begun=np.zeros(1, dtype=bool),
    )
    return params, state


@compiled
def update_contacts(
    points_w: Float[np.ndarray, "regions 3"], dt: float, params: CausalContactParams, state: CausalContactState
) -> None:
    """Take one frame in; ``state.prob`` and ``state.standing`` are the answers.

    The first frame has no past: its points count as still.

    Args:
        points_w: Points of the regions [m].
        dt: Time since the last frame [s].
        params: Settings.
        state: Memory, changed in place.
    """
    begun = state.begun[0]
    if not begun:
        state.begun[0] = True
        _begin(points_w, params, state)
    _learn_floor(points_w, dt, params, state)
    share, slow_share = 1.0 - np.exp(-dt / params.begin_time_s), 1.0 - np.exp(-dt / params.end_time_s)
    for region in range(len(points_w)):
        was = state.standing[region]
        speed = _speed(points_w[region], dt, share, slow_share, was, region, state)
        height = points_w[region, 2] - state.floor[0] - params.bearing_height[region]
        too_fast = (speed - params.still_speed[region]) / params.speed_softness
        too_high = (height - params.lifted_height[region]) / params.height_softness
        prob = 1.0 / ((1.0 + np.exp(too_fast)) * (1.0 + np.exp(too_high)))
        state.prob[region] = prob
        if not begun:
            was = prob > 0.5
        state.standing[region] = prob > (params.end_probability if was else params.begin_probability)


@piece
def _speed(
    point_w: Float[np.ndarray, " 3"],
    dt: float,
    share: float,
    slow_share: float,
    standing: bool,
    region: int,
    state: CausalContactState,
) -> float:
    """Move a region's point on; of one that stands return the lesser of its two smoothed speeds [m/s]."""
    square, slow_square = 0.0, 0.0
    for axis in range(3):
        velocity = (point_w[axis] - state.point_w[region, axis]) / dt
        state.point_w[region, axis] = point_w[axis]
        state.velocity_w[region, axis] += share * (velocity - state.velocity_w[region, axis])
        state.slow_velocity_w[region, axis] += slow_share * (velocity - state.slow_velocity_w[region, axis])
        square += state.velocity_w[region, axis] ** 2
        slow_square += state.slow_velocity_w[region, axis] ** 2
    return np.sqrt(min(square, slow_square) if standing else square)


@piece
def _begin(points_w: Float[np.ndarray, "regions 3"], params: CausalContactParams, state: CausalContactState) -> None:
    """Take the first frame as the past, and its lowest point as the floor where that is learned."""
    lowest = np.inf
    for region in range(len(points_w)):
        for axis in range(3):
            state.point_w[region, axis] = points_w[region, axis]
            state.velocity_w[region, axis] = 0.0
            state.slow_velocity_w[region, axis] = 0.0
        if params.teaches_floor[region]:
            lowest = min(lowest, points_w[region, 2] - params.bearing_height[region])
    if lowest < np.inf:
        state.floor[0] = lowest


@piece
def _learn_floor(
    points_w: Float[np.ndarray, "regions 3"], dt: float, params: CausalContactParams, state: CausalContactState
) -> None:
    """Sink quickly to points below the floor, rise slowly to those that stand on it.

    A first frame in the air is so forgotten at the landing, and noise does not leave the floor at its deepest dip.
    Heights of the last frame tell who stands: what bears weight now is told from the floor, not the other way round.
    """
    lowest = np.inf
    bears = False
    for region in range(len(points_w)):
        if params.teaches_floor[region]:
            lowest = min(lowest, points_w[region, 2] - params.bearing_height[region])
            bears = bears or state.standing[region]
    if lowest < state.floor[0]:
        state.floor[0] += (1.0 - np.exp(-dt / params.floor_sinks_s)) * (lowest - state.floor[0])
    elif bears and lowest < np.inf:
        state.floor[0] += (1.0 - np.exp(-dt / params.floor_rises_s)) * (lowest - state.floor[0])


@compiled
def run_contacts(
    points_w: Float[np.ndarray, "frames regions 3"],
    dt: float,
    params: CausalContactParams,
    state: CausalContactState,
    prob: Float[np.ndarray, "frames regions"],
    standing: Bool[np.ndarray, "frames regions"],
) -> None:
    """Take in many frames, one after the other; ``prob`` and ``standing`` are filled.

    Args:
        points_w: Points of the regions [m].
        dt: Time between frames [s].
        params: Settings.
        state: Memory, changed in place.
        prob: Filled with probabilities.
        standing: Filled with the regions that bear weight.
    """
    for frame in range(len(points_w)):
        update_contacts(points_w[frame], dt, params, state)
        for region in range(points_w.shape[1]):
            prob[frame, region] = state.prob[region]
            standing[frame, region] = state.standing[region]
