"""Holds measurements against limits: pass or not, by how much, and at which frames."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.exceptions import InvalidLimits
from pipeline.measurement import Measurement, Measurements, Span, spans_where
from robots.exceptions import UnknownName


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The range a measurement should keep."""

    measurement: str
    """Name of the measurement it speaks of."""
    maximum: float | None = None
    """Largest value allowed, in the measurement's unit."""
    minimum: float | None = None
    """Smallest value allowed."""
    severity: str = "reject"
    """``reject``: breaking it refuses the clip. ``warn``: it is reported only."""
    advice: str = ""
    """What the user can do about it, one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One measurement held against one limit."""

    measurement: str
    value: float
    unit: str
    limit: float
    """The bound that was broken, or the nearer one if none was."""
    passed: bool
    severity: str
    reason: str
    """One sentence: what, by how much, where, what to do."""
    spans: tuple[Span, ...] = ()
    """Frames at which the series itself is beyond the bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome for a clip: accepted unless a check of severity ``reject`` failed."""

    tier: str
    """Name of the set of limits."""
    checks: tuple[CheckResult, ...]

    @property
    def accepted(self) -> bool:
        """True if no rejecting check failed."""
        return all(check.passed or check.severity != "reject" for check in self.checks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Sentences of the failed checks, rejections first."""
        failed = sorted((c for c in self.checks if not c.passed), key=lambda c: c.severity != "reject")
        return tuple(check.reason for check in failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A named set of limits, read from a TOML preset that a user can copy and change."""

    tier: str
    items: tuple[Limit, ...]

    @classmethod
    def load(cls, path: Path) -> Limits:
        """Read limits from TOML: a ``tier`` and one table a measurement.

        Raises:
            InvalidLimits: The file is not such a table; the message names the entry.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidLimits(path, problem=str(error)) from error
        tier = table.pop("tier", path.stem)
        try:
            items = tuple(Limit(measurement=name, **entry) for name, entry in table.items())
        except TypeError as error:
            raise InvalidLimits(path, problem=str(error)) from error
        for item in items:
            if item.severity not in ("reject", "warn"):
                raise InvalidLimits(path, problem=f"{item.measurement}: severity must be 'reject' or 'warn'")
            if item.maximum is None and item.minimum is None:
                raise InvalidLimits(path, problem=f"{item.measurement}: needs a 'maximum' or a 'minimum'")
        return cls(tier=str(tier), items=items)


def judge(measurements: tuple[Measurements, ...], limits: Limits) -> Verdict:
    """Hold every measurement that has a limit against it.

    Raises:
        UnknownName: A limit names a measurement that nobody took.
    """
    taken = {item.name: (item, group.fps) for group in measurements for item in group.items}
    for limit in limits.items:
        if limit.measurement not in taken:
            raise UnknownName("measurement", limit.measurement, taken)
    checks = (_check(*taken[limit.measurement], limit) for limit in limits.items)
    return Verdict(tier=limits.tier, checks=tuple(checks))


def _check(measurement: Measurement, fps: float, limit: Limit) -> CheckResult:
    above = limit.maximum is not None and measurement.value > limit.maximum
    below = limit.minimum is not None and measurement.value < limit.minimum
    bound = limit.minimum if below or limit.maximum is None else limit.maximum
    assert bound is not None  # Limits.load refuses a limit without a bound
    spans: tuple[Span, ...] = ()
    if measurement.series is not None and (above or below):
        with np.errstate(invalid="ignore"):
            spans = spans_where(measurement.series > bound if above else measurement.series < bound)
    return CheckResult(
        measurement=measurement.name,
        value=measurement.value,
        unit=measurement.unit,
        limit=bound,
        passed=not (above or below),
        severity=limit.severity,
        reason=_reason(measurement, limit, bound, spans, fps, failed=above or below),
        spans=spans,
    )


def _reason(
    measurement: Measurement, limit: Limit, bound: float, spans: tuple[Span, ...], fps: float, *, failed: bool
) -> str:
    unit = "" if measurement.unit == "1" else f" {measurement.unit}"
    sign = "<=" if bound == limit.maximum else ">="
    if not failed:
        return f"{measurement.name} {measurement.value:.3g}{unit} ({sign} {bound:.3g})"
    where = ""
    if spans:
        longest = max(spans, key=lambda span: span[1] - span[0])
        where = f", worst run frames {longest[0]}-{longest[1] - 1} ({longest[0] / fps:.1f}-{longest[1] / fps:.1f} s)"
    advice = f" {limit.advice}" if limit.advice else ""
    return (
        f"{measurement.name} is {measurement.value:.3g}{unit}, allowed {sign} {bound:.3g}{unit}{where}: "
        f"{measurement.meaning.rstrip('.')}.{advice}"
    )
