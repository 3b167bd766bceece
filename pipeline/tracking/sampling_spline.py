"""Turns a few knots into smooth corrections of joint targets over the horizon, and moves them on in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from robots.arrays import check_settings
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class KnotSpline:
    """Natural cubic splines through evenly spaced knots; all that is done with them is linear in the knots."""

    horizon_s: float
    """From the first to the last knot [s]."""
    knots: int
    """Number of knots, two or more."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InvalidArray: The horizon is no time, or there are fewer than two knots.
        """
        check_settings(self, positive=("horizon_s",))
        if self.knots < 2:
            raise InvalidArray("knots", problem=f"must be two or more, got {self.knots}")

    @property
    def knot_times_s(self) -> Float[np.ndarray, " knots"]:
        """Where the knots are [s]."""
        return np.linspace(0.0, self.horizon_s, self.knots)

    def basis(self, times_s: Float[np.ndarray, " times"]) -> Float[np.ndarray, "times knots"]:
        """Return the matrix that takes knots to the spline at some times; beyond the horizon the end is held."""
        inside = np.clip(times_s, 0.0, self.horizon_s)
        return CubicSpline(self.knot_times_s, np.eye(self.knots), bc_type="natural")(inside)

    def shift(self, by_s: float, fade: float) -> Float[np.ndarray, "knots knots"]:
        """Return the matrix that takes knots to those of the same spline seen from a later time.

        What lies beyond the old horizon was never planned: there the old end is held, times ``fade``.
        """
        times = self.knot_times_s + by_s
        beyond = times > self.horizon_s + 1e-9
        return self.basis(times) * np.where(beyond, fade, 1.0)[:, None]
