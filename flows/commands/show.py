"""``wushu show DATASET``: the outcome of every clip, again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from flows.console import show_rows
from pipeline.manifest import read_rows
from pipeline.store import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Print the outcome of every clip of a dataset, with reasons."""

    dataset: tyro.conf.Positional[Path] = Path("wushu_dataset")
    """A folder made by `wushu run` or `wushu demo`."""

    def __call__(self) -> int:
        """Print the table."""
        dataset = Dataset.open(self.dataset)
        show_rows(read_rows(dataset), dataset)
        return 0
