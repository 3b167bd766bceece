"""Counts what other limits moved in a dataset; what it holds does not grow with the clips."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from flows.told import Moved
from pipeline.manifest import Outcome

SHOWN_MOVES = 500
"""Clips that are told one by one."""


@dataclass(slots=True)
class Moves:
    """Outcomes before and after."""

    limits: str
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    usable_before_s: float = 0.0
    usable_after_s: float = 0.0
    n_left: int = 0
    """Clips that could not be judged anew; those whose outcome is damaged are not told one by one."""
    n_told: int = 0
    told: list[Moved] = field(default_factory=list)
    """The first that moved, or were left."""

    def add(self, moved: Moved) -> None:
        """Count a clip."""
        self.before[moved.before] += 1
        self.after[moved.after] += 1
        self.usable_before_s += moved.usable_before_s
        self.usable_after_s += moved.usable_after_s
        self.n_left += bool(moved.left)
        if moved.is_told:
            self.n_told += 1
            if len(self.told) < SHOWN_MOVES:
                self.told.append(moved)

    def __str__(self) -> str:
        """Say it in a sentence."""
        counts = ", ".join(f"{self.before[o.value]} -> {self.after[o.value]} {o.value}" for o in Outcome)
        left = f"; {self.n_left} could not be judged anew" if self.n_left else ""
        return (
            f"limits '{self.limits}': {counts} of {self.after.total()} clips; usable "
            f"{self.usable_before_s:.1f} -> {self.usable_after_s:.1f} s{left}"
        )

    def table(self) -> list[dict[str, str]]:
        """Lay out the clips that moved, and those that were left."""
        return [_line(moved) for moved in self.told] + _more(self.n_told - len(self.told))


def _line(moved: Moved) -> dict[str, str]:
    return {
        "clip": moved.name,
        "id": moved.clip_id,
        "before": moved.before,
        "after": "left as it is" if moved.left else moved.after,
        "usable": f"{moved.usable_before_s:.1f} -> {moved.usable_after_s:.1f} s",
        "note": moved.left,
    }


def _more(number: int) -> list[dict[str, str]]:
    line = {"clip": f"... and {number} more", "id": "", "before": "", "after": "", "usable": "", "note": ""}
    return [line] if number > 0 else []
