"""Checks a CSV as BeyondMimic's and mjlab's converters take it: 36 numbers a row, columns by their place alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.export.motion_check import motion_problems, not_plausible, not_unit, scalar_first_instead

FPS = 30
N_COLUMNS = 36


def check_unitree_csv(path: Path) -> tuple[str, ...]:
    """Return all that is wrong with a file for the converters of Unitree's CSV, in sentences.

    Raises:
        OSError: It cannot be opened.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return ("it is no text.",)
    lines = [line for line in lines if line.strip()]
    if lines and not _numbers(lines[0]):
        separated = next((mark for mark in (";", "\t", " ") if _numbers(lines[0].replace(mark, ","))), None)
        if separated:
            return (f"its numbers are separated by '{separated}', not by commas.",)
        return ("it begins with a header; the converters take the first line for the first frame.",)
    rows = [_numbers(line) for line in lines]
    if wrong := next((i for i, row in enumerate(rows, start=1) if not row), None):
        return (f"line {wrong} holds something that is no number.",)
    if wrong := next((i for i, row in enumerate(rows, start=1) if len(row) != N_COLUMNS), None):
        hint = ": the robot without wrists has 30" if len(rows[wrong - 1]) == N_COLUMNS - 6 else ""
        return (f"line {wrong} has {len(rows[wrong - 1])} columns, not {N_COLUMNS}{hint}.",)
    if len(rows) < 2:
        return (f"it has {len(rows)} frame; a trainer needs two to see any speed.",)
    return tuple(_content_problems(np.array(rows)))


def _content_problems(rows: np.ndarray) -> list[str]:
    if broken := not_plausible({"the table": rows}):
        return broken
    quat_xyzw = rows[:, 3:7]
    if wrong := not_unit("columns 4 to 7", quat_xyzw):
        return wrong
    if wrong := scalar_first_instead("the quaternion in columns 4 to 7", quat_xyzw):
        return wrong
    return motion_problems(FPS, rows[:, :3], quat_xyzw[:, [3, 0, 1, 2]], rows[:, 7:], "29dof")


def _numbers(line: str) -> list[float]:
    """Return a row's numbers, none if something in it is no number."""
    try:
        return [float(cell) for cell in line.split(",")]
    except ValueError:
        return []
