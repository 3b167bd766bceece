"""Turns verdicts on good motion into figures: what the tiers accept, and what they say of motions that are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.report import Figure
from benchmarks.validation.exact import flight_checks_failed, slow_jump_speed_err_pct, static_residual_n
from benchmarks.validation.sweep import Outcome, Trial
from pipeline.limits import find_limits
from robots.g1 import load_g1

TIERS = ("trainable", "clean")


def exact_figures() -> list[Figure]:
    """Return what the checks say of motions whose answer is known."""
    robot, clean = load_g1(), find_limits("clean")
    failed = {speed: flight_checks_failed(robot, clean, speed=speed) for speed in (1.0, 0.7)}
    apart = float(not failed[1.0] and bool(failed[0.7]))
    force, error = static_residual_n(robot), slow_jump_speed_err_pct(robot)
    return [
        _figure("static_residual_n", force, "N", "force that no contact explains of the default pose", "< 1e-3"),
        _figure("slow_jump_speed_err_pct", error, "%", "error of the speed told of a jump played at 0.7x", "<= 5"),
        _figure("slow_jump_told_apart", apart, "1", "the jump passes the flight checks, at 0.7x it fails one", "1"),
    ]


def acceptance_figures(trials: Sequence[Trial]) -> list[Figure]:
    """Return what the tiers make of good motion of the robot, and how fast it is measured."""
    if not trials:
        return []
    told = f"of {len(trials)} good motions"
    figures = [_figure(f"accepted_{tier}_pct", _accepted_pct(trials, tier), "%", told) for tier in TIERS]
    recorded = [trial for trial in trials if trial.clip.recorded]
    if recorded:
        text = f"of {len(recorded)} human motions on the robot, refused by tier clean"
        figures.append(_figure("false_alarm_pct", 100.0 - _accepted_pct(recorded, "clean"), "%", text, "<= 5"))
    released = [trial for trial in trials if trial.clip.source == "pbhc"]
    if released:
        text, value = f"of {len(released)} motions in PBHC's format", _accepted_pct(released, "trainable")
        figures.append(_figure("accepted_trainable_pbhc_pct", value, "%", text, "100 of released ones"))
    fps = sum(len(trial.clip.motion) for trial in trials) / sum(trial.cpu_s for trial in trials)
    text = "all checks of the robot without closed loop, CPU time of one core"
    return [*figures, _figure("checks_fps", fps, "frames/s", text, ">= 300")]


def refusals_of(trials: Sequence[Trial]) -> Iterator[str]:
    """Name the good motions that a tier refuses, and by which measurements."""
    for tier in TIERS:
        limits = find_limits(tier)
        for trial in trials:
            outcome = Outcome.of(trial, limits)
            if not outcome.accepted:
                yield f"{tier:<9} refuses {trial.clip.key}: {', '.join(outcome.rejected_by)}"


def _accepted_pct(trials: Sequence[Trial], tier: str) -> float:
    limits = find_limits(tier)
    return 100.0 * float(np.mean([trial.verdict(limits).accepted for trial in trials]))


def _figure(key: str, value: float, unit: str, meaning: str, bar: str = "") -> Figure:
    return Figure(key=key, value=value, unit=unit, meaning=meaning, bar=bar)
