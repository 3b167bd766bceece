"""PBHC's stability rule: how far the centre of mass lies from the centre of pressure, and for how long too far.

Xie et al., "KungfuBot: Physics-Based Humanoid Whole-Body Control for Learning Highly-Dynamic Skills", 2025,
section on motion filtering, after IPMAN (CVPR 2023): a frame is stable if both centres, seen from above, are
less than 0.1 m apart; a clip is if it begins and ends stable and no 100 frames at 30 fps pass in between
without a stable one.

The formulas are theirs; the table of body parts is our own, cut from the skin weights of whatever body is measured
(:mod:`pipeline.plausibility.body_parts`), as their files of segments belong to SMPL and are not published.

Three more things differ from their program. The surface is summed up vertex by vertex, weighted by area, instead of
at 20 000 random points: the same integral, without noise or seed. Heights start at the ground that the contacts
show, not at the lowest vertex of the first frame. Time is in seconds, so the rule does not depend on the rate.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from pipeline.measurement import Measurement, spans_where


def pressure_weight(height: Float[np.ndarray, "*points"]) -> Float[np.ndarray, "*points"]:
    """Return how much a point at this height over the floor [m] is pressed: exp(-10 h) above, 1 - 100 h below."""
    return np.where(height >= 0, np.exp(-10.0 * np.maximum(height, 0.0)), 1.0 - 100.0 * height)


def centre_of_pressure(
    verts_w: Float[np.ndarray, "frames verts 3"], area: Float[np.ndarray, " verts"], ground: float
) -> Float[np.ndarray, "frames 2"]:
    """Horizontal centre of the skin, weighted by pressure and by the area that each vertex stands for [m]."""
    weights = pressure_weight(verts_w[..., 2] - ground) * area
    return np.einsum("fv,fvi->fi", weights, verts_w[..., :2]) / weights.sum(axis=1, keepdims=True)


def measure_stability(
    distance: Float[np.ndarray, " frames"], fps: float, stable_distance: float
) -> tuple[Measurement, ...]:
    """Measure the start, the end and the longest time without a stable frame.

    Args:
        distance: From the centre of mass to the centre of pressure, horizontally [m].
        fps: Frames per second [1/s].
        stable_distance: A frame is stable below it [m].
    """
    gap = gap_duration(distance < stable_distance, fps)
    ends = "Distance from the centre of mass to the centre of pressure in the"
    return (
        Measurement(name="com_cop_start", value=distance[0], unit="m", meaning=f"{ends} first frame"),
        Measurement(name="com_cop_end", value=distance[-1], unit="m", meaning=f"{ends} last frame"),
        Measurement(
            name="com_cop_p95",
            value=np.percentile(distance, 95),
            unit="m",
            meaning="Distance from the centre of mass to the centre of pressure, exceeded in 5 % of the frames",
            series=distance,
        ),
        Measurement(
            name="unstable_gap",
            value=gap.max(),
            unit="s",
            meaning="Longest time between stable frames, in which the body leans further than it could stand",
            series=gap,
            spans=spans_where(gap > 0),
        ),
    )


def gap_duration(stable: Bool[np.ndarray, " frames"], fps: float) -> Float[np.ndarray, " frames"]:
    """Time between the stable frames on both sides of each unstable frame [s]; 0 where stable.

    At the ends of the clip there is a stable frame on one side only, and the gap ends with the clip.
    """
    gap = np.zeros(len(stable))
    for start, stop in spans_where(~stable):
        steps = min(stop, len(stable) - 1) - max(start - 1, 0)
        gap[start:stop] = max(steps, 1) / fps
    return gap
