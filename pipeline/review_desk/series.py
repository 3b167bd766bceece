"""What was measured frame by frame, with the limits that it was held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.measurement import Measurements, Span
from pipeline.verdict import CheckResult, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesLimit:
    """A bound under a series."""

    limit: float
    """In the unit of the series."""
    severity: str
    """``reject`` or ``warn``."""
    upper: bool
    """The value should stay below it; else above it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One quantity over the motion."""

    stage: str
    name: str
    unit: str
    meaning: str
    """One sentence."""
    fps: float
    """Of the values [1/s]."""
    value: float
    """The number that was held against the limits."""
    values: Float[np.ndarray, " frames"]
    """NaN where it does not apply."""
    limits: tuple[SeriesLimit, ...]
    spans: tuple[Span, ...]
    """Frames beyond a limit; where none is, those in which the quantity was counted."""


def series_of(measured: Iterable[Measurements], verdict: Verdict | None) -> Iterator[Series]:
    """Go through all that was measured frame by frame, in the order of a report."""
    all_checks = verdict.checks if verdict else ()
    for group in measured:
        for item in group.items:
            if item.series is None:
                continue
            checks = [c for c in all_checks if (c.stage, c.measurement) == (group.stage, item.name)]
            beyond = tuple(span for check in checks for span in check.spans)
            yield Series(
                stage=group.stage,
                name=item.name,
                unit=item.unit,
                meaning=item.meaning,
                fps=group.fps,
                value=item.value,
                values=item.series,
                limits=tuple(_limit(check) for check in checks),
                spans=beyond or item.spans,
            )


def _limit(check: CheckResult) -> SeriesLimit:
    above = check.value > check.limit
    return SeriesLimit(limit=check.limit, severity=check.severity, upper=above != check.passed)
