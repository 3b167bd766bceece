"""Turns what was measured of a motion into one number between 0 and 1, by which clips are ranked.

Every term of the scale is a measurement divided by the value at which it is as bad as the worst that was ever trained
(tier ``trainable``). The badness B is the weighted mean of these quotients over the terms that were measured, and

    score = 1 / (1 + B).

So a perfect motion has 1, one whose every figure lies at its limit 0.5, and no single figure is forgiven for the sake
of the others: quotients are not bounded. The score ranks; it accepts nothing. Nothing of the closed loop
(``pipeline.tracking``) goes in: the help that the closed loop needs is what the score is held against.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.measurement import Measurements
from robots.arrays import check_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTerm:
    """One measurement of the scale."""

    stage: str
    """Stage that takes it, one of :data:`pipeline.measurement.STAGES`."""
    measurement: str
    """Its name."""
    limit: float
    """Size, of either sign, at which it is as bad as the worst that was trained, in its unit."""
    weight: float = 1.0
    """What it counts against the others."""

    def __post_init__(self) -> None:
        """Check that the limit divides and that the weight counts."""
        check_settings(self, positive=("limit", "weight"))


def _terms(stage: str, limits: dict[str, float]) -> tuple[ScoreTerm, ...]:
    return tuple(ScoreTerm(stage=stage, measurement=name, limit=limit) for name, limit in limits.items())


SCALE = (
    *_terms(
        "validation",
        {
            # Can the floor and the motors give it?
            "force_residual_p95_lp6": 0.30,
            "moment_residual_p95_lp6": 50.0,
            "infeasible_run_lp6": 0.27,
            "torque_ratio_p95_lp6": 0.80,
            "flight_acc_error": 5.0,
            # Do the feet stand where and when they are said to?
            "skate_mean": 0.20,
            "stance_height_std": 0.035,
            "penetration_p95": 0.09,
            "sole_tilt_median": 0.61,
            "ground_tilt": 0.10,
            "contact_wrong_share": 0.30,
            "label_force_gap_lp6": 0.50,
            # Does it go on without breaks and jitter?
            "joint_jerk_median": 4000.0,
            "root_ang_acc": 250.0,
            "root_jump": 0.05,
            "freeze_duration": 0.20,
        },
    ),
    *_terms(
        "plausibility",
        {"skate_mean": 0.25, "float_p95": 0.10, "penetration_p95": 0.08, "root_acc": 50.0, "joint_speed": 18.0},
    ),
)
"""Terms of the product, all of one weight. Which robot-side terms there are was chosen on recorded clips and faults in
them, by how well the score ranks clips as the closed loop does; the rank correlation is reported on other clips."""


def score(measurements: Iterable[Measurements], scale: Iterable[ScoreTerm] = SCALE) -> float:
    """Return the score of a motion, from 0 (nothing speaks for it) to 1 (nothing speaks against it).

    A term whose stage or measurement is absent is left out of the mean, as the human's side is for a hand-off file:
    compare scores of motions that were measured alike. Where no term was measured, there is no evidence and the score
    is 0.
    """
    taken = list(_taken(measurements, scale))
    if not taken:
        return 0.0
    badness = sum(weight * quotient for weight, quotient in taken) / sum(weight for weight, _ in taken)
    return 1.0 / (1.0 + badness)


def _taken(measurements: Iterable[Measurements], scale: Iterable[ScoreTerm]) -> Iterator[tuple[float, float]]:
    """Weight and quotient of every term that was measured."""
    values = {(group.stage, item.name): item.value for group in measurements for item in group.items}
    for term in scale:
        if (term.stage, term.measurement) in values:
            yield term.weight, abs(values[term.stage, term.measurement]) / term.limit
