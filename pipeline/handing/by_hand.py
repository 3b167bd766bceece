"""Makes what a person accepted though it was refused, or cut, or edited: changed, cut, judged and led, as one motion.

A preview and a hand-over both take it from here, so that what was seen is what is handed over.
"""

from __future__ import annotations

from cattrs import BaseValidationError

from pipeline.deliverable import Deliverable
from pipeline.exceptions import CorruptArtefact
from pipeline.hand_edits import HandEdits
from pipeline.leads_stage import LedJudge, deliver_trimmed
from pipeline.manifest import ManifestRow
from pipeline.measurement import Span
from pipeline.store import Dataset
from pipeline.variants import stage_of
from pipeline.verdict import Verdict
from retarget.result import RetargetResult
from robots.g1 import Variant


def made_by_hand(
    dataset: Dataset, row: ManifestRow, variant: Variant, *, frames: Span | None, changes: HandEdits, by: str
) -> Deliverable:
    """Return a clip's motion as a person wants it, with its leads.

    Args:
        dataset: Holds what was solved, and by which limits and leads it was built; a limits file may be gone.
        row: The clip.
        variant: The G1.
        frames: What is kept; None = all.
        changes: What is changed before.
        by: Who wants it so.

    Raises:
        CorruptArtefact: The dataset does not hold it any more, or not as it was.
        WushuError: It cannot be led, or there are no such frames.
    """
    retarget, judged = (stage_of(name, variant) for name in ("retarget", "verdict"))
    motion = dataset.load(row.clip.id, retarget, row.fingerprints[retarget], RetargetResult).motion
    kept = (0, len(motion)) if frames is None else frames
    as_solved = kept == (0, len(motion)) and not changes
    verdict = None
    if as_solved and judged in row.fingerprints:
        verdict = dataset.load(row.clip.id, judged, row.fingerprints[judged], Verdict)
    return deliver_trimmed(
        motion,
        variant,
        kept,
        led_judge_of(dataset, row),
        name=name_by_hand(row.clip.id, kept, altered=not as_solved),
        verdict=verdict,
        changes=changes,
        by=by,
    )


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
