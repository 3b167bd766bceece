"""Turns a certificate, or its refusal, into measurements of the tracking stage."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.measurement import Measurement
from pipeline.tracking.certificate import T1Result
from pipeline.tracking.certificate_rule import Repair
from retarget.spans import true_runs


def measure_t1(result: T1Result) -> tuple[Measurement, ...]:
    """Measure a certificate: whether it was given, what help was missing, how much had to be repaired."""
    of_weight = result.slack_n / result.weight
    fell = true_runs(np.isnan(result.root_error))
    return (
        Measurement(
            name="t1_certified",
            value=float(result.certified),
            unit="1",
            meaning="Whether the simulated robot followed a plan near the motion to its end, without help (1), or not.",
        ),
        Measurement(
            name="t1_survival",
            value=result.survival,
            unit="1",
            meaning="Share of the motion until the simulated robot fell, without help.",
            spans=tuple(fell),
        ),
        _mean_measure(
            "t1_slack_mean",
            of_weight,
            "1",
            "Mean force on the root that feet and motors could not give, as a share of the weight.",
        ),
        _mean_measure(
            "t1_root_error", result.root_error, "m", "Mean distance of the simulated root from the plan, until a fall."
        ),
        _mean_measure(
            "t1_joint_error", result.joint_error, "rad", "Mean error of the joints (RMS over them), until a fall."
        ),
        Measurement(
            name="t1_unsolved",
            value=result.unsolved_share,
            unit="1",
            meaning="Share of the control steps in which the controller found no torques.",
        ),
        *_measure_repair(result.repair),
    )


def _measure_repair(repair: Repair) -> tuple[Measurement, ...]:
    return (
        _mean_measure(
            "t1_repair_mean", repair.links, "m", "Mean distance by which the plan moved the links of the robot."
        ),
        _mean_measure(
            "t1_repair_shift", repair.shift, "m", "Mean distance by which the plan moved the robot along the floor."
        ),
        _mean_measure(
            "t1_repair_posture", repair.posture, "m", "Mean distance by which it moved the links besides that."
        ),
        _mean_measure("t1_repair_ankle", repair.ankle, "rad", "Mean over time of the most that an ankle was turned."),
    )


def _mean_measure(name: str, series: Float[np.ndarray, " frames"], unit: str, meaning: str) -> Measurement:
    return Measurement(name=name, value=_mean(series), unit=unit, meaning=meaning, series=series)


def _mean(series: Float[np.ndarray, " frames"]) -> float:
    """Mean of what is known; zero of nothing."""
    known = series[np.isfinite(series)]
    return float(known.mean()) if len(known) else 0.0
