"""What a run of the benchmark found: values by estimator, group and metric, and what a reader must know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.kfbench.bench_score import Value

TRUTH = "truth"
"""Name under which the share of accepted true motions is given, beside those of the estimators."""

GROUPS = ("all", "locomotion", "dance", "kungfu", "airborne", "static_camera")
"""Rows of the table. All but the last are filmed by a moving camera; the last is all clips before a camera at rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchResult:
    """All figures, and what a reader must know to judge them."""

    values: Mapping[tuple[str, str], Mapping[str, Value]]
    """By estimator and group, then by metric; what could not be measured is not there."""
    clips: Mapping[str, int]
    """Number of clips in each group."""
    frames: int
    """Frames of all views together."""
    x_real_time: Mapping[str, float]
    """How many seconds of motion each estimator made in a second, on this machine as loaded as it was."""
    notes: tuple[str, ...]
    """What was left out, and how much, in sentences."""
    failures: tuple[str, ...]
    """Files that could not be read and clips that could not be estimated, one sentence each."""
    lost: tuple[str, ...] = ()
    """What the front end lost of which view, one sentence each; only on the level of pixels."""

    def figures(self) -> dict[str, float]:
        """Return the numbers under the names ``<estimator>_<group>_<metric>``, with ``_lo`` and ``_hi`` beside them."""
        numbers: dict[str, float] = {}
        for (estimator, group), row in self.values.items():
            for metric, value in row.items():
                key = f"{estimator}_{group}_{metric}"
                ends = {f"{key}_lo": value.low, f"{key}_hi": value.high}
                numbers |= {key: value.mean} | {name: end for name, end in ends.items() if np.isfinite(end)}
        return numbers
