import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.flight_physics import GRAVITY, clears_floor, fit_flights, joins_its_ends, playback_speed


def thrown(duration: float, fps: float, speed: float = 1.0, sideways: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """A body that runs on the floor, flies for a time, and runs on; played at a speed. Returns path and airborne."""
    flight = duration / speed
    time = np.arange(0, 1.0 + flight + 1e-9, 1 / fps)
    since = time - 0.5
    airborne = (since > 0) & (since < flight)
    real = speed * since
    height = np.where(airborne, real * (duration - real) * GRAVITY / 2, 0.0)
    return np.stack([sideways * speed * time, np.zeros(len(time)), height], axis=1), airborne


@given(duration=st.floats(0.25, 0.8), fps=st.sampled_from([24.0, 30.0, 60.0, 120.0]), speed=st.floats(0.4, 2.0))
def test_gravity_is_a_ruler_for_the_speed_of_playback(duration, fps, speed):
    """Played at s times its speed a body falls with s^2 g."""
    path, airborne = thrown(duration, fps, speed)
    flights = fit_flights(path, airborne, fps, min_flight=0.05)
    assume(len(flights) == 1)
    assert flights[0].vertical_acc == pytest.approx(-(speed**2) * GRAVITY, rel=1e-6)
    assert flights[0].horizontal_acc == pytest.approx(0.0, abs=1e-6)
    told = playback_speed(flights)
    assert told.speed == pytest.approx(speed, rel=1e-6)
    assert told.wrong_by <= abs(speed - 1) + 1e-9


def test_the_error_of_a_short_flight_is_told():
    """Noise of the credited size must stay within the errors promised: 68 % of the fits within one of them."""
    rng = np.random.default_rng(0)
    path, airborne = thrown(0.3, 60.0)
    noisy = [path + rng.normal(0, 0.003, path.shape) for _ in range(300)]
    fits = [fit_flights(p, airborne, 60.0, min_flight=0.1, path_noise=0.003)[0] for p in noisy]
    miss = np.array([(fit.vertical_acc + GRAVITY) / fit.vertical_acc_error for fit in fits])
    assert 0.6 < np.mean(np.abs(miss) < 1) < 0.8


def test_flights_that_disagree_tell_less():
    apart = [fit_flights(*thrown(0.4, 60.0, speed), 60.0, min_flight=0.1)[0] for speed in (0.8, 1.2)]
    assert playback_speed(tuple(apart)).error > 5 * playback_speed((apart[0], apart[0])).error


def test_who_hovers_or_never_flies_tells_no_time():
    path, airborne = thrown(0.4, 60.0)
    hovering = np.where(airborne[:, None], [0.0, 0.0, 0.3], path)
    for flights in ((), fit_flights(hovering, airborne, 60.0, min_flight=0.1)):
        told = playback_speed(flights)
        assert told.speed == 1.0
        assert not np.isfinite(told.error)
        assert told.wrong_by == 0.0


def test_takeoff_and_apex_belong_together():
    """A body thrown up with v rises by v^2 / 2 g."""
    path, airborne = thrown(0.5, 120.0)
    flight = fit_flights(path, airborne, 120.0, min_flight=0.1)[0]
    assert flight.rise == pytest.approx(flight.takeoff_speed**2 / (2 * GRAVITY), rel=1e-6)
    assert flight.takeoff_speed == pytest.approx(flight.landing_speed, abs=1.5 * GRAVITY / 120)


def test_a_flight_stretched_by_itself_does_not_join_the_floor():
    """Pushing off at 2 m/s, a body does not fly off at half of it."""
    fps = 60.0
    time = np.arange(-0.3, 0.8, 1 / fps)
    for flying, joins in ((2.0, True), (1.0, False)):
        duration = 4.0 / GRAVITY * (2.0 / flying)
        acc = 2 * flying / duration
        height = np.where(time < 0, 2.0 * time, flying * time - acc * time**2 / 2)
        height = np.where(time > duration, -2.0 * (time - duration), height)
        airborne = (time >= 0) & (time <= duration)
        flight = fit_flights(np.stack([0 * time, 0 * time, height], axis=1), airborne, fps, min_flight=0.1)[0]
        assert joins_its_ends(flight, height, fps) == joins


def test_a_foot_that_hardly_leaves_the_floor_is_no_flight():
    low, high = np.array([0, 0.025, 0.028, 0.025, 0]), np.array([0, 0.025, 0.2, 0.025, 0])
    assert not clears_floor(low, lowest=0.02, peak=0.03).any()
    np.testing.assert_array_equal(clears_floor(high, lowest=0.02, peak=0.03), [False, True, True, True, False])
