"""Turns the outcomes of a run into one page for a browser: how much can be used, and of each clip why not more.

The page stands in the dataset's folder and names pictures and films by relative paths: copy the folder, and it goes
along. It runs nothing and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np

from pipeline.manifest import ManifestRow, Outcome
from pipeline.store import Dataset, write_bytes

PAGE_FILE = "report.html"

_COLOUR = {
    Outcome.ACCEPTED: "#2e8540",
    Outcome.MENDED: "#1f7a8c",
    Outcome.REJECTED: "#b5701a",
    Outcome.BROKEN: "#b3261e",
}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 0 }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem }
td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top }
section { border-top: 2px solid #ddd; padding: 1rem 0 }
.tag { color: #fff; border-radius: .6rem; padding: .1rem .6rem; font-size: .85rem }
img, video { max-width: 100%; margin-top: .6rem } li { margin: .2rem 0 }
"""


def write_run_page(dataset: Dataset, rows: Sequence[ManifestRow]) -> Path:
    """Write the page of these outcomes into the dataset's folder, the best clips first; return where it is."""
    ranked = sorted(rows, key=lambda row: (-row.usable_s, -_score(row), row.clip.name))
    body = "\n".join([_headline(rows), _table(ranked), *(_section(dataset, row) for row in ranked)])
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(usable_sentence(rows))}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )
    path = dataset.root / PAGE_FILE
    write_bytes(path, page.encode())
    return path


def usable_sentence(rows: Sequence[ManifestRow]) -> str:
    """Say how much motion can be used: the headline of a run."""
    total = sum(row.duration_s for row in rows)
    usable = sum(row.usable_s for row in rows)
    mended = sum(row.usable_s for row in rows if row.outcome is Outcome.MENDED)
    headline = f"usable: {usable:.1f} s of {total:.1f} s of motion, {mended:.1f} s of it after a repair"
    formats = sorted({name for row in rows for name in row.handed_off_s})
    short = {name: sum(row.handed_off_s.get(name, 0.0) for row in rows) for name in formats}
    less = [f"{name} {seconds:.1f} s" for name, seconds in short.items() if seconds < usable - 0.05]
    return f"{headline}; less in some formats: {', '.join(less)}" if less else headline


def _headline(rows: Sequence[ManifestRow]) -> str:
    counts = ", ".join(f"{sum(row.outcome is outcome for row in rows)} {outcome.value}" for outcome in Outcome)
    return f"<h1>{escape(usable_sentence(rows))}</h1>\n<p>{len(rows)} clips: {counts}.</p>"


def _table(rows: Sequence[ManifestRow]) -> str:
    lines = [
        f'<tr><td><a href="#{row.clip.id}">{escape(row.clip.name)}</a></td><td>{_tag(row)}</td>'
        f"<td>{row.usable_s:.1f} of {row.duration_s:.1f} s</td><td>{_score(row):.2f}</td>"
        f"<td>{_followed(row)}</td><td>{escape(_shortly(row))}</td></tr>"
        for row in rows
    ]
    titles = ("clip", "outcome", "usable", "score", "simulated robot", "first reason")
    head = f"<tr>{''.join(f'<th>{title}</th>' for title in titles)}</tr>"
    return f"<table>{head}\n" + "\n".join(lines) + "</table>"


def _section(dataset: Dataset, row: ManifestRow) -> str:
    """All of one clip: reasons, what was tried, pictures."""
    pieces = [f"usable: {p.duration_s:.1f} s. {' '.join(p.edits)}" for p in row.pieces if p.edits]
    tried = [
        f"{' '.join(a.edits)} {'Accepted.' if a.accepted else f'{len(a.rejections)} reasons to refuse are left.'}"
        for a in row.attempts
    ]
    parts = [
        f'<section id="{row.clip.id}"><h2>{escape(row.clip.name)} {_tag(row)}</h2>',
        f"<p>Licence: {escape('; '.join(row.licences))}</p>",
        _list("Reasons", row.reasons),
        _list("What can be used", pieces),
        _list("Repairs that were tried", tried),
        _list("Notes", row.remarks),
        *_pictures(dataset, row),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _pictures(dataset: Dataset, row: ManifestRow) -> Iterable[str]:
    folder = dataset.clip_dir(row.clip.id)
    base = f"clips/{row.clip.id}"
    if (folder / "playback.mp4").is_file():
        yield f'<video controls preload="none" src="{base}/playback.mp4"></video>'
    for name, text in (("report.png", "what was measured"), ("retarget.png", "where the robot left the human")):
        if (folder / name).is_file():
            yield f"<details{' open' if name == 'report.png' else ''}><summary>{text}</summary>"
            yield f'<img loading="lazy" alt="{text}" src="{base}/{name}"></details>'


def _list(title: str, sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<p>{title}</p><ul>{items}</ul>" if items else ""


def _tag(row: ManifestRow) -> str:
    return f'<span class="tag" style="background:{_COLOUR[row.outcome]}">{row.outcome.value}</span>'


def _score(row: ManifestRow) -> float:
    return row.verdict.score if row.verdict is not None else 0.0


def _followed(row: ManifestRow) -> str:
    """How the simulated robot followed: by itself, or with how much help at its root."""
    found = {name.split(".")[-1]: value for name, value in row.metrics.items() if name.startswith("tracking")}
    if not found:
        return ""
    if found.get("t1_certified") or found.get("t2_passed"):
        return "follows without help"
    cap = found.get("assist_cap", np.inf)
    return f"needs {100 * cap:.0f} % of its weight as help" if cap <= 1.0 else "falls even with help"


def _shortly(row: ManifestRow) -> str:
    """First sentence of the first reason."""
    return row.reasons[0].split(". ")[0] if row.reasons else ""
