"""Tells from a human motion when the body flies: nothing near the floor and the centre of mass falling freely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from retarget.body_trajectory import BodyTrajectory
from retarget.contact_regions import HUMAN_REGIONS, ContactRegion
from retarget.contacts import RegionContacts
from retarget.spans import Span, true_runs
from robots.arrays import check_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightConfig:
    """When a body counts as flying."""

    clearance: float = 0.03
    """Every point of every region is at least this far above its bearing height [m]."""
    shortest_flight_s: float = 0.1
    """Shorter flights are not told from noise [s]."""
    gravity: float = 9.81
    """Acceleration of a fall in the trajectory's own lengths [m/s^2]."""
    gravity_tolerance: float = 0.4
    """Share by which the fitted acceleration may differ: the centre of mass is a guess from joints."""
    largest_misfit: float = 0.02
    """Root mean square distance of the centre's height from the fitted parabola [m]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("gravity",))


_SEGMENTS = (
    ("neck", "head", 0.7, 0.07),
    ("pelvis", "spine3", 0.55, 0.43),
    *((f"{s}_shoulder", f"{s}_elbow", 0.58, 0.027) for s in ("left", "right")),
    *((f"{s}_elbow", f"{s}_wrist", 0.46, 0.016) for s in ("left", "right")),
    *((f"{s}_wrist", f"{s}_hand", 0.8, 0.006) for s in ("left", "right")),
    *((f"{s}_hip", f"{s}_knee", 0.41, 0.142) for s in ("left", "right")),
    *((f"{s}_knee", f"{s}_ankle", 0.44, 0.043) for s in ("left", "right")),
    *((f"{s}_ankle", f"{s}_foot", 0.5, 0.014) for s in ("left", "right")),
)
"""Joint above, joint below, share of the way from one to the other at which the segment's centre lies, share of the
body's mass: rounded means over women and men of de Leva, "Adjustments to Zatsiorsky-Seluyanov's segment inertia
parameters", J. Biomech. 29 (1996), table 4; head and trunk measured from the joints that SMPL has."""


def mass_centre(trajectory: BodyTrajectory) -> Float[np.ndarray, "frames 3"]:
    """Centre of mass of the segments whose joints the trajectory has [m]; the mean of all bodies if it has none."""
    column = {name: i for i, name in enumerate(trajectory.names)}
    total, centre = 0.0, np.zeros((len(trajectory), 3))
    for above, below, share, mass in _SEGMENTS:
        if above in column and below in column:
            ends = trajectory.pos_w[:, column[above]], trajectory.pos_w[:, column[below]]
            centre += mass * ((1.0 - share) * ends[0] + share * ends[1])
            total += mass
    return centre / total if total else trajectory.pos_w.mean(axis=1)


def flight_spans(
    trajectory: BodyTrajectory,
    contacts: RegionContacts,
    config: FlightConfig | None = None,
    regions: Sequence[ContactRegion] = HUMAN_REGIONS,
) -> tuple[Span, ...]:
    """Spans in which nothing bears weight and the centre of mass falls as a thrown stone does.

    Somebody who climbs, hangs or is carried is high above the floor and does not fall: a parabola is fitted to the
    height of the centre of mass, and its acceleration must be gravity's.

    Args:
        trajectory: The human's bodies in a z-up world.
        contacts: What bears weight, from :func:`retarget.contacts.region_contacts`.
        config: Settings; defaults when left out.
        regions: The table that ``contacts`` was told with.
    """
    config = config or FlightConfig()
    airborne = _clear(trajectory, contacts.floor_height + config.clearance, regions)
    for stances in contacts.spans:
        for start, stop in stances:
            airborne[start:stop] = False
    height = mass_centre(trajectory)[:, 2]
    shortest = max(config.shortest_flight_s * trajectory.fps, 4.0)  # a parabola goes through any three frames
    return tuple(
        (start, stop)
        for start, stop in true_runs(airborne)
        if stop - start >= shortest and _falls(height[start:stop], trajectory.fps, config)
    )


def _clear(trajectory: BodyTrajectory, floor: float, regions: Sequence[ContactRegion]) -> np.ndarray:
    """Frames in which no point of any region is at its bearing height above the floor."""
    column = {name: i for i, name in enumerate(trajectory.names)}
    clear = np.ones(len(trajectory), dtype=bool)
    for point in (p for region in regions for p in region.points):
        if point.body in column:
            clear &= trajectory.pos_w[:, column[point.body], 2] > floor + point.height
    return clear


def _falls(height: Float[np.ndarray, " frames"], fps: float, config: FlightConfig) -> bool:
    """Whether heights lie on a parabola bent by gravity."""
    time = (np.arange(len(height)) - (len(height) - 1) / 2) / fps
    bend, *rest = np.polyfit(time, height, 2)
    misfit = np.sqrt(np.mean((np.polyval([bend, *rest], time) - height) ** 2))
    off = abs(2.0 * bend + config.gravity) / config.gravity
    return bool(off < config.gravity_tolerance and misfit < config.largest_misfit)
