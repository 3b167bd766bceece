"""``wushu run VIDEO...``: the whole chain without Prefect."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro
from threadpoolctl import threadpool_limits

from flows.clip_log import log_listener
from flows.commands.dry_run import show_plan
from flows.console import bar, clip_listener, progress_bars, show_error, show_rounded, show_rows, show_warning
from flows.rounding_off import round_off
from flows.solver import ready_solver
from pipeline.clip import UNKNOWN_LICENCE, Clip, People, Source, SourceFacts
from pipeline.exceptions import MachineFault, UnsteadySource
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
        stages.require(known.sources)
        dataset = Dataset.open_or_create(self.dataset)
        if (missing := why_no_pictures()) is not None:
            show_warning(f"no pictures: {missing}")
        if known.sources:
            ready_solver()
        with dataset.in_use():
            done = _process(known.sources, stages, dataset)
            show_rows(done.rows, dataset)
            with suppress(MachineFault) if done.fault else nullcontext():
                show_rounded(round_off(dataset, build_ended=not (done.fault or done.crashes or done.left)))
        if done.crashes:
            raise ExceptionGroup("bugs, please report them; the other sources were processed", done.crashes)
        if done.fault is not None:
            raise done.fault
        return int(bool(known.unreadable) or done.left or any(row.error is not None for row in done.rows))

    def _settings(self) -> Settings:
        if not self.physics:
            return self.settings
        return replace(self.settings, tracking=replace(self.settings.tracking, physics=True))


@dataclass(slots=True)
class _Done:
    """What became of the sources."""

    rows: list[ManifestRow] = field(default_factory=list)
    crashes: list[Exception] = field(default_factory=list)
    """Bugs that were met on the way."""
    left: bool = False
    """Whether a source is gone or changed since it was found, so that its outcome stays open."""
    fault: MachineFault | None = None
    """What stopped all that was still to be done."""


def _process(sources: Sequence[Source], stages: Stages, dataset: Dataset) -> _Done:
    """Process one source after the other."""
    done = _Done()
    # One thread is as fast for matrices this small, and several fight over cores with whatever else runs.
    with threadpool_limits(limits=1), progress_bars() as bars:
        for source in sources:
            first = stages.of(Clip.of(source))[0].name
            try:
                done.rows += process_source(
                    source,
                    stages,
                    dataset,
                    bar(bars, f"{source.name}: {first}"),
                    lambda clip: clip_listener(bars, clip.name, len(stages.of(clip))),
                    lambda clip: log_listener(dataset, clip.id),
                )
            except MachineFault as error:  # the others would meet it too
                done.fault = error
                break
            except UnsteadySource as error:
                show_error(error)
                done.left = True
            except Exception as error:  # a bug, not a bad clip: the other sources go on, then it is shown whole
                error.add_note(f"while processing {source.path}")
                done.crashes.append(error)
    return done
