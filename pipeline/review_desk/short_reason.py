"""Why the checks refuse a clip, in so few words that a line of the list holds it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from pipeline.verdict import CheckResult

_FOLDERS = re.compile(r"^/(?:[^/:]*/)+")
_ENOUGH = 3
"""Checks that are named."""


def short_reason(checks: Iterable[CheckResult], reason: str) -> str:
    """Name the checks that refused a clip, with their limits: ``com cop start 11.8 > 10 cm``.

    Args:
        checks: All checks of its verdict; the rejecting ones that failed are named, the worst of their limit first.
        reason: What is told where no check refused it: without the folders of the file that it begins with.
    """
    failed = [check for check in checks if not check.passed and check.severity == "reject"]
    if not failed:
        return _FOLDERS.sub("", reason)
    failed.sort(key=_times_beyond, reverse=True)
    more = f", {len(failed) - _ENOUGH} more" if len(failed) > _ENOUGH else ""
    return ", ".join(_in_short(check) for check in failed[:_ENOUGH]) + more


def _in_short(check: CheckResult) -> str:
    factor, unit = _unit(check.unit, max(abs(check.value), abs(check.limit)))
    value, limit = (_number(factor * number) for number in (check.value, check.limit))
    if value == limit:  # the difference is smaller than what is shown
        value, limit = (f"{factor * number:.6g}" for number in (check.value, check.limit))
    than = ">" if check.value > check.limit else "<"
    return f"{check.measurement.replace('_', ' ')} {value} {than} {limit} {unit}".rstrip()


def _unit(unit: str, largest: float) -> tuple[float, str]:
    """Return by what to multiply a number, and the unit it then has, as reports give it."""
    if unit == "1":
        return 100.0, "%"
    if unit == "rad":
        return math.degrees(1.0), "deg"
    if unit == "m" and largest < 1.0:
        return 100.0, "cm"
    return 1.0, unit


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _times_beyond(check: CheckResult) -> float:
    """Return how far a value is beyond its limit, as a multiple of the limit."""
    return abs(check.value - check.limit) / abs(check.limit) if check.limit else math.inf
