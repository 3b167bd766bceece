"""Makes the estimators that are compared."""

from __future__ import annotations

from pipeline.bench_estimate.config import BenchConfig
from pipeline.estimators import ESTIMATORS, Estimator
from robots.exceptions import WushuError


def make_estimators(config: BenchConfig) -> tuple[dict[str, Estimator], list[str]]:
    """Make the estimators; of those that nobody named, one that cannot be made (no weights here) is left out."""
    made: dict[str, Estimator] = {}
    notes = []
    for name in dict.fromkeys(config.estimators or ESTIMATORS):
        config_type, make = ESTIMATORS[name]
        try:
            made[name] = make(getattr(config.settings, name, None) or config_type())
        except WushuError as error:
            if config.estimators:
                raise
            notes.append(f"{name} is left out: {error}")
    return made, notes
