"""Puts every fault into every good clip and notes what the checks say of it."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from benchmarks.validation.faulty import Fault, FaultyMotion
from benchmarks.validation.localisation import intersection_over_union, named_frames
from pipeline.measurement import Measurements
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.verdict import Limits, Verdict, judge
from retarget.progress import Progress, silent
from retarget.smpl_motion import SmplMotion
from robots.exceptions import WushuError
from robots.model import RobotModel
from robots.motion import RobotMotion


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GoodClip:
    """A motion without known faults, and the robot that moves so."""

    name: str
    """File name without its ending."""
    source: str
    """Where it comes from: a data set, a format, or the demo."""
    motion: RobotMotion
    robot: RobotModel
    recorded: bool
    """Whether it is recorded or performed human motion that our retargeter put on the robot, which `clean` should
    accept; other people's robot motion has their own faults."""
    human: SmplMotion | None = None
    """What was retargeted; None for a hand-off file."""

    @property
    def key(self) -> str:
        """Source and name, which no other clip has."""
        return f"{self.source}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """What was measured of one clip with one fault, or with none."""

    clip: GoodClip
    fault: Fault | None
    faulty: FaultyMotion
    measurements: Measurements
    cpu_s: float
    """Time that the measurements took [s]."""

    def verdict(self, limits: Limits) -> Verdict:
        """Judge it."""
        return judge((self.measurements,), limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a verdict made of a trial."""

    clip: str
    fault: str | None
    """Key of the fault."""
    accepted: bool
    rejected_by: tuple[str, ...]
    """Measurements whose limits refused it."""
    iou: float
    """Intersection over union of the frames named and the frames wrong; 0 if it was accepted."""

    @classmethod
    def of(cls, trial: Trial, limits: Limits) -> Outcome:
        """Judge a trial."""
        fault = None if trial.fault is None else trial.fault.key
        return cls.of_verdict(trial.verdict(limits), trial.clip.name, fault, trial.faulty.bad, trial.faulty.motion.fps)

    @classmethod
    def of_verdict(
        cls, verdict: Verdict, clip: str, fault: str | None, bad: Bool[np.ndarray, " frames"], fps: float
    ) -> Outcome:
        """Hold a verdict against the frames that are wrong."""
        named = named_frames(verdict, len(bad))
        return cls(
            clip=clip,
            fault=fault,
            accepted=verdict.accepted,
            rejected_by=refused_by(verdict),
            iou=0.0 if verdict.accepted else intersection_over_union(named, bad, fps),
        )


def refused_by(verdict: Verdict) -> tuple[str, ...]:
    """Name the measurements whose limits refused a motion."""
    return tuple(check.measurement for check in verdict.checks if not check.passed and check.severity == "reject")


def try_clean(
    clips: Iterable[GoodClip],
    config: ValidationConfig,
    *,
    refusals: list[str] | None = None,
    progress: Progress = silent,
) -> Iterator[Trial]:
    """Measure clips as they are; a sentence for each that cannot be measured is added to a list, if one is given."""
    clips = list(clips)
    for done, clip in enumerate(clips, start=1):
        untouched = FaultyMotion(motion=clip.motion, bad=np.zeros(len(clip.motion), dtype=bool))
        with noted(refusals, clip):
            yield _tried(clip, None, untouched, config)
        progress(done, len(clips))


@contextmanager
def noted(refusals: list[str] | None, clip: GoodClip) -> Iterator[None]:
    """Add a sentence on a clip that cannot be measured to a list; without one, let the error pass."""
    try:
        yield
    except WushuError as error:
        if refusals is None:
            raise
        refusals.append(f"{clip.key}: {error}")


def try_faults(
    clips: Sequence[GoodClip],
    faults: Sequence[Fault],
    config: ValidationConfig,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Iterator[Trial]:
    """Measure every clip with every fault that it has room for.

    Each pair has its own generator, so that a fault is the same whatever else is tried.
    """
    pairs = [(clip, fault) for clip in clips for fault in faults]
    for done, (clip, fault) in enumerate(pairs, start=1):
        rng = np.random.default_rng([seed, zlib.crc32(f"{clip.name}/{fault.key}".encode())])
        faulty = fault.apply(clip.motion, clip.robot, rng)
        if faulty is not None:
            yield _tried(clip, fault, faulty, config)
        progress(done, len(pairs))


def _tried(clip: GoodClip, fault: Fault | None, faulty: FaultyMotion, config: ValidationConfig) -> Trial:
    start = time.process_time()
    measurements = measure_robot(faulty.motion, clip.robot, config)
    seconds = time.process_time() - start
    return Trial(clip=clip, fault=fault, faulty=faulty, measurements=measurements, cpu_s=seconds)
