"""``wushu dataset ls`` and ``wushu dataset show``: what is in a dataset, and everything about one clip of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from flows.clip_log import LOG_FILE
from flows.console import console, show_error, show_rows
from pipeline.catalogue.contents import in_order, results_of
from pipeline.decisions import read_decisions
from pipeline.exceptions import CorruptArtefact
from pipeline.licences import use_of
from pipeline.manifest import ManifestRow, Outcome, Rows, find_row, read_rows
from pipeline.review import PAGE_FILE
from pipeline.store import Dataset
from robots.exceptions import UnknownName


@dataclass(frozen=True, slots=True, kw_only=True)
class ListClips:
    """List the clips of a dataset: outcome, seconds that can be used, score, licences."""

    dataset: tyro.conf.Positional[Path] = Path("wushu_dataset")
    """A folder made by `wushu run` or `wushu demo`."""
    outcome: tyro.conf.EnumChoicesFromValues[Outcome | None] = None
    """Only clips that ended so."""
    json: bool = False
    """Print a JSON list instead of a table."""

    def __call__(self) -> int:
        """Print the clips; 1 if an outcome cannot be read."""
        rows = read_rows(Dataset.open(self.dataset))
        chosen = [row for row in rows if self.outcome in (None, row.outcome)]
        if self.json:
            sys.stdout.write(json.dumps([_facts(row) for row in chosen], indent=1) + "\n")  # as it is, for programs
        elif chosen:
            _print_table(chosen)
        else:
            console.print("no clips" + (f" that are {self.outcome}" if self.outcome else ""))
        return tell_damaged(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Show the outcome of every clip with its reasons, or everything about one clip."""

    dataset: tyro.conf.Positional[Path] = Path("wushu_dataset")
    """A folder made by `wushu run` or `wushu demo`."""
    clip: tyro.conf.Positional[str | None] = None
    """A clip, by its id or name, or the beginning of either; left out, all clips."""
    log: bool = False
    """Print only the log of this clip: when each stage ran, and for how long."""

    def __call__(self) -> int:
        """Print what was asked for; 1 if an outcome cannot be read.

        Raises:
            UnknownName: There is no such clip.
            CorruptArtefact: The outcome of the clip cannot be read.
        """
        dataset = Dataset.open(self.dataset)
        rows = read_rows(dataset)
        if self.clip is None:
            show_rows(rows, dataset)
            if (page := dataset.root / PAGE_FILE).is_file():
                _say(f"page: {page}")
            return int(bool(rows.damaged))
        row = _find(dataset, rows, self.clip)
        if self.log:
            _show_log(dataset, row)
        else:
            _show_clip(dataset, row)
        return 0


def _find(dataset: Dataset, rows: Rows, clip: str) -> ManifestRow:
    """Find a clip; one that is called so comes before one whose outcome cannot be read and whose id begins so.

    Raises:
        UnknownName: There is no such clip.
        CorruptArtefact: Its outcome cannot be read.
    """
    try:
        return find_row(dataset, clip)
    except UnknownName:
        for error in rows.damaged:
            if error.path.parent.name.startswith(clip):
                raise error from None
        raise


def tell_damaged(rows: Rows) -> int:
    """Say which outcomes cannot be read; 1 if there is one."""
    for error in rows.damaged:
        show_error(error)
    return int(bool(rows.damaged))


def _print_table(rows: list[ManifestRow]) -> None:
    table = Table("id", "clip", "outcome", "usable [s]", "score", "licences")
    table.columns[0].no_wrap = True
    for row in rows:
        score = f"{row.verdict.score:.2f}" if row.verdict else ""
        usable = f"{row.usable_s:.1f} of {row.duration_s:.1f}"
        cells = (row.clip.id, row.clip.name, row.outcome.value, usable, score, "; ".join(row.licences))
        table.add_row(*map(escape, cells))
    console.print(table)


def _facts(row: ManifestRow) -> dict[str, Any]:
    """What ``--json`` says of a clip."""
    return {
        "id": row.clip.id,
        "name": row.clip.name,
        "outcome": row.outcome.value,
        "usable_s": row.usable_s,
        "duration_s": row.duration_s,
        "score": row.verdict.score if row.verdict else None,
        "licences": list(row.licences),
        "commercial_use": use_of(row.licences).value,
        "reasons": list(row.reasons),
    }


def _show_clip(dataset: Dataset, row: ManifestRow) -> None:
    """Print all there is to know about a clip."""
    for what, said in _lines(dataset, row):
        console.print(f"[bold]{what:<11}[/] {escape(said)}", highlight=False, soft_wrap=True)
    for title, sentences in (("why", row.reasons), ("notes", row.remarks), ("decisions", _decisions(dataset, row))):
        if sentences:
            console.print(f"[bold]{title}[/]")
        for sentence in sentences:
            console.print(Padding(f"- {escape(sentence)}", (0, 0, 0, 2)), highlight=False)
    console.print(_stages(dataset, row))
    for path in _files(dataset, row):
        _say(str(path))


def _lines(dataset: Dataset, row: ManifestRow) -> Iterator[tuple[str, str]]:
    clip, verdict = row.clip, row.verdict
    yield "clip", f"{clip.name} ({clip.id})"
    yield "outcome", row.outcome.value + (f" at {row.broken_stage}" if row.broken_stage else "")
    if verdict is not None:
        passed = sum(check.passed for check in verdict.checks)
        yield (
            "verdict",
            f"tier {verdict.tier}, score {verdict.score:.2f}, {passed} of {len(verdict.checks)} checks passed",
        )
    yield "usable", f"{row.usable_s:.1f} s of {row.duration_s:.1f} s"
    if row.handed_off_s:
        yield "handed off", ", ".join(f"{name} {seconds:.1f} s" for name, seconds in sorted(row.handed_off_s.items()))
    yield "source", f"{clip.source.path} (sha256 {clip.source.sha256[:16]})"
    yield "licences", f"{'; '.join(row.licences)} (commercial use: {use_of(row.licences).value})"
    yield "settings", row.settings or "not recorded"
    yield "folder", str(dataset.clip_dir(clip.id))


def _stages(dataset: Dataset, row: ManifestRow) -> Table:
    """List the clip's stages in the order in which they depend on each other, with what the log says of them."""
    owners = results_of(dataset, row)
    logged = {(line["stage"], line["fingerprint"]): line for line in read_log(dataset, row)}
    table = Table("stage", "fingerprint", "when", "took [s]", "")
    for stage in in_order(_inputs(dataset, row, owners)):
        name = row.fingerprints[stage]
        line = logged.get((stage, name), {})
        seconds = line.get("seconds")
        took = f"{seconds:.1f}" if isinstance(seconds, int | float) else ""
        note = "" if stage in owners else "result is missing"
        if owners.get(stage, row.clip.id) != row.clip.id:
            note = f"in clips/{owners[stage]}"
        table.add_row(stage, name, escape(str(line.get("time", ""))[:19].replace("T", " ")), took, note)
    return table


def _inputs(dataset: Dataset, row: ManifestRow, owners: dict[str, str]) -> dict[str, list[str]]:
    inputs: dict[str, list[str]] = {stage: [] for stage in row.fingerprints}
    for stage, owner in owners.items():
        try:
            origin = dataset.origin(owner, stage, row.fingerprints[stage])
        except CorruptArtefact:
            continue
        inputs[stage] = list(origin.inputs) if origin is not None else []
    return inputs


def _decisions(dataset: Dataset, row: ManifestRow) -> list[str]:
    decisions = read_decisions(dataset, row.clip.id)
    return [*(decision.told for decision in decisions.items), *decisions.damaged]


def _files(dataset: Dataset, row: ManifestRow) -> list[Path]:
    """Files for people and trainers."""
    folder = dataset.clip_dir(row.clip.id)
    shown = (folder / name for name in ("playback.mp4", "report.png", "retarget.png"))
    return [path for path in (*shown, *sorted((folder / "handoff").glob("[!.]*"))) if path.is_file()]


def _show_log(dataset: Dataset, row: ManifestRow) -> None:
    """Print a clip's log, of its source's first stage too, the oldest line first."""
    lines = sorted(read_log(dataset, row), key=lambda line: str(line.get("time")))
    for line in lines:
        error = f"  {line['error']}" if line.get("error") else ""
        seconds = line.get("seconds")
        took = f"{seconds:8.2f} s" if isinstance(seconds, int | float) else ""
        _say(f"{line.get('time', ''):<29} {line['stage']:<16} {took}{error}")
    if not lines:
        _say(f"{row.clip.name} has no log yet: a stage that runs writes a line.")


def read_log(dataset: Dataset, row: ManifestRow) -> list[dict[str, Any]]:
    """Read what the log says of a clip and of its source as a whole; a line that was cut off is left out."""
    found: list[dict[str, Any]] = []
    for clip_id in dict.fromkeys([row.clip.whole.id, row.clip.id]):
        try:
            text = (dataset.clip_dir(clip_id) / LOG_FILE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            try:
                document = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(document, dict) and {"stage", "fingerprint"} <= set(document):
                found.append(document)
    return found


def _say(sentence: str) -> None:
    console.print(escape(sentence), highlight=False, soft_wrap=True)
