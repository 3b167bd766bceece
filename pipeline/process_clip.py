"""The whole story on one source: watch it, cut it into clips, take each through the stages, write down the outcomes.

Start reading here. ``wushu run`` calls :func:`process_source`; the Prefect flow ``build_dataset`` makes tasks of its
steps, :func:`cut_source` and :func:`process_clip`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from pipeline.clip import Clip, Source
from pipeline.evidence import Evidence
from pipeline.exceptions import CorruptArtefact, MachineFault, UnsteadySource
from pipeline.manifest import ManifestRow, withdraw_handoff, withdraw_row, write_row
from pipeline.measurement import Measurements
from pipeline.readers import MotionFile
from pipeline.repair import Repairs
from pipeline.stage import Stage, StageContext, WrittenFiles
from pipeline.stages import Stages
from pipeline.store import Dataset
from pipeline.tracking import Followed
from pipeline.verdict import Verdict
from retarget.progress import Progress, silent
from robots.exceptions import WushuError

_TOLD = (Measurements, Verdict, Repairs, Followed, Evidence, MotionFile, WrittenFiles)
"""Results that an outcome tells of."""

StageListener = Callable[[str], Progress]
"""Called with a stage's name when it begins; returns what the stage reports its progress to."""

ClipListener = Callable[[Clip], StageListener]
"""Called with a clip when it begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReport:
    """What became of one stage of one clip."""

    stage: str
    fingerprint: str
    reused: bool = False
    """The result was already there."""
    seconds: float = 0.0
    """Time it took [s], zero if reused."""
    error: str | None = None
    """Why the clip cannot go on, one sentence."""


ReportListener = Callable[[StageReport], None]
"""Called with every stage that is done, reused or broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What became of a source whose first stage was run."""

    clips: tuple[Clip, ...]
    """Its clips, whose other stages are still to be run; none if it gives none."""
    row: ManifestRow | None = None
    """The outcome of the source as a whole, where it gives no clip."""


def unheard(report: StageReport) -> None:
    """Tell nobody."""


def fingerprints(clip: Clip, stages: Sequence[Stage]) -> dict[str, str]:
    """Name every stage's result by what decides it: clip, config, version, and the results it reads."""
    known: dict[str, str] = {}
    for stage in stages:
        known[stage.name] = stage.fingerprint(clip, {name: known[name] for name in stage.reads})
    return known


def run_stage(
    stage: Stage,
    clip: Clip,
    stages: Sequence[Stage],
    dataset: Dataset,
    progress: Progress = silent,
    on_report: ReportListener = unheard,
) -> StageReport:
    """Make sure that one stage's result is in the dataset; results that it reads are made again if they are harmed.

    A clip that cannot be used is an outcome, not an exception: its sentence is in the report. The caller holds the
    clip's lock.

    Raises:
        MachineFault: The machine lacks something, which is no fault of the clip's.
        UnsteadySource: The source's file is gone or not what it was identified by; nothing was kept of it.
    """
    with _lock_of_owner(stage, clip, dataset):
        report = _ensure(stage, clip, stages, dataset, progress, on_report)
    on_report(report)
    return report


def _lock_of_owner(stage: Stage, clip: Clip, dataset: Dataset) -> AbstractContextManager[None]:
    """A result that all clips of a source share lies in another folder, of which each clip's task holds no lock."""
    owner = stage.owner(clip)
    return nullcontext() if owner.id == clip.id else dataset.clip_lock(owner.id)


def _ensure(
    stage: Stage,
    clip: Clip,
    stages: Sequence[Stage],
    dataset: Dataset,
    progress: Progress,
    on_report: ReportListener,
) -> StageReport:
    known = fingerprints(clip, stages)
    fingerprint = known[stage.name]
    if _is_done(stage, clip, fingerprint, dataset):
        dataset.add_recipe(stage.recipe)  # should somebody have taken it away
        return StageReport(stage=stage.name, fingerprint=fingerprint, reused=True)
    by_name = {other.name: other for other in stages}
    started = perf_counter()
    try:
        inputs = []
        for name in stage.reads:
            try:
                inputs.append(_load(by_name[name], clip, known[name], dataset))
            except CorruptArtefact:
                again = run_stage(by_name[name], clip, stages, dataset, progress, on_report)
                if again.error is not None:
                    return replace(again, stage=stage.name, fingerprint=fingerprint)
                inputs.append(_load(by_name[name], clip, known[name], dataset))
        owner = stage.owner(clip)
        context = StageContext(clip=owner, clip_dir=dataset.clip_dir(owner.id), progress=progress)
        with nullcontext() if stage.reads else owner.source.held():
            result = stage.run(context, *inputs)
        dataset.add_recipe(stage.recipe)
        origin = stage.origin(clip, {name: known[name] for name in stage.reads})
        dataset.save(owner.id, stage.name, fingerprint, result, origin)
    except (MachineFault, UnsteadySource):
        raise
    except WushuError as error:
        return StageReport(stage=stage.name, fingerprint=fingerprint, error=str(error))
    return StageReport(stage=stage.name, fingerprint=fingerprint, seconds=perf_counter() - started)


def process_source(
    source: Source,
    stages: Stages,
    dataset: Dataset,
    progress: Progress = silent,
    on_clip: ClipListener = lambda clip: lambda name: silent,
    listener_of: Callable[[Clip], ReportListener] = lambda clip: unheard,
) -> list[ManifestRow]:
    """Watch or read a source (which reports its progress), cut it into clips, and take each through the stages.

    Raises:
        MachineFault: The machine lacks something; rows stay as they were.
        UnsteadySource: The source's file is gone or changed; rows stay as they were.
    """
    whole = Clip.of(source)
    cut = cut_source(whole, stages, dataset, progress, listener_of(whole))
    rows = [] if cut.row is None else [cut.row]
    settings = dataset.add_settings(stages.settings)
    for clip in cut.clips:
        row, _ = process_clip(clip, stages.of(clip), dataset, on_clip(clip), listener_of(clip), settings)
        rows.append(row)
    return rows


def cut_source(
    whole: Clip,
    stages: Stages,
    dataset: Dataset,
    progress: Progress = silent,
    on_report: ReportListener = unheard,
    *,
    survey: bool = False,
) -> Cut:
    """Run the first stage of a source, register its clips, and take back those that it was cut into before.

    Args:
        whole: The source as a whole.
        stages: Of all sources.
        dataset: Where results are, and are kept.
        progress: Of the first stage.
        on_report: Hears of stages as they end.
        survey: Only look: outcomes, and what the source counts as cut into, stay as they are.

    Raises:
        MachineFault: The machine lacks something.
        UnsteadySource: The source's file is gone or changed; all stays as it was.
    """
    chain = stages.of(whole)
    clips: list[Clip] = []
    row = None
    with dataset.clip_lock(whole.id):
        dataset.add_clip(whole)
        reports = [run_stage(chain[0], whole, chain, dataset, progress, on_report)]
        if reports[0].error is None:
            try:
                clips = stages.cut(whole, _load(chain[0], whole, reports[0].fingerprint, dataset))
            except WushuError as error:
                reports.append(StageReport(stage=chain[1].name, fingerprint="", error=str(error)))
                on_report(reports[-1])
        gone = [] if survey else dataset.record_clips(whole, clips or [whole])
        if not clips:
            end = outcome_of if survey else conclude
            row = end(whole, chain, dataset, reports, dataset.add_settings(stages.settings))
    for clip_id in gone:
        with dataset.clip_lock(clip_id):
            withdraw_row(dataset, clip_id)
    return Cut(clips=tuple(clips), row=row)


def process_clip(
    clip: Clip,
    stages: Sequence[Stage],
    dataset: Dataset,
    on_stage: StageListener = lambda name: silent,
    on_report: ReportListener = unheard,
    settings: str | None = None,
) -> tuple[ManifestRow, list[StageReport]]:
    """Run all stages on a clip and write its row; a broken stage ends the clip, not the run.

    Args:
        clip: One that its source was cut into.
        stages: All of its stages.
        dataset: Where results are, and are kept.
        on_stage: Hears of stages as they begin.
        on_report: Hears of stages as they end.
        settings: Digest of the settings that the stages were made from.

    Raises:
        MachineFault: The machine lacks something; the row stays as it was.
    """
    with dataset.clip_lock(clip.id):
        dataset.add_clip(clip)
        reports = _run_all(clip, stages, stages, dataset, on_stage, on_report)
        return conclude(clip, stages, dataset, reports, settings), reports


def prepare_clip(
    clip: Clip,
    stages: Sequence[Stage],
    dataset: Dataset,
    upto: str,
    on_stage: StageListener = lambda name: silent,
    on_report: ReportListener = unheard,
    settings: str | None = None,
    *,
    survey: bool = False,
) -> ManifestRow | None:
    """Run the first stages of a clip, as far as ``upto``, for another program to go on; a row only if the clip broke.

    Args:
        clip: One that its source was cut into.
        stages: All of its stages.
        dataset: Where results are, and are kept.
        upto: Last stage to run.
        on_stage: Hears of stages as they begin.
        on_report: Hears of stages as they end.
        settings: Digest of the settings that the stages were made from.
        survey: Only look: the row is returned and not written.

    Raises:
        MachineFault: The machine lacks something; the row stays as it was.
    """
    last = [stage.name for stage in stages].index(upto)
    with dataset.clip_lock(clip.id):
        dataset.add_clip(clip)
        reports = _run_all(clip, stages[: last + 1], stages, dataset, on_stage, on_report)
        end = outcome_of if survey else conclude
        return None if reports[-1].error is None else end(clip, stages, dataset, reports, settings)


def _run_all(
    clip: Clip,
    wanted: Sequence[Stage],
    stages: Sequence[Stage],
    dataset: Dataset,
    on_stage: StageListener,
    on_report: ReportListener,
) -> list[StageReport]:
    reports: list[StageReport] = []
    for stage in wanted:
        reports.append(run_stage(stage, clip, stages, dataset, on_stage(stage.name), on_report))
        if reports[-1].error is not None:
            break
    return reports


def conclude(
    clip: Clip,
    stages: Sequence[Stage],
    dataset: Dataset,
    reports: Sequence[StageReport],
    settings: str | None = None,
) -> ManifestRow:
    """Write a clip's outcome into its folder, whose lock the caller holds.

    A clip that broke before files were handed off has none: those of an earlier run are taken away.
    """
    row = outcome_of(clip, stages, dataset, reports, settings)
    if row.error is not None and "handoff" not in row.fingerprints:
        withdraw_handoff(dataset, clip.id)
    write_row(dataset, row)
    return row


def outcome_of(
    clip: Clip,
    stages: Sequence[Stage],
    dataset: Dataset,
    reports: Sequence[StageReport],
    settings: str | None = None,
) -> ManifestRow:
    """Gather a clip's outcome from its results."""
    done = {report.stage: report.fingerprint for report in reports if report.error is None}
    broken = next((report for report in reports if report.error is not None), None)
    metrics: dict[str, float] = {}
    verdict: Verdict | None = None
    repairs: Repairs | None = None
    duration_s, handed_off_s = 0.0, dict[str, float]()
    licences, remarks = {clip.source.facts.licence}, []
    for stage in stages:
        licences.update(stage.licences)
        if stage.name not in done or stage.result not in _TOLD:
            continue
        record = _load(stage, clip, done[stage.name], dataset)
        if isinstance(record, Measurements):
            metrics.update(_metrics(stage.name, record))
            duration_s = record.n_frames / record.fps
        elif isinstance(record, Verdict):
            verdict = verdict or record  # of the robot that is shown; others decide on single files, which tell of it
        elif isinstance(record, Repairs):
            repairs = record
        elif isinstance(record, Followed):
            metrics.update(_metrics(stage.name, record.measurements) if record.measurements else {})
            remarks += record.notes
        elif isinstance(record, WrittenFiles):
            handed_off_s.update(record.seconds)
            remarks += record.notes
        elif isinstance(record, Evidence | MotionFile):
            remarks += record.remarks
            licences.update([record.licence] if isinstance(record, MotionFile) else [])
    return ManifestRow(
        clip=clip,
        fingerprints=done,
        metrics=metrics,
        licences=tuple(sorted(licences)),
        verdict=verdict,
        duration_s=duration_s,
        usable_s=repairs.usable_s if repairs else 0.0,
        handed_off_s=handed_off_s,
        pieces=repairs.usable if repairs else (),
        attempts=repairs.attempts if repairs else (),
        broken_stage=broken.stage if broken else None,
        error=broken.error if broken else None,
        remarks=tuple(remarks),
        settings=settings,
    )


def _metrics(stage: str, measured: Measurements) -> dict[str, float]:
    return {f"{stage}.{item.name}": item.value for item in measured.items}


def done_stages(clip: Clip, stages: Sequence[Stage], dataset: Dataset) -> dict[str, Any]:
    """Return the results that are there, by stage: up to the first that is missing or harmed."""
    known, done = fingerprints(clip, stages), {}
    for stage in stages:
        if not _is_done(stage, clip, known[stage.name], dataset):
            break
        done[stage.name] = _load(stage, clip, known[stage.name], dataset)
    return done


def _is_done(stage: Stage, clip: Clip, fingerprint: str, dataset: Dataset) -> bool:
    """A result counts if it is there and unharmed; a file it names must be there too."""
    if not dataset.has(stage.owner(clip).id, stage.name, fingerprint):
        return False
    try:
        record = _load(stage, clip, fingerprint, dataset)
    except CorruptArtefact:
        return False
    return not isinstance(record, WrittenFiles) or record.are_as_left(dataset.clip_dir(clip.id))


def _load(stage: Stage, clip: Clip, fingerprint: str, dataset: Dataset) -> Any:
    return dataset.load(stage.owner(clip).id, stage.name, fingerprint, stage.result)
