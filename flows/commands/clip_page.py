"""``wushu clip-page DATASET CLIP... --out FOLDER``: clips as pages that play without a service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.markup import escape

from flows.console import bar, console, progress_bars, show_error, show_warning
from pipeline.exceptions import MachineFault
from pipeline.home import Home
from pipeline.manifest import find_row, read_rows
from pipeline.store import Dataset
from robots.exceptions import WushuError


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPages:
    """Write one HTML a clip: film, checks, plots and free view, to look at without a service or a network.

    Each is one file that can be sent to someone; it holds the film of the person as well.
    """

    dataset: tyro.conf.Positional[Path]
    """A folder made by `wushu run`."""
    clips: tyro.conf.Positional[tuple[str, ...]] = ()
    """Ids of clips, the beginnings of them, or their names; all clips, if none is named."""
    out: Path = Path("wushu_pages")
    """Folder to write them into."""

    def __call__(self) -> int:
        """Write the pages and say how large they are; 1 if one could not be written."""
        from pipeline.review_desk.static_page import write_clip_page

        dataset, bodies_dir = Dataset.open(self.dataset), Home.of_user().bodies_dir
        ids = self._ids(dataset)
        failed = 0
        with progress_bars() as bars:
            report = bar(bars, "pages")
            for number, clip_id in enumerate(ids):
                report(number, len(ids))
                try:
                    page = write_clip_page(dataset, clip_id, self.out, bodies_dir=bodies_dir)
                except MachineFault:
                    raise
                except WushuError as error:
                    failed += 1
                    show_error(error)
                    continue
                for sentence in page.missing:
                    show_warning(f"{page.path.name}: {sentence}")
                size = f"{page.n_bytes / 1e6:.1f} MB"
                console.print(f"{escape(str(page.path))}  {size}", highlight=False, soft_wrap=True)
        return 1 if failed else 0

    def _ids(self, dataset: Dataset) -> list[str]:
        if self.clips:
            return list(dict.fromkeys(find_row(dataset, clip).clip.id for clip in self.clips))
        rows = read_rows(dataset)
        for damaged in rows.damaged:
            show_warning(damaged)
        return [row.clip.id for row in rows]
