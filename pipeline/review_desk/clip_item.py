"""One line of the list of clips: how the clip ended, and what people decided of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.decisions import Decision, Decisions, Ruling, Standing, disputed, read_decisions, standing
from pipeline.exceptions import CorruptArtefact
from pipeline.hand_edits import ContactEdit
from pipeline.handing.selection import seen_by_reviewers
from pipeline.licences import use_of
from pipeline.locks import require_dataset
from pipeline.manifest import ROW_FILE, ManifestRow, read_row
from pipeline.measurement import Span
from pipeline.review_desk.exceptions import UnknownClip
from pipeline.review_desk.short_reason import short_reason
from pipeline.store import Dataset, is_clip_id

State = Literal["todo", "accepted", "trimmed", "rejected"]
"""What a person decided that stands; ``trimmed`` is an acceptance of some of the frames."""

PLAYBACK_FILE, POSTER_FILE = "playback.mp4", "poster.jpg"

_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionItem:
    """One ruling, as the page shows it."""

    ruling: str
    by: str
    at: str
    """ISO-8601 in UTC."""
    fingerprint: str
    """Of the motion that the reviewer saw."""
    frames: Span | None
    ground_m: float
    """By how much the robot was raised [m]."""
    contacts: tuple[ContactEdit, ...]
    """Contacts that were set by hand."""
    reason: str
    note: str

    @classmethod
    def of(cls, decision: Decision) -> DecisionItem:
        """Take what is shown of a decision."""
        return cls(
            ruling=str(decision.ruling),
            by=decision.by,
            at=decision.at,
            fingerprint=decision.fingerprint,
            frames=decision.frames,
            ground_m=decision.ground_m,
            contacts=decision.contacts,
            reason=decision.reason,
            note=decision.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipItem:
    """What the list tells of one clip."""

    id: str
    name: str
    source: str
    """File name of its source."""
    outcome: str
    """``accepted``, ``mended``, ``rejected``, ``broken``, or ``damaged``: its row cannot be read."""
    tier: str
    """Name of the limits; empty where nothing was judged."""
    score: float | None
    """Rank in [0, 1]; None where nothing was judged."""
    duration_s: float
    """Length of the motion [s]."""
    usable_s: float
    """Length of what is accepted [s]."""
    kinds: tuple[str, ...]
    """Rejecting checks that failed, as ``<stage>.<measurement>``; of a broken clip ``broken.<stage>``."""
    reason: str
    """Why it is not accepted as it stands, one sentence; empty where it is."""
    short_reason: str
    """The same for one line of the list: the checks by name, value and limit."""
    use: str
    """Commercial use: ``allowed``, ``forbidden`` or ``unknown``."""
    has_poster: bool
    has_playback: bool
    fingerprint: str | None
    """Of the shown motion, on which decisions are made; None where there is none."""
    n_decisions: int
    """Decisions that were kept, those that were taken back or cannot be read any more included."""
    decision: DecisionItem | None
    """The one that stands."""
    state: State
    stale: bool
    """It was made on another motion than the present one."""
    doubtful: bool
    """A later line of the decisions cannot be read."""
    disputed: bool
    """The last rulings of two reviewers on one motion, both standing, say different things."""


def clip_item(dataset: Dataset, row: ManifestRow, decisions: Decisions) -> ClipItem:
    """Tell of a clip by its outcome and by what was decided of it; no other file is read."""
    verdict, fingerprint = row.verdict, seen_by_reviewers(row)
    held = standing(decisions, fingerprint)
    reason = first_sentence(row.reasons[0]) if row.reasons and not (verdict and verdict.accepted) else ""
    folder = dataset.clip_dir(row.clip.id)
    return ClipItem(
        id=row.clip.id,
        name=row.clip.name,
        source=Path(row.clip.source.path).name,
        outcome=row.outcome.value,
        tier=verdict.tier if verdict else "",
        score=verdict.score if verdict else None,
        duration_s=row.duration_s,
        usable_s=row.usable_s,
        kinds=_kinds(row),
        reason=reason,
        short_reason=short_reason(verdict.checks if verdict else (), reason),
        use=use_of(row.licences).value,
        has_poster=_has(dataset, folder / POSTER_FILE),
        has_playback=_has(dataset, folder / PLAYBACK_FILE),
        fingerprint=fingerprint,
        n_decisions=decisions.count,
        decision=DecisionItem.of(held.decision) if held.decision else None,
        state=state_of(held),
        stale=held.stale,
        doubtful=held.doubtful,
        disputed=disputed(decisions),
    )


def damaged_item(dataset: Dataset, clip_id: str, problem: str, decisions: Decisions) -> ClipItem:
    """Tell of a clip whose row cannot be read: what was decided is there all the same."""
    held = standing(decisions, None)
    folder = dataset.clip_dir(clip_id)
    return ClipItem(
        id=clip_id,
        name=_name_on_disk(dataset, clip_id),
        source="",
        outcome="damaged",
        tier="",
        score=None,
        duration_s=0.0,
        usable_s=0.0,
        kinds=(),
        reason=problem,
        short_reason=short_reason((), problem),
        use="unknown",
        has_poster=_has(dataset, folder / POSTER_FILE),
        has_playback=_has(dataset, folder / PLAYBACK_FILE),
        fingerprint=None,
        n_decisions=decisions.count,
        decision=DecisionItem.of(held.decision) if held.decision else None,
        state=state_of(held),
        stale=held.stale,
        doubtful=held.doubtful,
        disputed=disputed(decisions),
    )


def read_item(dataset: Dataset, clip_id: str) -> ClipItem:
    """Read a clip's row and decisions, and tell of it.

    Raises:
        UnknownClip: The dataset has no such clip, or it has not come to an end yet.
    """
    require_row(dataset, clip_id)
    decisions = read_decisions(dataset, clip_id)
    try:
        return clip_item(dataset, read_row(dataset, clip_id), decisions)
    except CorruptArtefact as error:
        return damaged_item(dataset, clip_id, str(error), decisions)


def require_row(dataset: Dataset, clip_id: str) -> None:
    """Make sure that a clip is there and has an outcome; what a client sends becomes no path before.

    Raises:
        UnknownClip: It is not, or has none.
        DatasetGone: Nor is the dataset.
    """
    if not is_clip_id(clip_id):
        raise UnknownClip(clip_id)
    if not (dataset.clip_dir(clip_id) / ROW_FILE).exists():
        require_dataset(dataset.root)
        raise UnknownClip(clip_id)


def state_of(held: Standing) -> State:
    """Say in a word what a person decided that stands."""
    decision = held.decision
    if decision is None:
        return "todo"
    if decision.ruling is Ruling.REJECT:
        return "rejected"
    return "accepted" if decision.frames is None else "trimmed"


def first_sentence(text: str) -> str:
    """Return the first sentence of a text."""
    return _END_OF_SENTENCE.split(text.strip(), maxsplit=1)[0]


def _kinds(row: ManifestRow) -> tuple[str, ...]:
    if row.verdict is None:
        return (f"broken.{row.broken_stage or 'unknown'}",)
    failed = (c for c in row.verdict.checks if not c.passed and c.severity == "reject")
    return tuple(f"{check.stage}.{check.measurement}" for check in failed)


def _has(dataset: Dataset, path: Path) -> bool:
    """Tell whether a clip has a file; one behind a link is nobody's."""
    return path.is_file() and dataset.holds(path)


def _name_on_disk(dataset: Dataset, clip_id: str) -> str:
    if not dataset.holds(dataset.clip_dir(clip_id) / ROW_FILE):
        return clip_id
    try:
        return dataset.clip(clip_id).name
    except CorruptArtefact:
        return clip_id
