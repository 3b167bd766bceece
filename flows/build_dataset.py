"""The Prefect flow ``build-dataset``: the stages of ``pipeline.stages`` on many videos, one task a clip and stage.

Prefect schedules and shows; the dataset directory is the truth. A stage that is already done there is reused
whatever Prefect remembers, and a bad clip is an outcome (a report with a sentence), never a failed task: only
faults of the infrastructure fail a task.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, as_completed
from prefect.states import Completed, Failed, State
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner
from threadpoolctl import threadpool_limits

from flows.solver import ready_solver
from pipeline.clip import UNKNOWN_LICENCE, Clip, People, Source, SourceFacts
from pipeline.exceptions import CorruptArtefact
from pipeline.home import Home
from pipeline.manifest import ManifestRow, Outcome, read_rows
from pipeline.process_clip import StageReport, conclude, cut_source, run_stage
from pipeline.record_codec import from_plain, plain
from pipeline.render import why_no_pictures
from pipeline.review import usable_sentence, write_run_page
from pipeline.settings import Settings, load_settings
from pipeline.sources import find_files, identify
from pipeline.stages import Stages, build_stages
from pipeline.store import Dataset


def one_blas_thread() -> None:
    """Let each member of the pool use one core for algebra: members that all want all cores wait for each other."""
    threadpool_limits(limits=1)


# Prefect's annotation of flow() admits no runner with futures of its own kind.
_PROCESSES = cast("TaskRunner[PrefectFuture[Any]]", ProcessPoolTaskRunner(initializer=one_blas_thread))


@flow(name="build-dataset", task_runner=_PROCESSES)
def build_dataset(
    videos: list[str],
    dataset: str = "wushu_dataset",
    preset: str | None = None,
    licence: str = UNKNOWN_LICENCE,
    people: People | None = None,
    max_broken_share: float = 0.0,
) -> State:
    """Turn videos and motion files into judged robot motions in a dataset directory.

    Args:
        videos: Files; a folder stands for all videos and motion files in it, and its sources.toml says more of them.
        dataset: Folder of the results.
        preset: TOML file with settings; None = defaults.
        licence: What the videos may be used for.
        people: Whom to make clips of, "main" or "all"; None = as the preset says.
        max_broken_share: The run fails if more than this share of the clips could not be used.
    """
    settings = Settings() if preset is None else load_settings(Path(preset))
    target = Dataset.open_or_create(Path(dataset).resolve())
    stages = build_stages(settings, Home.of_user())
    if (missing := why_no_pictures()) is not None:
        get_run_logger().warning("no pictures: %s", missing)
    known = identify(find_files([Path(video) for video in videos], SourceFacts(licence=licence, people=people)))
    for sentence in known.duplicates:
        get_run_logger().warning(sentence)
    for sentence in known.unreadable:
        get_run_logger().error(sentence)
    if known.sources:
        ready_solver()
    reports = _Run(stages, target, json.dumps(plain(settings), sort_keys=True)).of(known.sources)
    rows = [conclude(clip, stages.of(clip), target, done) for clip, done in reports]
    _write_page(target)
    _publish(rows, known.unreadable)
    return _final_state(rows, known.unreadable, max_broken_share)


@task(name="stage", task_run_name="{clip_name}: {stage_name}", cache_policy=NO_CACHE)
def stage_task(stage_name: str, clip_id: str, clip_name: str, dataset: str, settings: str) -> State[StageReport]:
    """Run one stage of one clip whose earlier stages are done; parameters are plain, so that any worker can read them.

    Args:
        stage_name: Which of ``pipeline.stages``.
        clip_id: Clip of the dataset.
        clip_name: For people.
        dataset: Path of the dataset.
        settings: ``pipeline.settings.Settings`` as JSON.
    """
    target = Dataset.open(Path(dataset))
    clip = target.clip(clip_id)
    stages = _stages(settings).of(clip)
    stage = next(stage for stage in stages if stage.name == stage_name)
    report = run_stage(stage, clip, stages, target)
    if report.error is not None:
        get_run_logger().warning("%s: %s", stage_name, report.error)
        return Completed(name="Broken", data=report, message=report.error)
    return Completed(name="Reused" if report.reused else "Completed", data=report)


@lru_cache(maxsize=4)
def _stages(settings: str) -> Stages:
    """Build the stages once a process: loading the body and the robot costs a second."""
    return build_stages(from_plain(Settings, json.loads(settings)), Home.of_user())


class _Run:
    """Takes every clip from stage to stage, all clips side by side; a broken clip stops, the others go on.

    The next stage is submitted when the one before is done. Handing Prefect the whole chain of futures at once would
    let waiting tasks hold the threads that resolve futures, and clips would queue behind each other.
    """

    def __init__(self, stages: Stages, dataset: Dataset, settings: str) -> None:
        self._stages, self._dataset, self._settings = stages, dataset, settings
        self._running: dict[PrefectFuture[Any], Clip] = {}
        self._reports: dict[str, list[StageReport]] = {}
        self._clips: dict[str, Clip] = {}

    def of(self, sources: Sequence[Source]) -> list[tuple[Clip, list[StageReport]]]:
        """Run all stages of all sources; return what became of every clip."""
        progress: Any = create_progress_artifact(progress=0.0, key="stages", description="stages finished")
        for source in sources:
            whole = Clip.of(source)
            self._dataset.add_clip(whole)
            self._begin(whole, [])
        while self._running:
            future = next(iter(as_completed(list(self._running))))
            clip = self._running.pop(future)
            reports = self._reports[clip.id]
            reports.append(self._outcome(future, clip))
            if len(reports) == 1:
                self._cut(clip)
            else:
                self._go_on(clip)
            update_progress_artifact(artifact_id=progress, progress=self._percent())
        return [(clip, self._reports[clip.id]) for clip in self._clips.values()]

    def _begin(self, clip: Clip, reports: list[StageReport]) -> None:
        self._clips[clip.id], self._reports[clip.id] = clip, reports
        self._go_on(clip)

    def _go_on(self, clip: Clip) -> None:
        chain, reports = self._stages.of(clip), self._reports[clip.id]
        if len(reports) < len(chain) and not (reports and reports[-1].error is not None):
            stage = chain[len(reports)]
            future = stage_task.submit(stage.name, clip.id, clip.name, str(self._dataset.root), self._settings)
            self._running[future] = clip

    def _cut(self, whole: Clip) -> None:
        """Put the clips of a source, whose first stage is done, in its place."""
        (first,) = self._reports[whole.id]
        clips, reports = cut_source(whole, self._stages, self._dataset, first)
        if not clips:
            self._reports[whole.id] = reports
            return
        del self._clips[whole.id], self._reports[whole.id]
        for clip in clips:
            self._begin(clip, [first])

    def _outcome(self, future: PrefectFuture[Any], clip: Clip) -> StageReport:
        try:
            return future.result()
        except Exception as error:  # a bug in one clip must not take the others' results along; the run fails by it
            get_run_logger().exception("%s crashed", clip.name)
            stage = self._stages.of(clip)[len(self._reports[clip.id])].name
            what = f"stage {stage} crashed with {type(error).__name__}: {error}. This is a bug: please report it."
            return StageReport(stage=stage, fingerprint="", error=what)

    def _percent(self) -> float:
        shares = [
            1.0 if done and done[-1].error is not None else len(done) / len(self._stages.of(self._clips[i]))
            for i, done in self._reports.items()
        ]
        return 100.0 * sum(shares) / max(1, len(shares))


def _write_page(target: Dataset) -> None:
    """Write the page of the whole dataset; one damaged outcome costs the page, not the run."""
    try:
        write_run_page(target, read_rows(target))
    except CorruptArtefact as error:
        get_run_logger().warning("no page of the run: %s", error)


def _publish(rows: Sequence[ManifestRow], unreadable: Sequence[str]) -> None:
    table = [
        {
            "clip": row.clip.name,
            "id": row.clip.id,
            "outcome": row.outcome.value,
            "usable": f"{row.usable_s:.1f} of {row.duration_s:.1f} s",
            "reasons": " ".join(row.reasons),
        }
        for row in rows
    ]
    table += [
        {"clip": "", "id": "", "outcome": Outcome.BROKEN.value, "usable": "", "reasons": error} for error in unreadable
    ]
    create_table_artifact(table=table, key="verdicts", description="outcome of every clip")


def _final_state(rows: Sequence[ManifestRow], unreadable: Sequence[str], max_broken_share: float) -> State:
    """Prefect would call a run with swallowed failures completed; decide it by the share of broken clips."""
    total = len(rows) + len(unreadable)
    counts = {outcome: sum(row.outcome is outcome for row in rows) for outcome in Outcome}
    broken = len(unreadable) + sum(row.error is not None for row in rows)
    message = (
        f"{counts[Outcome.ACCEPTED]} accepted, {counts[Outcome.MENDED]} mended, {counts[Outcome.REJECTED]} rejected, "
        f"{broken} broken of {total} clips; {usable_sentence(rows)}"
    )
    if total == 0:
        return Failed(message="nothing was named: give videos or motion files, or a folder that holds some")
    if broken > max_broken_share * total:
        return Failed(message=message)
    return Completed(message=message)
