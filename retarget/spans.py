"""Turns a flag for each frame into spans of frames."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

Span = tuple[int, int]
"""First frame and the frame after the last."""


def held_to_next(flags: Bool[np.ndarray, " frames *dims"]) -> Bool[np.ndarray, " frames *dims"]:
    """Say where a flag is set in a frame and in the next: what is a difference of both then belongs to it."""
    held = np.array(flags, dtype=bool)
    held[:-1] &= flags[1:]
    held[-1:] = False  # there is no next frame
    return held


def true_runs(flags: Bool[np.ndarray, " frames"]) -> list[Span]:
    """Return the spans in which a flag is set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [(start, stop) for start, stop in edges.reshape(-1, 2).tolist()]
