"""Turns the height of the body's lowest point into penetration, and into floating that no jump explains."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from pipeline.measurement import Measurement, spans_where

GRAVITY = 9.81
"""Standard acceleration of free fall [m/s^2]."""


def ballistic_frames(
    com_height: Float[np.ndarray, " frames"],
    airborne: Bool[np.ndarray, " frames"],
    fps: float,
    *,
    min_flight: float,
    tolerance: float,
) -> Bool[np.ndarray, " frames"]:
    """Say in which frames the body is in free flight: airborne, and its centre of mass falls with g.

    A parabola is fitted to each airborne span; with a span of T seconds and noise s in the height its curvature is
    known to about 27 s / (T^2 sqrt(frames)), which is why short spans are not asked.

    Args:
        com_height: Height of the centre of mass [m].
        airborne: Frames in which nothing touches the floor.
        fps: Frames per second [1/s].
        min_flight: Shorter spans are no flight [s].
        tolerance: How far the fitted acceleration may be from g [m/s^2].
    """
    ballistic = np.zeros(len(com_height), dtype=bool)
    for start, stop in spans_where(airborne):
        if stop - start < 3 or (stop - start) / fps < min_flight:
            continue
        times = np.arange(stop - start) / fps
        acceleration = 2 * np.polynomial.polynomial.polyfit(times - times.mean(), com_height[start:stop], 2)[2]
        ballistic[start:stop] = abs(acceleration + GRAVITY) <= tolerance
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
