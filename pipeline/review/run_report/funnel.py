"""From the files that were found to the clips that can be used: how much is lost at each step, and by what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from pipeline.builds import kinds_of
from pipeline.decisions import Ruling, Standing
from pipeline.manifest import ManifestRow, Outcome
from pipeline.review.run_report.words import counted, table

_SHOWN_KINDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is left after a step, and what was lost in it."""

    name: str
    left: int
    """Clips; files, before they are cut into clips."""
    left_s: float | None
    """Their length [s]; None where it is not known yet."""
    lost: int = 0
    lost_s: float = 0.0
    kinds: tuple[tuple[str, int], ...] = ()
    """What they were lost by, and how many of them; the most frequent first. A clip may have several."""


def funnel(rows: Sequence[ManifestRow]) -> list[Step]:
    """Follow files and clips from step to step."""
    sources = {row.clip.source.sha256 for row in rows}
    cut = [row for row in rows if not _is_unread(row)]
    unread = {row.clip.source.sha256: row for row in rows if _is_unread(row)}
    readable = {row.clip.source.sha256 for row in cut}
    lost = [row for sha256, row in unread.items() if sha256 not in readable]
    steps = [
        Step(name="files found", left=len(sources), left_s=None),
        Step(name="with clips in them", left=len(readable), left_s=None, lost=len(lost), kinds=_kinds(lost, kinds_of)),
        Step(name="clips cut from them", left=len(cut), left_s=_seconds(cut)),
    ]
    moving = _next(steps, "with a motion", cut, _has_motion, kinds_of)
    judged = _next(
        steps,
        "the human's motion is plausible",
        moving,
        lambda row: not _refused_by(row, "plausibility"),
        lambda row: _refused_by(row, "plausibility"),
    )
    _next(steps, "the robot's is valid: accepted", judged, _is_accepted, kinds_of)
    usable = [row for row in moving if row.pieces or _is_accepted(row)]
    mended = [row for row in moving if row.outcome is Outcome.MENDED]
    said = f"and {counted(len(mended), 'clip')} that a repair mended: can be used"
    return [*steps, Step(name=said, left=len(usable), left_s=sum(row.usable_s for row in usable))]


def funnel_table(rows: Sequence[ManifestRow]) -> str:
    """Show the funnel."""
    steps = funnel(rows)
    longest = max((step.left_s or 0.0 for step in steps), default=0.0)
    lines = []
    for step in steps:
        share = 100 * (step.left_s or 0.0) / longest if longest else 0.0
        bar = f'<div class="bar"><i style="width:{share:.1f}%"></i></div>' if step.left_s is not None else ""
        lost = f"{step.lost}" if step.lost else ""
        lost_s = f"{step.lost_s:.1f} s" if step.lost_s else ""
        kinds = ", ".join(f"<code>{escape(kind)}</code>&nbsp;{n}" for kind, n in step.kinds[:_SHOWN_KINDS])
        more = f" and {len(step.kinds) - _SHOWN_KINDS} more" if len(step.kinds) > _SHOWN_KINDS else ""
        seconds = f"{step.left_s:.1f} s" if step.left_s is not None else ""
        lines.append((escape(step.name), str(step.left), seconds, bar, lost, lost_s, kinds + more))
    return table(("", "left", "", "", "lost here", "", "by what (clips)"), lines, numbers=(1, 2, 4, 5), style="funnel")


def decided(held: Mapping[str, Standing]) -> str:
    """Say what people decided so far; nothing if nobody did."""
    made = [standing for standing in held.values() if standing.decision is not None]
    rulings = [standing.decision for standing in made if standing.decision is not None]
    accepted = [ruling for ruling in rulings if ruling.ruling is Ruling.ACCEPT]
    in_part = sum(ruling.alters for ruling in accepted)
    stale, doubtful = (sum(getattr(standing, name) for standing in held.values()) for name in ("stale", "doubtful"))
    if not (made or doubtful):
        return ""
    told = f"{len(made)} of {counted(len(held), 'clip')}: {len(accepted)} accepted"
    told += f" ({in_part} of them trimmed or edited)" if in_part else ""
    told += f", {len(rulings) - len(accepted)} rejected"
    told += f"; {stale} on a motion that was solved anew since" if stale else ""
    told += f"; of {counted(doubtful, 'clip')} a decision cannot be read" if doubtful else ""
    return f"<h2>What people decided</h2><p>{told}. A decision comes before the verdict.</p>"


def _next(
    steps: list[Step],
    name: str,
    rows: Sequence[ManifestRow],
    passes: Callable[[ManifestRow], bool],
    why: Callable[[ManifestRow], Sequence[str]],
) -> list[ManifestRow]:
    """Add the step that keeps only some of these clips; return those."""
    left = [row for row in rows if passes(row)]
    lost = [row for row in rows if not passes(row)]
    steps.append(
        Step(
            name=name,
            left=len(left),
            left_s=_seconds(left),
            lost=len(lost),
            lost_s=_seconds(lost),
            kinds=_kinds(lost, why),
        )
    )
    return left


def _kinds(rows: Sequence[ManifestRow], why: Callable[[ManifestRow], Sequence[str]]) -> tuple[tuple[str, int], ...]:
    found = Counter(kind for row in rows for kind in why(row))
    return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _seconds(rows: Sequence[ManifestRow]) -> float:
    return sum(row.duration_s or _span_s(row) for row in rows)


def _span_s(row: ManifestRow) -> float:
    return 0.0 if row.clip.span_s is None else row.clip.span_s[1] - row.clip.span_s[0]


def _has_motion(row: ManifestRow) -> bool:
    return row.verdict is not None or "motion" in row.fingerprints


def _is_unread(row: ManifestRow) -> bool:
    """The row speaks of a file as a whole, of which nothing could be made."""
    return row.clip.span_s is None and row.clip.person == 0 and not _has_motion(row)


def _is_accepted(row: ManifestRow) -> bool:
    return row.verdict is not None and row.verdict.accepted


def _refused_by(row: ManifestRow, stage: str) -> tuple[str, ...]:
    return tuple(kind for kind in kinds_of(row) if kind.startswith(f"{stage}."))
