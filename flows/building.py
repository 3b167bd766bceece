"""Takes many sources through their stages by the tasks of ``flows.tasks``: what the flows have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.states import Failed, State

from flows.exceptions import OptionOutOfRange, RunStopped, UnknownStage
from flows.rounding_off import round_off
from flows.run_page import ProgressBar, put_on_page
from flows.runners import Done, Job, Runner, TaskPool, open_runner
from flows.solver import ready_solver
from flows.tally import Tally
from flows.tasks import label, runs_of, upto, watch_source, work_on_clip
from flows.told import FollowUp, TaskTold
from pipeline.clip import Clip, Source
from pipeline.exceptions import CorruptArtefact
from pipeline.record_codec import digest, plain
from pipeline.render import why_no_pictures
from pipeline.stages import Stages
from pipeline.store import Dataset, remove_file
from robots.exceptions import WushuError


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Where tasks run, and how many at a time."""

    runner: Runner = "processes"
    workers: int | None = None
    """None: as many as this machine has cores for this process."""
    dask_address: str | None = None

    def __post_init__(self) -> None:
        """Check the number.

        Raises:
            OptionOutOfRange: Fewer than one.
        """
        if self.number < 1:
            raise OptionOutOfRange("workers", self.workers, allowed="one or more")

    @property
    def number(self) -> int:
        """How many at a time."""
        return len(os.sched_getaffinity(0)) if self.workers is None else self.workers


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlan:
    """What is to be made."""

    sources: Sequence[Source]
    unreadable: Sequence[str]
    """A sentence for each file that cannot be read."""
    dataset: Path
    stages: Stages
    until: str | None = None
    workers: Workers = field(default_factory=Workers)
    max_broken_share: float = 0.0

    def __post_init__(self) -> None:
        """Check the share.

        Raises:
            OptionOutOfRange: It is none.
        """
        require_share(self.max_broken_share)


def require_share(max_broken_share: float) -> None:
    """Make sure that a share is one: 20, meant as per cent, would let every run complete.

    Raises:
        OptionOutOfRange: It is not.
    """
    if not 0.0 <= max_broken_share <= 1.0:
        raise OptionOutOfRange("max_broken_share", max_broken_share, allowed="a share from 0 to 1")


def build(plan: BuildPlan) -> State[None]:
    """Take the sources through their stages, put the outcome on the run's page, and say how the run ends.

    Raises:
        WushuError: This machine lacks what the sources need, or the dataset is none; nothing was begun.
    """
    begun = monotonic()
    plan.stages.require(plan.sources)
    _require_stage(plan.stages, plan.until)
    dataset = Dataset.open_or_create(plan.dataset.resolve())
    if (missing := why_no_pictures()) is not None:
        get_run_logger().warning("no pictures: %s", missing)
    tally = Tally()
    for sentence in plan.unreadable:
        get_run_logger().error(sentence)
        tally.add_unreadable(sentence)
    if plan.sources:
        ready_solver()
    with dataset.in_use():
        settings = keep_settings(dataset, plan.stages.settings)
        jobs = _watch_jobs(plan, dataset, settings)
        run_jobs(jobs, len(plan.sources), plan.workers, tally, _Followed(dataset, settings, plan.until))
        finish(tally, dataset, f"{plan.workers.runner}, {monotonic() - begun:.0f} s from begin to end")
    return tally.final_state(plan.max_broken_share)


def failed_with(error: WushuError) -> State[None]:
    """End a run that could not begin, in one sentence."""
    get_run_logger().error(str(error))
    return Failed(message=str(error))


def keep_settings(dataset: Dataset, settings: Any) -> str:
    """Keep the settings of a build where its tasks find them; return the digest that names them.

    Raises:
        OutputNotWritable: The folder cannot be written.
    """
    name = digest(settings)
    try:
        dataset.settings(name)
    except CorruptArtefact:  # not there, or damaged: what they hold is known
        remove_file(dataset.root / "settings" / f"{name}.json")
    return dataset.add_settings(settings)


def _require_stage(stages: Stages, name: str | None) -> None:
    names = dict.fromkeys(stage.name for chain in (stages.video, stages.motion_file) for stage in chain)
    if name is not None and name not in names:
        raise UnknownStage(name, stages=tuple(names))


# ------------------------------------------------------------------------------------------------------- jobs


def _watch_jobs(plan: BuildPlan, dataset: Dataset, settings: str) -> Iterator[Job]:
    for source in plan.sources:
        whole = Clip.of(source)
        chain = upto(plan.stages.of(whole), plan.until)
        parameters = {
            "name": source.name,
            "clip_id": whole.id,
            "stages": label(runs_of(chain)[0]),
            "source": plain(source),
            "dataset": str(dataset.root),
            "settings": settings,
            "until": plan.until,
        }
        yield Job(name=source.name, task=watch_source, parameters=parameters, key=Part(clip_id=whole.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What the flow knows of a job: which clip it is of, and what part of the run."""

    clip_id: str
    share: float = 1.0
    """In sources: each clip of a source with ten clips is a tenth."""


@dataclass(frozen=True, slots=True)
class _Followed:
    """Makes the jobs that follow from a finished one."""

    dataset: Dataset
    settings: str
    until: str | None

    def __call__(self, follow_up: FollowUp, share: float) -> Job:
        parameters = {
            "name": follow_up.name,
            "clip_id": follow_up.clip_id,
            "stages": follow_up.stages,
            "clip": dict(follow_up.clip),
            "first": follow_up.first,
            "dataset": str(self.dataset.root),
            "settings": self.settings,
            "until": self.until,
        }
        return Job(
            name=follow_up.name,
            task=work_on_clip,
            parameters=parameters,
            key=Part(clip_id=follow_up.clip_id, share=share),
        )


def run_jobs(
    jobs: Iterable[Job],
    n: int,
    workers: Workers,
    tally: Tally,
    follow: _Followed | None = None,
    hear: Callable[[TaskTold], None] = lambda told: None,
) -> None:
    """Run jobs whose tasks return a :class:`TaskTold`, and what follows from them; count what becomes of the clips.

    A bug in one clip, or a machine that is lost for it, takes nothing of the others along. What would stop every clip
    stops the run: those at work are finished, and no other is begun.

    Args:
        jobs: Drawn as there is room; each with a :class:`Part` for its key.
        n: How many there are.
        workers: Where they run.
        tally: Gets the numbers.
        follow: Makes the jobs that follow; None if none do.
        hear: Called with what each task told, besides the tally.
    """
    bar = ProgressBar(total=float(n))
    with open_runner(workers.runner, workers.number, workers.dask_address) as pool, bar.shown():
        for done in pool.run(jobs):
            part: Part = done.job.key
            told = _told(done, part, tally, pool)
            if told is None:
                bar.advance(part.share)
                continue
            tally.add(told)
            hear(told)
            share = part.share / max(1, len(told.next) + len(told.clips))
            bar.advance(part.share - share * len(told.next))
            if follow is not None and tally.stopped is None:
                for follow_up in told.next:
                    pool.add(follow(follow_up, share))


def _told(done: Done, part: Part, tally: Tally, pool: TaskPool) -> TaskTold | None:
    try:
        return done.result()
    except RunStopped as error:
        if tally.stopped is None:
            get_run_logger().error("%s No further clip is begun.", error)
            tally.stopped = str(error)
            pool.stop()
    except Exception as error:
        get_run_logger().error("%s is left unfinished: %s", done.job.name, error)
        tally.add_unfinished(done.job.name, part.clip_id, str(error))
    return None


# --------------------------------------------------------------------------------------------------- the page


def finish(tally: Tally, dataset: Dataset, *facts: str) -> None:
    """Write what is made of the dataset as a whole, and put numbers and table on the run's page."""
    try:
        rounded = round_off(dataset, build_ended=tally.is_whole)
    except WushuError as error:  # the disk is full, say: the page of the run tells of it all the same
        tally.stopped = tally.stopped or str(error)
    else:
        for sentence in rounded.damaged:
            get_run_logger().warning("an outcome is damaged: %s", sentence)
        facts = (*rounded.facts, *facts)
        put_on_page(
            create_link_artifact,
            link=rounded.link,
            link_text="report.html",
            key="report",
            description=f"what the dataset holds, and what moved; to decide on clips: `{rounded.review_command}`",
        )
    put_on_page(
        create_markdown_artifact, markdown=tally.markdown(facts), key="summary", description="what the run gave"
    )
    put_on_page(create_table_artifact, table=tally.table(), key="verdicts", description="outcome of every clip")
