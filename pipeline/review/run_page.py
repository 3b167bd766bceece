"""Turns the outcomes of a run into one page for a browser: how much can be used, what moved, and why not more.

The page stands in the dataset's folder and names pictures and films by relative paths: copy the folder, and it goes
along. It runs nothing and asks nobody. Of very many clips it shows the best and the worst, so that it opens at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from pipeline.builds import compare
from pipeline.decisions import Standing
from pipeline.manifest import ManifestRow, Outcome, Rows
from pipeline.review.run_report.clips import best_and_worst, clip_table, ranked, sections, with_sections
from pipeline.review.run_report.funnel import decided, funnel_table
from pipeline.review.run_report.moved import comparison
from pipeline.review.run_report.scores import histogram
from pipeline.review.run_report.words import sentences
from pipeline.store import Dataset, write_bytes

PAGE_FILE = "report.html"

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem } h3 { font-size: 1rem }
section h2 { margin: 0 } nav a { margin-right: 1rem } a { color: #0b5cad }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 1.4rem }
td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top }
td, li, p { overflow-wrap: anywhere } td.n, th.n { text-align: right; white-space: nowrap }
section { border-top: 2px solid #ddd; padding: 1rem 0 } code { font-size: .88em }
.tag { color: #fff; border-radius: .6rem; padding: .1rem .6rem; font-size: .85rem; white-space: nowrap }
table.narrow { width: auto; min-width: 26rem } table.funnel td:first-child { min-width: 19rem }
td:first-child { min-width: 10rem } table.moves td:nth-child(2) { white-space: nowrap }
.bar { width: 8rem; height: .7rem; margin-top: .45rem; background: #eee } .bar i { display: block; height: 100% }
.bar i { background: #0b5cad } ul.plain { list-style: none; padding-left: 0 }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 1rem; align-items: start }
.cards > div { border: 1px solid #ddd; border-radius: .4rem; padding: .6rem; font-size: .9rem }
.cards p { margin: .3rem 0 } .cards img { width: 100%; margin: 0 }
.nopicture { background: #eee; color: #666; text-align: center; padding: 2.5rem 0 }
img, video { max-width: 100%; margin-top: .6rem } li { margin: .2rem 0 } svg { max-width: 100%; font-size: 11px }
"""


def write_run_page(dataset: Dataset, rows: Sequence[ManifestRow], held: Mapping[str, Standing] | None = None) -> Path:
    """Write the page of these outcomes into the dataset's folder; return where it is.

    Args:
        dataset: Whose.
        rows: Outcomes of its clips.
        held: What people decided of them that holds now, by clip id.
    """
    rows = rows if isinstance(rows, Rows) else Rows(tuple(rows))
    held = held or {}
    order = ranked(rows)
    linked = frozenset(row.clip.id for row in with_sections(order))
    parts = [
        _headline(rows),
        sentences("Outcomes that cannot be read, and are not counted:", [str(error) for error in rows.damaged[:20]]),
        "<h2>From files to clips that can be used</h2>",
        funnel_table(rows),
        decided(held),
        comparison(compare(dataset, rows), linked),
        _scores(rows),
        best_and_worst(dataset, rows, linked),
        clip_table(order, held, linked),
        *sections(dataset, order, held),
    ]
    body = "\n".join(part for part in parts if part)
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
    return (
        f"<h1>{escape(usable_sentence(rows))}</h1>\n<p>{len(rows)} clips: {counts}. "
        "To watch them and decide: <code>wushu review DATASET</code>.</p>"
        '<nav><a href="#moved">What moved</a><a href="#clips">All clips</a></nav>'
    )


def _scores(rows: Sequence[ManifestRow]) -> str:
    drawn = histogram(rows)
    return f"<h2>Scores</h2>{drawn}" if drawn else ""
