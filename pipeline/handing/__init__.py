"""Handing a dataset over to a trainer: which motions, on which side, in one folder that says all about them."""

from __future__ import annotations

from pipeline.handing.candidate import Candidate, LeftOut, Why, counts
from pipeline.handing.foretold import accept_means, hands_over
from pipeline.handing.hand_over import Bundle, hand_over
from pipeline.handing.metadata import FileEntry
from pipeline.handing.options import HandoffOptions
from pipeline.handing.selection import seen_by_reviewers

__all__ = [
    "Bundle",
    "Candidate",
    "FileEntry",
    "HandoffOptions",
    "LeftOut",
    "Why",
    "accept_means",
    "counts",
    "hand_over",
    "hands_over",
    "seen_by_reviewers",
]
