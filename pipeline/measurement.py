"""What was measured of a motion, apart from any opinion on it; limits come later (``pipeline.verdict``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from retarget.spans import Span, true_runs
from robots.arrays import checked_array, freeze_fields
from robots.exceptions import InvalidArray, UnknownName

STAGES = ("plausibility", "validation", "tracking")
"""Who measures: the human's motion, the robot's motion, the robot that follows it in simulation. Limits are grouped by
the same names."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measurement:
    """One number about a motion, and where in the motion it comes from."""

    name: str
    """Name in lower case with underscores, e.g. ``skate_p95``; limits refer to it."""
    value: float
    """The number a limit is held against."""
    unit: str
    """Unit of the value, e.g. ``m/s``; ``1`` for a share."""
    meaning: str
    """One sentence for the reader of a report."""
    series: Float[np.ndarray, " frames"] | None = None
    """The quantity frame by frame, in the same unit, where it has one; NaN where it does not apply."""
    spans: tuple[Span, ...] = ()
    """Where the quantity was counted, e.g. the stance spans of a skate figure; empty = everywhere."""

    def __post_init__(self) -> None:
        """Check that the value is a finite number."""
        if not np.isfinite(self.value):
            raise InvalidArray(f"measurement '{self.name}'", problem=f"has the value {self.value}")
        checked: dict[str, object] = {
            "value": float(self.value),
            "spans": tuple((int(start), int(stop)) for start, stop in self.spans),
        }
        if self.series is not None:
            checked["series"] = checked_array(self.name, self.series, ("frames",), finite=False)
        freeze_fields(self, checked)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measurements:
    """All that one stage measured of one motion."""

    stage: str
    """Who measured: one of :data:`STAGES`."""
    fps: float
    """Rate of every ``series`` [1/s]."""
    n_frames: int
    """Length of the motion."""
    items: tuple[Measurement, ...]
    """The measurements, in the order a report shows them."""

    def __post_init__(self) -> None:
        """Check that names are unique and that every series and span lies inside the motion."""
        if self.stage not in STAGES:
            raise UnknownName("stage", self.stage, STAGES)
        names = [item.name for item in self.items]
        for item in self.items:
            if names.count(item.name) > 1:
                raise InvalidArray(f"measurement '{item.name}'", problem="was taken twice")
            if item.series is not None and len(item.series) != self.n_frames:
                raise InvalidArray(
                    f"measurement '{item.name}'",
                    problem=f"has a series of {len(item.series)} frames for a motion of {self.n_frames}",
                )
            if any(not 0 <= start < stop <= self.n_frames for start, stop in item.spans):
                raise InvalidArray(f"measurement '{item.name}'", problem=f"has a span outside 0..{self.n_frames}")

    def __getitem__(self, name: str) -> Measurement:
        """Return the measurement of that name.

        Raises:
            UnknownName: There is none.
        """
        for item in self.items:
            if item.name == name:
                return item
        raise UnknownName("measurement", name, (item.name for item in self.items))


def largest(name: str, series: Float[np.ndarray, " frames"], unit: str, meaning: str) -> Measurement:
    """Measure a series by its largest value, zero where it never applies (NaN)."""
    value = float(np.nanmax(series)) if np.isfinite(series).any() else 0.0
    return Measurement(name=name, value=value, unit=unit, meaning=meaning, series=series)


def exceeded_in(
    percent: float, name: str, series: Float[np.ndarray, " frames"], unit: str, meaning: str
) -> Measurement:
    """Measure a series by the value exceeded in some per cent of the frames it applies to, zero if in none."""
    known = series[np.isfinite(series)]
    value = float(np.percentile(known, 100 - percent)) if len(known) else 0.0
    return Measurement(name=name, value=value, unit=unit, meaning=meaning, series=series)


def share(name: str, flags: Bool[np.ndarray, " frames"], meaning: str) -> Measurement:
    """Measure in which share of the frames something holds; its spans say in which."""
    flags = np.asarray(flags, dtype=bool)
    return Measurement(
        name=name,
        value=float(flags.mean()),
        unit="1",
        meaning=meaning,
        series=flags.astype(float),
        spans=spans_where(flags),
    )


def spans_where(mask: Bool[np.ndarray, " frames"]) -> tuple[Span, ...]:
    """Return the runs of True in a boolean series as half-open spans."""
    return tuple(true_runs(np.asarray(mask, dtype=bool)))


def run_durations(flags: Bool[np.ndarray, " frames"], fps: float) -> Float[np.ndarray, " frames"]:
    """Duration of the run of a flag that each frame belongs to [s], 0 where it is not set."""
    duration = np.zeros(len(flags))
    for start, stop in spans_where(flags):
        duration[start:stop] = (stop - start) / fps
    return duration
