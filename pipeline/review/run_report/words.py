"""What the parts of a run's page have in common: colours, tags, tables, and text that stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from pipeline.manifest import ManifestRow, Outcome

COLOUR = {
    Outcome.ACCEPTED.value: "#2e8540",
    Outcome.MENDED.value: "#1f7a8c",
    Outcome.REJECTED.value: "#b3261e",
    Outcome.BROKEN.value: "#3a4250",
}


def tag(outcome: str) -> str:
    """Show an outcome in its colour."""
    return f'<span class="tag" style="background:{COLOUR.get(outcome, "#666")}">{escape(outcome)}</span>'


def score_of(row: ManifestRow) -> float:
    """Return a clip's rank in [0, 1]; zero where nothing was judged."""
    return row.verdict.score if row.verdict is not None else 0.0


def first_reason(row: ManifestRow) -> str:
    """Return the first sentence of the first reason."""
    return row.reasons[0].split(". ")[0] if row.reasons else ""


def table(titles: Sequence[str], lines: Iterable[Sequence[str]], numbers: Sequence[int] = (), style: str = "") -> str:
    """Lay cells of HTML out; columns that are named by ``numbers`` are set flush right; ``style`` is a class."""

    def cells(kind: str, texts: Sequence[str]) -> str:
        return "".join(
            f"<{kind}{' class=n' if column in numbers else ''}>{text}</{kind}>" for column, text in enumerate(texts)
        )

    body = "\n".join(f"<tr>{cells('td', line)}</tr>" for line in lines)
    head = f"<thead><tr>{cells('th', titles)}</tr></thead>"
    return f"<table{f' class={style}' if style else ''}>{head}<tbody>\n{body}</tbody></table>"


def sentences(title: str, told: Sequence[str]) -> str:
    """List sentences below a title; nothing if there are none."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in told)
    return f"<p>{title}</p><ul>{items}</ul>" if items else ""


def folded(title: str, told: Sequence[str]) -> str:
    """List sentences that are seen when their title is clicked; nothing if there are none."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in told)
    return f"<details><summary>{title}</summary><ul>{items}</ul></details>" if items else ""


def counted(number: int, what: str) -> str:
    """Say how many there are of something."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
