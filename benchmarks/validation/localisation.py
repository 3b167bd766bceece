"""Holds the frames that a verdict names against the frames that are wrong."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from pipeline.verdict import Verdict

DILATION_S = 0.1
"""Frames this close to a named one count as named, on both sides [s]: differences of frames reach so far."""


def named_frames(verdict: Verdict, frames: int) -> Bool[np.ndarray, " frames"]:
    """Return the union of the spans that the failed rejecting checks name; a check without any speaks of all."""
    named = np.zeros(frames, dtype=bool)
    for check in verdict.checks:
        if check.passed or check.severity != "reject":
            continue
        for start, stop in check.spans or ((0, frames),):
            named[start:stop] = True
    return named


def intersection_over_union(
    named: Bool[np.ndarray, " frames"], truth: Bool[np.ndarray, " frames"], fps: float
) -> float:
    """Return the share of frames in both masks among those in either, both dilated; 1 if both are empty."""
    reach = round(DILATION_S * fps)
    named, truth = dilated(named, reach), dilated(truth, reach)
    either = named | truth
    return float((named & truth).sum() / either.sum()) if either.any() else 1.0


def dilated(mask: Bool[np.ndarray, " frames"], reach: int) -> Bool[np.ndarray, " frames"]:
    """Set the frames up to ``reach`` before and after each set one."""
    counts = np.convolve(mask.astype(int), np.ones(2 * reach + 1, dtype=int))
    return counts[reach : reach + len(mask)] > 0
