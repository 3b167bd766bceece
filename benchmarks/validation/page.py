"""Writes the figures and the table of faults into a page for people, between two marks if it has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import Figure, machine
from benchmarks.validation.fault_table import FaultRow, fault_figures, markdown

BEGIN, END = "<!-- figures of benchmarks.validate -->", "<!-- end of figures -->"
"""What stands between these lines of a page is replaced, the rest stays."""


def write_page(path: Path, figures: Sequence[Figure], rows: Sequence[FaultRow], told: Sequence[str]) -> None:
    """Write the page, or its part between the marks.

    Args:
        path: Of the page.
        figures: All of the run; those of single faults are told by the table.
        rows: Of the table of faults.
        told: Sentences on what was judged.
    """
    text = _page(figures, rows, told)
    before, mark, after = path.read_text(encoding="utf-8").partition(BEGIN) if path.is_file() else ("", "", "")
    if mark and END in after:
        text = f"{before}{BEGIN}\n{text}{END}{after.partition(END)[2]}"
    path.write_text(text, encoding="utf-8")


def _page(figures: Sequence[Figure], rows: Sequence[FaultRow], told: Sequence[str]) -> str:
    of_faults = {figure.key for figure in fault_figures(rows)}
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}.",
        *(" ".join(line.split()) + "." for line in told),
        "",
        "| figure | value | asked for | meaning |",
        "|---|---|---|---|",
        *(
            f"| `{f.key}` | {f.value:.4g} {'' if f.unit == '1' else f.unit} | {f.bar} | {f.meaning} |"
            for f in figures
            if f.key not in of_faults
        ),
        "",
    ]
    return "\n".join(lines) + "\n" + (markdown(rows) + "\n" if rows else "")
