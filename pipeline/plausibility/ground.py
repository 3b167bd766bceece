"""Turns the height of the body's lowest point into penetration, and into floating that no jump explains."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from pipeline.flight_physics import GRAVITY, Flight
from pipeline.measurement import Measurement


def ballistic_frames(flights: tuple[Flight, ...], n_frames: int, *, tolerance: float) -> Bool[np.ndarray, " frames"]:
    """Say in which frames the body is in free flight: airborne, and its centre of mass falls with g.

    Args:
        flights: Spans in the air, with the parabolas that fit them.
        n_frames: Length of the motion.
        tolerance: How far the fitted vertical acceleration may be from g [m/s^2].
    """
    ballistic = np.zeros(n_frames, dtype=bool)
    for flight in flights:
        ballistic[slice(*flight.span)] = abs(flight.vertical_acc + GRAVITY) <= tolerance
    return ballistic


def measure_heights(
    clearance: Float[np.ndarray, " frames"], ballistic: Bool[np.ndarray, " frames"]
) -> tuple[Measurement, ...]:
    """Measure how deep the body lies in the floor and how high it hovers over it.

    Args:
        clearance: Height of the body's lowest point over the ground [m].
        ballistic: Frames of free flight, in which being high is no fault.
    """
    depth = np.maximum(-clearance, 0.0)
    hover = np.where(ballistic, 0.0, np.maximum(clearance, 0.0))
    return (
        Measurement(
            name="penetration_max",
            value=depth.max(),
            unit="m",
            meaning="Deepest that any part of the body goes under the ground",
            series=depth,
        ),
        Measurement(
            name="penetration_p95",
            value=np.percentile(depth, 95),
            unit="m",
            meaning="Depth of the body's lowest point under the ground, exceeded in 5 % of the frames",
            series=depth,
        ),
        Measurement(
            name="float_max",
            value=hover.max(),
            unit="m",
            meaning="Highest that the whole body hovers over the ground without falling as in a jump",
            series=hover,
        ),
        Measurement(
            name="float_p95",
            value=np.percentile(hover, 95),
            unit="m",
            meaning="Height of the whole body over the ground, jumps left out, exceeded in 5 % of the frames",
            series=hover,
        ),
    )
