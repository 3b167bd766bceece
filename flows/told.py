"""What tasks tell the flow: a little of each clip, as there may be a million of them. The rest is in the dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.clip import Clip
from pipeline.manifest import ManifestRow, Outcome
from pipeline.measurement import Measurements
from pipeline.process_clip import StageReport, fingerprints
from pipeline.record_codec import from_plain
from pipeline.stage import Resource, Stage
from pipeline.store import Dataset
from pipeline.verdict import Verdict

PREPARED = "prepared"
"""How a survey calls a clip that it stopped before the verdict."""
UNFINISHED = "unfinished"
"""What a run calls a clip whose outcome it leaves open: its task failed, or its source is gone or changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTold:
    """How one clip ended."""

    clip_id: str
    name: str
    outcome: str
    """One of :class:`pipeline.manifest.Outcome`, :data:`PREPARED` or :data:`UNFINISHED`."""
    duration_s: float = 0.0
    """Length of its motion [s]."""
    usable_s: float = 0.0
    """Length of what is accepted [s]."""
    mended_s: float = 0.0
    """Of this, after a repair [s]."""
    reason: str = ""
    """Why it is not accepted: the first sentence."""
    kinds: tuple[str, ...] = ()
    """The same in words that clips have in common: checks that refused it, or the stage at which it broke."""
    broken: bool = False
    """Whether a stage could not go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What is to be run next on a clip."""

    clip_id: str
    name: str
    clip: Mapping[str, Any]
    """``pipeline.clip.Clip`` as JSON types."""
    first: str
    """Stage to begin with."""
    stages: str
    """All that are run, for people."""
    resource: Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What other limits made of a clip."""

    clip_id: str
    name: str
    before: str
    """Its outcome."""
    after: str
    usable_before_s: float
    """What was accepted of it [s]."""
    usable_after_s: float
    left: str = ""
    """Why it could not be judged anew; empty if it was."""

    @classmethod
    def of(cls, before: ManifestRow, after: ManifestRow, left: str = "") -> Moved:
        """Compare two outcomes of a clip."""
        return cls(
            clip_id=after.clip.id,
            name=after.clip.name,
            before=before.outcome.value,
            after=after.outcome.value,
            usable_before_s=before.usable_s,
            usable_after_s=after.usable_s,
            left=left,
        )

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.name}: {self.before} -> {self.after}, usable {self.usable_before_s:.1f} -> "
            f"{self.usable_after_s:.1f} s"
        )

    @property
    def is_told(self) -> bool:
        """Tell whether there is anything to say of it."""
        return bool(self.left) or self.before != self.after or abs(self.usable_before_s - self.usable_after_s) > 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTold:
    """What became of a task."""

    seconds: float = 0.0
    """Time its stages took [s]."""
    ran: int = 0
    """Stages that ran."""
    reused: int = 0
    """Stages whose results were there."""
    clips: tuple[ClipTold, ...] = ()
    """Clips that are at their end."""
    next: tuple[FollowUp, ...] = ()
    """What follows."""
    moved: Moved | None = None
    """What other limits made of the clip, where this was asked."""

    def counting(self, report: StageReport) -> TaskTold:
        """Add one stage."""
        return replace(
            self,
            seconds=self.seconds + report.seconds,
            ran=self.ran + (not report.reused),
            reused=self.reused + report.reused,
        )


def told_of_row(row: ManifestRow) -> ClipTold:
    """Tell how a clip ended by its outcome in the dataset."""
    refused = row.outcome is not Outcome.ACCEPTED
    return ClipTold(
        clip_id=row.clip.id,
        name=row.clip.name,
        outcome=row.outcome.value,
        duration_s=row.duration_s,
        usable_s=row.usable_s,
        mended_s=row.usable_s if row.outcome is Outcome.MENDED else 0.0,
        reason=row.error or (row.reasons[0] if refused and row.reasons else ""),
        kinds=(f"broken at {row.broken_stage}",) if row.error is not None else _refusals(row.verdict),
        broken=row.error is not None,
    )


def told_of_survey(clip: Clip, chain: tuple[Stage, ...], dataset: Dataset) -> ClipTold:
    """Tell what is known of a clip whose last stages are not run; what is usable only they find out.

    Raises:
        CorruptArtefact: A result that was just made is damaged.
    """
    known = fingerprints(clip, chain)
    found: dict[type, Any] = {}
    for stage in chain:
        if stage.result in (Verdict, Measurements) and stage.result not in found:
            named = stage.owner(clip).id, stage.name, known[stage.name]
            found[stage.result] = dataset.document(*named)["record"]  # the arrays of measurements take longer to unpack
    verdict, measured = found.get(Verdict), found.get(Measurements)
    verdict = None if verdict is None else from_plain(Verdict, verdict)
    outcome = PREPARED if verdict is None else (Outcome.ACCEPTED if verdict.accepted else Outcome.REJECTED).value
    return ClipTold(
        clip_id=clip.id,
        name=clip.name,
        outcome=outcome,
        duration_s=0.0 if measured is None else measured["n_frames"] / measured["fps"],
        reason=verdict.rejections[0] if verdict is not None and verdict.rejections else "",
        kinds=_refusals(verdict),
    )


def _refusals(verdict: Verdict | None) -> tuple[str, ...]:
    checks = () if verdict is None else verdict.checks
    return tuple(f"{c.stage}.{c.measurement}" for c in checks if not c.passed and c.severity == "reject")
