"""Turns the path of a centre of mass into what gravity says of it: free flights, and the speed it is played at.

Nothing here knows a body: a centre of mass in the air falls with g whoever it belongs to, which makes g a ruler for
time. A motion played at s times its speed falls with s^2 g.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from pipeline.measurement import Measurement
from retarget.spans import Span, true_runs

GRAVITY = 9.81
"""Standard acceleration of free fall [m/s^2]."""

_FOOTING_S = 0.15
"""Time before and after a flight in which its body pushes off and lands [s]."""
_LEAVES, _LEAVES_SLACK = 1.3, 0.1
"""A body on the floor is faster than its flight by less than this factor and this [m/s]: it is no point ..."""
_UNSEEN_FRAMES = 2
"""... and by less than what it loses in this many frames, which may pass between the last touch and the flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """A parabola fitted to the path of a centre of mass over one span in the air."""

    span: Span
    """Frames in the air."""
    vertical_acc: float
    """Fitted vertical acceleration, -9.81 in free fall [m/s^2]."""
    vertical_acc_error: float
    """Standard error of it [m/s^2]."""
    horizontal_acc: float
    """Size of the fitted horizontal acceleration, 0 in free fall [m/s^2]."""
    rms: float
    """Root mean square distance of the path from the parabola [m]."""
    rise: float
    """Height of the parabola's apex over its first frame [m]; 0 where it only falls."""
    takeoff_speed: float
    """Upward speed of the parabola in its first frame [m/s]."""
    landing_speed: float
    """Downward speed of the parabola in its last frame [m/s]."""

    @property
    def acc_error(self) -> float:
        """Distance of the fitted acceleration from that of free fall [m/s^2]."""
        return float(np.hypot(self.vertical_acc + GRAVITY, self.horizontal_acc))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackSpeed:
    """How fast a motion is played, told by its flights."""

    speed: float
    """1 as it happened, 0.7 slowed down, 2 sped up; 1 where no flight can tell."""
    error: float
    """Standard error of it; infinite where no flight can tell."""

    @property
    def wrong_by(self) -> float:
        """How far the speed is from 1 beyond twice its standard error; 0 where no flight can tell."""
        return max(abs(self.speed - 1) - 2 * self.error, 0.0) if np.isfinite(self.error) else 0.0


def fit_flights(
    com_pos_w: Float[np.ndarray, "frames 3"],
    airborne: Bool[np.ndarray, " frames"],
    fps: float,
    *,
    min_flight: float,
    path_noise: float = 0.003,
) -> tuple[Flight, ...]:
    """Fit a parabola to every span in the air.

    Args:
        com_pos_w: Centre of mass [m], z up.
        airborne: Frames in which nothing touches the floor.
        fps: Frames per second [1/s].
        min_flight: Shorter spans are left out [s]; so are spans of fewer than three frames, which hold no acceleration.
        path_noise: Least error that the height of a centre of mass is credited with [m]: a span of few frames fits
            its parabola too well to tell its own error.
    """
    spans = (span for span in true_runs(airborne) if span[1] - span[0] >= 3)
    long = (span for span in spans if (span[1] - span[0]) / fps >= min_flight - 1e-9)
    return tuple(_fit(com_pos_w[slice(*span)], span, fps, path_noise) for span in long)


def clears_floor(clearance: Float[np.ndarray, " frames"], *, lowest: float, peak: float) -> Bool[np.ndarray, " frames"]:
    """Say in which frames a body is in the air: above one height [m], for as long as it reaches a second somewhere.

    One height alone would either take a foot that hardly leaves the floor for a flight, or cut both ends off a flight.
    """
    airborne = np.zeros(len(clearance), dtype=bool)
    for start, stop in true_runs(clearance > lowest):
        airborne[start:stop] = clearance[start:stop].max() > peak
    return airborne


def joins_its_ends(flight: Flight, com_height: Float[np.ndarray, " frames"], fps: float) -> bool:
    """Say whether a flight begins and ends at the speeds with which its body leaves and meets the floor.

    A flight that was stretched by itself does not: its body pushes off faster than it flies. A motion that is slow as
    a whole is slow on the floor as well.

    Args:
        flight: Of this motion.
        com_height: Height of the centre of mass over the whole motion [m].
        fps: Frames per second [1/s].
    """
    start, stop = flight.span
    around = max(round(_FOOTING_S * fps), 2)
    before = np.diff(com_height[max(start - around, 0) : start + 1]) * fps
    after = -np.diff(com_height[stop - 1 : stop + around]) * fps
    slack = _LEAVES_SLACK + _UNSEEN_FRAMES * abs(flight.vertical_acc) / fps
    return bool(
        np.max(before, initial=0.0) <= _LEAVES * flight.takeoff_speed + slack
        and np.max(after, initial=0.0) <= _LEAVES * flight.landing_speed + slack
    )


def playback_speed(flights: tuple[Flight, ...]) -> PlaybackSpeed:
    """Combine what the flights say about the speed of playback, each weighted by what it can tell.

    Each flight falls with s^2 g; the mean of these accelerations, weighted by their inverse variances, gives s. The
    error is the larger of what the fits promise and what the flights differ by. A mean that does not fall says
    nothing about time: such a body hovers.
    """
    if not flights:
        return PlaybackSpeed(speed=1.0, error=np.inf)
    acc = np.array([flight.vertical_acc for flight in flights])
    weight = np.array([flight.vertical_acc_error for flight in flights]) ** -2.0
    mean = float((weight * acc).sum() / weight.sum())
    excess = float((weight * (acc - mean) ** 2).sum() / max(len(acc) - 1, 1))
    error = float(np.sqrt(max(excess, 1.0) / weight.sum()))
    if mean >= -error:
        return PlaybackSpeed(speed=1.0, error=np.inf)
    speed = float(np.sqrt(-mean / GRAVITY))
    return PlaybackSpeed(speed=speed, error=error / (2 * GRAVITY * speed))


def measure_playback(speed: PlaybackSpeed) -> tuple[Measurement, Measurement]:
    """Measure the speed of playback, and how far it is from 1 for sure."""
    told = f"{speed.speed:.2f} +- {speed.error:.2f}" if np.isfinite(speed.error) else "no flight tells"
    return (
        Measurement(
            name="playback_speed",
            value=speed.speed,
            unit="1",
            meaning=f"Speed of playback that flights under gravity tell: {told}; 1 is as it happened",
        ),
        Measurement(
            name="playback_speed_error",
            value=speed.wrong_by,
            unit="1",
            meaning=f"How far the speed of playback is from 1, beyond doubt: {told}",
        ),
    )


def _fit(com_pos_w: Float[np.ndarray, "frames 3"], span: Span, fps: float, path_noise: float) -> Flight:
    """Least squares of a parabola in each coordinate."""
    times = np.arange(len(com_pos_w)) / fps
    times -= times.mean()  # keeps the three columns nearly orthogonal
    columns = np.vander(times, 3, increasing=True)
    terms = np.linalg.lstsq(columns, com_pos_w, rcond=None)[0]
    miss = com_pos_w - columns @ terms
    noise = max(np.sqrt((miss[:, 2] ** 2).sum() / max(len(times) - 3, 1)), path_noise)
    acc, speed = 2 * terms[2], terms[1] + 2 * terms[2] * times[0]
    rise = speed[2] ** 2 / (-2 * acc[2]) if acc[2] < 0 < speed[2] else 0.0
    return Flight(
        span=span,
        vertical_acc=float(acc[2]),
        vertical_acc_error=float(2 * noise * np.sqrt(np.linalg.inv(columns.T @ columns)[2, 2])),
        horizontal_acc=float(np.hypot(acc[0], acc[1])),
        rms=float(np.sqrt((miss**2).sum(axis=1).mean())),
        rise=float(rise),
        takeoff_speed=float(speed[2]),
        landing_speed=float(-(terms[1] + 2 * terms[2] * times[-1])[2]),
    )
