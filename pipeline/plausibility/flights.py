"""Turns a person's time in the air into what gravity says of it: a fall or not, and at what speed it is played."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from pipeline.flight_physics import GRAVITY, Flight, measure_playback, playback_speed
from pipeline.measurement import Measurement, largest, share


def falling_frames(flights: tuple[Flight, ...], n_frames: int, *, tolerance: float) -> Bool[np.ndarray, " frames"]:
    """Say in which frames the body is in free flight: airborne, and its centre of mass falls with g.

    Args:
        flights: Spans in the air, with the parabolas that fit them.
        n_frames: Length of the motion.
        tolerance: How far the fitted vertical acceleration may be from g [m/s^2].
    """
    falling = np.zeros(n_frames, dtype=bool)
    for flight in flights:
        falling[slice(*flight.span)] = abs(flight.vertical_acc + GRAVITY) <= tolerance
    return falling


def measure_flights(
    flights: tuple[Flight, ...], airborne: Bool[np.ndarray, " frames"], *, largest_misfit: float
) -> tuple[Measurement, ...]:
    """Measure whether flights fall with g, and the speed of playback that they tell.

    Args:
        flights: Spans in the air, with the parabolas that fit the centre of mass over the ground of the moment.
        airborne: Frames in which nothing carries the body and all of it is off the ground.
        largest_misfit: Flights that leave their parabola by more tell nothing of time [m].
    """
    error = np.zeros(len(airborne))
    for flight in flights:
        error[slice(*flight.span)] = max(abs(flight.vertical_acc + GRAVITY) - 2 * flight.vertical_acc_error, 0.0)
    speed = playback_speed(tuple(flight for flight in flights if flight.rms < largest_misfit))
    return (
        share("flight_share", airborne, "Share of frames in which the person is in the air"),
        largest(
            "flight_acc_error", error, "m/s^2", "Furthest that a flight's vertical acceleration is from g, for sure"
        ),
        *measure_playback(speed),
    )
