"""What each error of ours is called in an answer, for the page to act on."""

from __future__ import annotations

from pipeline.exceptions import CorruptArtefact, DecidedMeanwhile, MachineFault
from pipeline.review_desk.exceptions import StaleView, UnknownClip, UnknownPart
from robots.exceptions import WushuError

_KINDS: tuple[tuple[type[WushuError], int, str], ...] = (
    (UnknownClip, 404, "unknown_clip"),
    (UnknownPart, 404, "missing_file"),
    (DecidedMeanwhile, 409, "decided_meanwhile"),
    (StaleView, 409, "stale"),
    (CorruptArtefact, 422, "damaged"),
    (MachineFault, 503, "not_writable"),
    (WushuError, 422, "invalid"),
)
"""The first that fits counts."""


def kind_of(error: WushuError) -> tuple[int, str]:
    """Return the status and the kind by which an error is told."""
    return next((status, kind) for cls, status, kind in _KINDS if isinstance(error, cls))
