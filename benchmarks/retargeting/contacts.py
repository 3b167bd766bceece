"""Turns clips with known stances into how often the product's contact detectors agree with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from benchmarks.retargeting.clips import BenchClip
from retarget.contacts import region_contacts

FEET = ("left_foot", "right_foot")
"""Contact regions in the order of the labels."""


class ContactAccuracy(NamedTuple):
    """Share of (frame, foot) told right [%]."""

    right_pct: float
    missed_pct: float
    """Stance told as none."""
    made_up_pct: float
    """None told as stance."""


def contact_accuracy(clips: Sequence[BenchClip], told: Sequence[Bool[np.ndarray, "frames 2"]]) -> ContactAccuracy:
    """Compare what was told of every clip with its labels; all frames count alike."""
    true, said = np.concatenate([clip.stance for clip in clips]), np.concatenate(told)
    counts = [said == true, true & ~said, said & ~true]
    return ContactAccuracy(*(100.0 * float(count.mean()) for count in counts))


def whole_clip_stances(clip: BenchClip) -> Bool[np.ndarray, "frames 2"]:
    """Return what the detector that knows the future tells of the feet, at its defaults."""
    found = region_contacts(clip.trajectory)
    standing = np.zeros((len(clip), len(FEET)), dtype=bool)
    for foot, region in enumerate(FEET):
        for start, stop in found.spans[found.names.index(region)]:
            standing[start:stop, foot] = True
    return standing
