"""Turns the outcomes of a sweep into a row for each fault: how often it is found, by which check, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.report import Figure
from benchmarks.validation.faulty import Fault
from benchmarks.validation.human_faults import HumanFault
from benchmarks.validation.sweep import Outcome

DETECTED_BAR_PCT, IOU_BAR = 95.0, 0.6
"""What is asked of every fault that must be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """How one fault at one strength fared over all clips that have room for it."""

    fault: Fault | HumanFault
    clips: int
    detected_pct: float
    """Share of the clips in which it was refused [%]; NaN without a clip."""
    iou: float
    """Mean intersection over union of the frames named and the frames wrong, misses included as 0."""
    found_by: tuple[tuple[str, int], ...]
    """Checks that refused it and in how many clips, most often first."""
    missed: tuple[str, ...]
    """Clips in which it passed."""

    @property
    def holds(self) -> bool:
        """Whether it was found as often and as well as is asked."""
        return self.detected_pct >= DETECTED_BAR_PCT and self.iou >= IOU_BAR


def fault_rows(faults: Sequence[Fault | HumanFault], outcomes: Sequence[Outcome]) -> list[FaultRow]:
    """Gather the outcomes of each fault, in the order of the library."""
    return [_row(fault, [outcome for outcome in outcomes if outcome.fault == fault.key]) for fault in faults]


def _row(fault: Fault | HumanFault, outcomes: Sequence[Outcome]) -> FaultRow:
    by = Counter(name for outcome in outcomes for name in outcome.rejected_by)
    refused = [not outcome.accepted for outcome in outcomes]
    return FaultRow(
        fault=fault,
        clips=len(outcomes),
        detected_pct=100.0 * float(np.mean(refused)) if outcomes else float("nan"),
        iou=float(np.mean([outcome.iou for outcome in outcomes])) if outcomes else float("nan"),
        found_by=tuple(by.most_common()),
        missed=tuple(outcome.clip for outcome in outcomes if outcome.accepted),
    )


def fault_figures(rows: Sequence[FaultRow]) -> list[Figure]:
    """Return detection and localisation of each fault and strength, and of each family at its worst asked strength."""
    figures = []
    for name in dict.fromkeys(row.fault.name for row in rows):
        family = [row for row in rows if row.fault.name == name and row.clips]
        asked = [row for row in family if row.fault.asked] or family
        if asked and name not in {row.fault.key for row in family}:
            figures += _pair(
                name,
                min(row.detected_pct for row in asked),
                min(row.iou for row in asked),
                "worst of the strengths asked for",
                asked[0].fault.asked,
            )
        for row in family:
            words = f"{row.fault.strength or row.fault.meaning}, {row.clips} clips"
            figures += _pair(row.fault.key, row.detected_pct, row.iou, words, row.fault.asked)
    return figures


def _pair(key: str, detected_pct: float, iou: float, meaning: str, asked: bool) -> list[Figure]:
    bars = (f">= {DETECTED_BAR_PCT:g}", f">= {IOU_BAR:g}") if asked else ("", "")
    return [
        Figure(key=f"{key}_detected_pct", value=detected_pct, unit="%", meaning=meaning, bar=bars[0]),
        Figure(key=f"{key}_iou", value=iou, unit="1", meaning=meaning, bar=bars[1]),
    ]


def markdown(rows: Sequence[FaultRow]) -> str:
    """Write the table for people: what was put in, how often it was found and where, by which checks.

    The key check is the one that refuses it in the most clips; the key is what its figures in the JSON file begin with.
    """
    lines = [
        "| fault | strength | key | what it is | clips | detected | IoU | key check | others |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        fault = row.fault
        strength = fault.strength if fault.asked else f"{fault.strength} (not asked)".strip()
        cells = [fault.name, strength, f"`{fault.key}`", fault.meaning, f"{row.clips}"]
        if row.clips:
            missed = "" if row.holds or not fault.asked else " **missed**"
            by = [f"`{name}` {count}" for name, count in row.found_by[:3]] or [""]
            cells += [f"{row.detected_pct:.0f} %{missed}", f"{row.iou:.2f}", by[0], ", ".join(by[1:])]
        else:
            cells += ["", "", "no clip has room for it", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
