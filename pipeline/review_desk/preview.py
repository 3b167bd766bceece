"""Shows what a decision would hand over before it is made: the motion cut, edited, judged and led as it will be."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.deliverable import Deliverable, Deliverables
from pipeline.hand_edits import NO_EDITS, HandEdits
from pipeline.handing import seen_by_reviewers
from pipeline.handing.by_hand import MadeByHand, led_judge_of, made_by_hand
from pipeline.manifest import ManifestRow, Outcome
from pipeline.measurement import Span
from pipeline.record_codec import digest, plain
from pipeline.review_desk.as_json import as_json
from pipeline.review_desk.exceptions import NothingToSee
from pipeline.review_desk.journal import check_motion, readable_row
from pipeline.review_desk.pieces import piece_view
from pipeline.review_desk.series import Series, series_of
from pipeline.store import Dataset
from pipeline.validation import measure_robot
from pipeline.variants import shown_variant
from pipeline.verdict import CheckResult, Verdict
from robots.exceptions import InvalidArray, WushuError
from robots.g1 import Variant, load_g1
from robots.motion import RobotMotion

_SOMEBODY = "hand"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preview:
    """What the shown robot's motion would be, and how it is judged."""

    key: str
    """Names the motion and what is done to it: the same request has the same key."""
    clip_id: str
    variant: Variant
    frames: Span
    """Frames of the clip's motion that are kept."""
    item: Deliverable
    """With leads; its checks count frames from the first one kept."""
    before: Verdict
    """On the clip as it stood."""
    not_judged: tuple[str, ...] = ()
    """What it would be judged by as well, if the human could be measured here: ``stage.measurement``."""
    series: tuple[Series, ...] = ()
    """Of the motion itself, without leads; their frames begin at 0. None where nothing is cut or edited."""
    n_more: int = 0
    """Repaired pieces that a hand-over takes besides this one."""

    @property
    def motion(self) -> RobotMotion:
        """Lead-in, the motion itself, lead-out."""
        return self.item.motion

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        """Of the motion itself, with spans in frames of the clip's motion."""
        start = self.frames[0]
        return tuple(
            replace(check, spans=tuple((a + start, b + start) for a, b in check.spans))
            for check in self.item.verdict.checks
        )

    @property
    def as_json(self) -> dict[str, Any]:
        """All of it but the motion, as the page reads it."""
        item, verdict = self.item, self.item.verdict
        notes = [*item.edits, *item.notes]
        if self.n_more:
            more = "another repaired piece" if self.n_more == 1 else f"{self.n_more} more repaired pieces"
            notes.append(f"this is the first piece; {more} would be handed over with it")
        if self.frames[0] and verdict.rejections:
            notes.append("reasons count frames from the first one kept")
        return as_json(
            {
                "key": self.key,
                "frames": self.frames,
                "fps": self.motion.fps,
                "n_frames": len(self.motion),
                "n_lead_in": item.n_lead_in,
                "n_lead_out": item.n_lead_out,
                "accepted": verdict.accepted and not self.not_judged,
                "not_judged": self.not_judged,
                "score": verdict.score,
                "checks": self.checks,
                "series": self.series,
                "notes": notes,
                "before": {"accepted": self.before.accepted, "score": self.before.score},
            }
        )


def preview(
    dataset: Dataset,
    clip_id: str,
    frames: Span | None,
    edits: HandEdits = NO_EDITS,
    *,
    bodies_dir: Path | None = None,
) -> Preview:
    """Make of a clip what a hand-over would make of it, were it accepted so; nothing is written.

    Args:
        dataset: Holds the clip.
        clip_id: The clip.
        frames: What is kept; None = all.
        edits: What is changed before.
        bodies_dir: Folder of bodies that the user imported, one of which the human may have.

    Raises:
        UnknownClip: There is none.
        NothingToSee: It has no motion, or was not finished.
        FramesNotThere, InvalidArray: It has no such frames, or too few would be kept.
        CorruptArtefact: A result that is needed is damaged or gone.
        WushuError: The motion cannot be led.
    """
    row = readable_row(dataset, clip_id)
    fingerprint = seen_by_reviewers(row)
    if fingerprint is None or row.verdict is None or "leads" not in row.fingerprints:
        raise NothingToSee(row.clip.name, reason=row.error)
    if frames is not None and not 0 <= frames[0] < frames[1]:
        problem = f"{frames[0]}:{frames[1]} is no span: give the first frame and the one after the last"
        raise InvalidArray("frames", problem=problem)
    check_motion(dataset, row, fingerprint, frames, edits)
    variant = shown_variant(row.fingerprints)
    with dataset.being_read():
        asks_nothing = frames is None and not edits and row.outcome is not Outcome.REJECTED
        delivered = _delivered(dataset, row, variant) if asks_nothing else []
        if delivered:
            item, not_judged, series = delivered[0], (), _series_of_piece(dataset, delivered[0], clip_id, bodies_dir)
        else:
            made = made_by_hand(
                dataset, row, variant, frames=frames, changes=edits, by=_SOMEBODY, bodies_dir=bodies_dir
            )
            item, not_judged, series = made.item, made.not_judged, _series(dataset, row, made)
    told = [bool(delivered), item.name, list(item.frames), plain(edits)]
    return Preview(
        key=digest([clip_id, fingerprint, row.fingerprints["leads"], *told]),
        clip_id=clip_id,
        variant=variant,
        frames=item.frames,
        item=item,
        before=row.verdict,
        not_judged=not_judged,
        series=series,
        n_more=max(len(delivered) - 1, 0),
    )


def _delivered(dataset: Dataset, row: ManifestRow, variant: Variant) -> list[Deliverable]:
    """Return what a hand-over takes of a clip that nobody changed: it is there already, whole or by its pieces."""
    found = dataset.load(row.clip.id, "leads", row.fingerprints["leads"], Deliverables)
    return [item for item in found.items if item.variant == variant and item.kind != "refined"]


def _series(dataset: Dataset, row: ManifestRow, made: MadeByHand) -> tuple[Series, ...]:
    """Measure what was cut or edited frame by frame; what was left as it stood has the clip's own curves."""
    if made.as_solved:
        return ()
    item = made.item
    human = () if made.human.measured is None else (made.human.measured,)
    robot = measure_robot(item.core, load_g1(item.variant), led_judge_of(dataset, row).validation)
    return tuple(series_of((*human, robot), item.verdict))


def _series_of_piece(dataset: Dataset, item: Deliverable, clip_id: str, bodies_dir: Path | None) -> tuple[Series, ...]:
    """Measure a repaired piece; where that cannot be done, it can still be handed over, and it is judged already."""
    with suppress(WushuError):
        if item.kind == "part":
            return piece_view(dataset, clip_id, int(item.name.rpartition(".part")[2]), bodies_dir=bodies_dir).series
    return ()
