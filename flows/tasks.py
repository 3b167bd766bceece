"""The Prefect tasks that clips are made of: watch a source, and work on a clip.

A task takes one clip through a run of stages that need the same resource, so that what Prefect costs is small beside
what the stages cost; each stage is a line in the task's log. Parameters are plain, as they travel to other processes
and machines; what a stage gives stays in the dataset.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, State

from flows.clip_log import log_listener
from flows.exceptions import GpuNeverFree, NoGpuLimit, NotRevalidated, RunStopped, TaskBug
from flows.infrastructure import is_infrastructure_fault, retry_on_infrastructure
from flows.new_limits import revalidate
from flows.told import UNFINISHED, ClipTold, FollowUp, Moved, TaskTold, told_of_row, told_of_survey
from pipeline.clip import Clip, Source
from pipeline.estimators.gvhmr.weights_card import weights_dir
from pipeline.exceptions import CorruptArtefact, UnsteadySource
from pipeline.home import Home
from pipeline.manifest import read_row
from pipeline.process_clip import ReportListener, StageReport, cut_source, prepare_clip, process_clip
from pipeline.record_codec import from_plain, plain
from pipeline.settings import Settings
from pipeline.stage import Stage
from pipeline.stages import Stages, build_stages
from pipeline.store import Dataset
from robots.exceptions import WushuError

GPU_LIMIT = "gpu"
"""Global concurrency limit that is held while a GPU is used."""

_LONGEST_WAIT_S = 4 * 3600.0
"""For the GPU: longer than many workers that wait for each other need."""

_QUICK_S = 1.0
"""Stages that take less share a line of the task's log [s]: a line costs all processes together some 4 ms of a core."""

NAMES_OF_TASKS = "{name} ({clip_id}): {stages}"
"""The server finds a clip's tasks, and so its log, by the id; a tag would cost half a second a task (Prefect 3.8.8)."""

_RETRIES: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": [2, 10],
    "retry_condition_fn": retry_on_infrastructure,
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "task_run_name": NAMES_OF_TASKS,
}


@task(name="watch", **_RETRIES)
def watch_source(
    name: str, clip_id: str, stages: str, source: dict[str, Any], dataset: str, settings: str, until: str | None = None
) -> State[TaskTold]:
    """Run the first stage of a source and cut it into clips; an only clip goes on at once.

    Args:
        name: Of the source, for people.
        clip_id: Of the source as a whole, for people.
        stages: What is run, for people.
        source: ``pipeline.clip.Source`` as JSON types.
        dataset: Path of the dataset.
        settings: Digest of the settings, which are in the dataset.
        until: Stage to stop each clip after; None takes it to its end.
    """
    with _faults_told(name):
        work = _Work.of(Path(dataset), settings, until)
        whole = Clip.of(from_plain(Source, source))
        return work.state(work.or_left(whole, lambda: work.watch(whole)))


@task(name="work", **_RETRIES)
def work_on_clip(
    name: str,
    clip_id: str,
    stages: str,
    clip: dict[str, Any],
    first: str,
    dataset: str,
    settings: str,
    until: str | None = None,
) -> State[TaskTold]:
    """Run consecutive stages of one clip that need the same resource; whoever runs the last writes the outcome.

    Args:
        name: Of the clip, for people.
        clip_id: The same.
        stages: What is run, for people.
        clip: ``pipeline.clip.Clip`` as JSON types.
        first: Stage to begin with; those before it are done.
        dataset: Path of the dataset.
        settings: Digest of the settings, which are in the dataset.
        until: Stage to stop after; None takes the clip to its end.
    """
    with _faults_told(name):
        work = _Work.of(Path(dataset), settings, until)
        part = from_plain(Clip, clip)
        return work.state(work.or_left(part, lambda: work.go_on(part, first)))


@task(name="revalidate", **_RETRIES)
def revalidate_clip(name: str, clip_id: str, stages: str, dataset: str, settings: str) -> State[TaskTold]:
    """Judge a clip anew from what was measured.

    Args:
        name: Of the clip, for people.
        clip_id: Of the dataset.
        stages: What is run, for people.
        dataset: Path of the dataset.
        settings: Digest of its settings with the new limits, which are in the dataset.
    """
    with _faults_told(name):
        work = _Work.of(Path(dataset), settings, None)
        return work.state(work.revalidate(clip_id))


@contextmanager
def _faults_told(name: str) -> Iterator[None]:
    """Turn errors into those that can travel between processes; faults of the infrastructure stay for the retry."""
    try:
        yield
    except WushuError as error:
        raise RunStopped(str(error)) from error
    except Exception as error:
        if is_infrastructure_fault(error):
            raise
        get_run_logger().exception("%s crashed", name)
        raise TaskBug.of(name, error) from error


def stages_of(dataset: Path, settings: str) -> Stages:
    """Build the stages once a process: loading the body and the robot costs a second.

    A worker of a cluster lives for weeks: limits, weights and bodies that were changed since are read anew.

    Raises:
        WushuError: The settings are damaged or name what is not there.
    """
    return _build_stages(dataset, settings, _stamps(Dataset.open(dataset).settings(settings), Home.of_user()))


@lru_cache(maxsize=4)
def _build_stages(dataset: Path, settings: str, stamps: tuple[tuple[str, int, int], ...]) -> Stages:
    return build_stages(from_plain(Settings, Dataset.open(dataset).settings(settings)), Home.of_user())


def _stamps(settings: Any, home: Home) -> tuple[tuple[str, int, int], ...]:
    """Return path, size [bytes] and time of change [ns] of the files that settings name, or may mean by a name."""
    meant = [path for folder in (home.bodies_dir, weights_dir(home)) for path in folder.glob("*")]
    files = sorted(path for path in {*_texts(settings), *map(str, meant)} if os.path.isfile(path))  # noqa: PTH113
    return tuple((path, (found := Path(path).stat()).st_size, found.st_mtime_ns) for path in files)


def _texts(document: Any) -> Iterator[str]:
    """Go through all texts of JSON types."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, Mapping | Sequence):
        for item in document.values() if isinstance(document, Mapping) else document:
            yield from _texts(item)


def runs_of(chain: tuple[Stage, ...]) -> list[tuple[Stage, ...]]:
    """Split stages into consecutive runs of those that need the same resource."""
    runs: list[list[Stage]] = []
    for stage in chain:
        if runs and runs[-1][0].resource == stage.resource:
            runs[-1].append(stage)
        else:
            runs.append([stage])
    return [tuple(run) for run in runs]


def upto(chain: tuple[Stage, ...], until: str | None) -> tuple[Stage, ...]:
    """Return the stages of a survey: as far as ``until``, or the first where a chain has no stage of this name."""
    if until is None:
        return chain
    names = [stage.name for stage in chain]
    return chain[: names.index(until) + 1] if until in names else chain[:1]


def label(run: tuple[Stage, ...]) -> str:
    """Name consecutive stages for people."""
    return run[0].name if len(run) == 1 else f"{run[0].name} to {run[-1].name}"


@dataclass(slots=True, kw_only=True)
class _Work:
    """What one task does; counts as it goes."""

    dataset: Dataset
    stages: Stages
    settings: str
    until: str | None
    told: TaskTold = field(default_factory=TaskTold)
    reused: list[str] = field(default_factory=list)
    quick: list[str] = field(default_factory=list)
    """Stages that are done, and not yet in the task's log."""

    @classmethod
    def of(cls, dataset: Path, settings: str, until: str | None) -> _Work:
        stages = stages_of(dataset, settings)
        return cls(dataset=Dataset.open(dataset), stages=stages, settings=settings, until=until)

    def or_left(self, clip: Clip, do: Callable[[], TaskTold]) -> TaskTold:
        """Leave the clip's outcome open where its source is gone, or changed since it was found."""
        try:
            return do()
        except UnsteadySource as error:
            left = ClipTold(clip_id=clip.id, name=clip.name, outcome=UNFINISHED, reason=str(error))
            return replace(self.told, clips=(left,))
        finally:
            self._log_done()

    def watch(self, whole: Clip) -> TaskTold:
        first = self.stages.of(whole)[0]
        with self.dataset.in_use():
            with _resource(first):
                heard, survey = self._listener(whole.id), self.until is not None
                cut = cut_source(whole, self.stages, self.dataset, on_report=heard, survey=survey)
            if cut.row is not None:
                return replace(self.told, clips=(told_of_row(cut.row),))
            follow_ups = [self._after_first(clip) for clip in cut.clips]
            if len(follow_ups) == 1 and isinstance(only := follow_ups[0], FollowUp) and self._same(first, only):
                return self._run(cut.clips[0], only.first)
        return replace(
            self.told,
            clips=tuple(item for item in follow_ups if isinstance(item, ClipTold)),
            next=tuple(item for item in follow_ups if isinstance(item, FollowUp)),
        )

    def go_on(self, clip: Clip, first: str) -> TaskTold:
        with self.dataset.in_use():
            return self._run(clip, first)

    def revalidate(self, clip_id: str) -> TaskTold:
        with self.dataset.in_use():
            row = read_row(self.dataset, clip_id)
            try:
                heard = self._listener(clip_id)
                new = revalidate(row, self.stages, self.dataset, self.settings, on_report=heard)
            except (NotRevalidated, CorruptArtefact, UnsteadySource) as error:
                get_run_logger().warning(str(error))
                return replace(self.told, moved=Moved.of(row, row, left=str(error)))
            finally:
                self._log_done()
        return replace(self.told, clips=(told_of_row(new),), moved=Moved.of(row, new))

    def _run(self, clip: Clip, first: str) -> TaskTold:
        """Run the stages from ``first`` on that need its resource."""
        chain = self.stages.of(clip)
        runs = runs_of(upto(chain, self.until)[1:])
        index = next(i for i, run in enumerate(runs) if run[0].name == first)
        last = index == len(runs) - 1
        heard = self._listener(clip.id, {stage.name for stage in runs[index]})
        with _resource(runs[index][0]):
            if last and self.until is None:
                row, _ = process_clip(clip, chain, self.dataset, on_report=heard, settings=self.settings)
                return replace(self.told, clips=(told_of_row(row),))
            end = runs[index][-1].name
            row = prepare_clip(
                clip, chain, self.dataset, end, on_report=heard, settings=self.settings, survey=self.until is not None
            )
        if row is not None:
            return replace(self.told, clips=(told_of_row(row),))
        if last:
            return replace(self.told, clips=(told_of_survey(clip, upto(chain, self.until), self.dataset),))
        return replace(self.told, next=(_follow_up(clip, runs[index + 1]),))

    def _after_first(self, clip: Clip) -> FollowUp | ClipTold:
        chain = upto(self.stages.of(clip), self.until)
        runs = runs_of(chain[1:])
        return _follow_up(clip, runs[0]) if runs else told_of_survey(clip, chain, self.dataset)

    def _same(self, first: Stage, follow_up: FollowUp) -> bool:
        """Tell whether a clip can go on without giving up what the first stage occupied."""
        return first.resource == follow_up.resource

    def _listener(self, clip_id: str, own: set[str] | None = None) -> ReportListener:
        """Write the clip's log, and the task's, without what an earlier task was for and is there."""
        write = log_listener(self.dataset, clip_id)
        logger = get_run_logger()

        def on_report(report: StageReport) -> None:
            write(report)
            if report.reused and own is not None and report.stage not in own:
                return
            self.told = self.told.counting(report)
            if report.error is not None:
                self._log_done()
                logger.warning("%s: %s", report.stage, report.error)
            elif report.reused:
                self.reused.append(report.stage)
            else:
                self.quick.append(f"{report.stage}: {report.seconds:.2f} s")
                if report.seconds >= _QUICK_S:
                    self._log_done()

        return on_report

    def _log_done(self) -> None:
        """Put what is done into the task's log."""
        if self.quick:
            get_run_logger().info(", ".join(self.quick))
            self.quick.clear()

    def state(self, told: TaskTold) -> State[TaskTold]:
        """Return the task's final state: a bad clip is an outcome, and no failure."""
        self._log_done()
        if self.reused:
            get_run_logger().info("reused: %s", ", ".join(self.reused))
        broken = next((clip for clip in told.clips if clip.broken), None)
        if broken is not None:
            return Completed(name="Broken", data=told, message=broken.reason)
        if left := next((clip for clip in told.clips if clip.outcome == UNFINISHED), None):
            get_run_logger().warning(left.reason)
            return Completed(name="Left", data=told, message=left.reason)
        return Completed(name="Completed" if told.ran else "Reused", data=told)


def _follow_up(clip: Clip, run: tuple[Stage, ...]) -> FollowUp:
    return FollowUp(
        clip_id=clip.id,
        name=clip.name,
        clip=plain(clip),
        first=run[0].name,
        stages=label(run),
        resource=run[0].resource,
    )


def _resource(stage: Stage) -> AbstractContextManager[None]:
    return nullcontext() if stage.resource == "cpu" else gpu_slot()


@contextmanager
def gpu_slot(limit: str = GPU_LIMIT, wait_s: float = _LONGEST_WAIT_S) -> Iterator[None]:
    """Hold the GPU while the block runs; wait until it is free.

    Args:
        limit: Global concurrency limit of the server.
        wait_s: For so long at most [s].

    Raises:
        NoGpuLimit: The server has no such limit.
        GpuNeverFree: Others held it all the time.
    """
    from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
    from prefect.concurrency.sync import concurrency

    with ExitStack() as stack:
        try:
            stack.enter_context(concurrency(limit, occupy=1, strict=True, timeout_seconds=wait_s))
        except TimeoutError as error:
            raise GpuNeverFree(limit, waited_s=wait_s) from error
        except ConcurrencySlotAcquisitionError as error:
            if is_infrastructure_fault(error):
                raise
            raise NoGpuLimit(limit) from error
        yield
