"""Leaves out what some sources give more than others, so that training does not see one source most of the time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from pipeline.handing.candidate import Candidate, LeftOut, Why

_ROUNDING_S = 1e-6


def balance(candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[LeftOut], list[str]]:
    """Keep of each source its best motions, up to the seconds that the median source gives.

    Of a source whose every motion is longer than that, the shortest stays: nothing is cut, and none is lost whole.

    Returns:
        What is kept, in the order given; what is left out, the lowest scores of each source first; and a sentence for
        each source that still gives more.
    """
    of_source: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        of_source[candidate.source].append(candidate)
    if not of_source:
        return [], [], []
    limit = median(sum(item.duration_s for item in items) for items in of_source.values())
    best = [_best(items, limit) for items in of_source.values()]
    kept = {item.name for items in best for item in items}
    told = f"its source gives more than the median source's {limit:.1f} s, and others of it score higher or fit."
    dropped = sorted((c for c in candidates if c.name not in kept), key=lambda c: (c.source, c.score, c.name))
    left_out = [candidate.left_out(Why.BALANCE, told) for candidate in dropped]
    notes = [
        f"{items[0].row.clip.source.name}: still gives {items[0].duration_s:.1f} s, more than the median source's "
        f"{limit:.1f} s: it has no shorter motion, and nothing is cut"
        for items in best
        if sum(item.duration_s for item in items) > limit + _ROUNDING_S
    ]
    return [candidate for candidate in candidates if candidate.name in kept], left_out, sorted(notes)


def _best(items: Sequence[Candidate], limit: float) -> list[Candidate]:
    """Return the highest scores that fit together."""
    kept: list[Candidate] = []
    for item in sorted(items, key=lambda item: (-item.score, item.name)):
        if sum(other.duration_s for other in kept) + item.duration_s <= limit + _ROUNDING_S:
            kept.append(item)
    return kept or [min(items, key=lambda item: (item.duration_s, -item.score, item.name))]
