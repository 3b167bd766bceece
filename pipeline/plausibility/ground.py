"""Turns the height of the body's lowest point into penetration, hovering, and a floor that drifts or tilts."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from pipeline.floor_fit import floor_slope, height_rate
from pipeline.measurement import Measurement, exceeded_in, largest, run_durations
from pipeline.plausibility.feet import Feet
from pipeline.plausibility.support import Support

_HEIGHT_NOISE = 0.01
"""How exactly the sole of a recorded person lies on the floor [m]: another person's shoes on the body's feet."""

_USUAL_SLOPE = 0.1
"""Slope of a floor that tilts [m/m]; where feet stay within 1 cm / 0.1 = 10 cm, no tilt can be told."""

_USUAL_RATE = 0.03
"""Rate of a height that drifts [m/s]; within 1 cm / 0.03 m/s = 0.3 s, no drift can be told."""

_STILL = 0.3
"""A heel or toe that stands is slower than this [m/s] ..."""

_LIFTED = 0.06
"""... and less than this above the lowest that stands in the frame [m]."""

_HOVERING = 0.05
"""A body hovers from this height on [m]; what is lower is a sole in the wrong shape."""


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


def measure_ground(
    support: Support, curve: Float[np.ndarray, " frames"], feet: Feet, falling: Bool[np.ndarray, " frames"]
) -> tuple[Measurement, ...]:
    """Measure how far the floor drifts, wanders and tilts, and what penetrates or hovers all the same.

    Args:
        support: What carries the body.
        curve: Height of the ground over time, :func:`ground_curve` of it [m].
        feet: For where they stand.
        falling: Frames of free flight, in which being high is no fault.
    """
    clearance = support.height - curve
    hover = np.where(falling | support.held, 0.0, np.maximum(clearance, 0.0))
    carried = np.flatnonzero(support.held)
    rate = height_rate(support.height[carried], carried / support.fps, noise=_HEIGHT_NOISE, usual_rate=_USUAL_RATE)
    slope = floor_slope(standing_points(feet), noise=_HEIGHT_NOISE, usual_slope=_USUAL_SLOPE)
    return (
        Measurement(
            name="ground_drift",
            value=abs(rate),
            unit="m/s",
            meaning=f"Rate at which what carries the body {'rises' if rate > 0 else 'sinks'} over the whole motion",
        ),
        exceeded_in(
            5,
            "ground_wander_p95",
            np.abs(curve - np.median(curve)),
            "m",
            "Distance of the ground that the stances show from its usual height, exceeded in 5 % of the frames",
        ),
        Measurement(
            name="ground_tilt",
            value=float(np.arctan(np.hypot(*slope))),
            unit="rad",
            meaning="Tilt of the plane through the places where heels and toes stand; 0 where they lie too close",
        ),
        exceeded_in(
            5,
            "sinking_p95",
            np.maximum(-clearance, 0.0),
            "m",
            "Depth of the lowest point under the ground that the stances around show, exceeded in 5 % of the frames",
        ),
        largest("hover_max", hover, "m", "Highest that the body stays over the stances around, carried by nothing"),
        largest(
            "hover_duration",
            run_durations(hover > _HOVERING, support.fps),
            "s",
            f"Longest time that a body stays {100 * _HOVERING:.0f} cm off the ground without falling",
        ),
    )


def standing_points(feet: Feet) -> Float[np.ndarray, "points 3"]:
    """Return where heels and toes stand [m]: slow, and not lifted off the lowest of them."""
    slow = feet.low_speed < _STILL
    height = feet.low_pos_w[..., 2]
    lowest = np.where(slow, height, np.inf).min(axis=1, keepdims=True)
    return feet.low_pos_w[slow & (height < lowest + _LIFTED)]
