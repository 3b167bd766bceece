"""What KF-Bench is told to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.estimators import ESTIMATORS
from pipeline.settings import Settings
from retarget.progress import Progress
from robots.exceptions import InvalidArray, UnknownName

FPS = 30.0
"""Rate of motions and evidence [1/s]."""

SHORTEST_S = 1.0
"""A shorter clip is left out [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchConfig:
    """What is run."""

    mocap: Path | None = None
    """Folder with ``.bvh`` and ``.bvh.gz`` files; None = the built-in choreographies."""
    seed: int = 0
    """Decides windows, cameras, noise, samples and resampling."""
    estimators: tuple[str, ...] = ()
    """Names; empty = all there are."""
    clips: int = 24
    """At most so many clips, drawn evenly from the groups; 0 = all."""
    longest_s: float = 10.0
    """Longest piece of a clip that is performed [s]."""
    views: int = 6
    """How often each built-in choreography is filmed, by a camera at rest and by one that moves."""
    seen: bool = False
    """Also clips that the weights of an estimator were trained on."""
    flagged: bool = False
    """Also clips whose index names defects of the recording."""
    robot: bool = True
    """Also put a sample of the motions on the robot and judge them."""
    robot_clips: int = 12
    """Size of that sample."""
    settings: Settings = field(default_factory=Settings)
    """Of the estimators, and of what judges."""

    def __post_init__(self) -> None:
        """Check names and numbers.

        Raises:
            UnknownName: An estimator does not exist.
            InvalidArray: A number makes no sense.
        """
        for name in self.estimators:
            if name not in ESTIMATORS:
                raise UnknownName("estimator", name, ESTIMATORS)
        for name, lowest in {"seed": 0, "clips": 0, "views": 1, "robot_clips": 1}.items():
            if getattr(self, name) < lowest:
                raise InvalidArray(name, problem=f"must be {lowest} or more, got {getattr(self, name)}")
        if not (np.isfinite(self.longest_s) and self.longest_s >= SHORTEST_S):
            raise InvalidArray("longest_s", problem=f"must be {SHORTEST_S:g} s or more, got {self.longest_s}")


StepListener = Callable[[str], Progress]
"""Called with the name of a step when it begins; returns what the step reports its progress to."""
