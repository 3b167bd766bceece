"""Settings that would freeze the robot or divide by zero are refused by name, before anything is solved."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

import pytest

from retarget.causal_contacts import CausalContactConfig
from retarget.clip_cost import SmoothnessConfig
from retarget.clip_descent import DescentConfig
from retarget.contacts import ContactConfig
from retarget.engine.frame_problem import IkConfig
from retarget.flat_soles import FlatSolesConfig
from retarget.flight import FlightConfig
from retarget.online_setup import AnchorConfig, OnlineConfig
from retarget.retargeter import RetargetConfig
from retarget.stance_targets import PlantingConfig
from retarget.whole_clip import WholeClipConfig
from robots.exceptions import InvalidArray

CONFIGS = (
    AnchorConfig(),
    CausalContactConfig(),
    ContactConfig(),
    DescentConfig(),
    FlatSolesConfig(),
    FlightConfig(),
    IkConfig(),
    OnlineConfig(),
    PlantingConfig(),
    RetargetConfig(),
    SmoothnessConfig(),
    WholeClipConfig(),
)


def numbers(config) -> list[str]:
    """Fields that hold a number, or several."""
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    return [
        name
        for name, value in values.items()
        if type(value[0] if isinstance(value, tuple) else value) in (int, float)  # a switch is no number
    ]


def label(value) -> str:
    return type(value).__name__ if is_dataclass(value) else str(value)


NUMBERS = [(config, name) for config in CONFIGS for name in numbers(config)]
POSITIVE = {
    AnchorConfig: ("rise_s", "fade_s"),
    CausalContactConfig: (
        *("still_speed", "speed_softness", "height_softness", "end_probability"),
        *("begin_time_s", "end_time_s", "floor_sinks_s", "floor_rises_s"),
    ),
    ContactConfig: ("still_speed", "speed_softness", "height_softness", "end_probability"),
    DescentConfig: (
        *("max_iterations", "first_damping", "damping", "trust", "linear_tolerance", "max_linear_iterations"),
    ),
    FlatSolesConfig: ("still_speed", "still_tilt", "shortest_s"),
    FlightConfig: ("gravity",),
    IkConfig: ("damping", "trust", "max_iterations", "tolerance"),
    RetargetConfig: ("speed_share",),
    WholeClipConfig: ("level_rates_hz", "tolerance", "coarse_tolerance"),
}
TOO_LARGE = [
    (CausalContactConfig(), "begin_probability", 1.0),
    (CausalContactConfig(), "end_probability", 0.7),
    (ContactConfig(), "begin_probability", 1.0),
    (ContactConfig(), "end_probability", 0.7),
    (DescentConfig(), "linear_tolerance", 1.0),
    (FlatSolesConfig(), "largest_turn", 1.1),
    (FlatSolesConfig(), "share", 1.1),
    (IkConfig(), "tolerance", 1.0),
    (OnlineConfig(), "carry", 1.1),
    (OnlineConfig(), "head_start", 1.1),
    (RetargetConfig(), "speed_share", 1.1),
    (SmoothnessConfig(), "excess_margin", 1.0),
    (WholeClipConfig(), "tolerance", 1.0),
    (WholeClipConfig(), "coarse_tolerance", 1.0),
    (WholeClipConfig(), "soft_floor", 1.1),
]


def changed(config, name: str, value: float):
    """Return the settings with one number changed; of several, the last."""
    old = getattr(config, name)
    return replace(config, **{name: (*old[:-1], value) if isinstance(old, tuple) else value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -1], ids=str)
@pytest.mark.parametrize(("config", "name"), NUMBERS, ids=label)
def test_what_is_not_finite_or_is_negative_is_refused_by_name(config, name, value):
    """A solver with a NaN among its prices refuses every step; the robot would stand still without a word."""
    if (type(config), name, value) == (OnlineConfig, "floor", -1):
        assert changed(config, name, value).floor == -1  # a floor may lie anywhere
        return
    with pytest.raises(InvalidArray, match=rf"^{name}: must .*got {value}$"):
        changed(config, name, value)


@pytest.mark.parametrize(("config", "name"), NUMBERS, ids=label)
def test_zero_is_refused_only_where_it_divides_or_stops_the_solver(config, name):
    """A price of zero switches a term off, which is a choice; a time constant of zero is a division by it."""
    if name in POSITIVE.get(type(config), ()):
        with pytest.raises(InvalidArray, match=rf"^{name}: must .*got 0$"):
            changed(config, name, 0)
    elif name != "begin_probability":  # which may not be less than that of the end
        changed(config, name, 0)


@pytest.mark.parametrize(("config", "name", "value"), TOO_LARGE, ids=label)
def test_a_share_that_makes_no_sense_is_refused_by_name(config, name, value):
    """A solver that may leave all of the cost is done at once, and no probability rises above 1."""
    with pytest.raises(InvalidArray, match=rf"^{name}: must .*got {value}$"):
        changed(config, name, value)


def test_what_is_no_number_is_left_alone():
    """No floor is known, no levels come before the last, and switches are not numbers."""
    assert OnlineConfig(floor=None, self_collision=False, smoothing=0.0).floor is None
    assert WholeClipConfig(level_rates_hz=()).level_rates_hz == ()
