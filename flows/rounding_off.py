"""What is made of a dataset as a whole after a build: its page, its index and its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.catalogue.index import write_catalogue
from pipeline.manifest import Rows
from pipeline.review import PAGE_FILE, usable_sentence, write_run_page
from pipeline.store import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounded:
    """What there is to say of the dataset as a whole."""

    dataset: Dataset
    rows: Rows

    @property
    def page(self) -> Path:
        """The page for a browser."""
        return self.dataset.root / PAGE_FILE

    @property
    def facts(self) -> tuple[str, ...]:
        """Where everything is, and how much there is by now."""
        return (
            f"dataset: `{self.dataset.root}`, {len(self.rows)} clips in all, {usable_sentence(self.rows)}",
            f"page: `{self.page}`",
        )

    @property
    def damaged(self) -> tuple[str, ...]:
        """A sentence for each outcome that cannot be read."""
        return tuple(str(error) for error in self.rows.damaged)


def round_off(dataset: Dataset) -> Rounded:
    """Write page, index and card from the outcomes of all clips, whoever made them.

    Raises:
        OutputNotWritable: The folder cannot be written, or the disk is full.
    """
    return Rounded(dataset=dataset, rows=write_catalogue(dataset, write_run_page))
