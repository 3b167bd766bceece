"""Turns where a coordinate stands and where a clip needs it, with which speed, into a curve with two derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Seconds = float | Float[np.ndarray, " dims"]
"""One time, or one for each coordinate [s]."""
_LEAST_RUN_UP_S = 0.08
"""Two frames and a bit: what is shorter meets no speed [s]."""


_LET_HANG = 0.35
"""Share of a swing at either end in which the ankle goes over from standing to hanging and back."""


class Ends(NamedTuple):
    """Where a clip begins, coordinate by coordinate."""

    pos: Float[np.ndarray, " dims"]
    vel: Float[np.ndarray, " dims"]
    """[1/s]"""
    acc: Float[np.ndarray, " dims"]
    """[1/s^2]"""

    def run_up(self, seconds: Seconds) -> Float[np.ndarray, " dims"]:
        """How far a start from rest goes in that time to reach this speed and acceleration with the least jerk."""
        return self.vel * seconds / 2 - self.acc * seconds**2 / 12

    def within(self, seconds: float, room: Float[np.ndarray, " dims"]) -> tuple[Ends, Float[np.ndarray, " dims"]]:
        """Shorten a run-up where it would begin farther back than there is room.

        Args:
            seconds: What it takes elsewhere [s].
            room: How far each coordinate may go back against its speed.

        Returns:
            What is met, less speed where there is no room for it, and the time of each coordinate's run-up [s].
        """
        times = np.minimum(seconds, 2.0 * np.maximum(room, 0.0) / np.maximum(np.abs(self.vel), 1e-9))
        share = np.minimum(times / min(_LEAST_RUN_UP_S, seconds), 1.0)
        most = 6.0 * np.maximum(room, 0.0) / np.maximum(times, _LEAST_RUN_UP_S) ** 2
        acc = np.where(share < 1.0, 0.0, np.clip(self.acc, -most, most))
        return Ends(self.pos, share * self.vel, acc), np.maximum(times, min(_LEAST_RUN_UP_S, seconds))


class Move(NamedTuple):
    """A way from rest to rest."""

    start_s: float
    stop_s: float
    target: Float[np.ndarray, " dims"]


def ends_of(first: Float[np.ndarray, "3 dims"], fps: float) -> Ends:
    """Return place, speed and acceleration at the first of three frames.

    Speed is that of the parabola through the frames; a curve that ends with both continues with the same second
    difference as the frames have.
    """
    p, q, r = first
    return Ends(p, (-1.5 * p + 2.0 * q - 0.5 * r) * fps, (p - 2.0 * q + r) * fps**2)


def rest_to_rest(share: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    """Least-jerk way from 0 to 1 (Flash and Hogan 1985), still before and after."""
    s = np.clip(share, 0.0, 1.0)
    return s**3 * (10.0 + s * (6.0 * s - 15.0))


def bump(share: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    """Up to 1 and back, with speed and acceleration zero at both ends."""
    s = np.clip(share, 0.0, 1.0)
    return (4.0 * s * (1.0 - s)) ** 3


def hanging(share: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    """How far a foot hangs from its leg in a swing, instead of turning as its places at both ends do."""
    return rest_to_rest(share / _LET_HANG) * rest_to_rest((1.0 - share) / _LET_HANG)


def running_up(
    time_s: Float[np.ndarray, " frames"], stop_s: float, seconds: Seconds, ends: Ends
) -> Float[np.ndarray, "frames dims"]:
    """Way of a start from rest that has the speed and acceleration of ``ends`` at ``stop_s``; it ends at run_up.

    The quintic from rest whose end place is free and whose jerk is least: its fifth power vanishes.
    """
    s = np.clip((time_s[:, None] - (stop_s - seconds)) / seconds, 0.0, 1.0)
    v, a = ends.vel * seconds, ends.acc * seconds**2
    return s**3 * ((v - a / 3.0) + s * (a / 4.0 - v / 2.0))


def through(
    time_s: Float[np.ndarray, " frames"], start: Float[np.ndarray, " dims"], moves: Sequence[Move]
) -> Float[np.ndarray, "frames dims"]:
    """One way after the other, at rest in between."""
    path = np.tile(np.asarray(start, float), (len(time_s), 1))
    here = np.asarray(start, float)
    for move in moves:
        share = (time_s - move.start_s) / max(move.stop_s - move.start_s, 1e-9)
        path += rest_to_rest(share)[:, None] * (move.target - here)
        here = move.target
    return path


def meeting(
    time_s: Float[np.ndarray, " frames"],
    start: Float[np.ndarray, " dims"],
    moves: Sequence[Move],
    last_start_s: float,
    stop_s: float,
    ends: Ends,
    run_up_s: Seconds,
) -> Float[np.ndarray, "frames dims"]:
    """Ways from rest to rest, the last of which ends at ``stop_s`` where the clip begins, with its speed."""
    last = Move(last_start_s, stop_s, ends.pos - ends.run_up(run_up_s))
    return through(time_s, start, [*moves, last]) + running_up(time_s, stop_s, run_up_s, ends)
