"""What can be wrong with a file of a dataset, said so that it can be mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["fault", "leftover", "stranger"]
"""Something is not as it was written; or is used no more, as a killed run or other settings left it; or is unknown."""

RUN_AGAIN = "Delete it (or add --repair) and run the build again, which makes it anew"

_TIDY = "`wushu dataset gc` takes it away"

Tell = Callable[["Finding"], None]
"""Called with everything that is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be."""

    path: str
    """File, below the dataset's folder."""
    problem: str
    """What is wrong, a clause."""
    remedy: str = RUN_AGAIN
    """What helps, a clause."""
    kind: Kind = "fault"
    remove: tuple[str, ...] = ()
    """Files, below the dataset's folder, without which the next run makes the damaged one anew."""

    def __str__(self) -> str:
        """Say it in a sentence or two."""
        return f"{self.path}: {self.problem}. {self.remedy}."


def half_written(name: str) -> Finding:
    """Tell of a file that a killed program left half-written."""
    return Finding(path=name, problem="was left half-written by a killed run", remedy=_TIDY, kind="leftover")


def left_over(name: str) -> Finding:
    """Tell of a file that was ours and that no outcome uses any more."""
    problem = "is left over from other settings, and no outcome uses it"
    return Finding(path=name, problem=problem, remedy=_TIDY, kind="leftover")


def stranger(name: str) -> Finding:
    """Tell of a file that is no part of a dataset."""
    remedy = "Nothing reads or publishes it; keep such things elsewhere"
    return Finding(path=name, problem="is no part of the dataset", remedy=remedy, kind="stranger")
