"""Turns the speed at which feet slip while they stand into the figures of skate, a person's and a robot's alike."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.measurement import Measurement, spans_where


def measure_skate_speeds(slip: Float[np.ndarray, "frames 2"], foot: str) -> tuple[Measurement, Measurement]:
    """Measure how fast standing feet slide, on average and in the worst twentieth of contact.

    Args:
        slip: Speed of the slowest point of each foot where it stands, NaN elsewhere [m/s].
        foot: What such a foot is called, e.g. ``a foot that bears weight``.
    """
    speeds = slip[~np.isnan(slip)]
    standing = np.array(~np.isnan(slip).all(axis=1))
    series = np.where(standing, np.where(np.isnan(slip), -np.inf, slip).max(axis=1), np.nan)
    spans = spans_where(standing)
    return (
        Measurement(
            name="skate_mean",
            value=speeds.mean() if len(speeds) else 0.0,
            unit="m/s",
            meaning=f"Mean horizontal speed of {foot}, at its slowest point",
            series=series,
            spans=spans,
        ),
        Measurement(
            name="skate_p95",
            value=np.percentile(speeds, 95) if len(speeds) else 0.0,
            unit="m/s",
            meaning=f"Horizontal speed of {foot}, at its slowest point, exceeded in 5 % of contact",
            series=series,
            spans=spans,
        ),
    )
