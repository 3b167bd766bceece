"""Lets the product mend what faults spoiled, and counts how often something of it is accepted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.report import Figure
from benchmarks.validation.faulty import SPAN_SHARE
from benchmarks.validation.sweep import Trial
from pipeline.repair import RepairConfig, RobotMender, mend
from pipeline.validation import ValidationConfig
from pipeline.verdict import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What became of one refused motion."""

    fault: str
    kept: float
    """Share of its time that is accepted after the repair; 0 if nothing is."""


def mendable(trial: Trial) -> bool:
    """Tell whether a fault is one of those that a repair is asked for: one constant, or a part of the frames."""
    share = float(trial.faulty.bad.mean())
    return trial.fault is not None and trial.fault.asked and (share == 1.0 or share <= SPAN_SHARE[1])


def mend_trials(trials: Iterable[Trial], limits: Limits, config: ValidationConfig) -> list[Mended]:
    """Run the repair of every refused motion."""
    outcomes = []
    for trial in trials:
        mender = RobotMender(robot=trial.clip.robot, validation=config, limits=limits)
        repairs = mend(mender.diagnose(trial.faulty.motion), mender, RepairConfig())
        whole = len(trial.faulty.motion) / trial.faulty.motion.fps
        fault = "" if trial.fault is None else trial.fault.key
        outcomes.append(Mended(fault=fault, kept=repairs.usable_s / whole))
    return outcomes


def repair_figures(mended: list[Mended]) -> list[Figure]:
    """Return how many repairs pass, and how much of the time they keep."""
    if not mended:
        return []
    passed = [outcome.kept > 0.0 for outcome in mended]
    meaning = f"of {len(mended)} refused motions, something of which is accepted after the repair"
    kept = 100.0 * float(np.mean([min(outcome.kept, 1.0) for outcome in mended]))
    return [
        Figure(key="repair_pass_pct", value=100.0 * float(np.mean(passed)), unit="%", meaning=meaning, bar=">= 70"),
        Figure(key="repair_kept_pct", value=kept, unit="%", meaning="share of their time that is accepted then"),
    ]
