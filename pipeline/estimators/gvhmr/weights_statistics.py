"""The published network's normalisation: numbers that its checkpoint does not hold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from robots.arrays import checked_array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodecStatistics:
    """Mean and standard deviation of what the network speaks."""

    mean: Float[np.ndarray, " 151"]
    """Mean of each number of the motion code."""
    std: Float[np.ndarray, " 151"]
    """Standard deviation of each."""
    cam_mean: Float[np.ndarray, " 3"]
    """Mean of the weak-perspective camera (scale, x, y)."""
    cam_std: Float[np.ndarray, " 3"]
    """Standard deviation of it."""


def published_statistics() -> CodecStatistics:
    """Return the statistics of GVHMR's release of 2024, over AMASS and BEDLAM."""
    path = Path(__file__).parent / "data" / "codec_statistics.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    sizes = {"mean": 151, "std": 151, "cam_mean": 3, "cam_std": 3}
    return CodecStatistics(**{name: checked_array(name, document[name], (n,)) for name, n in sizes.items()})
