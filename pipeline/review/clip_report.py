"""Turns what was measured and decided of a clip into one page to look at: when, by how much, where the feet went.

From top to bottom: a timeline with contacts, the frames that each failed check points to and the parts that can be
used; the failed quantities over time with their limits; the way of the feet from above, and their heights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.manifest import Usable
from pipeline.measurement import Measurement, Measurements, Span, spans_where
from pipeline.verdict import CheckResult, Verdict
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.soles import Soles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_REFUSED, _WARNED, _USABLE, _STANCE = "#c83228", "#e8963c", "#3c9650", ("#3c6ec8", "#e0a020")
_SIDES = ("left", "right")
_MAX_PANELS = 6
_ALWAYS_SHOWN = (
    ("validation", "force_residual_p95_lp6"),
    ("validation", "penetration_max"),
    ("validation", "skate_p95"),
    ("tracking", "assist_p95"),
)
"""Shown even where they pass: what a roboticist looks at first."""
_TEXT = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipReport:
    """All that the page of a clip tells."""

    name: str
    """What people call the clip."""
    motion: RobotMotion
    measurements: tuple[Measurements, ...]
    verdict: Verdict
    pieces: tuple[Usable, ...] = field(default=())
    """What can be used of it."""

    @property
    def failed(self) -> list[CheckResult]:
        """Failed checks, rejections first, each group with the most frames first."""
        failed = [check for check in self.verdict.checks if not check.passed]
        return sorted(failed, key=lambda c: (c.severity != "reject", -sum(b - a for a, b in c.spans)))

    def measurement(self, stage: str, name: str) -> Measurement | None:
        """Return a measurement, None if it was not taken."""
        for group in self.measurements:
            if group.stage == stage:
                return next((item for item in group.items if item.name == name), None)
        return None


def write_report(path: Path, report: ClipReport, robot: RobotModel) -> None:
    """Draw the page as a PNG.

    Raises:
        OSError: It cannot be written.
    """
    from matplotlib.figure import Figure  # a third of a second to import, and no other command needs it

    panels = _panels(report)
    n_rows = 2 + min(len(report.failed), 14)
    heights = [0.9 + 0.17 * n_rows, *[1.15] * len(panels), 3.2]
    figure = Figure(figsize=(14, 0.7 + sum(heights) + 0.35 * len(heights)), layout="constrained")
    figure.suptitle(_title(report), fontsize=11, ha="left", x=0.01, fontweight="bold")
    parts: Any = figure.subfigures(2, 1, height_ratios=[sum(heights[:-1]), heights[-1]])
    axes = np.atleast_1d(parts[0].subplots(1 + len(panels), 1, sharex=True, height_ratios=heights[:-1]))
    _draw_timeline(axes[0], report)
    for axis, (measurement, checks) in zip(axes[1:], panels, strict=True):
        _draw_series(axis, report, measurement, checks)
    axes[-1].set_xlabel("time [s]", fontsize=_TEXT)
    axes[0].set_xlim(0, max(len(report.motion) / report.motion.fps, 1e-3))
    _draw_feet(parts[1].subplots(1, 2, width_ratios=(1, 2)), report, robot)
    figure.savefig(path, format="png", dpi=90)


def _title(report: ClipReport) -> str:
    verdict = report.verdict
    duration = len(report.motion) / report.motion.fps
    usable = sum(piece.duration_s for piece in report.pieces)
    word = "accepted" if verdict.accepted else f"refused, {usable:.1f} s usable after a repair" if usable else "refused"
    return f"{report.name}: {word}   ({duration:.1f} s, tier {verdict.tier}, score {verdict.score:.2f})"


def _panels(report: ClipReport) -> list[tuple[Measurement, list[CheckResult]]]:
    """Choose the quantities to draw: what failed, the worst first, then what is always looked at."""
    wanted = [(check.stage, check.measurement) for check in report.failed]
    wanted = list(dict.fromkeys([*wanted[: _MAX_PANELS - 1], *_ALWAYS_SHOWN]))
    panels: list[tuple[Measurement, list[CheckResult]]] = []
    for stage, name in wanted:
        measurement = report.measurement(stage, name)
        if measurement is None or measurement.series is None:
            continue
        checks = [c for c in report.verdict.checks if (c.stage, c.measurement) == (stage, name)]
        panels.append((measurement, checks))
    return panels[: _MAX_PANELS + 2]


def _draw_timeline(axis: Axes, report: ClipReport) -> None:
    """One row for each foot, each failed check, and what can be used."""
    fps = report.motion.fps
    rows: list[tuple[str, Sequence[Span], str]] = [
        (f"{side} foot stands", spans_where(report.motion.foot_contact[:, i] > 0.5), _STANCE[i])
        for i, side in enumerate(_SIDES)
    ]
    whole = ((0, len(report.motion)),)
    rows += [
        (f"{c.stage}: {c.measurement}", c.spans or whole, _REFUSED if c.severity == "reject" else _WARNED)
        for c in report.failed[:14]
    ]
    if report.pieces:
        rows.append(("usable", [piece.frames for piece in report.pieces], _USABLE))
    for row, (_, spans, colour) in enumerate(rows):
        axis.broken_barh([(a / fps, (b - a) / fps) for a, b in spans], (row - 0.4, 0.8), facecolors=colour)
    axis.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=_TEXT)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.tick_params(labelsize=_TEXT)
    axis.grid(axis="x", alpha=0.3)


def _draw_series(axis: Axes, report: ClipReport, measurement: Measurement, checks: Sequence[CheckResult]) -> None:
    """A quantity over time, its limits, and the frames beyond them."""
    assert measurement.series is not None  # chosen for it
    times = np.arange(len(measurement.series)) / report.motion.fps
    axis.plot(times, measurement.series, color="#404040", linewidth=0.9)
    for check in checks:
        colour = _REFUSED if check.severity == "reject" else _WARNED
        axis.axhline(check.limit, color=colour, linestyle="--", linewidth=0.9)
        for start, stop in check.spans:
            axis.axvspan(start / report.motion.fps, stop / report.motion.fps, color=colour, alpha=0.15, linewidth=0)
    unit = "share" if measurement.unit == "1" else measurement.unit
    axis.set_title(f"{measurement.name} [{unit}]: {measurement.meaning}"[:150], fontsize=_TEXT, loc="left", pad=2)
    axis.tick_params(labelsize=_TEXT)
    axis.grid(alpha=0.3)


def _draw_feet(axes: Any, report: ClipReport, robot: RobotModel) -> None:
    """Where both feet went, seen from above, and how high their soles were."""
    soles = Soles.of(report.motion, robot)
    pos_w, height = soles.origin_w, soles.height
    times = np.arange(len(height)) / report.motion.fps
    above, beside = axes
    for side, name in enumerate(_SIDES):
        stands = report.motion.foot_contact[:, side] > 0.5
        above.plot(*pos_w[:, side, :2].T, color=_STANCE[side], linewidth=0.7, alpha=0.6, label=name)
        above.plot(*pos_w[stands, side, :2].T, ".", color=_STANCE[side], markersize=3)
        beside.plot(times, 100 * height[:, side], color=_STANCE[side], linewidth=0.9, label=name)
    above.set_aspect("equal", adjustable="datalim")
    above.set_title("ankles from above [m]; dots where the foot stands", fontsize=_TEXT, loc="left")
    beside.axhline(0, color="#404040", linewidth=0.6)
    beside.set_title("height of the lowest point of each sole [cm]", fontsize=_TEXT, loc="left")
    beside.set_xlabel("time [s]", fontsize=_TEXT)
    for axis in axes:
        axis.legend(fontsize=_TEXT)
        axis.tick_params(labelsize=_TEXT)
        axis.grid(alpha=0.3)
