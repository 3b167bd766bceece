"""Shows what a decision would hand over before it is made: the motion cut, edited, judged and led as it will be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pipeline.deliverable import Deliverable, Deliverables
from pipeline.hand_edits import NO_EDITS, HandEdits
from pipeline.handing import seen_by_reviewers
from pipeline.handing.by_hand import made_by_hand
from pipeline.manifest import ManifestRow, Outcome
from pipeline.measurement import Span
from pipeline.record_codec import digest, plain
from pipeline.review_desk.as_json import as_json
from pipeline.review_desk.exceptions import NothingToSee
from pipeline.review_desk.journal import check_motion, readable_row
from pipeline.store import Dataset
from pipeline.variants import shown_variant
from pipeline.verdict import CheckResult, Verdict
from robots.exceptions import InvalidArray
from robots.g1 import Variant
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
                "accepted": verdict.accepted,
                "score": verdict.score,
                "checks": self.checks,
                "notes": notes,
                "before": {"accepted": self.before.accepted, "score": self.before.score},
            }
        )


def preview(dataset: Dataset, clip_id: str, frames: Span | None, edits: HandEdits = NO_EDITS) -> Preview:
    """Make of a clip what a hand-over would make of it, were it accepted so; nothing is written.

    Args:
        dataset: Holds the clip.
        clip_id: The clip.
        frames: What is kept; None = all.
        edits: What is changed before.

    Raises:
        UnknownClip: There is none.
        NothingToSee: It has no motion, or was not finished.
        FramesNotThere, InvalidArray: It has no such frames.
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
        item = delivered[0] if delivered else None
        if item is None:
            item = made_by_hand(dataset, row, variant, frames=frames, changes=edits, by=_SOMEBODY)
    made = [bool(delivered), item.name, list(item.frames), plain(edits)]
    return Preview(
        key=digest([clip_id, fingerprint, row.fingerprints["leads"], *made]),
        clip_id=clip_id,
        variant=variant,
        frames=item.frames,
        item=item,
        before=row.verdict,
        n_more=max(len(delivered) - 1, 0),
    )


def _delivered(dataset: Dataset, row: ManifestRow, variant: Variant) -> list[Deliverable]:
    """Return what a hand-over takes of a clip that nobody changed: it is there already, whole or by its pieces."""
    found = dataset.load(row.clip.id, "leads", row.fingerprints["leads"], Deliverables)
    return [item for item in found.items if item.variant == variant and item.kind != "refined"]
