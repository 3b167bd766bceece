"""What is made of a dataset as a whole after a build: its page, its index and its card."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from pipeline.catalogue.index import write_catalogue
from pipeline.decisions import read_decisions, standing
from pipeline.handing import seen_by_reviewers
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
            f"report: [`{self.page}`]({self.link})",
            f"watch the clips and decide on them: `{self.review_command}`",
        )

    @property
    def link(self) -> str:
        """The page's address on this machine."""
        return self.page.resolve().as_uri()

    @property
    def review_command(self) -> str:
        """What to type to watch the clips and decide on them."""
        return f"wushu review {shlex.quote(str(self.dataset.root))}"

    @property
    def damaged(self) -> tuple[str, ...]:
        """A sentence for each outcome that cannot be read."""
        return tuple(str(error) for error in self.rows.damaged)


def round_off(dataset: Dataset, *, build_ended: bool = False) -> Rounded:
    """Write page, index and card from the outcomes of all clips, whoever made them.

    Args:
        dataset: Whose.
        build_ended: A build of it came to its end just now: it is remembered, and the next is compared with it.

    Raises:
        OutputNotWritable: The folder cannot be written, or the disk is full.
    """
    return Rounded(dataset=dataset, rows=write_catalogue(dataset, _write_page, build_ended=build_ended))


def _write_page(dataset: Dataset, rows: Rows) -> None:
    held = {row.clip.id: standing(read_decisions(dataset, row.clip.id), seen_by_reviewers(row)) for row in rows}
    write_run_page(dataset, rows, held)
