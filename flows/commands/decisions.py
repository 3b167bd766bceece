"""``wushu decisions export|import DATASET FILE.csv``: what reviewers decided, as a table, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.markup import escape

from flows.console import console, show_warning
from flows.exceptions import CannotRead
from pipeline.store import Dataset, write_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Write all decisions of a dataset as a table (CSV, UTF-8); a file of that name is replaced."""

    dataset: tyro.conf.Positional[Path]
    """A folder made by `wushu run`."""
    file: tyro.conf.Positional[Path]
    """The table."""

    def __call__(self) -> int:
        """Write it; exit code 1 if a decision cannot be read, which is then not in it."""
        from pipeline.review_desk.decisions_csv import damaged_decisions, export_csv

        dataset = Dataset.open(self.dataset)
        with dataset.being_read():
            content, damaged = export_csv(dataset), damaged_decisions(dataset)
        write_bytes(self.file, content)
        for sentence in damaged:
            show_warning(sentence)
        console.print(f"decisions: {escape(str(self.file))}", highlight=False, soft_wrap=True)
        return 1 if damaged else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """Take over the decisions of a table, each by itself; those that are there already are passed over.

    Refused, and told by its line, is what speaks of an unknown clip or of a motion that was solved anew, what cannot
    be read, and what differs from another reviewer's ruling.
    """

    dataset: tyro.conf.Positional[Path]
    """A folder made by `wushu run`."""
    file: tyro.conf.Positional[Path]
    """A table as `wushu decisions export` writes it."""
    overrule: bool = False
    """Take over also what differs from the ruling of another reviewer."""

    def __call__(self) -> int:
        """Take them over; exit code 1 if any line was refused."""
        from pipeline.review_desk.decisions_csv import LARGEST_BYTES, import_csv

        dataset = Dataset.open(self.dataset)
        try:
            with self.file.open("rb") as file:
                content = file.read(LARGEST_BYTES + 1)
        except OSError as error:
            raise CannotRead(self.file, problem=(error.strerror or str(error)).lower()) from error
        done = import_csv(dataset, content, overrule=self.overrule)
        for refused in done.refused:
            show_warning(f"line {refused.line}: {refused.sentence}")
        console.print(
            f"{done.imported} taken over, {done.known} known already, {len(done.refused)} refused", highlight=False
        )
        return 1 if done.refused else 0


_sub = tyro.conf.subcommand


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionsCommand:
    """What reviewers decided, as a table for spreadsheets and other copies of a dataset."""

    do: Annotated[Export, _sub("export")] | Annotated[Import, _sub("import")]

    def __call__(self) -> int:
        """Do it."""
        return self.do()
