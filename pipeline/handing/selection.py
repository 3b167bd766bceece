"""Decides which motions of a dataset are handed over in a format, and says of each other one why not.

A person's decision comes first, the verdict second; of another robot's motion than the shown one, which nobody saw, the
verdict decides. What the verdict accepted is taken as the dataset delivers it, with its leads: a mended clip by its
repaired pieces, also where a person accepted it and named no frames. What a person accepted though it was refused, or
cut, or edited, is made from what was solved and led when it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.decisions import (
    Decision,
    Ruling,
    Standing,
    disputed,
    read_decisions,
    standing,
    standing_by_reviewer,
)
from pipeline.deliverable import REFINED, Deliverable, Deliverables
from pipeline.exceptions import CorruptArtefact
from pipeline.handing.by_hand import name_by_hand
from pipeline.handing.candidate import Candidate, LeftOut, Why
from pipeline.handing.options import HandoffOptions
from pipeline.leads_stage import told_too_few
from pipeline.licences import Use, use_of
from pipeline.manifest import ManifestRow, Outcome, Rows, read_rows
from pipeline.store import Dataset
from pipeline.variants import VariantPlan, shown_variant, stage_of
from pipeline.verdict import Verdict
from retarget.result import RetargetResult
from robots.g1 import Variant, load_g1


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is taken, and what is not."""

    taken: tuple[Candidate, ...]
    """In the order of their clips' ids."""
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    """What the user should know besides: decisions that are out of date or cannot be read."""


def select(dataset: Dataset, options: HandoffOptions) -> Selection:
    """Go through all outcomes of a dataset.

    Raises:
        UnknownName: There is no such format.
    """
    rows = read_rows(dataset)
    taken: list[Candidate] = []
    left_out = [_damaged_row(error) for error in rows.damaged]
    notes: list[str] = []
    for row, held in _with_standing(dataset, rows, notes):
        for item in of_clip(dataset, row, held, options, notes):
            kept = _filtered(item, options) if isinstance(item, Candidate) else item
            if isinstance(kept, Candidate):
                taken.append(kept)
            else:
                left_out.append(kept)
    return Selection(taken=tuple(taken), left_out=tuple(left_out), notes=tuple(notes))


def let_in(item: Candidate, verdict: Verdict, options: HandoffOptions) -> Candidate | LeftOut:
    """Hold a motion against the verdict on itself; a person overrules only that of the motion that was seen."""
    if item.unseen and not verdict.accepted:
        refused = f"the motion of {load_g1(item.variant).name} was refused. {' '.join(verdict.rejections)}"
        return item.left_out(Why.WITHHELD, f"{refused} {_other_seen(item.row)}")
    if verdict.score < options.min_score:
        return item.left_out(Why.SCORE, f"its score is {verdict.score:.2f}, {options.min_score:.2f} was asked for.")
    return replace(item, score=verdict.score)


def seen_by_reviewers(row: ManifestRow) -> str | None:
    """Return the fingerprint of the solution that a clip's pictures show, None where there is none."""
    return row.fingerprints.get(stage_of("retarget", shown_variant(row.fingerprints)))


def _with_standing(dataset: Dataset, rows: Rows, notes: list[str]) -> Iterator[tuple[ManifestRow, Standing]]:
    for row in rows:
        decisions = read_decisions(dataset, row.clip.id)
        notes += decisions.damaged
        held = standing(decisions, seen_by_reviewers(row))
        if held.decision is not None and disputed(decisions):
            others = (d for d in standing_by_reviewer(decisions).values() if not d.agrees_with(held.decision))
            said = f"{held.decision.told} is the last word, against {', '.join(other.told for other in others)}"
            notes.append(f"{row.clip.id} ({row.clip.name}): reviewers differ on it: {said}.")
        yield row, held


def of_clip(
    dataset: Dataset, row: ManifestRow, held: Standing, options: HandoffOptions, notes: list[str]
) -> list[Candidate | LeftOut]:
    """List what one clip gives, and what it does not give; decisions that are out of date are added to the notes."""
    if held.keeps_out:
        return [_kept_out(row, held)]
    if row.outcome is Outcome.BROKEN:
        return [_left(row, Why.BROKEN, f"it is no motion: {row.error or 'it was not processed to the end.'}")]
    shown = shown_variant(row.fingerprints)
    variant = VariantPlan.of(shown, (options.to,)).solved_for[options.to]
    decision = held.decision if held.accepts else None
    if held.decision is not None and held.stale:
        notes.append(f"{row.clip.id} ({row.clip.name}): {_told_of_stale(held.decision)}")
    try:
        if decision is not None and (decision.alters or row.outcome is Outcome.REJECTED):
            return [_by_hand(dataset, row, decision, variant, options)]
        if row.outcome is Outcome.REJECTED:
            return [_left(row, Why.REFUSED, _why_refused(row))]
        return list(_delivered(dataset, row, decision, variant, options))
    except CorruptArtefact as error:
        return [_left(row, Why.DAMAGED, str(error))]


def _by_hand(
    dataset: Dataset, row: ManifestRow, decision: Decision, variant: Variant, options: HandoffOptions
) -> Candidate | LeftOut:
    """Take the frames that a person accepted, whatever the verdict says."""
    if "leads" not in row.fingerprints:
        return _unfinished(row)
    stage, judged = (stage_of(name, variant) for name in ("retarget", "verdict"))
    if stage not in row.fingerprints or judged not in row.fingerprints:
        return _no_motion(row, variant, options.to)
    verdict = dataset.load(row.clip.id, judged, row.fingerprints[judged], Verdict)
    motion = dataset.load(row.clip.id, stage, row.fingerprints[stage], RetargetResult).motion
    start, stop = decision.frames or (0, len(motion))
    if max(stop, decision.edits.last_frame) > len(motion):
        told = f"{decision.told}: it has only {len(motion)} frames. Decide again."
        return _left(row, Why.OUTDATED, told)
    whole = (start, stop) == (0, len(motion))
    if not whole and (told := told_too_few((start, stop))):
        return _left(row, Why.UNSOUND, f"{decision.told}: {told}. Decide again.")
    candidate = Candidate(
        name=name_by_hand(row.clip.id, (start, stop), altered=not whole or bool(decision.edits)),
        row=row,
        kind="whole" if whole else "part",
        variant=variant,
        frames=(start, stop),
        duration_s=(stop - start) / motion.fps,
        score=verdict.score,
        use=use_of(row.licences),
        decision=decision,
        by_hand=True,
    )
    judged = whole and not decision.edits
    return let_in(candidate, verdict, options) if judged else candidate  # what is cut or edited has yet to be judged


def _delivered(
    dataset: Dataset, row: ManifestRow, decision: Decision | None, variant: Variant, options: HandoffOptions
) -> Iterator[Candidate | LeftOut]:
    """Take what the dataset delivers: the clip in one version, or its mended parts."""
    if "leads" not in row.fingerprints:
        yield _unfinished(row)
        return
    delivered = dataset.load(row.clip.id, "leads", row.fingerprints["leads"], Deliverables)
    refined = row.clip.id + REFINED
    names = [name for name in delivered.names if name != refined] or [row.clip.id]
    for name in names:
        item = delivered.find(name, variant)
        if options.version == "refined" and name == row.clip.id:
            item = delivered.find(refined, variant) or item
        if item is not None:
            yield let_in(_candidate(row, item, decision), item.verdict, options)
        elif reason := delivered.reason_withheld(name, variant):
            unseen = decision is not None and variant != shown_variant(row.fingerprints)
            seen = f" {_other_seen(row)}" if unseen else ""
            yield _left(row, Why.WITHHELD, f"{reason}{seen}", name)
        else:
            yield _no_motion(row, variant, options.to)


def _candidate(row: ManifestRow, item: Deliverable, decision: Decision | None) -> Candidate:
    return Candidate(
        name=item.name,
        row=row,
        kind=item.kind,
        variant=item.variant,
        frames=item.frames,
        duration_s=item.core_s,
        score=item.verdict.score,
        use=use_of(row.licences),
        decision=decision,
    )


def _filtered(item: Candidate, options: HandoffOptions) -> Candidate | LeftOut:
    """Leave out what the user did not ask for."""
    if options.whole_only and item.kind == "part":
        return item.left_out(Why.PART, "it is a part of a clip, and only whole clips were asked for.")
    if options.commercial and item.use is not Use.ALLOWED:
        said = "; ".join(item.row.licences)
        told = "forbids" if item.use is Use.FORBIDDEN else "is not known to allow"
        return item.left_out(Why.LICENCE, f"what it was made with {told} commercial use: {said}.")
    return item


def _other_seen(row: ManifestRow) -> str:
    """Say that a decision does not speak of this motion."""
    shown = load_g1(shown_variant(row.fingerprints)).name
    return f"The motion that a person accepted is that of {shown}: what nobody saw, the verdict decides."


def _unfinished(row: ManifestRow) -> LeftOut:
    told = f"stage '{row.broken_stage}' could not go on: {row.error}" if row.error else "it is not finished."
    return _left(row, Why.BROKEN, f"{told} Run it again.")


def _kept_out(row: ManifestRow, held: Standing) -> LeftOut:
    decision = held.decision
    if held.doubtful or decision is None:
        told = "a decision on it cannot be read, which may have been to reject it. Decide again with `wushu decide`."
        return _left(row, Why.DAMAGED, told)
    if not held.stale:
        return _left(row, Why.REJECTED, f"{decision.told}.")
    return _left(row, Why.OUTDATED, _told_of_stale(decision))


def _told_of_stale(decision: Decision) -> str:
    if decision.ruling is Ruling.REJECT:
        holds = "it stays out until someone looks again"
    elif decision.alters:
        what = "frames that were kept" if decision.frames is not None else "edits"
        holds = f"the {what} are those of another motion, and it stays out until someone looks again"
    else:
        holds = "it counts for nothing, and the verdict decides"
    return f"{decision.told}: the motion was solved anew since; {holds}."


def _why_refused(row: ManifestRow) -> str:
    reasons = row.verdict.rejections if row.verdict else row.reasons
    more = f" And {len(reasons) - 1} more." if len(reasons) > 1 else ""
    return (reasons[0] if reasons else "refused.") + more


def _no_motion(row: ManifestRow, variant: Variant, to: str) -> LeftOut:
    told = f"the dataset holds no motion of {load_g1(variant).name} for it. Run it again with `{to}` among the formats."
    return _left(row, Why.NO_MOTION, told)


def _left(row: ManifestRow, why: Why, sentence: str, name: str | None = None) -> LeftOut:
    return LeftOut(name=name or row.clip.id, clip=row.clip.name, why=why, sentence=sentence)


def _damaged_row(error: CorruptArtefact) -> LeftOut:
    clip_id = error.path.parent.name
    return LeftOut(name=clip_id, clip=clip_id, why=Why.DAMAGED, sentence=str(error))
