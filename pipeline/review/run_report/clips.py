"""The clips on a run's page: the best and the worst with a picture, all in a table, and each by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np

from pipeline.decisions import Standing
from pipeline.manifest import ManifestRow, Outcome
from pipeline.review.run_report.words import counted, first_reason, folded, score_of, sentences, table, tag
from pipeline.store import Dataset

SHOWN_LINES = 2000
"""Clips in the table: half of them the best, half the worst."""
SHOWN_SECTIONS = 200
"""Clips with a part of their own, likewise."""

_PICTURES = 6
_MORE = "<code>wushu review DATASET</code> and <code>wushu dataset ls DATASET</code> show all of them"


def ranked(rows: Iterable[ManifestRow]) -> list[ManifestRow]:
    """Sort clips: most usable seconds first, then the best score."""
    return sorted(rows, key=lambda row: (-row.usable_s, -score_of(row), row.clip.name, row.clip.id))


def with_sections(rows: Sequence[ManifestRow]) -> list[ManifestRow]:
    """Choose the clips that get a part of their own, of those that are ranked."""
    return _ends(rows, SHOWN_SECTIONS)


def best_and_worst(dataset: Dataset, rows: Sequence[ManifestRow], linked: frozenset[str]) -> str:
    """Show the best of what can be used, and of what was not accepted as it stood the worst; no clip is both."""
    usable = [row for row in rows if row.usable_s > 0]
    best = sorted(usable, key=lambda row: (row.outcome is not Outcome.ACCEPTED, -score_of(row), row.clip.name))
    accepted = sum(row.outcome is Outcome.ACCEPTED for row in usable)
    best = best[: min(_PICTURES, max(accepted, (len(usable) + 1) // 2))]  # of a few, some are left to be the worst
    taken = {row.clip.id for row in best}
    refused = [row for row in rows if row.verdict is not None and not row.verdict.accepted and row.clip.id not in taken]
    worst = sorted(refused, key=lambda row: (row.usable_s > 0, score_of(row), row.clip.name))[:_PICTURES]
    parts = []
    for title, chosen in (("Best clips, those accepted as they stood first", best), ("Worst clips", worst)):
        if chosen:
            cards = "\n".join(_card(dataset, row, linked) for row in chosen)
            parts.append(f'<h2>{title}</h2><div class="cards">{cards}</div>')
    return "\n".join(parts)


def clip_table(rows: Sequence[ManifestRow], held: Mapping[str, Standing], linked: frozenset[str]) -> str:
    """List clips in a line each; of very many the first and the last."""
    shown = _ends(rows, SHOWN_LINES)
    decided = any(standing.decision is not None for standing in held.values())
    lines = [
        (
            _linked(row, linked),
            tag(row.outcome.value),
            f"{row.usable_s:.1f} of {row.duration_s:.1f} s",
            f"{score_of(row):.2f}",
            _followed(row),
            *([_ruling(held.get(row.clip.id))] if decided else []),
            escape(first_reason(row)),
        )
        for row in shown
    ]
    titles = ("clip", "outcome", "usable", "score", "simulated robot", *(["people"] if decided else []), "first reason")
    left = len(rows) - len(shown)
    more = f"<p>{left} clips between the best and the worst are left out: {_MORE}.</p>" if left else ""
    return f'<h2 id="clips">All clips, the most usable first</h2>{more}{table(titles, lines, numbers=(2, 3))}'


def sections(dataset: Dataset, rows: Sequence[ManifestRow], held: Mapping[str, Standing]) -> Iterable[str]:
    """Give the chosen clips a part each: reasons, what was tried, pictures."""
    shown = with_sections(rows)
    if left := len(rows) - len(shown):
        yield f"<p>The best and the worst follow, {len(shown)} in all; {left} others are left out here: {_MORE}.</p>"
    yield from (_section(dataset, row, held.get(row.clip.id)) for row in shown)


def _ends(rows: Sequence[ManifestRow], number: int) -> list[ManifestRow]:
    if len(rows) <= number:
        return list(rows)
    return [*rows[: number // 2], *rows[-(number // 2) :]]


def _card(dataset: Dataset, row: ManifestRow, linked: frozenset[str]) -> str:
    poster = dataset.clip_dir(row.clip.id) / "poster.jpg"
    picture = '<div class="nopicture">no picture</div>'
    if poster.is_file():
        picture = f'<img loading="lazy" alt="" src="clips/{row.clip.id}/poster.jpg">'
    why = "" if row.outcome is Outcome.ACCEPTED else f"<p>{escape(first_reason(row))}</p>"
    return (
        f"<div>{picture}<p>{_linked(row, linked)} {tag(row.outcome.value)}<br>score {score_of(row):.2f}, "
        f"{row.usable_s:.1f} of {row.duration_s:.1f} s usable</p>{why}</div>"
    )


def _linked(row: ManifestRow, linked: frozenset[str]) -> str:
    name = escape(row.clip.name)
    return f'<a href="#{row.clip.id}">{name}</a>' if row.clip.id in linked else name


def _ruling(standing: Standing | None) -> str:
    if standing is None or standing.decision is None:
        return ""
    return escape(f"{standing.decision.ruling}{' (stale)' if standing.stale else ''}")


def _section(dataset: Dataset, row: ManifestRow, standing: Standing | None) -> str:
    """All of one clip."""
    pieces = [f"usable: {p.duration_s:.1f} s. {' '.join(p.edits)}" for p in row.pieces if p.edits]
    tried = [
        f"{' '.join(a.edits)} {'Accepted.' if a.accepted else f'{len(a.rejections)} reasons to refuse are left.'}"
        for a in row.attempts
    ]
    decision = standing.decision if standing is not None else None
    parts = [
        f'<section id="{row.clip.id}"><h2>{escape(row.clip.name)} {tag(row.outcome.value)}</h2>',
        f"<p>Licence: {escape('; '.join(row.licences))}</p>",
        f"<p>Decided: {escape(decision.told)}</p>" if decision is not None else "",
        sentences("Reasons", row.reasons),
        sentences("What can be used", pieces),
        folded(f"{counted(len(tried), 'repair')} tried", tried),
        folded("notes", row.remarks),
        *_pictures(dataset, row),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _pictures(dataset: Dataset, row: ManifestRow) -> Iterable[str]:
    folder = dataset.clip_dir(row.clip.id)
    base = f"clips/{row.clip.id}"
    if (folder / "playback.mp4").is_file():
        poster = f' poster="{base}/poster.jpg"' if (folder / "poster.jpg").is_file() else ""
        yield f'<video controls preload="none"{poster} src="{base}/playback.mp4"></video>'
    for name, text in (("report.png", "what was measured"), ("retarget.png", "where the robot left the human")):
        if (folder / name).is_file():
            yield f"<details{' open' if name == 'report.png' else ''}><summary>{text}</summary>"
            yield f'<img loading="lazy" alt="{text}" src="{base}/{name}"></details>'


def _followed(row: ManifestRow) -> str:
    """How the simulated robot followed: by itself, or with how much help at its root."""
    found = {name.split(".")[-1]: value for name, value in row.metrics.items() if name.startswith("tracking")}
    if not found:
        return ""
    if found.get("t1_certified") or found.get("t2_passed"):
        return "follows without help"
    cap = found.get("assist_cap", np.inf)
    return f"needs {100 * cap:.0f} % of its weight as help" if cap <= 1.0 else "falls even with help"
