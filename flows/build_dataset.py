"""The Prefect flow ``build-dataset``: the stages of ``pipeline.stages`` on many videos, one task a clip and stage.

Prefect schedules and shows; the dataset directory is the truth. A stage that is already done there is reused
whatever Prefect remembers, and a bad clip is an outcome (a report with a sentence), never a failed task: only
faults of the infrastructure fail a task.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, as_completed
from prefect.states import Completed, Failed, State
from prefect.task_runners import ProcessPoolTaskRunner

from pipeline.clip import UNKNOWN_LICENCE, Clip
from pipeline.home import Home
from pipeline.manifest import ManifestRow, Outcome
from pipeline.process_clip import StageReport, conclude, run_stage
from pipeline.settings import Settings, load_settings
from pipeline.stages import Stage, build_stages
from pipeline.store import Dataset
from pipeline.video import find_videos
from robots.exceptions import WushuError

ClipFutures = list[PrefectFuture[StageReport]]


@flow(name="build-dataset", task_runner=ProcessPoolTaskRunner())
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
    target = Dataset.open_or_create(Path(dataset))
    stages = build_stages(settings, Home.of_user())
    clips, unreadable = _identify(find_videos([Path(video) for video in videos]), licence)
    for clip in clips:
        target.add_clip(clip)
    chains = [_submit_chain(clip, stages, target, settings) for clip in clips]
    _follow([future for chain in chains for future in chain])
    rows = [
        conclude(clip, stages, target, [future.result() for future in chain])
        for clip, chain in zip(clips, chains, strict=True)
    ]
    _publish(rows, unreadable)
    return _final_state(rows, unreadable, max_broken_share)


@task(name="stage", task_run_name="{clip.name}: {stage_name}", cache_policy=NO_CACHE)
def stage_task(
    stage_name: str, clip: Clip, dataset: Dataset, settings: Settings, previous: StageReport | None
) -> State[StageReport]:
    """Run one stage of one clip; a clip that broke before passes its report on."""
    if previous is not None and previous.error is not None:
        return Completed(name="Skipped", data=previous)
    stages = _stages(settings)
    stage = next(stage for stage in stages if stage.name == stage_name)
    report = run_stage(stage, clip, stages, dataset)
    if report.error is not None:
        get_run_logger().warning("%s: %s", stage_name, report.error)
        return Completed(name="Broken", data=report, message=report.error)
    return Completed(name="Reused" if report.reused else "Completed", data=report)


@lru_cache(maxsize=4)
def _stages(settings: Settings) -> tuple[Stage, ...]:
    """Build the stages once a process: loading the body and the robot costs a second."""
    return build_stages(settings, Home.of_user())


def _submit_chain(clip: Clip, stages: Sequence[Stage], dataset: Dataset, settings: Settings) -> ClipFutures:
    chain: ClipFutures = []
    for stage in stages:
        previous = chain[-1] if chain else None
        chain.append(stage_task.submit(stage.name, clip, dataset, settings, previous))
    return chain


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


def _follow(futures: ClipFutures) -> None:
    """Show the share of finished stages on the run's page."""
    if not futures:
        return
    progress: Any = create_progress_artifact(progress=0.0, key="stages", description="stages finished")
    for done, _ in enumerate(as_completed(futures), start=1):
        update_progress_artifact(artifact_id=progress, progress=100.0 * done / len(futures))


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
