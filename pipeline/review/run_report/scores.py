"""How the scores of a run's clips are distributed, as a drawing in the page itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipeline.manifest import ManifestRow, Outcome
from pipeline.review.run_report.words import COLOUR

_BINS = 20
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 190, 40, 12, 34
"""Of the drawing [px]."""
_STACKED = (Outcome.ACCEPTED.value, Outcome.MENDED.value, Outcome.REJECTED.value)


def histogram(rows: Sequence[ManifestRow]) -> str:
    """Draw how many clips have which score, by outcome; nothing if none was judged."""
    judged = [(row.outcome.value, row.verdict.score) for row in rows if row.verdict is not None]
    if not judged:
        return ""
    counts = Counter((_bin(score), outcome) for outcome, score in judged)
    highest = max(sum(counts[i, outcome] for outcome in _STACKED) for i in range(_BINS))
    parts = [_bar(i, counts, highest) for i in range(_BINS)]
    x0, base = _LEFT, _HEIGHT - _BOTTOM
    axis = [f'<line x1="{x0}" x2="{_WIDTH}" y1="{base}" y2="{base}" stroke="#888"/>']
    for tenth in range(0, 11, 2):
        x = x0 + (_WIDTH - 20 - x0) * tenth / 10
        axis.append(f'<text x="{x:.0f}" y="{base + 15}" text-anchor="middle">{tenth / 10:.1f}</text>')
    axis.append(f'<text x="{x0 - 6}" y="{_TOP + 8}" text-anchor="end">{highest}</text>')
    axis.append(f'<text x="{x0 - 6}" y="{base}" text-anchor="end">0</text>')
    axis.append(f'<text x="{(_WIDTH + x0) / 2:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">score</text>')
    legend = "".join(
        f'<rect x="{x0 + 110 * i}" y="0" width="10" height="10" fill="{COLOUR[outcome]}"/>'
        f'<text x="{x0 + 110 * i + 14}" y="9">{outcome}</text>'
        for i, outcome in enumerate(_STACKED)
    )
    label = f"distribution of the scores of {len(judged)} clips"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 -14 {_WIDTH} {_HEIGHT + 14}" width="{_WIDTH}">'
        f'<g transform="translate(0,-13)">{legend}</g>{"".join(parts)}{"".join(axis)}</svg>'
    )


def _bin(score: float) -> int:
    return min(max(int(score * _BINS), 0), _BINS - 1)


def _bar(index: int, counts: Counter[tuple[int, str]], highest: int) -> str:
    """Stack the outcomes of one bin."""
    step = (_WIDTH - 20 - _LEFT) / _BINS
    full, y, parts = _HEIGHT - _TOP - _BOTTOM, float(_HEIGHT - _BOTTOM), []
    for outcome in _STACKED:
        number = counts[index, outcome]
        if number == 0:
            continue
        height = full * number / highest
        y -= height
        told = f"{number} {outcome}, score {index / _BINS:.2f} to {(index + 1) / _BINS:.2f}"
        parts.append(
            f'<rect x="{_LEFT + index * step + 1:.1f}" y="{y:.1f}" width="{step - 2:.1f}" height="{height:.1f}" '
            f'fill="{COLOUR[outcome]}"><title>{told}</title></rect>'
        )
    return "".join(parts)
