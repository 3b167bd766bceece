"""Holds a dataset's measurements against other limits: what is measured is measured, and no source is opened.

The verdict is made anew, and what hangs on it: repairs, leads, hand-off files, reports. What does not hang on it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from flows.exceptions import NotRevalidated
from pipeline.clip import Clip
from pipeline.exceptions import MachineFault
from pipeline.manifest import ManifestRow
from pipeline.process_clip import ReportListener, StageListener, fingerprints, process_clip, unheard
from pipeline.record_codec import from_plain, plain
from pipeline.settings import Settings
from pipeline.stage import Stage
from pipeline.stages import Stages
from pipeline.store import Dataset
from pipeline.verdict import Verdict
from retarget.progress import silent
from robots.exceptions import WushuError


def with_limits(
    dataset: Dataset, limits: str, keep: Callable[[Any], str], build: Callable[[str], Stages]
) -> Callable[[ManifestRow], str]:
    """Return what gives, for a clip, the digest of the settings that it was made by with other limits in them.

    It raises NotRevalidated where they are not known, or damaged, or of another version of this program, or name what
    is gone: a file of the user's own. It raises MachineFault.

    Args:
        dataset: Where the settings are.
        limits: Name of a preset, or path of a file.
        keep: Puts settings, as JSON types, into the dataset; gives their digest.
        build: Makes stages of settings that are in the dataset, by their digest.
    """

    @cache
    def digest_with(settings: str) -> str:
        anew = keep(plain(replace(from_plain(Settings, dataset.settings(settings)), limits=limits)))
        build(anew)  # what they name must be there, which is to be known before clips are worked on
        return anew

    def digest_for(row: ManifestRow) -> str:
        if row.settings is None:
            raise NotRevalidated(row.clip.name, problem="it does not say by what settings it was made")
        try:
            return digest_with(row.settings)
        except MachineFault:
            raise
        except WushuError as error:
            raise NotRevalidated(row.clip.name, problem=str(error).rstrip(".")) from error
        except (ExceptionGroup, ValueError, TypeError) as error:
            problem = "it was made by a version of this program that had other settings"
            raise NotRevalidated(row.clip.name, problem=problem) from error

    return digest_for


def revalidate(
    row: ManifestRow,
    stages: Stages,
    dataset: Dataset,
    settings: str,
    on_stage: StageListener = lambda name: silent,
    on_report: ReportListener = unheard,
) -> ManifestRow:
    """Judge a clip anew, from what was measured; write its new outcome and return it.

    Args:
        row: Its outcome so far.
        stages: Of its settings with the new limits (:func:`with_limits`).
        dataset: Where it is.
        settings: Digest of these settings, which are in the dataset.
        on_stage: Hears of stages as they begin.
        on_report: Hears of stages as they end.

    Raises:
        NotRevalidated: What was measured is not there, or was measured by another version of a stage.
        MachineFault: The machine lacks something; the row stays as it was.
    """
    chain = stages.of(row.clip)
    if row.verdict is None:
        return row
    kept = _kept(row.clip, chain, dataset)
    return process_clip(row.clip, kept, dataset, on_stage, on_report, settings)[0]


def _kept(clip: Clip, chain: Sequence[Stage], dataset: Dataset) -> list[Stage]:
    """Return the stages to go through: those that hang on the verdict, and all that are done.

    What those read must be done. What has nothing to do with them, a film, may be gone: it would need the source.
    """
    known = fingerprints(clip, chain)
    done = {stage.name for stage in chain if dataset.has(stage.owner(clip).id, stage.name, known[stage.name])}
    anew = _after_verdicts(chain)
    if lacking := [stage.name for stage in chain if stage.name in _needed_for(anew, chain) - done]:
        raise NotRevalidated(clip.name, problem=f"its {', '.join(lacking)} is missing or of another version")
    return [stage for stage in chain if stage.name in done | anew]


def _needed_for(anew: set[str], chain: Sequence[Stage]) -> set[str]:
    """Return the names of all other stages that these read, and of those that those read."""
    needed: set[str] = set()
    for stage in reversed(chain):
        if stage.name in anew or stage.name in needed:
            needed.update(stage.reads)
    return needed - anew


def _after_verdicts(chain: Sequence[Stage]) -> set[str]:
    """Return the names of the verdicts and of all stages that hang on them."""
    anew: set[str] = set()
    for stage in chain:
        if stage.result is Verdict or anew & set(stage.reads):
            anew.add(stage.name)
    return anew
