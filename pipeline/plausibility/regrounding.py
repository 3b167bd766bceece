"""Turns a motion whose height drifts into one that stands on the floor z = 0 and falls with g while it flies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from pipeline.body import SkinnedBody
from pipeline.flight_physics import GRAVITY, Flight, fit_flights
from pipeline.plausibility.body_parts import body_parts
from pipeline.plausibility.ground_curve import GroundConfig, ground_curve
from pipeline.plausibility.support import SupportConfig, find_support
from retarget.smpl_motion import SmplMotion
from robots.arrays import check_settings

UP = np.array([0.0, 0.0, 1.0])
"""Direction of heights in the z-up world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegroundingConfig:
    """What counts as ground and as flight, and how far a flight may be bent."""

    support: SupportConfig = field(default_factory=SupportConfig)
    """When the body is carried."""
    ground: GroundConfig = field(default_factory=GroundConfig)
    """How the ground may move."""
    airborne_height: float = 0.03
    """The body flies while its lowest point is higher than this over the ground [m] and nothing carries it."""
    flight_height: float = 0.08
    """A flight is higher than this at its top [m]; what is lower is a foot that slides just over the floor."""
    shortest_flight: float = 0.12
    """Shorter times in the air are left as they are [s]."""
    longest_flight: float = 0.8
    """Longer ones too [s]: nobody jumps so high, so that something else is wrong."""
    gravity_tolerance: float = 2.5
    """A fall within this of g is right as it is [m/s^2]."""
    largest_push: float = 1.0
    """A flight that needs more than this much speed added at take-off is left [m/s]: its pose shows no such push."""
    ballistic: bool = True
    """Bend flights that do not fall. Leave it off for a clip at a wrong playback speed, and correct that first."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("shortest_flight",))


def reground(motion: SmplMotion, body: SkinnedBody, config: RegroundingConfig) -> SmplMotion:
    """Shift every frame vertically, so that what carries the body lies on z = 0 and flights are parabolas.

    The pose is kept, and so is everything horizontal. The ground is taken off as :func:`ground_curve` follows it:
    in a straight line through flights, which changes no acceleration. A flight that hovers all the same is given the
    height that its airtime T demands: (g + a) t (T - t) / 2 is added, a being the acceleration that it has.

    Raises:
        WrongBody: The motion belongs to another body.
        StaleRestJoints: The motion's rest joints are not this body's.
    """
    support = find_support(motion, body, config.support)
    curve = ground_curve(support.height, support.held, motion.fps, config.ground)
    lift = -curve
    if config.ballistic:
        weights = sparse.csr_array(body_parts(body, motion.betas).com_weights[None])
        com_pos = body.points(motion, weights)[:, 0] - curve[:, None] * UP
        flights = _flights(com_pos, support.height - curve, support.held, motion.fps, config)
        lift = lift + _bending(flights, support.height - curve, motion.fps, config)
    return replace(motion, transl=motion.transl + lift[:, None] * UP)


def _flights(
    com_pos: np.ndarray, clearance: np.ndarray, held: np.ndarray, fps: float, config: RegroundingConfig
) -> list[Flight]:
    """Flights between two stances that a person can jump: the body is high, nothing carries it, it comes down soon."""
    airborne = (clearance > config.airborne_height) & ~held
    return [
        flight
        for flight in fit_flights(com_pos, airborne, fps, min_flight=config.shortest_flight)
        if flight.span[0] > 0
        and flight.span[1] < len(clearance)
        and flight.span[1] - flight.span[0] >= 4  # a parabola goes through any three frames
        and (flight.span[1] - flight.span[0]) / fps <= config.longest_flight
        and clearance[slice(*flight.span)].max() >= config.flight_height
    ]


def _bending(flights: list[Flight], clearance: np.ndarray, fps: float, config: RegroundingConfig) -> np.ndarray:
    """Return what must be added to the height so that flights fall with g [m]; zero elsewhere."""
    lift = np.zeros(len(clearance))
    for flight in flights:
        start, stop = flight.span
        lack = GRAVITY + flight.vertical_acc
        # The body leaves the floor in the frame before the span and is back in the frame after it.
        time, airtime = np.arange(1, stop - start + 1) / fps, (stop - start + 1) / fps
        if abs(lack) > config.gravity_tolerance and abs(lack) * airtime / 2 <= config.largest_push:
            bent = lack / 2 * time * (airtime - time)
            lift[start:stop] = np.maximum(bent, -clearance[start:stop])  # nothing is pressed into the floor
    return lift
