"""What ``wushu run --dry-run`` shows: which stages of which sources would run, for how long, on how much disk."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from flows.console import console, show_error, show_warning
from pipeline.clip import Clip, Source
from pipeline.exceptions import NoPersonFound
from pipeline.process_clip import done_stages
from pipeline.readers.recognise import is_motion_file
from pipeline.stages import Stages
from pipeline.store import Dataset, is_dataset
from pipeline.video import VideoInfo, probe
from robots.exceptions import WushuError


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """What a stage costs for each second of a clip."""

    seconds: float
    """Computing time [s]."""
    megabytes: float
    """Disk for its results [MB]."""


STAGE_COSTS = {
    "recording": StageCost(seconds=0.6, megabytes=0.02),
    "reading": StageCost(seconds=0.01, megabytes=0.02),
    "evidence": StageCost(seconds=0.005, megabytes=0.03),
    "motion": StageCost(seconds=0.03, megabytes=0.02),
    "plausibility": StageCost(seconds=0.04, megabytes=0.008),
    "retarget": StageCost(seconds=0.1, megabytes=0.02),
    "validation": StageCost(seconds=0.025, megabytes=0.025),
    "verdict": StageCost(seconds=0.005, megabytes=0.004),
    "retarget_23dof": StageCost(seconds=0.1, megabytes=0.02),
    "validation_23dof": StageCost(seconds=0.025, megabytes=0.025),
    "verdict_23dof": StageCost(seconds=0.005, megabytes=0.004),
    "repair": StageCost(seconds=0.12, megabytes=0.03),
    "tracking": StageCost(seconds=0.45, megabytes=0.02),
    "leads": StageCost(seconds=0.2, megabytes=0.05),
    "handoff": StageCost(seconds=0.01, megabytes=0.3),
    "picture": StageCost(seconds=0.01, megabytes=0.04),
    "report": StageCost(seconds=0.1, megabytes=0.03),
    "playback": StageCost(seconds=1.1, megabytes=0.15),
}
"""Costs of 720p video at 30 frames/s on two quiet cores (AMD EPYC), 2026-11-21.

Seconds: recording and playback from the rates of ``benchmarks.front_end`` and ``benchmarks.pipeline`` in quiet runs (50
and 28 frames/s), motion twice what ``benchmarks.gvhmr`` measured (``landmark`` takes twenty times as long), the others
their processor time there and on three mocap files, rounded up. Disk: the results of the demo's clips and of 17 s of a
real video. A clip of a few seconds costs up to half a second more, and a first run some ten seconds of compilation.
"""

_UNWATCHED = "clips unknown until it is watched"
_UNREAD = "length unknown until it is read"
_CUT_OUT = StageCost(seconds=0.0, megabytes=0.02)
"""Costs of the stage ``motion`` where a file holds the motion already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSource:
    """What would happen to one source."""

    name: str
    length_s: float
    """[s]; 0 where the file does not state it."""
    stages: tuple[str, ...]
    """Stages that would run, over all its clips."""
    seconds: float
    """About how long they would take [s]."""
    megabytes: float
    """About how much disk their results would take [MB]."""
    note: str = ""


def show_plan(sources: Sequence[Source], stages: Stages, dataset_root: Path) -> bool:
    """Print the plan; true if a source cannot be used.

    Raises:
        NotADataset: The folder of results holds something else.
    """
    dataset = Dataset.open(dataset_root) if is_dataset(dataset_root) else None
    table = Table("source", "length", "would run", "about", "disk")
    planned = []
    unusable = False
    for source in sources:
        try:
            plan = plan_source(source, stages, dataset)
        except WushuError as error:
            show_error(error)
            unusable = True
            continue
        planned.append(plan)
        what = ", ".join(plan.stages) or "nothing: finished"
        table.add_row(
            escape(plan.name),
            f"{plan.length_s:.0f} s",
            what + (f" ({plan.note})" if plan.note else ""),
            _duration(plan.seconds),
            f"{plan.megabytes:.0f} MB",
        )
    console.print(table)
    try:
        stages.require(sources)
    except WushuError as error:
        show_warning(f"it would not begin: {error}")
    seconds, megabytes = sum(plan.seconds for plan in planned), sum(plan.megabytes for plan in planned)
    console.print(
        f"{len(planned)} sources: about {_duration(seconds)} on two cores like those of docs/benchmarks.md, "
        f"{megabytes:.0f} MB; nothing was written",
        highlight=False,
    )
    free = shutil.disk_usage(_existing(dataset_root)).free / 1e6
    if megabytes > free:
        show_warning(f"{dataset_root}: only {free:.0f} MB are free there. Free space, or name another --dataset.")
    return unusable


def plan_source(source: Source, stages: Stages, dataset: Dataset | None) -> PlannedSource:
    """Find out what a run would do with a source, without doing it.

    Raises:
        UnreadableVideo: The source cannot be opened.
    """
    whole = Clip.of(source)
    chain = stages.of(whole)
    info = None if is_motion_file(Path(source.path)) else probe(Path(source.path))
    length_s = info.duration_s if info is not None else 0.0
    clips, note = [whole], _UNREAD if info is None else _UNWATCHED
    if dataset is not None and (first := done_stages(whole, chain[:1], dataset)):
        try:
            clips, note = stages.cut(whole, first[chain[0].name]), ""
        except NoPersonFound as error:
            return PlannedSource(
                name=source.name, length_s=length_s, stages=(), seconds=0.0, megabytes=0.0, note=str(error)
            )
    seconds = megabytes = 0.0
    missing: dict[str, None] = {}
    for number, clip in enumerate(clips):
        done = {} if dataset is None else done_stages(clip, chain, dataset)
        span = length_s if clip.span_s is None else clip.span_s[1] - clip.span_s[0]
        for stage in chain:
            if stage.name not in done and not (stage.of_whole and number > 0):
                missing[stage.name] = None
                cost = _CUT_OUT if info is None and stage.name == "motion" else STAGE_COSTS[stage.name]
                seconds += cost.seconds * (length_s * _size(info) if stage.of_whole else span)
                megabytes += cost.megabytes * (length_s if stage.of_whole else span)
    return PlannedSource(
        name=source.name, length_s=length_s, stages=tuple(missing), seconds=seconds, megabytes=megabytes, note=note
    )


def _size(info: VideoInfo | None) -> float:
    """How much dearer than 720p at 30 fps a picture stream is to watch: half of the time is decoding."""
    if info is None:
        return 1.0
    return (info.mean_fps or 30.0) / 30.0 * (0.5 + 0.5 * info.width * info.height / (1280 * 720))


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )


def _existing(path: Path) -> Path:
    """Return the nearest folder above a path that is there."""
    path = path.resolve()
    while not path.exists():
        path = path.parent
    return path
