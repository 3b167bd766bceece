"""Turns heights of the collision geometry into figures of the floor: penetration, offset, drift, tilt, hovering."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from pipeline.floor_fit import floor_slope, height_rate, without_a_part
from pipeline.measurement import Measurement, exceeded_in, largest, spans_where
from pipeline.validation.body_geometry import BodyGeometry
from pipeline.validation.feet import Stance

HEIGHT_NOISE = 0.003
"""How exactly a sole lies on the floor in clean motion [m]: retargeted motion capture is within 2 mm."""
USUAL_SLOPE = 0.05
"""Slope of a floor that tilts [m/m]; below 3 mm / 0.05 = 6 cm between the stances of a clip, no tilt can be told."""
USUAL_RATE = 0.02
"""Rate of a height that drifts [m/s]."""


def measure_ground(
    geometry: BodyGeometry, stance: Stance, sole_points_b: Float[np.ndarray, "points 3"]
) -> tuple[Measurement, ...]:
    """Measure penetration of the floor (z = 0), and where the floor lies by the feet that bear weight."""
    support = stance.support_height(geometry)
    known = ~np.isnan(support)
    heights = support[known]
    # Without any contact the best guess of where the floor was meant to be is the usual lowest point.
    offset = float(np.median(heights if len(heights) else geometry.lowest_height))
    penetration = np.maximum(-geometry.lowest_height, 0.0)
    drift = _drift(heights, np.flatnonzero(known) / stance.fps)
    return (
        largest("penetration_max", penetration, "m", "Deepest that any part of the robot goes under the floor"),
        exceeded_in(
            5,
            "penetration_p95",
            penetration,
            "m",
            "Depth under the floor of the robot's lowest point, exceeded in 5 % of the frames",
        ),
        Measurement(
            name="ground_offset",
            value=offset,
            unit="m",
            meaning="Median height of the supporting sole over the floor: a constant error that one shift repairs",
            series=support,
        ),
        Measurement(
            name="ground_drift",
            value=abs(drift),
            unit="m/s",
            meaning=f"Rate at which the supporting sole {'rises' if drift > 0 else 'sinks'} over the whole motion",
        ),
        Measurement(
            name="ground_tilt",
            value=_tilt(geometry, stance, sole_points_b),
            unit="rad",
            meaning="Tilt of the plane through the places where the feet bear weight; 0 where they lie too close",
        ),
        Measurement(
            name="stance_height_std",
            value=heights.std() if len(heights) else 0.0,
            unit="m",
            meaning="Standard deviation of the supporting sole's height: it bobs, drifts or hovers while it carries",
            series=np.abs(support - offset),
        ),
        Measurement(
            name="stance_float_p95",
            value=max(float(np.percentile(heights, 95)), 0.0) if len(heights) else 0.0,
            unit="m",
            meaning="Height over the floor of the supporting sole, exceeded in 5 % of contact",
            series=support,
        ),
    )


def measure_hover(
    geometry: BodyGeometry, flying: Bool[np.ndarray, " frames"], fps: float, *, clear_height: float
) -> tuple[Measurement, ...]:
    """Measure how high and how long the robot stays over the floor without falling as in a jump.

    Args:
        geometry: Of the motion.
        flying: Frames of free flight, in which being high is no fault.
        fps: Frames per second [1/s].
        clear_height: Above this the robot is not standing [m].
    """
    hover = np.where(flying, 0.0, np.maximum(geometry.lowest_height, 0.0))
    duration = np.zeros(len(hover))
    for start, stop in spans_where(hover > clear_height):
        duration[start:stop] = (stop - start) / fps
    return (
        largest("hover_height", hover, "m", "Highest that the robot's lowest point hangs in the air without falling"),
        largest("hover_duration", duration, "s", "Longest time in the air without falling as in a jump"),
    )


def measure_soles(geometry: BodyGeometry, stance: Stance) -> tuple[Measurement, ...]:
    """Measure how far the soles that bear weight are from lying flat on a level floor.

    A stance on the toes or the heel is tilted and legitimate; a whole clip of them, or a sole on its edge, is not.
    """
    upward = geometry.foot_rot_w[:, :, 2, 2]
    tilt = np.where(stance.contact, np.arccos(np.clip(upward, -1.0, 1.0)), np.nan)
    tilts = tilt[stance.contact]
    series = np.fmax(tilt[:, 0], tilt[:, 1])
    return (
        Measurement(
            name="sole_tilt_median",
            value=np.median(tilts) if len(tilts) else 0.0,
            unit="rad",
            meaning="Median angle between the floor and a sole that bears weight",
            series=series,
        ),
        Measurement(
            name="sole_tilt_p95",
            value=np.percentile(tilts, 95) if len(tilts) else 0.0,
            unit="rad",
            meaning="Angle between the floor and a sole that bears weight, exceeded in 5 % of contact",
            series=series,
        ),
    )


def _drift(height: Float[np.ndarray, " points"], time: Float[np.ndarray, " points"]) -> float:
    """Rate of the heights that no part of the motion is alone to blame for [m/s]."""
    rates = (
        height_rate(height[kept], time[kept], noise=HEIGHT_NOISE, usual_rate=USUAL_RATE)
        for kept in without_a_part(len(height))
    )
    return min(rates, key=abs)


def _tilt(geometry: BodyGeometry, stance: Stance, sole_points_b: Float[np.ndarray, "points 3"]) -> float:
    """Tilt of the plane through the lowest points of the soles in contact [rad]."""
    lowest, when = [], []
    for side in range(2):
        held = stance.contact[:, side]
        rot_w, pos_w = geometry.foot_rot_w[held, side], geometry.foot_pos_w[held, side]
        corner = sole_points_b[np.argmin(rot_w[:, 2] @ sole_points_b.T, axis=1)]
        touching = pos_w + np.einsum("fij,fj->fi", rot_w, corner)
        touching[:, 2] = geometry.foot_height[held, side]  # of the collision geometry, which is rounded at the edges
        lowest.append(touching)
        when.append(np.flatnonzero(held))
    points = np.concatenate(lowest)[np.argsort(np.concatenate(when), kind="stable")]
    slopes = (
        floor_slope(points[kept], noise=HEIGHT_NOISE, usual_slope=USUAL_SLOPE) for kept in without_a_part(len(points))
    )
    return float(np.arctan(min(np.linalg.norm(slope) for slope in slopes)))
