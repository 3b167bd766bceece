"""Holds measurements against limits: pass or not, by how much, and at which frames."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.exceptions import InvalidLimits, NothingJudged
from pipeline.measurement import STAGES, Measurement, Measurements, Span, spans_where
from pipeline.score import score
from robots.exceptions import UnknownName

JUDGED = STAGES[:2]
"""Stages that limits speak of: following a motion in simulation comes after the verdict, and refuses nothing."""

SEVERITIES = ("reject", "warn")
"""What breaking a limit means: the clip is refused, or it is only said."""

_LARGEST = 1e100
"""No measurement is larger; TOML's whole numbers may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The range a measurement of one stage should keep."""

    stage: str
    """Stage that takes the measurement, one of :data:`JUDGED`."""
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

    stage: str
    measurement: str
    value: float
    unit: str
    limit: float
    """The bound that was broken, or the nearer one if none was."""
    passed: bool
    severity: str
    reason: str
    """Sentences for the user: what, by how much, where, what to do."""
    spans: tuple[Span, ...] = ()
    """Frames at which the series itself is beyond the bound; empty if it passed or has no series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome for a clip: accepted unless a check of severity ``reject`` failed."""

    tier: str
    """Name of the set of limits."""
    checks: tuple[CheckResult, ...]
    """One for each limit of the stages that had measured, in the order of the limits."""
    score: float
    """Rank in [0, 1] among motions, 1 = nothing to wish for (:mod:`pipeline.score`)."""

    @property
    def accepted(self) -> bool:
        """True if no rejecting check failed."""
        return not self.rejections

    @property
    def rejections(self) -> tuple[str, ...]:
        """Sentences of the checks that refused the motion."""
        return tuple(check.reason for check in self.checks if not check.passed and check.severity == "reject")

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
        """Read limits from TOML: a ``tier``, and a table ``[stage.measurement]`` for each limit.

        Raises:
            InvalidLimits: The file is not such a table; the message names the entry.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:  # no text, no TOML, or a number of thousands of digits
            raise InvalidLimits(path, problem=str(error)) from error
        tier = str(table.pop("tier", path.stem))
        items: list[Limit] = []
        for stage, entries in table.items():
            if stage not in JUDGED or not isinstance(entries, dict):
                raise InvalidLimits(path, problem=f"'{stage}' is no table of limits; known: {', '.join(JUDGED)}")
            items += [_read_limit(path, stage, name, entry) for name, entry in entries.items()]
        if not items:
            raise InvalidLimits(path, problem="it holds no limit")
        return cls(tier=tier, items=tuple(items))


def judge(measurements: tuple[Measurements, ...], limits: Limits) -> Verdict:
    """Hold what the given stages measured against the limits of these stages.

    The limits of a stage that has not measured (yet) are left out: the human's motion is judged
    before a robot motion exists, both together afterwards.

    Raises:
        UnknownName: A limit names a measurement that its stage did not take.
        NothingJudged: No limit speaks of any of these stages.
    """
    taken = {group.stage: group for group in measurements}
    checks = tuple(
        _check(_named(taken[limit.stage], limit, limits.tier), limit, taken[limit.stage].fps, limits.tier)
        for limit in limits.items
        if limit.stage in taken
    )
    if not checks:
        raise NothingJudged(limits.tier, stages=list(taken))
    return Verdict(tier=limits.tier, checks=checks, score=score(measurements))


def _named(group: Measurements, limit: Limit, tier: str) -> Measurement:
    """Return the measurement that a limit speaks of."""
    try:
        return group[limit.measurement]
    except UnknownName as error:
        where = f"tier '{tier}', [{limit.stage}.{limit.measurement}]"
        raise UnknownName(error.kind, error.name, error.valid, where=where) from error


def _read_limit(path: Path, stage: str, name: str, entry: Any) -> Limit:
    """Check one table of the TOML and turn it into a limit."""
    where = f"[{stage}.{name}]"
    known = [field.name for field in fields(Limit) if field.name not in ("stage", "measurement")]
    if not isinstance(entry, dict):
        raise InvalidLimits(path, problem=f"{where} must be a table with {', '.join(known)}")
    if unknown := sorted(set(entry) - set(known)):
        raise InvalidLimits(path, problem=f"{where}: '{unknown[0]}' is unknown; known: {', '.join(known)}")
    bounds = {key: entry[key] for key in ("minimum", "maximum") if key in entry}
    if not bounds:
        raise InvalidLimits(path, problem=f"{where} needs a 'maximum' or a 'minimum'")
    for key, bound in bounds.items():
        if isinstance(bound, bool) or not isinstance(bound, (int, float)) or not abs(bound) <= _LARGEST:
            raise InvalidLimits(path, problem=f"{where}: '{key}' must be a finite number, got {bound!r:.40}")
    if bounds.get("minimum", -_LARGEST) > bounds.get("maximum", _LARGEST):
        raise InvalidLimits(path, problem=f"{where}: 'minimum' is above 'maximum', which nothing can keep")
    if not isinstance(entry.get("advice", ""), str):
        raise InvalidLimits(path, problem=f"{where}: 'advice' must be text, got {entry['advice']!r}")
    limit = Limit(stage=stage, measurement=name, **entry)
    if limit.severity not in SEVERITIES:
        raise InvalidLimits(path, problem=f"{where}: 'severity' must be 'reject' or 'warn', got {limit.severity!r}")
    return limit


def _check(measurement: Measurement, limit: Limit, fps: float, tier: str) -> CheckResult:
    above = limit.maximum is not None and measurement.value > limit.maximum
    below = limit.minimum is not None and measurement.value < limit.minimum
    bounds = [bound for bound in (limit.minimum, limit.maximum) if bound is not None]
    bound = min(bounds, key=lambda b: abs(b - measurement.value))
    spans: tuple[Span, ...] = ()
    if measurement.series is not None and (above or below):
        spans = spans_where(measurement.series > bound if above else measurement.series < bound)
    return CheckResult(
        stage=limit.stage,
        measurement=measurement.name,
        value=measurement.value,
        unit=measurement.unit,
        limit=bound,
        passed=not (above or below),
        severity=limit.severity,
        reason=_reason(measurement, limit, bound, spans, fps, tier, failed=above or below),
        spans=spans,
    )


def _reason(
    measurement: Measurement,
    limit: Limit,
    bound: float,
    spans: tuple[Span, ...],
    fps: float,
    tier: str,
    *,
    failed: bool,
) -> str:
    """Say what was found, by how much, where, and what to do."""
    found = _quantity(measurement.value, measurement.unit)
    upper = bound == limit.maximum
    allowed = f"{tier} allows at {'most' if upper else 'least'} {_quantity(bound, measurement.unit)}"
    if not failed:
        return f"{limit.stage}: {measurement.name} {found}; {allowed}."
    sentences = [
        f"{limit.stage}: {measurement.name} is {found}, {allowed}.",
        f"{measurement.meaning.rstrip('.')}.",
    ]
    if spans and measurement.series is not None:
        sentences.append(_where(measurement.series, measurement.unit, spans, fps, upper=upper))
    if limit.advice:
        sentences.append(limit.advice)
    return " ".join(sentences)


def _where(series: np.ndarray, unit: str, spans: tuple[Span, ...], fps: float, *, upper: bool) -> str:
    """Name the worst frame and the longest spans beyond the bound."""
    worst = int(np.nanargmax(series) if upper else np.nanargmin(series))
    longest = sorted(sorted(spans, key=lambda span: span[0] - span[1])[:3])
    named = ", ".join(
        f"{start}-{stop - 1} ({start / fps:.2f}-{(stop - 1) / fps:.2f} s)"
        if stop - start > 1
        else f"{start} ({start / fps:.2f} s)"
        for start, stop in longest
    )
    n_more = len(spans) - len(longest)
    more = f" and {n_more} more span{'s' * (n_more > 1)}" if n_more else ""
    n_beyond = sum(stop - start for start, stop in spans)
    at_worst = "" if unit == "1" else f"; worst at {worst} ({worst / fps:.2f} s): {_quantity(series[worst], unit)}"
    return f"Beyond it: frame{'s' * (n_beyond > 1)} {named}{more}, {n_beyond} of {len(series)}{at_worst}."


def _quantity(value: float, unit: str) -> str:
    """Write a number with its unit; shares as per cent, angles in degrees, small lengths in centimetres."""
    if unit == "1":
        return f"{100 * value:.3g} %"
    if unit == "rad":
        return f"{np.degrees(value):.3g} deg"
    if unit == "m" and abs(value) < 1:
        return f"{100 * value:.3g} cm"
    number = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{number} {unit}"
