"""Makes what a person accepted though it was refused, or cut, or edited: changed, cut, judged and led, as one motion.

A preview and a hand-over both take it from here, so that what was seen is what is handed over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from cattrs import BaseValidationError

from pipeline.deliverable import Deliverable
from pipeline.exceptions import CorruptArtefact
from pipeline.hand_edits import HandEdits
from pipeline.handing.human_side import STAGE as HUMAN_STAGE
from pipeline.handing.human_side import HumanSide, human_side
from pipeline.leads_stage import LedJudge, deliver_trimmed
from pipeline.manifest import ManifestRow
from pipeline.measurement import Span
from pipeline.store import Dataset
from pipeline.variants import stage_of
from pipeline.verdict import Limits, Verdict
from retarget.result import RetargetResult
from robots.g1 import Variant

SHORT_S = 0.5
"""What is shorter is told to be: mean and spread over so few frames say little [s]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MadeByHand:
    """A motion as a person wants it, and what is known of it."""

    item: Deliverable
    human: HumanSide
    """Of the frames that are kept; nothing was asked where the dataset holds the verdict."""
    as_solved: bool
    """Nothing was cut or edited."""
    not_judged: tuple[str, ...] = ()
    """What the limits ask of the human, and nobody could measure, e.g. ``plausibility.com_cop_start``."""


def made_by_hand(
    dataset: Dataset,
    row: ManifestRow,
    variant: Variant,
    *,
    frames: Span | None,
    changes: HandEdits,
    by: str,
    bodies_dir: Path | None = None,
) -> MadeByHand:
    """Make a clip's motion as a person wants it, with its leads; it is judged by all that the whole clip was judged by.

    Args:
        dataset: Holds what was solved, and by which limits and leads it was built; a limits file may be gone.
        row: The clip.
        variant: The G1.
        frames: What is kept; None = all.
        changes: What is changed before.
        by: Who wants it so.
        bodies_dir: Folder of bodies that the user imported, one of which the human may have.

    Raises:
        CorruptArtefact: The dataset does not hold it any more, or not as it was.
        WushuError: It cannot be led, or there are no such frames.
    """
    retarget, judged = (stage_of(name, variant) for name in ("retarget", "verdict"))
    motion = dataset.load(row.clip.id, retarget, row.fingerprints[retarget], RetargetResult).motion
    kept = (0, len(motion)) if frames is None else frames
    as_solved = kept == (0, len(motion)) and not changes
    verdict, human = None, HumanSide()
    if as_solved and judged in row.fingerprints:
        verdict = dataset.load(row.clip.id, judged, row.fingerprints[judged], Verdict)
    else:
        human = human_side(dataset, row, kept, len(motion), bodies_dir=bodies_dir)
    judge_led = led_judge_of(dataset, row)
    item = deliver_trimmed(
        motion,
        variant,
        kept,
        judge_led,
        name=name_by_hand(row.clip.id, kept, altered=not as_solved),
        verdict=verdict,
        human=human.measured,
        changes=changes,
        by=by,
    )
    missing = _of_the_human(judge_led.limits) if human.problem else ()
    notes = [_short(item), _told_missing(missing, human.problem), *item.notes]
    item = replace(item, notes=tuple(note for note in notes if note))
    return MadeByHand(item=item, human=human, as_solved=as_solved, not_judged=missing)


def _of_the_human(limits: Limits) -> tuple[str, ...]:
    """Name what limits ask of the human, each once."""
    return tuple(dict.fromkeys(f"{one.stage}.{one.measurement}" for one in limits.items if one.stage == HUMAN_STAGE))


def _told_missing(missing: tuple[str, ...], problem: str) -> str:
    return f"not judged on these frames: {', '.join(missing)}; {problem}" if missing else ""


def _short(item: Deliverable) -> str:
    """Say of a cut that is hardly a motion that it is none; empty for others."""
    if item.kind == "whole" or item.core_s >= SHORT_S:
        return ""
    n = item.frames[1] - item.frames[0]
    return f"only {n} frames ({item.core_s:.2f} s) are kept: that is too short for the checks to say much"


def name_by_hand(clip_id: str, frames: Span, *, altered: bool) -> str:
    """Name what a person accepted: the clip, or, where it is another motion than the one solved, what they kept."""
    return f"{clip_id}.kept{frames[0]}-{frames[1]}" if altered else clip_id


def led_judge_of(dataset: Dataset, row: ManifestRow) -> LedJudge:
    """Read back by which limits a clip was judged, and how it was led; the dataset holds all of it.

    Raises:
        CorruptArtefact: It holds that no more.
    """
    fingerprint = row.fingerprints["leads"]
    origin = dataset.origin(row.clip.id, "leads", fingerprint)
    if origin is None:
        path = dataset.clip_dir(row.clip.id) / f"leads-{fingerprint}.json"
        raise CorruptArtefact(path, problem="does not say what it was made from")
    try:
        return LedJudge.of_recipe(dataset.recipe(origin.recipe).config)
    except (BaseValidationError, ValueError, TypeError) as error:
        path = dataset.root / "recipes" / f"{origin.recipe}.json"
        raise CorruptArtefact(path, problem="does not hold limits and leads of this program") from error
