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

from pipeline.clip import UNKNOWN_LICENCE, Clip
from pipeline.home import Home
from pipeline.manifest import ManifestRow, Outcome
from pipeline.process_clip import StageReport, conclude, run_stage
from pipeline.record_codec import from_plain, plain
from pipeline.render import why_no_pictures
from pipeline.settings import Settings, load_settings
from pipeline.stages import Stage, build_stages
from pipeline.store import Dataset
from pipeline.video import find_videos
from robots.exceptions import WushuError


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
    max_broken_share: float = 0.0,
) -> State:
    """Turn videos into judged robot motions in a dataset directory.

    Args:
        videos: Video files; a folder stands for every video in it.
        dataset: Folder of the results.
        preset: TOML file with settings; None = defaults.
        licence: What the videos may be used for.
        max_broken_share: The run fails if more than this share of the videos could not be used.
    """
    settings = Settings() if preset is None else load_settings(Path(preset))
    target = Dataset.open_or_create(Path(dataset).resolve())
    stages = build_stages(settings, Home.of_user())
    if (missing := why_no_pictures()) is not None:
        get_run_logger().warning("no pictures: %s", missing)
    clips, unreadable = _identify(find_videos([Path(video) for video in videos]), licence)
    for clip in clips:
        target.add_clip(clip)
    reports = _run_stages(clips, stages, target, json.dumps(plain(settings), sort_keys=True))
    rows = [conclude(clip, stages, target, reports[clip.id]) for clip in clips]
    _publish(rows, unreadable)
    return _final_state(rows, unreadable, max_broken_share)


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
    stages = _stages(settings)
    stage = next(stage for stage in stages if stage.name == stage_name)
    target = Dataset.open(Path(dataset))
    report = run_stage(stage, target.clip(clip_id), stages, target)
    if report.error is not None:
        get_run_logger().warning("%s: %s", stage_name, report.error)
        return Completed(name="Broken", data=report, message=report.error)
    return Completed(name="Reused" if report.reused else "Completed", data=report)


@lru_cache(maxsize=4)
def _stages(settings: str) -> tuple[Stage, ...]:
    """Build the stages once a process: loading the body and the robot costs a second."""
    return build_stages(from_plain(Settings, json.loads(settings)), Home.of_user())


def _run_stages(
    clips: Sequence[Clip], stages: Sequence[Stage], dataset: Dataset, settings: str
) -> dict[str, list[StageReport]]:
    """Take every clip from stage to stage, all clips side by side; a broken clip stops, the others go on.

    The next stage is submitted when the one before is done. Handing Prefect the whole chain of futures at once would
    let waiting tasks hold the threads that resolve futures, and clips would queue behind each other.
    """
    reports: dict[str, list[StageReport]] = {clip.id: [] for clip in clips}
    running: dict[PrefectFuture[Any], Clip] = {}
    total = len(clips) * len(stages)
    progress: Any = create_progress_artifact(progress=0.0, key="stages", description="stages finished")

    def submit(clip: Clip) -> None:
        stage = stages[len(reports[clip.id])]
        running[stage_task.submit(stage.name, clip.id, clip.name, str(dataset.root), settings)] = clip

    for clip in clips:
        submit(clip)
    while running:
        future = next(iter(as_completed(list(running))))
        clip = running.pop(future)
        try:
            reports[clip.id].append(future.result())
        except Exception as error:  # a bug in one clip must not take the others' results along; the run fails by it
            get_run_logger().exception("%s crashed", clip.name)
            stage = stages[len(reports[clip.id])].name
            what = f"stage {stage} crashed with {type(error).__name__}: {error}. This is a bug: please report it."
            reports[clip.id].append(StageReport(stage=stage, fingerprint="", error=what))
        if reports[clip.id][-1].error is None and len(reports[clip.id]) < len(stages):
            submit(clip)
        done = sum(len(stages) if r and r[-1].error is not None else len(r) for r in reports.values())
        update_progress_artifact(artifact_id=progress, progress=100.0 * done / total)
    return reports


def _identify(videos: Sequence[Path], licence: str) -> tuple[list[Clip], list[str]]:
    """Hash the videos; equal content under two names is one clip."""
    clips: dict[str, Clip] = {}
    unreadable = []
    for video in videos:
        try:
            clip = Clip.from_video(video, licence=licence)
        except WushuError as error:
            get_run_logger().error(str(error))
            unreadable.append(str(error))
            continue
        clips.setdefault(clip.id, clip)
    return list(clips.values()), unreadable


def _publish(rows: Sequence[ManifestRow], unreadable: Sequence[str]) -> None:
    table = [
        {"clip": row.clip.name, "id": row.clip.id, "outcome": row.outcome.value, "reasons": " ".join(row.reasons)}
        for row in rows
    ]
    table += [{"clip": "", "id": "", "outcome": Outcome.BROKEN.value, "reasons": error} for error in unreadable]
    create_table_artifact(table=table, key="verdicts", description="outcome of every clip")


def _final_state(rows: Sequence[ManifestRow], unreadable: Sequence[str], max_broken_share: float) -> State:
    """Prefect would call a run with swallowed failures completed; decide it by the share of broken clips."""
    total = len(rows) + len(unreadable)
    counts = {outcome: sum(row.outcome is outcome for row in rows) for outcome in Outcome}
    broken = len(unreadable) + sum(row.error is not None for row in rows)
    message = (
        f"{counts[Outcome.ACCEPTED]} accepted, {counts[Outcome.REJECTED]} rejected, {broken} broken of {total} videos"
    )
    if total == 0:
        return Failed(message="no video was found: name video files, or a folder that holds some")
    if broken > max_broken_share * total:
        return Failed(message=message)
    return Completed(message=message)
