"""Parts motions into those to train on and those to validate on, so that no source stands on both sides.

Sources are gone through in the order of a hash of seed and content, which nothing else moves: neither the order in
which clips are found nor clips that come later. Each goes to validation as long as that brings its seconds nearer to
the share that was asked for. A new source may move one that stands at the border, hardly ever more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Which sources are for what."""

    train: frozenset[str]
    val: frozenset[str]
    notes: tuple[str, ...] = ()
    """What the user should know."""


def split_sources(seconds: Mapping[str, float], *, val_share: float, seed: int) -> Split:
    """Part sources by their seconds of motion.

    Args:
        seconds: Hash of each source -> seconds of motion that it gives.
        val_share: Share of the seconds to validate on, in [0, 1); of two sources or more, either side gets one unless
            the share is zero.
        seed: Another one gives another split.
    """
    if val_share == 0.0 or not seconds:
        return Split(train=frozenset(seconds), val=frozenset())
    if len(seconds) == 1:
        note = "there is one source only, so that all of it is to train on: its parts on both sides would be no test"
        return Split(train=frozenset(seconds), val=frozenset(), notes=(note,))
    order = sorted(seconds, key=lambda source: _place(source, seed))
    target = val_share * sum(seconds[source] for source in order)
    val, taken = [], 0.0
    for source in order:
        if abs(taken + seconds[source] - target) < abs(taken - target):
            val.append(source)
            taken += seconds[source]
    if not val:
        val = [min(order, key=lambda source: seconds[source])]
    if len(val) == len(order):
        val.remove(min(order, key=lambda source: seconds[source]))
    return Split(train=frozenset(order) - frozenset(val), val=frozenset(val))


def _place(source: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {source}".encode()).hexdigest()
