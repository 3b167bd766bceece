"""The whole story on one clip: run the stages in order, reuse what is already there, write down the outcome.

Start reading here. ``wushu run`` calls :func:`process_clip`; the Prefect flow ``build_dataset`` calls
:func:`run_stage` for the same stages, one task each, and :func:`conclude` at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from pipeline.clip import Clip
from pipeline.exceptions import CorruptArtefact
from pipeline.manifest import ManifestRow, write_row
from pipeline.measurement import Measurements
from pipeline.progress import Progress, silent
from pipeline.stages import Stage, StageContext, WrittenFiles
from pipeline.store import Dataset
from pipeline.verdict import Verdict
from robots.exceptions import WushuError

StageListener = Callable[[str], Progress]
"""Called with a stage's name when it begins; returns what the stage reports its progress to."""


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
        inputs = [dataset.load(clip.id, name, known[name], by_name[name].result) for name in stage.reads]
        context = StageContext(clip=clip, clip_dir=dataset.clip_dir(clip.id), progress=progress)
        dataset.save(clip.id, stage.name, fingerprint, stage.run(context, *inputs))
    except WushuError as error:
        return StageReport(stage=stage.name, fingerprint=fingerprint, error=str(error))
    return StageReport(stage=stage.name, fingerprint=fingerprint, seconds=perf_counter() - started)


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
    for stage in stages:
        if stage.name not in done or stage.result not in (Measurements, Verdict):
            continue
        record = dataset.load(clip.id, stage.name, done[stage.name], stage.result)
        if isinstance(record, Measurements):
            metrics.update({f"{stage.name}.{item.name}": item.value for item in record.items})
        elif isinstance(record, Verdict):
            verdict = record
    row = ManifestRow(
        clip=clip,
        fingerprints=done,
        metrics=metrics,
        licences=tuple(sorted({licence for stage in stages for licence in stage.licences} | {clip.licence})),
        verdict=verdict,
        broken_stage=broken.stage if broken else None,
        error=broken.error if broken else None,
    )
    write_row(dataset, row)
    return row


def _is_done(stage: Stage, clip: Clip, fingerprint: str, dataset: Dataset) -> bool:
    """A result counts if it is there and unharmed; a file it names must be there too."""
    if not dataset.has(clip.id, stage.name, fingerprint):
        return False
    try:
        record = dataset.load(clip.id, stage.name, fingerprint, stage.result)
    except CorruptArtefact:
        return False
    return not isinstance(record, WrittenFiles) or record.are_as_left(dataset.clip_dir(clip.id))
