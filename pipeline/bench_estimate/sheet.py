"""What is written down while the bench runs, and the chance that every clip has of its own."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.kfbench.bench_score import Tally
from retarget.smpl_motion import SmplMotion


@dataclass(slots=True, kw_only=True)
class Sheet:
    """What is written down while the bench runs, and who is told."""

    on_view: Callable[[str], None]
    tallies: dict[tuple[str, str], dict[str, dict[str, Tally]]] = field(default_factory=dict)
    """By estimator and group, then by clip, then by metric."""
    seconds: dict[str, float] = field(default_factory=dict)
    frames: int = 0
    failures: list[str] = field(default_factory=list)
    kept: dict[tuple[str, str], SmplMotion] = field(default_factory=dict)
    """Estimates that will be put on the robot, by clip and estimator."""

    def add(self, estimator: str, groups: Sequence[str], clip: str, tally: Mapping[str, Tally]) -> None:
        """Count a clip in its groups."""
        for group in groups:
            self.tallies.setdefault((estimator, group), {}).setdefault(clip, {}).update(tally)


def chance(seed: int, *what: str) -> np.random.Generator:
    """Chance of its own for every clip and purpose, so that other clips in the folder change nothing."""
    return np.random.default_rng([seed, *(zlib.crc32(word.encode()) for word in what)])
