"""Keeps what reviewers decide: each ruling is checked against what they saw, and against what others said meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipeline.decisions import (
    Decision,
    Decisions,
    Ruling,
    add_decision,
    can_undo,
    contradicted,
    read_decisions,
)
from pipeline.exceptions import DecidedMeanwhile, OutputNotWritable
from pipeline.hand_edits import ContactEdit, HandEdits
from pipeline.handing import seen_by_reviewers
from pipeline.manifest import ManifestRow, read_row
from pipeline.measurement import Span
from pipeline.review_desk.clip_item import require_row
from pipeline.review_desk.exceptions import (
    FramesNotThere,
    NothingToSee,
    NothingToUndo,
    NotKept,
    StaleView,
)
from pipeline.store import Dataset
from pipeline.variants import shown_variant, stage_of
from retarget.result import RetargetResult
from robots.exceptions import WushuError


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRequest:
    """What a reviewer wants to be kept."""

    clip_id: str
    ruling: Ruling
    by: str
    fingerprint: str
    """Of the motion that they saw."""
    seen: int | None = None
    """How many decisions on the clip they knew of, as :attr:`Decisions.count` counts them; None = all."""
    overrule: bool = False
    """They know that somebody else says otherwise."""
    frames: Span | None = None
    ground_m: float = 0.0
    contacts: tuple[ContactEdit, ...] = ()
    reason: str = ""
    note: str = ""

    def decision(self, at: str) -> Decision:
        """Return it as it is kept.

        Raises:
            InvalidArray: A field says nothing, or something else than it should.
        """
        return Decision(
            clip_id=self.clip_id,
            fingerprint=self.fingerprint,
            ruling=self.ruling,
            by=self.by,
            at=at,
            frames=self.frames,
            ground_m=self.ground_m,
            contacts=self.contacts,
            reason=self.reason,
            note=self.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What stands of a clip after a decision was kept."""

    row: ManifestRow
    decisions: Decisions
    """All of them, the new one last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one of many requests."""

    request: DecisionRequest
    kept: Kept | None
    """None if it was not kept."""
    error: WushuError | None = None
    """Why not."""


def decide(
    dataset: Dataset, request: DecisionRequest, at: str, *, on_wait: Callable[[], object] = lambda: None
) -> Kept:
    """Keep one decision; when it returns, it is on the disk.

    Sent again by somebody who did not hear the answer (``seen`` is the same), it is not kept twice: it is known if it
    is what this reviewer said last. If they said something else since, in another window, that is told.

    Args:
        dataset: Holds the clip.
        request: What is decided.
        at: When, ISO-8601 in UTC.
        on_wait: Called if somebody tidies the dataset now, before waiting for the end of that.

    Raises:
        UnknownClip: There is none, or it has not come to an end yet.
        CorruptArtefact: Its outcome cannot be read.
        NothingToSee: It has no motion.
        StaleView: The motion was solved anew since it was seen.
        FramesNotThere: It speaks of frames that the motion does not have.
        InvalidArray: A field says nothing, or something else than it should.
        NothingToUndo: A ruling is taken back, and there is none.
        DecidedMeanwhile: Someone else decided otherwise, and that was not seen, or is not to be overruled; or the same
            reviewer did since.
        NotKept: It could not be written.
    """
    row = readable_row(dataset, request.clip_id)
    decision = request.decision(at)
    check_motion(dataset, row, decision.fingerprint, decision.frames, decision.edits)

    def allowed(before: Decisions) -> bool:
        since = () if request.seen is None else before.since(request.seen)
        own = [other for other in since if other.by == decision.by]
        if own and decision.repeats(own[-1]):
            return False
        if own and (decision.ruling is Ruling.UNDO or any(decision.repeats(other) for other in own)):
            raise DecidedMeanwhile(row.clip.name, told=own[-1].told)  # said in another window
        if decision.ruling is Ruling.UNDO and not can_undo(before, decision.by):
            raise NothingToUndo(row.clip.name, by=decision.by)
        if not request.overrule and (other := contradicted(before, decision)):
            raise DecidedMeanwhile(row.clip.name, told=other.told)
        return True

    keep(dataset, decision, request.seen, allowed=allowed, on_wait=on_wait)
    return Kept(row=row, decisions=read_decisions(dataset, request.clip_id))


def decide_many(dataset: Dataset, requests: Iterable[DecisionRequest], at: str) -> list[Answer]:
    """Keep decisions on many clips, each by itself: what is wrong with one of them stops no other."""
    answers = []
    for request in requests:
        try:
            answers.append(Answer(request=request, kept=decide(dataset, request, at)))
        except WushuError as error:
            answers.append(Answer(request=request, kept=None, error=error))
    return answers


def why_read_only(dataset: Dataset) -> str | None:
    """Say why nobody can decide anything in a dataset; None if they can, as far as this can be told beforehand."""
    clips = dataset.root / "clips"
    folders = [dataset.root, *([clips] if clips.exists() else [])]
    held = next((folder for folder in folders if not os.access(folder, os.W_OK | os.X_OK)), None)
    if held is None:
        return None
    return (
        f"{held} cannot be written, so that nothing can be decided here; what was decided can be seen. Get the right "
        "to write there, and start again."
    )


def readable_row(dataset: Dataset, clip_id: str) -> ManifestRow:
    """Read the outcome of a clip that somebody named; what they sent becomes no path before it is known.

    Raises:
        UnknownClip: There is none, or it has not come to an end yet.
        CorruptArtefact: Its outcome cannot be read.
    """
    require_row(dataset, clip_id)
    return read_row(dataset, clip_id)


def check_motion(dataset: Dataset, row: ManifestRow, fingerprint: str, frames: Span | None, edits: HandEdits) -> None:
    """Make sure that somebody speaks of a clip's motion as it is now, and of frames that it has.

    Raises:
        NothingToSee, StaleView, FramesNotThere, CorruptArtefact: They do not, or that cannot be told.
    """
    now = seen_by_reviewers(row)
    if now is None:
        raise NothingToSee(row.clip.name, reason=row.error)
    if fingerprint != now:
        raise StaleView(row.clip.name, fingerprint=fingerprint[:40], now=now)
    last = max(edits.last_frame, frames[1] if frames else 0)
    if last == 0:
        return
    solved = stage_of("retarget", shown_variant(row.fingerprints))
    n_frames = len(dataset.load(row.clip.id, solved, now, RetargetResult).motion)
    if last > n_frames:
        raise FramesNotThere(row.clip.name, last=last, n_frames=n_frames)


def keep(
    dataset: Dataset,
    decision: Decision,
    seen: int | None,
    *,
    allowed: Callable[[Decisions], bool],
    on_wait: Callable[[], object] = lambda: None,
) -> None:
    """Append a decision as :func:`pipeline.decisions.add_decision` does, while nobody tidies the dataset.

    Raises:
        DecidedMeanwhile: Someone else decided after those that were seen.
        NotKept: It could not be written.
    """
    try:
        with dataset.in_use(on_wait):
            add_decision(dataset, decision, seen, allowed=allowed)
    except OutputNotWritable as error:
        raise NotKept(error.path, problem=error.problem) from error
