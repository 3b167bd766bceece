"""``wushu revalidate DATASET --limits NAME``: other limits over what was measured, without the sources."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import tyro
from rich.markup import escape
from threadpoolctl import threadpool_limits

from flows.clip_log import log_listener
from flows.console import bar, console, progress_bars, show_rounded, show_warning
from flows.exceptions import NotRevalidated
from flows.moves import Moves
from flows.new_limits import revalidate, with_limits
from flows.rounding_off import round_off
from flows.solver import ready_solver
from flows.told import Moved
from pipeline.exceptions import CorruptArtefact, UnsteadySource
from pipeline.home import Home
from pipeline.limits import find_limits
from pipeline.manifest import ManifestRow, read_rows
from pipeline.record_codec import from_plain
from pipeline.settings import Settings
from pipeline.stages import Stages, build_stages
from pipeline.store import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Revalidate:
    """Hold what was measured of a dataset's clips against other limits, and say what moved.

    Nothing is measured again and no source is opened: only the verdict is made anew, and what hangs on it.
    """

    dataset: tyro.conf.Positional[Path] = Path("wushu_dataset")
    """A folder made by `wushu run` or a flow. Every clip keeps its own settings, but for the limits."""
    limits: str = "trainable"
    """Which limits decide: `trainable`, `clean`, or the path of a TOML file of your own."""

    def __call__(self) -> int:
        """Judge every clip anew; 1 if one could not be."""
        find_limits(self.limits)
        dataset = Dataset.open(self.dataset)
        with dataset.in_use(), threadpool_limits(limits=1), progress_bars() as bars:
            rows = read_rows(dataset)
            moves = Moves(self.limits, n_left=len(rows.damaged))
            ready_solver()
            judge, progress = _Judge(dataset, self.limits), bar(bars, f"limits '{self.limits}'")
            for number, row in enumerate(rows):
                progress(number, len(rows))
                moves.add(judge.moved(row))
            rounded = round_off(dataset, build_ended=True)
        for moved in moves.told:
            show_warning(moved.left) if moved.left else console.print(escape(str(moved)), highlight=False)
        if (more := moves.n_told - len(moves.told)) > 0:
            console.print(f"... and {more} more")
        console.print(escape(str(moves)), highlight=False, soft_wrap=True)
        show_rounded(rounded)
        return int(bool(moves.n_left or rounded.damaged))


class _Judge:
    """Judges clips anew, one after the other."""

    def __init__(self, dataset: Dataset, limits: str) -> None:
        self._dataset = dataset
        self._stages = lru_cache(maxsize=4)(self._build)
        self._settings = with_limits(dataset, limits, dataset.add_settings, self._stages)

    def moved(self, row: ManifestRow) -> Moved:
        """Judge a clip; one that cannot be stays as it is."""
        try:
            settings = self._settings(row)
            heard = log_listener(self._dataset, row.clip.id)
            new = revalidate(row, self._stages(settings), self._dataset, settings, on_report=heard)
        except (NotRevalidated, CorruptArtefact, UnsteadySource) as error:
            return Moved.of(row, row, left=str(error))
        return Moved.of(row, new)

    def _build(self, settings: str) -> Stages:
        return build_stages(from_plain(Settings, self._dataset.settings(settings)), Home.of_user())
