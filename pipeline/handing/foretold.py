"""Says in a line what a hand-over would take of one clip: as it stands, and if somebody accepted it.

It asks the selection of a hand-over itself, for the shown robot and with nothing left out by choice.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.decisions import Decision, Decisions, Ruling, Standing, standing
from pipeline.export import FORMATS
from pipeline.handing.candidate import Candidate
from pipeline.handing.options import HandoffOptions
from pipeline.handing.selection import of_clip, seen_by_reviewers
from pipeline.manifest import ManifestRow, Outcome
from pipeline.store import Dataset
from pipeline.variants import VariantPlan, shown_variant

_OF_THE_WHOLE = {Outcome.REJECTED: ", though refused", Outcome.MENDED: ", not repaired"}
_SOMEBODY, _ONCE = "somebody", datetime.fromtimestamp(0, UTC).isoformat()


def hands_over(dataset: Dataset, row: ManifestRow, decisions: Decisions) -> str:
    """Say what a hand-over would take of a clip now, for the middle of a sentence, e.g. ``piece 1, frames 0 to 185``.

    Where it takes nothing: ``nothing:`` and why.
    """
    return _told(dataset, row, standing(decisions, seen_by_reviewers(row)))


def accept_means(dataset: Dataset, row: ManifestRow) -> str:
    """Say what it would take if somebody accepted the clip, and neither named frames nor changed anything."""
    fingerprint = seen_by_reviewers(row)
    if fingerprint is None:
        return _told(dataset, row, Standing())
    plain = Decision(clip_id=row.clip.id, fingerprint=fingerprint, ruling=Ruling.ACCEPT, by=_SOMEBODY, at=_ONCE)
    return _told(dataset, row, Standing(decision=plain))


def _told(dataset: Dataset, row: ManifestRow, held: Standing) -> str:
    found = of_clip(dataset, row, held, HandoffOptions(to=_format_of_shown(row)), [])
    taken = [item for item in found if isinstance(item, Candidate)]
    if not taken:
        return f"nothing: {found[0].sentence}" if found and not isinstance(found[0], Candidate) else "nothing"
    return "; ".join(_candidate(item) for item in taken)


def _candidate(item: Candidate) -> str:
    start, stop = item.frames
    if not item.by_hand and item.kind == "part":
        return f"piece {item.name.rpartition('.part')[2]}, frames {start} to {stop - 1}"
    told = f"frames {start} to {stop - 1}" if item.kind == "part" else f"all {stop - start} frames"
    edits = item.decision.edits.brief if item.by_hand and item.decision is not None else ""
    told += f", {edits}" if edits else " as they stood"
    if not item.by_hand or item.kind == "part":
        return told
    return told + _OF_THE_WHOLE.get(item.row.outcome, "")


def _format_of_shown(row: ManifestRow) -> str:
    """Return a format that takes the motion of the robot that is shown."""
    shown = shown_variant(row.fingerprints)
    return next(name for name in FORMATS if VariantPlan.of(shown, (name,)).solved_for[name] == shown)
