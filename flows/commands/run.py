"""``wushu run VIDEO...``: the whole chain without Prefect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro
from threadpoolctl import threadpool_limits

from flows.commands.dry_run import show_plan
from flows.console import bar, clip_listener, progress_bars, show_error, show_rows, show_warning
from flows.solver import ready_solver
from pipeline.clip import UNKNOWN_LICENCE, Clip, People, Source, SourceFacts
from pipeline.home import Home
from pipeline.manifest import ManifestRow
from pipeline.process_clip import process_source
from pipeline.render import why_no_pictures
from pipeline.settings import Settings
from pipeline.sources import find_files, identify
from pipeline.stages import Stages, build_stages
from pipeline.store import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Turn videos, or motion files (BVH, AMASS, GVHMR), into judged robot motions.

    Run it again: what is finished is not done twice.
    """

    videos: tyro.conf.Positional[tuple[Path, ...]]
    """Videos and motion files; a folder stands for all below it, and its sources.toml says more of them."""
    dataset: Path = Path("wushu_dataset")
    """Folder of the results; made if it is not there."""
    licence: str = UNKNOWN_LICENCE
    """What these sources may be used for, recorded with every clip."""
    people: People | None = None
    """Whom to make clips of: the main person of each shot, or everyone; else as --clips.people says."""
    dry_run: bool = False
    """Only tell what would run, for how long and on how much disk."""
    physics: bool = False
    """Where the simulated robot cannot follow a clip by a plan, let sampling control try: eight seconds a second."""
    preset: Path | None = None
    """TOML file with settings; the options below override it."""
    settings: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=Settings)
    """Settings of the stages."""

    def __call__(self) -> int:
        """Process every source; 1 if any could not be used."""
        if not self.videos:
            show_error("name at least one video, e.g. `wushu run kata.mp4`")
            return 1
        files = find_files(self.videos, SourceFacts(licence=self.licence, people=self.people))
        stages = build_stages(self._settings(), Home.of_user())
        with progress_bars() as bars:
            known = identify(files, bar(bars, "reading files"))
        for sentence in known.duplicates:
            show_warning(sentence)
        for sentence in known.unreadable:
            show_error(sentence)
        if self.dry_run:
            return int(show_plan(known.sources, stages, self.dataset) or bool(known.unreadable))
        dataset = Dataset.open_or_create(self.dataset)
        if (missing := why_no_pictures()) is not None:
            show_warning(f"no pictures: {missing}")
        if known.sources:
            ready_solver()
        rows, crashes = _process(known.sources, stages, dataset)
        show_rows(rows, dataset)
        if crashes:
            raise ExceptionGroup("bugs, please report them; the other sources were processed", crashes)
        return int(bool(known.unreadable) or any(row.error is not None for row in rows))

    def _settings(self) -> Settings:
        if not self.physics:
            return self.settings
        return replace(self.settings, tracking=replace(self.settings.tracking, physics=True))


def _process(sources: Sequence[Source], stages: Stages, dataset: Dataset) -> tuple[list[ManifestRow], list[Exception]]:
    """Process one source after the other; return the outcomes, and the bugs that were met on the way."""
    rows: list[ManifestRow] = []
    crashes: list[Exception] = []
    # One thread is as fast for matrices this small, and several fight over cores with whatever else runs.
    with threadpool_limits(limits=1), progress_bars() as bars:
        for source in sources:
            first = stages.of(Clip.of(source))[0].name
            try:
                rows += process_source(
                    source,
                    stages,
                    dataset,
                    bar(bars, f"{source.name}: {first}"),
                    lambda clip: clip_listener(bars, clip.name, len(stages.of(clip))),
                )
            except Exception as error:  # a bug, not a bad clip: the other sources go on, then it is shown whole
                error.add_note(f"while processing {source.path}")
                crashes.append(error)
    return rows, crashes
