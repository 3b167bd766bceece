"""All that the page of one clip tells: its film, its checks and series, contacts, pieces, deliveries and decisions.

What is harmed on the disk costs that part of the view and a sentence, never the clip.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipeline.clip import file_sha256
from pipeline.decisions import Decisions, read_decisions
from pipeline.deliverable import Deliverables
from pipeline.exceptions import CorruptArtefact
from pipeline.handing import accept_means, hands_over
from pipeline.manifest import Attempt, ManifestRow, Usable, read_row
from pipeline.measurement import Measurements, Span, spans_where
from pipeline.review_desk.clip_item import (
    PLAYBACK_FILE,
    ClipItem,
    DecisionItem,
    clip_item,
    damaged_item,
    require_row,
)
from pipeline.review_desk.series import Series, series_of
from pipeline.review_desk.video_facts import VideoFacts, video_facts
from pipeline.stage import WrittenFiles
from pipeline.store import Dataset
from pipeline.tracking import Followed
from pipeline.variants import shown_variant, stage_of
from pipeline.verdict import CheckResult
from retarget.result import InfeasibleStance, RetargetResult
from retarget.smpl_skeleton import SMPL_PARENTS
from robots.exceptions import WushuError
from robots.g1 import Variant

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """When each foot bears weight, as half-open spans of the motion's frames."""

    left: tuple[Span, ...] = ()
    right: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """When one region of the body is to bear weight."""

    region: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LetGo:
    """A stance that the robot could not hold."""

    region: str
    start: int
    stop: int
    reason: str
    """The whole sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceItem:
    """A part of the clip that is accepted as it was mended."""

    number: int
    """From 1."""
    frames: Span
    edits: tuple[str, ...]
    duration_s: float
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A motion that goes to trainers."""

    name: str
    kind: str
    variant: Variant
    frames: Span
    n_lead_in: int
    n_lead_out: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldItem:
    """A motion that does not."""

    name: str
    variant: Variant
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ghost:
    """The human that may be drawn over the robot."""

    parents: tuple[int, ...]
    """Parent of each joint, -1 for the root."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipView:
    """One clip, for its page; spans are half-open and count frames of the motion."""

    item: ClipItem
    n_frames: int = 0
    """0: there is no motion to look at."""
    fps: float = 0.0
    """Of the motion [1/s]."""
    variant: Variant = "29dof"
    """The G1 that is shown."""
    video: VideoFacts | None = None
    checks: tuple[CheckResult, ...] = ()
    series: tuple[Series, ...] = ()
    contacts: Contacts = Contacts()
    stances: tuple[Stance, ...] = ()
    let_go: tuple[LetGo, ...] = ()
    flight: tuple[Span, ...] = ()
    pieces: tuple[PieceItem, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    withheld: tuple[WithheldItem, ...] = ()
    remarks: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    metrics: dict[str, float]
    decisions: tuple[DecisionItem, ...] = ()
    """All of them, the oldest first."""
    hands_over: str = "nothing"
    """What a hand-over would take of it now, for the middle of a sentence."""
    accept_means: str = "nothing"
    """What it would take if somebody accepted it, and neither named frames nor changed anything."""
    damaged: tuple[str, ...] = ()
    """What could not be read, a sentence each."""
    ghost: Ghost | None = None
    problem: str | None = None
    """Why there is no motion, or why the clip did not come to its end."""


class KeptResults:
    """Reads the results that a row names; what cannot be read is told once, and is None."""

    def __init__(self, dataset: Dataset, row: ManifestRow) -> None:
        """Read nothing yet."""
        self._dataset, self._row = dataset, row
        self.damaged: list[str] = []

    def load(self, stage: str, cls: type[Record]) -> Record | None:
        """Return the result of a stage that counts; None where there is none, or none that can be read."""
        fingerprint = self._row.fingerprints.get(stage)
        if fingerprint is None:
            return None
        try:
            return self._dataset.load(self._row.clip.id, stage, fingerprint, cls)
        except WushuError as error:
            self.damaged.append(str(error))
            return None


def clip_view(dataset: Dataset, clip_id: str) -> ClipView:
    """Read what the page of a clip tells.

    Raises:
        UnknownClip: The dataset has no such clip, or it has not come to an end yet.
    """
    require_row(dataset, clip_id)
    decisions = read_decisions(dataset, clip_id)
    history = tuple(DecisionItem.of(decision) for decision in decisions.items)
    try:
        row = read_row(dataset, clip_id)
    except CorruptArtefact as error:
        item = damaged_item(dataset, clip_id, str(error), decisions)
        return ClipView(item=item, decisions=history, damaged=decisions.damaged, problem=str(error), metrics={})
    return _of_row(dataset, row, decisions, history)


def _of_row(dataset: Dataset, row: ManifestRow, decisions: Decisions, history: tuple[DecisionItem, ...]) -> ClipView:
    kept, variant = KeptResults(dataset, row), shown_variant(row.fingerprints)
    solved = kept.load(stage_of("retarget", variant), RetargetResult)
    delivered = kept.load("leads", Deliverables) or Deliverables(items=())
    series = tuple(series_of(_measured(kept, variant), row.verdict))
    n_frames, fps = _length(row, solved, series)
    video = _film(dataset.clip_dir(row.clip.id), kept, n_frames, fps) if n_frames else None
    return ClipView(
        item=clip_item(dataset, row, decisions),
        n_frames=n_frames,
        fps=fps,
        variant=variant,
        video=video,
        checks=row.verdict.checks if row.verdict else (),
        series=series,
        contacts=_contacts(solved),
        stances=_stances(solved),
        let_go=tuple(_let_go(stance) for stance in solved.infeasible_stances) if solved else (),
        flight=solved.flight_spans if solved else (),
        pieces=tuple(_piece(number, piece) for number, piece in enumerate(row.pieces, start=1)),
        attempts=row.attempts,
        deliveries=tuple(_deliveries(delivered)),
        withheld=tuple(WithheldItem(name=w.name, variant=w.variant, reason=w.reason) for w in delivered.withheld),
        remarks=row.remarks,
        licences=row.licences,
        metrics=row.metrics,
        decisions=history,
        hands_over=hands_over(dataset, row, decisions),
        accept_means=accept_means(dataset, row),
        damaged=(*decisions.damaged, *kept.damaged),
        ghost=Ghost(parents=SMPL_PARENTS) if solved and "motion" in row.fingerprints else None,
        problem=row.error,
    )


def _measured(kept: KeptResults, variant: Variant) -> Iterable[Measurements]:
    human = kept.load("plausibility", Measurements)
    robot = kept.load(stage_of("validation", variant), Measurements)
    followed = kept.load(stage_of("tracking", variant), Followed)
    return [m for m in (human, robot, followed.measurements if followed else None) if m is not None]


def _length(row: ManifestRow, solved: RetargetResult | None, series: tuple[Series, ...]) -> tuple[int, float]:
    """Return the motion's frames and rate, by whatever can be read of it."""
    if solved is not None:
        return len(solved.motion), solved.motion.fps
    for item in series:
        return len(item.values), item.fps
    return 0, 0.0


def _film(folder: Path, kept: KeptResults, n_frames: int, fps: float) -> VideoFacts | None:
    """Read what the film says of itself; one that was changed is shown as far as it plays."""
    film = video_facts(folder / PLAYBACK_FILE, n_frames=n_frames, fps=fps)
    if isinstance(film, str):
        kept.damaged.append(film)
        return None
    written = kept.load("playback", WrittenFiles)
    if written is not None and written.sha256.get(PLAYBACK_FILE) != _hash(folder / PLAYBACK_FILE):
        told = f"{PLAYBACK_FILE} is not as it was drawn: it may be cut off. Run the dataset again to draw it anew."
        kept.damaged.append(told)
    return film


def _hash(path: Path) -> str:
    try:
        return file_sha256(path)
    except WushuError:  # gone since its header was read
        return ""


def _contacts(solved: RetargetResult | None) -> Contacts:
    if solved is None:
        return Contacts()
    left, right = (spans_where(solved.motion.foot_contact[:, foot] > 0.5) for foot in range(2))
    return Contacts(left=left, right=right)


def _stances(solved: RetargetResult | None) -> tuple[Stance, ...]:
    if solved is None:
        return ()
    rows = zip(solved.contact_regions, solved.stance_spans, strict=True)
    return tuple(Stance(region=region, spans=spans) for region, spans in rows if spans)


def _let_go(stance: InfeasibleStance) -> LetGo:
    return LetGo(region=stance.region, start=stance.start, stop=stance.stop, reason=f"{stance}.")


def _piece(number: int, piece: Usable) -> PieceItem:
    return PieceItem(
        number=number, frames=piece.frames, edits=piece.edits, duration_s=piece.duration_s, score=piece.score
    )


def _deliveries(delivered: Deliverables) -> Iterable[Delivery]:
    for item in delivered.items:
        yield Delivery(
            name=item.name,
            kind=item.kind,
            variant=item.variant,
            frames=item.frames,
            n_lead_in=item.n_lead_in,
            n_lead_out=item.n_lead_out,
            notes=item.notes,
        )
