"""The whole story on one source: watch it, cut it into clips, take each through the stages, write down the outcomes.

Start reading here. ``wushu run`` calls :func:`process_source`; the Prefect flow ``build_dataset`` calls
:func:`run_stage` for the same stages, one task each, with :func:`cut_source` after the first and :func:`conclude`
at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from pipeline.clip import Clip, Source
from pipeline.evidence import Evidence
from pipeline.exceptions import CorruptArtefact
from pipeline.manifest import ManifestRow, withdraw_row, write_row
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


def fingerprints(clip: Clip, stages: Sequence[Stage]) -> dict[str, str]:
    """Name every stage's result by what decides it: clip, config, version, and the results it reads."""
    known: dict[str, str] = {}
    for stage in stages:
        known[stage.name] = stage.fingerprint(clip, tuple(known[name] for name in stage.reads))
    return known


def run_stage(
    stage: Stage, clip: Clip, stages: Sequence[Stage], dataset: Dataset, progress: Progress = silent
) -> StageReport:
    """Make sure that one stage's result is in the dataset, given that the results it reads are there.

    A clip that cannot be used is an outcome, not an exception: its sentence is in the report.
    """
    known = fingerprints(clip, stages)
    fingerprint = known[stage.name]
    if _is_done(stage, clip, fingerprint, dataset):
        return StageReport(stage=stage.name, fingerprint=fingerprint, reused=True)
    by_name = {other.name: other for other in stages}
    started = perf_counter()
    try:
        inputs = [_load(by_name[name], clip, known[name], dataset) for name in stage.reads]
        owner = stage.owner(clip)
        context = StageContext(clip=owner, clip_dir=dataset.clip_dir(owner.id), progress=progress)
        dataset.save(owner.id, stage.name, fingerprint, stage.run(context, *inputs))
    except WushuError as error:
        return StageReport(stage=stage.name, fingerprint=fingerprint, error=str(error))
    return StageReport(stage=stage.name, fingerprint=fingerprint, seconds=perf_counter() - started)


def process_source(
    source: Source,
    stages: Stages,
    dataset: Dataset,
    progress: Progress = silent,
    on_clip: ClipListener = lambda clip: lambda name: silent,
) -> list[ManifestRow]:
    """Watch or read a source (which reports its progress), cut it into clips, and take each through the stages."""
    whole = Clip.of(source)
    dataset.add_clip(whole)
    chain = stages.of(whole)
    first = run_stage(chain[0], whole, chain, dataset, progress)
    clips, reports = cut_source(whole, stages, dataset, first)
    if not clips:
        return [conclude(whole, chain, dataset, reports)]
    return [process_clip(clip, chain, dataset, on_clip(clip))[0] for clip in clips]


def cut_source(
    whole: Clip, stages: Stages, dataset: Dataset, first: StageReport
) -> tuple[list[Clip], list[StageReport]]:
    """Return the clips of a source whose first stage is done; none, and why, if it gives none.

    Clips that the source was cut into before, with other settings, are taken back.
    """
    chain, reports = stages.of(whole), [first]
    clips: list[Clip] = []
    if first.error is None:
        try:
            clips = stages.cut(whole, _load(chain[0], whole, first.fingerprint, dataset))
        except WushuError as error:
            reports.append(StageReport(stage=chain[1].name, fingerprint="", error=str(error)))
    for clip in clips:
        dataset.add_clip(clip)
    for gone in dataset.record_clips(whole, clips or [whole]):
        withdraw_row(dataset, gone)
    return clips, reports


def process_clip(
    clip: Clip,
    stages: Sequence[Stage],
    dataset: Dataset,
    on_stage: StageListener = lambda name: silent,
) -> tuple[ManifestRow, list[StageReport]]:
    """Run all stages on a clip and write its row; a broken stage ends the clip, not the run."""
    dataset.add_clip(clip)
    reports: list[StageReport] = []
    for stage in stages:
        report = run_stage(stage, clip, stages, dataset, on_stage(stage.name))
        reports.append(report)
        if report.error is not None:
            break
    return conclude(clip, stages, dataset, reports), reports


def conclude(clip: Clip, stages: Sequence[Stage], dataset: Dataset, reports: Sequence[StageReport]) -> ManifestRow:
    """Gather a clip's outcome from its results and write it into its folder."""
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
    row = ManifestRow(
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
    )
    write_row(dataset, row)
    return row


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
