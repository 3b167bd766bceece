"""Turns a centre-of-mass path into the nearest one whose zero-moment point stays where the feet can push.

With the height and the angular momentum of the robot given, the zero-moment point is linear in the horizontal path,
``p = c - (m z c'' + dL') / (m (g + z''))`` (Kajita et al., "Biped walking pattern generation by using preview control
of zero-moment point", ICRA 2003; with the momentum of the limbs). The nearest path over the whole clip is a quadratic
programme with one polygon a frame; splitting it into a banded least-squares problem and projections onto polygons
(ADMM; Boyd et al. 2011, section 5) solves all frames at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.spatial import ConvexHull

from pipeline.flight_physics import GRAVITY
from retarget.spans import Span
from robots.arrays import check_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewConfig:
    """What moving the path costs, and how long the solver tries."""

    acceleration_weight: float = 1.0
    """Price of a change of the acceleration against a change of place; at 1 both cost what they move the zero-moment
    point by."""
    penalty: float = 10.0
    """Price of the zero-moment point's distance from its polygon in the splitting; decides how fast it converges."""
    iterations: int = 200
    """Rounds at most."""
    tolerance: float = 2e-4
    """Done when no zero-moment point is farther outside than this [m]."""
    least_load: float = 0.3
    """Share of gravity that the floor is taken to bear at least; below it the feet can hardly steer."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("penalty", "iterations", "tolerance", "least_load", "acceleration_weight"))


class Support(NamedTuple):
    """Where the zero-moment point may lie in a span of frames."""

    span: Span
    polygon_w: Float[np.ndarray, "corners 2"] | None
    """Corners, counter-clockwise [m]; None in flight, where the centre of mass cannot be steered."""


def convex_polygon(points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "corners 2"]:
    """Return the corners of the convex hull, counter-clockwise."""
    return points[ConvexHull(points).vertices]


def nearest_in_polygon(
    points: Float[np.ndarray, "points 2"], polygon: Float[np.ndarray, "corners 2"]
) -> Float[np.ndarray, "points 2"]:
    """Return the nearest points inside a convex polygon whose corners run counter-clockwise."""
    edge = np.roll(polygon, -1, axis=0) - polygon
    normal = np.stack([edge[:, 1], -edge[:, 0]], axis=1)  # outwards
    arm = points[:, None] - polygon
    outside = (np.einsum("pci,ci->pc", arm, normal) > 0.0).any(axis=1)
    if not outside.any():
        return points
    arm = arm[outside]
    along = np.clip(np.einsum("pci,ci->pc", arm, edge) / (edge**2).sum(axis=1), 0.0, 1.0)
    foot = polygon + along[..., None] * edge
    gap = ((points[outside, None] - foot) ** 2).sum(axis=2)
    nearest = points.copy()
    nearest[outside] = foot[np.arange(len(foot)), gap.argmin(axis=1)]
    return nearest


def zero_moment_point(
    com_w: Float[np.ndarray, "frames 3"],
    momentum_rate_w: Float[np.ndarray, "frames 3"],
    mass: float,
    hz: float,
    least_load: float = 0.3,
) -> Float[np.ndarray, "frames 2"]:
    """Return the zero-moment point on the floor z = 0 [m].

    Args:
        com_w: Centre of mass [m].
        momentum_rate_w: Rate of the angular momentum about it [N m].
        mass: Mass [kg].
        hz: Frames per second [1/s].
        least_load: See :class:`PreviewConfig`.
    """
    lever, shift = _lever_and_shift(com_w[:, 2], momentum_rate_w, mass, hz, least_load)
    return com_w[:, :2] - lever[:, None] * _second_difference(com_w[:, :2], hz) - shift


def _lever_and_shift(
    height: np.ndarray, momentum_rate_w: np.ndarray, mass: float, hz: float, least_load: float
) -> tuple[Float[np.ndarray, " frames"], Float[np.ndarray, "frames 2"]]:
    """What an acceleration moves the zero-moment point by [s^2], and what the angular momentum does [m]."""
    load = np.maximum(GRAVITY + _second_difference(height, hz), least_load * GRAVITY)
    shift = np.stack([momentum_rate_w[:, 1], -momentum_rate_w[:, 0]], axis=1) / (mass * load)[:, None]
    return height / load, shift


def _second_difference(x: np.ndarray, hz: float) -> np.ndarray:
    """Second derivative, zero at the ends, where nothing is known of it."""
    bend = np.zeros_like(x)
    bend[1:-1] = (x[2:] - 2.0 * x[1:-1] + x[:-2]) * hz**2
    return bend


def preview(
    com_w: Float[np.ndarray, "frames 3"],
    momentum_rate_w: Float[np.ndarray, "frames 3"],
    supports: Sequence[Support],
    mass: float,
    hz: float,
    config: PreviewConfig,
) -> Float[np.ndarray, "frames 3"]:
    """Return the path nearest to ``com_w`` whose zero-moment point is in the polygons; heights are kept.

    Args:
        com_w: Centre of mass of the reference, above the floor z = 0 [m].
        momentum_rate_w: Rate of the angular momentum about it [N m].
        supports: Polygons that cover all frames.
        mass: Of the robot [kg].
        hz: Frames per second [1/s].
        config: Settings.
    """
    if len(com_w) < 3:
        return com_w.copy()
    lever, shift = _lever_and_shift(com_w[:, 2], momentum_rate_w, mass, hz, config.least_load)
    airborne = np.zeros(len(com_w), dtype=bool)
    for support in supports:
        airborne[slice(*support.span)] = support.polygon_w is None
    place = np.where(airborne, 0.0, 1.0)  # in flight the row is the acceleration alone, which must be none
    typical = float(np.median(lever))
    rows = _Rows(place, np.where(airborne, typical, lever), hz)
    factor = _factor(rows, typical, config)
    ref = com_w[:, :2]
    pull = ref + _bend_transposed(typical**2 * config.acceleration_weight * _bend(ref, hz), hz)
    shift = np.where(airborne[:, None], 0.0, shift)
    path, dual = ref.copy(), np.zeros_like(ref)
    for _ in range(config.iterations):
        point = rows.apply(path) - shift
        goal = _projected(point + dual, supports)
        dual += point - goal
        if np.abs(point - goal).max() < config.tolerance:
            break
        path = cho_solve_banded((factor, True), pull + config.penalty * rows.transposed(goal - dual + shift))
    return np.column_stack([path, com_w[:, 2]])


class _Rows(NamedTuple):
    """The linear map from a path to zero-moment points: ``place * c - lever * c''``."""

    place: np.ndarray
    lever: np.ndarray
    hz: float

    def apply(self, path: np.ndarray) -> np.ndarray:
        """From paths to points."""
        return self.place[:, None] * path - self.lever[:, None] * _bend(path, self.hz)

    def transposed(self, points: np.ndarray) -> np.ndarray:
        """From points to paths."""
        return self.place[:, None] * points - _bend_transposed(self.lever[:, None] * points, self.hz)


_bend = _second_difference


def _bend_transposed(x: np.ndarray, hz: float) -> np.ndarray:
    """Transposed map of :func:`_second_difference`."""
    inner = x[1:-1] * hz**2
    out = np.zeros_like(x)
    out[:-2] += inner
    out[1:-1] -= 2.0 * inner
    out[2:] += inner
    return out


def _factor(rows: _Rows, typical: float, config: PreviewConfig) -> np.ndarray:
    """Banded Cholesky factor of the path's Hessian; it is the same along both horizontal axes."""
    n, scale = len(rows.place), rows.hz**2
    band = np.zeros((3, n))
    band[0] = 1.0
    weight = np.full(n, typical**2 * config.acceleration_weight)
    for price, place, lever in ((1.0, np.zeros(n), np.sqrt(weight)), (config.penalty, rows.place, rows.lever)):
        low, high = -lever * scale, -lever * scale
        middle = place + 2.0 * lever * scale
        low, high = low.copy(), high.copy()
        low[[0, -1]] = high[[0, -1]] = 0.0
        middle = middle.copy()
        middle[[0, -1]] = place[[0, -1]]
        band[0] += price * middle**2
        band[0, :-1] += price * low[1:] ** 2
        band[0, 1:] += price * high[:-1] ** 2
        band[1, :-1] += price * (middle[1:] * low[1:] + high[:-1] * middle[:-1])
        band[2, :-2] += price * low[1:-1] * high[1:-1]
    return cholesky_banded(band, lower=True)


def _projected(points: np.ndarray, supports: Sequence[Support]) -> np.ndarray:
    """Nearest points that the supports allow."""
    goal = np.zeros_like(points)
    for support in supports:
        frames = slice(*support.span)
        if support.polygon_w is not None:
            goal[frames] = nearest_in_polygon(points[frames], support.polygon_w)
    return goal
