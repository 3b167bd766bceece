"""A line of the list says which checks refused a clip, and by how much."""

from __future__ import annotations

import pytest

from pipeline.review_desk.short_reason import short_reason
from pipeline.verdict import CheckResult


def check(name, value, limit, unit, *, passed=False, severity="reject"):
    return CheckResult(
        stage="plausibility",
        measurement=name,
        value=value,
        unit=unit,
        limit=limit,
        passed=passed,
        severity=severity,
        reason="",
    )


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (("com_cop_start", 0.118, 0.10, "m"), "com cop start 11.8 > 10 cm"),
        (("flight", 0.25, 0.2, "1"), "flight 25 > 20 %"),
        (("support_share", 0.4, 0.5, "1"), "support share 40 < 50 %"),
        (("turn", 3.2, 3.0, "rad"), "turn 183 > 172 deg"),
        (("jump", 1.25, 0.9, "m"), "jump 1.25 > 0.9 m"),
        (("speed", 1234.5, 30.0, "rad/s"), "speed 1234 > 30 rad/s"),
        (("com_cop_start", 0.10001, 0.10, "m"), "com cop start 10.001 > 10 cm"),
    ],
)
def test_value_and_limit_have_one_unit_and_never_look_the_same(of, told):
    assert short_reason([check(*of)], "") == told


def test_what_is_farthest_beyond_its_limit_comes_first_and_many_are_counted():
    """Warnings and what passed refuse nothing."""
    checks = [
        check("a", 11.0, 10.0, "s"),
        check("warned", 99.0, 10.0, "s", severity="warn"),
        check("passed", 1.0, 10.0, "s", passed=True),
        check("b", 20.0, 10.0, "s"),
        check("c", 1.0, 0.0, "s"),
        check("d", 10.5, 10.0, "s"),
    ]
    assert short_reason(checks, "x") == "c 1 > 0 s, b 20 > 10 s, a 11 > 10 s, 1 more"


def test_what_no_check_refused_says_its_reason_without_folders():
    assert short_reason([], "/data/in/kata.bvh: it is torn.") == "kata.bvh: it is torn."
