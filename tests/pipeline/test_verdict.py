import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exceptions import InvalidLimits, NothingJudged
from pipeline.limits import PRESETS, find_limits
from pipeline.measurement import Measurement, Measurements
from pipeline.verdict import Limit, Limits, judge
from robots.exceptions import UnknownName

FINITE = st.floats(-1e6, 1e6)


def measured(value: float, *, stage: str = "validation", series: np.ndarray | None = None, unit: str = "m/s"):
    item = Measurement(
        name="skate", value=value, unit=unit, meaning="A foot slides while it bears weight", series=series
    )
    return Measurements(stage=stage, fps=10.0, n_frames=20 if series is None else len(series), items=(item,))


def limits(*items: Limit) -> Limits:
    return Limits(tier="strict", items=items)


def limit(**changes) -> Limit:
    return Limit(**{"stage": "validation", "measurement": "skate", **changes})


@given(FINITE, FINITE, FINITE)
def test_a_value_passes_exactly_when_it_keeps_its_range(value, a, b):
    """The bounds themselves are allowed."""
    low, high = min(a, b), max(a, b)
    verdict = judge((measured(value),), limits(limit(minimum=low, maximum=high)))
    assert verdict.accepted == (low <= value <= high)
    assert (verdict.reasons == ()) == verdict.accepted
    nearest = min((low, high), key=lambda bound: abs(bound - value))
    assert verdict.checks[0].limit == nearest


@given(FINITE, FINITE)
def test_a_warning_never_refuses(value, bound):
    verdict = judge((measured(value),), limits(limit(maximum=bound, severity="warn")))
    assert verdict.accepted
    assert len(verdict.reasons) == (value > bound)


def test_rejections_are_told_before_warnings():
    """Whoever reads one line reads why the clip was refused."""
    verdict = judge((measured(2.0),), limits(limit(maximum=1.0, severity="warn"), limit(maximum=1.5)))
    assert "1.5 m/s" in verdict.reasons[0]
    assert "1 m/s" in verdict.reasons[1]


def test_the_spans_of_a_check_are_where_the_series_is_beyond_the_bound():
    series = np.array([0.1, 0.6, 0.7, np.nan, 0.1, 0.9, 0.1])
    above = judge((measured(0.9, series=series),), limits(limit(maximum=0.5))).checks[0]
    below = judge((measured(0.1, series=series),), limits(limit(minimum=0.5))).checks[0]
    passed = judge((measured(0.9, series=series),), limits(limit(maximum=1.0))).checks[0]
    assert above.spans == ((1, 3), (5, 6))
    assert below.spans == ((0, 1), (4, 5), (6, 7))
    assert passed.spans == ()


def test_a_reason_says_what_how_much_where_and_what_to_do():
    """This sentence is all that many users will ever read of a verdict."""
    series = np.zeros(100)
    series[40:50], series[70] = 0.8, 0.6
    verdict = judge((measured(0.71, series=series),), limits(limit(maximum=0.5, advice="Lock the feet.")))
    assert verdict.reasons == (
        "validation: skate is 0.71 m/s, strict allows at most 0.5 m/s. A foot slides while it bears weight. "
        "Beyond it: frames 40-49 (4.00-4.90 s), 70 (7.00 s), 11 of 100; worst at 40 (4.00 s): 0.8 m/s. Lock the feet.",
    )


def test_numbers_read_as_an_engineer_writes_them():
    share = judge((measured(0.357, unit="1"),), limits(limit(maximum=0.02))).reasons[0]
    length = judge((measured(0.051, unit="m"),), limits(limit(maximum=0.01))).reasons[0]
    assert share.startswith("validation: skate is 35.7 %, strict allows at most 2 %.")
    large = judge((measured(12345.6),), limits(limit(maximum=400))).reasons[0]
    assert length.startswith("validation: skate is 5.1 cm, strict allows at most 1 cm.")
    assert large.startswith("validation: skate is 12346 m/s, strict allows at most 400 m/s.")


def test_limits_wait_for_the_stage_that_measures():
    """The human is judged before a robot motion exists; the final verdict holds both."""
    both = limits(limit(maximum=0.5), limit(stage="plausibility", maximum=0.5))
    human, robot = measured(0.1, stage="plausibility"), measured(0.9)
    assert [check.stage for check in judge((human,), both).checks] == ["plausibility"]
    assert judge((human,), both).accepted
    assert [check.stage for check in judge((human, robot), both).checks] == ["validation", "plausibility"]
    assert not judge((human, robot), both).accepted


def test_a_limit_on_something_nobody_measured_is_an_error():
    """A misspelt limit would otherwise be a check that cannot fail."""
    with pytest.raises(
        UnknownName, match=r"tier 'strict', .validation.skat.: unknown measurement 'skat'\. Did you mean 'skate'"
    ):
        judge((measured(1.0),), limits(limit(measurement="skat", maximum=1.0)))


def test_limits_that_say_nothing_of_what_was_measured_accept_nothing():
    """A hand-off file has no human behind it; limits of the human alone would let any of them pass."""
    with pytest.raises(NothingJudged, match="tier 'strict' has no limit on validation"):
        judge((measured(1.0),), limits(limit(stage="plausibility", maximum=1.0)))


def test_limits_are_read_as_written(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'tier = "mine"\n[plausibility.skate_p95]\nmaximum = 1\nseverity = "warn"\nadvice = "Film again."\n'
        "[validation.skate_p95]\nminimum = -0.5\n"
    )
    assert find_limits(str(path)) == Limits(
        tier="mine",
        items=(
            Limit(stage="plausibility", measurement="skate_p95", maximum=1, severity="warn", advice="Film again."),
            Limit(stage="validation", measurement="skate_p95", minimum=-0.5),
        ),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it holds no limit"),
        ("tier =", "Invalid value"),
        ("[valdation.skate]\nmaximum = 1", "'valdation' is no table of limits; known: plausibility, validation"),
        ("validation = 3", "'validation' is no table of limits"),
        ("[validation]\nskate = 3", r"\[validation.skate\] must be a table"),
        ("[validation.skate]\nmax = 1", r"\[validation.skate\]: 'max' is unknown; known: maximum, minimum"),
        ("[validation.skate]\nadvice = 'x'", r"\[validation.skate\] needs a 'maximum' or a 'minimum'"),
        ("[validation.skate]\nmaximum = '1'", "'maximum' must be a finite number, got '1'"),
        ("[validation.skate]\nmaximum = nan", "'maximum' must be a finite number, got nan"),
        ("[validation.skate]\nmaximum = true", "'maximum' must be a finite number, got True"),
        ("[validation.skate]\nmaximum = 1" + 400 * "0", "'maximum' must be a finite number, got 1000"),
        ("[validation.skate]\nmaximum = 1" + 9999 * "0", "not a limits file"),
        ("[validation.skate]\nmaximum = 1\nminimum = 2", "'minimum' is above 'maximum'"),
        ("[validation.skate]\nmaximum = 1\nadvice = 3", "'advice' must be text, got 3"),
        ("[tracking.assist_cap]\nmaximum = 1", "'tracking' is no table of limits"),
        ("[validation.skate]\nmaximum = 1\nseverity = 'fatal'", "must be 'reject' or 'warn', got 'fatal'"),
    ],
)
def test_a_file_that_is_no_limits_file_says_which_entry_is_wrong(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(InvalidLimits, match=message):
        Limits.load(path)


def test_a_tier_that_does_not_exist_names_the_presets():
    with pytest.raises(UnknownName, match=r"'claen'\. Did you mean 'clean'"):
        find_limits("claen")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnknownName, match=r"nowhere\.toml"):
        find_limits(str(tmp_path / "nowhere.toml"))
    with pytest.raises(InvalidLimits, match="nowhere"):
        Limits.load(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("tier", ["trainable", "clean"])
def test_every_limit_of_a_preset_tells_what_to_do(tier):
    preset = find_limits(tier)
    assert preset.tier == tier
    assert PRESETS[tier].stem == tier
    assert {item.stage for item in preset.items} == {"plausibility", "validation"}
    for item in preset.items:
        assert item.advice.endswith("."), f"{item.stage}.{item.measurement} has no advice"


def test_clean_is_nowhere_looser_than_trainable():
    """A clip our own bar accepts is one that PBHC would have trained."""
    loose = {(item.stage, item.measurement): item for item in find_limits("trainable").items}
    strict = {(item.stage, item.measurement): item for item in find_limits("clean").items}
    assert set(loose) <= set(strict)
    for key, item in loose.items():
        if item.maximum is not None:
            assert strict[key].maximum <= item.maximum, key
        if item.minimum is not None:
            assert strict[key].minimum >= item.minimum, key
