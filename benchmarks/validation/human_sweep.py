"""Judges the human motions behind the good clips, as they are and with faults, and the whole chain up to the robot.

PBHC asks that a clip begins and ends in balance and never goes without it for long. Recorded clips are cut where
somebody pressed a key, many in the middle of a step, and some people bow for long: what fails only PBHC's rule is to be
trimmed, and is counted apart (:data:`BALANCE_RULE`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.report import Figure
from benchmarks.validation.faulty import FaultyHuman
from benchmarks.validation.human_faults import HumanFault
from benchmarks.validation.sweep import GoodClip, Outcome, Trial, noted, refused_by
from benchmarks.validation.time_faults import flights
from pipeline.body import SkinnedBody
from pipeline.measurement import Measurements
from pipeline.plausibility import PlausibilityConfig, measure_human
from pipeline.verdict import Limits, Verdict, judge
from retarget.progress import Progress, silent

BALANCE_RULE = ("com_cop_start", "com_cop_end", "unstable_gap")
"""Checks that PBHC's filter makes: published, not chosen here, and of what was done, not of how it was made."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HumanTrial:
    """What was measured of the human motion of one clip with one fault, or with none."""

    clip: str
    fault: HumanFault | None
    faulty: FaultyHuman
    measurements: Measurements

    def verdict(self, limits: Limits) -> Verdict:
        """Judge it by the human's limits alone, PBHC's rule left out."""
        return judge((self.measurements,), without_balance_rule(limits))

    def outcome(self, limits: Limits) -> Outcome:
        """Hold its verdict against the truth."""
        fault = None if self.fault is None else self.fault.key
        return Outcome.of_verdict(self.verdict(limits), self.clip, fault, self.faulty.bad, self.faulty.motion.fps)


def without_balance_rule(limits: Limits) -> Limits:
    """Return limits that do not ask for balance as PBHC's filter does."""
    return replace(limits, items=tuple(limit for limit in limits.items if limit.measurement not in BALANCE_RULE))


def try_humans(
    clips: Iterable[GoodClip],
    body: SkinnedBody,
    config: PlausibilityConfig,
    *,
    refusals: list[str] | None = None,
    progress: Progress = silent,
) -> Iterator[HumanTrial]:
    """Measure the human motions of clips as they are; see :func:`benchmarks.validation.sweep.try_clean`."""
    clips = list(clips)
    for done, clip in enumerate(clips, start=1):
        if clip.human is not None:
            faulty = FaultyHuman(motion=clip.human, bad=np.zeros(len(clip.human), dtype=bool))
            with noted(refusals, clip):
                yield _tried(clip.key, None, faulty, body, config)
        progress(done, len(clips))


def try_human_faults(
    clips: Sequence[GoodClip],
    faults: Sequence[HumanFault],
    body: SkinnedBody,
    config: PlausibilityConfig,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Iterator[HumanTrial]:
    """Measure every human motion with every fault that it has room for; each pair has its own generator.

    Who jumps is taken from what the robot made of the motion.
    """
    jumps = {clip.key: bool(flights(clip.motion, clip.robot)) for clip in clips}
    pairs = [
        (clip, clip.human, fault)
        for clip in clips
        if clip.human is not None
        for fault in faults
        if jumps[clip.key] or not fault.flying
    ]
    for done, (clip, human, fault) in enumerate(pairs, start=1):
        rng = np.random.default_rng([seed, zlib.crc32(f"{clip.name}/{fault.key}".encode())])
        faulty = fault.apply(human, rng)
        if faulty is not None:
            yield _tried(clip.key, fault, faulty, body, config)
        progress(done, len(pairs))


def chain_figures(
    robot: Sequence[Trial], human: Sequence[HumanTrial], limits: Limits
) -> tuple[list[Figure], dict[str, tuple[str, ...]]]:
    """Count the clips that a run would refuse, human and robot together.

    Also returns what refuses each of them, by the key of its clip, PBHC's rule included.
    """
    humans = {trial.clip: trial.measurements for trial in human}
    pairs = [(trial, humans[trial.clip.key]) for trial in robot if trial.clip.key in humans]
    if not pairs:
        return [], {}
    refused = {trial.clip.key: refused_by(judge((measured, trial.measurements), limits)) for trial, measured in pairs}
    by_human = [not trial.verdict(limits).accepted for trial in human]
    beyond = [bool(set(names) - set(BALANCE_RULE)) for names in refused.values()]
    by_rule = [bool(names) and set(names) <= set(BALANCE_RULE) for names in refused.values()]
    told = f"of {len(pairs)} human motions and what the robot made of them"
    rows = (
        ("false_alarm_chain_pct", beyond, f"{told}, refused by tier {limits.tier}; PBHC's balance rule apart", "<= 5"),
        (
            "false_alarm_human_pct",
            by_human,
            f"of {len(human)} human motions, refused before the robot; PBHC's balance rule apart",
            "",
        ),
        ("balance_rule_pct", by_rule, f"{told}, refused by PBHC's balance rule alone: to be trimmed", ""),
    )
    figures = [
        Figure(key=key, value=100.0 * float(np.mean(values)), unit="%", meaning=text, bar=bar)
        for key, values, text, bar in rows
    ]
    return figures, {clip: names for clip, names in refused.items() if names}


def _tried(
    clip: str, fault: HumanFault | None, faulty: FaultyHuman, body: SkinnedBody, config: PlausibilityConfig
) -> HumanTrial:
    measurements = measure_human(faulty.motion, body, config)
    return HumanTrial(clip=clip, fault=fault, faulty=faulty, measurements=measurements)
