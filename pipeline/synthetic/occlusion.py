"""Spans in which something hides part of a person: named, so that a benchmark can plant them, or drawn by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from pipeline.synthetic.point_sets import KEYPOINTS
from robots.exceptions import InvalidArray

HIDEABLE = {
    **{
        limb: tuple(int(i) for i in KEYPOINTS.limb(limb)) for limb in ("left_arm", "right_arm", "left_leg", "right_leg")
    },
    "lower_half": tuple(
        i
        for i, name in enumerate(KEYPOINTS.names)
        if name.rpartition("_")[2] in ("hip", "knee", "ankle", "heel", "toe")
    ),
}
"""What may be hidden, and which keypoints belong to it."""

_CHANCES = (0.15, 0.15, 0.15, 0.15, 0.4)  # of each of them, where something is hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Occlusion:
    """Something stands before part of a person for a while."""

    part: str
    """One of ``HIDEABLE``."""
    start_s: float
    """When it begins [s]."""
    end_s: float
    """When it ends [s]."""

    def __post_init__(self) -> None:
        """Check the part and the order of times."""
        if self.part not in HIDEABLE:
            raise InvalidArray("part", problem=f"is '{self.part}'; known: {', '.join(HIDEABLE)}")
        if not 0.0 <= self.start_s < self.end_s < np.inf:
            raise InvalidArray("start_s, end_s", problem=f"are {self.start_s} and {self.end_s}")


def sample_occlusions(
    duration_s: float,
    rng: np.random.Generator,
    *,
    per_minute: float = 4.0,
    length_s: tuple[float, float] = (0.3, 2.0),
) -> tuple[Occlusion, ...]:
    """Draw occlusions of one clip.

    Args:
        duration_s: Length of the clip [s].
        rng: Source of chance.
        per_minute: How often something is hidden [1/min].
        length_s: Shortest and longest [s].
    """
    count = rng.poisson(per_minute * duration_s / 60.0)
    parts = rng.choice(list(HIDEABLE), size=count, p=_CHANCES)
    starts, lengths = rng.uniform(0.0, duration_s, count), rng.uniform(*length_s, count)
    return tuple(
        Occlusion(part=str(part), start_s=float(start), end_s=float(start + length))
        for part, start, length in zip(parts, starts, lengths, strict=True)
    )


def hidden_keypoints(occlusions: Sequence[Occlusion], n_frames: int, fps: float) -> Bool[np.ndarray, "frames 21"]:
    """Return which keypoints are hidden in which frames of one clip."""
    hidden = np.zeros((n_frames, len(KEYPOINTS.names)), dtype=bool)
    times = np.arange(n_frames) / fps
    for occlusion in occlusions:
        during = (times >= occlusion.start_s) & (times < occlusion.end_s)
        hidden[np.ix_(during, np.array(HIDEABLE[occlusion.part]))] = True
    return hidden
