"""All decisions of a dataset as one table, for spreadsheets and for another copy of the dataset; and back again.

Cells that a spreadsheet would take for a formula or a number begin with an apostrophe, which is taken off again.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.decisions import (
    DECISIONS_FILE,
    Decision,
    Decisions,
    Ruling,
    read_decisions,
    reviewer_name,
    standing_by_reviewer,
)
from pipeline.exceptions import CorruptArtefact, MachineFault
from pipeline.hand_edits import ContactEdit
from pipeline.review_desk.exceptions import LineRefused, UnusableTable
from pipeline.review_desk.journal import check_motion, keep, readable_row
from pipeline.store import Dataset
from robots.exceptions import UnknownName, WushuError

COLUMNS = (
    "clip",
    "clip_name",
    "fingerprint",
    "ruling",
    "by",
    "at",
    "first_frame",
    "end_frame",
    "ground_m",
    "contacts",
    "reason",
    "note",
)
"""``clip_name`` is for people, and is not read back."""

_OPTIONAL = frozenset({"clip_name", "first_frame", "end_frame", "ground_m", "contacts", "reason", "note"})

LARGEST_BYTES = 64 * 2**20
"""A larger table is none of ours."""

_TAKEN_AMISS = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]|[0-9.]+([eE][0-9]+)?\Z")
"""What a spreadsheet makes something else of: formulae, and ids that look like numbers."""

_CONTACT = re.compile(r"(left|right) (\d{1,9})-(\d{1,9}) (stands|lifted)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A line that was not taken over."""

    line: int
    """Its number in the file, the heading being 1; a note of several lines counts by its first."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a table."""

    imported: int
    """Decisions that are kept now and were not before."""
    known: int
    """Those that were kept already."""
    refused: tuple[Refused, ...]


@dataclass(slots=True)
class _ClipImport:
    """What of one clip the table has spoken of so far."""

    before: Counter[Decision]
    """What was kept before, as often as it was."""
    in_table: Counter[Decision] = field(default_factory=Counter)


def export_csv(dataset: Dataset) -> bytes:
    """Return all decisions that can be read, clip by clip in the order of their ids, the oldest first.

    The same decisions give the same bytes, in UTF-8, with a mark by which spreadsheets know that.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for clip_id in dataset.clip_ids():
        if (dataset.clip_dir(clip_id) / DECISIONS_FILE).exists():
            name = _name(dataset, clip_id)
            table.writerows(_cells(decision, name) for decision in read_decisions(dataset, clip_id).items)
    return text.getvalue().encode("utf-8-sig")


def damaged_decisions(dataset: Dataset) -> list[str]:
    """Return a sentence for each decision that no export can hold, as its line cannot be read."""
    return [sentence for clip_id in dataset.clip_ids() for sentence in read_decisions(dataset, clip_id).damaged]


def import_csv(dataset: Dataset, content: bytes, *, overrule: bool = False) -> Imported:
    """Take the decisions of a table over, each by itself, in its order; those that are there already are passed over.

    Each is on the disk before the next is looked at: after a crash the same import goes on where it was.

    Args:
        dataset: Its clips must be those that were decided on, with the motions that were seen.
        content: Of the file, in UTF-8.
        overrule: Take over also what differs from the ruling of another reviewer that the table does not know.

    Raises:
        UnusableTable: It is no such table; nothing was taken over.
        NotKept: The disk is full, or may not be written; what was taken over before stays.
    """
    clips: dict[str, _ClipImport] = {}
    out: set[tuple[str, str]] = set()
    counts: dict[str, int] = defaultdict(int)
    refused: list[Refused] = []
    for line, row in _rows(content):
        whose = ("", "") if isinstance(row, str) else (row["clip"], reviewer_name(row["by"]))
        try:
            decision = _decision(row)
            if decision.ruling is Ruling.UNDO and whose in out:
                raise LineRefused(problem="it may take back a line that was refused.")
            counts[_take_over(dataset, decision, clips, overrule=overrule)] += 1
        except MachineFault:
            raise
        except WushuError as error:
            out.add(whose)
            refused.append(Refused(line=line, sentence=str(error)))
    return Imported(imported=counts["imported"], known=counts["known"], refused=tuple(refused))


def _take_over(dataset: Dataset, decision: Decision, clips: dict[str, _ClipImport], *, overrule: bool) -> str:
    """Keep one decision if it may be kept; tell whether it was new."""
    row = readable_row(dataset, decision.clip_id)
    if decision.clip_id not in clips:
        clips[decision.clip_id] = _ClipImport(Counter(read_decisions(dataset, decision.clip_id).items))
    state = clips[decision.clip_id]
    if state.in_table[decision] < state.before[decision]:
        state.in_table[decision] += 1
        return "known"
    check_motion(dataset, row, decision.fingerprint, decision.frames, decision.edits)

    def allowed(before: Decisions) -> bool:
        _check(decision, before, state, overrule=overrule)
        return True

    keep(dataset, decision, None, allowed=allowed)
    state.in_table[decision] += 1
    return "imported"


def _check(decision: Decision, before: Decisions, state: _ClipImport, *, overrule: bool) -> None:
    """Refuse what would overrule somebody, or take back something else than was meant."""
    own = [other for other in before.items if other.by == decision.by and not state.in_table[other]]
    if any(datetime.fromisoformat(other.at) > datetime.fromisoformat(decision.at) for other in own):
        raise LineRefused(problem=f"{decision.by} decided on it later, which is not in the table.")
    if decision.ruling is Ruling.UNDO:
        last = standing_by_reviewer(before).get(decision.by)
        if last is None:
            raise LineRefused(problem=f"{decision.by} has nothing to take back.")
        if not state.in_table[last]:
            raise LineRefused(problem=f"it would take back what is not in the table: {last.told}.")
        return
    if overrule:
        return
    for by, other in standing_by_reviewer(before).items():
        unknown = by != decision.by and not state.in_table[other] and other.fingerprint == decision.fingerprint
        if unknown and not other.agrees_with(decision):
            raise LineRefused(problem=f"it differs from: {other.told}. `--overrule` takes it over all the same.")


def _cells(decision: Decision, name: str) -> list[str]:
    first, end = decision.frames or ("", "")
    contacts = "; ".join(
        f"{edit.foot} {edit.frames[0]}-{edit.frames[1]} {'stands' if edit.stands else 'lifted'}"
        for edit in decision.contacts
    )
    return [
        _shielded(decision.clip_id),
        _shielded(name),
        _shielded(decision.fingerprint),
        str(decision.ruling),
        _shielded(decision.by),
        decision.at,
        str(first),
        str(end),
        repr(float(decision.ground_m)) if decision.ground_m else "",
        contacts,
        _shielded(decision.reason),
        _shielded(decision.note),
    ]


def _shielded(text: str) -> str:
    return f"'{text}" if _TAKEN_AMISS.match(text.lstrip("'")) else text


def _bare(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _TAKEN_AMISS.match(cell.lstrip("'")) else cell


def _rows(content: bytes) -> list[tuple[int, dict[str, str] | str]]:
    """Return each line of a table by the names of its columns, or what is wrong with it.

    Raises:
        UnusableTable: It is none.
    """
    if len(content) > LARGEST_BYTES:
        raise UnusableTable(problem=f"it has {len(content)} bytes, and {LARGEST_BYTES} are read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableTable(problem="it is not text in UTF-8") from error
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        heading = [name.strip() for name in next(table, [])]
        if missing := [name for name in COLUMNS if name not in heading and name not in _OPTIONAL]:
            raise UnusableTable(problem=f"its first line does not name {', '.join(missing)}, separated by commas")
        if any(heading.count(name) > 1 for name in COLUMNS):
            raise UnusableTable(problem="its first line names a column twice")
        begun = table.line_num + 1
        rows = []
        for cells in table:
            if any(cells):
                rows.append((begun, _named(heading, cells)))
            begun = table.line_num + 1
    except csv.Error as error:
        raise UnusableTable(problem=f"line {table.line_num} cannot be read ({error})") from error
    return rows


def _named(heading: list[str], cells: list[str]) -> dict[str, str] | str:
    if len(cells) != len(heading):
        return f"it has {len(cells)} cells, and the first line names {len(heading)}."
    return {name: _bare(cell) for name, cell in zip(heading, cells, strict=True)}


def _decision(row: dict[str, str] | str) -> Decision:
    """Read a line.

    Raises:
        LineRefused, InvalidArray: It says nothing that could be kept.
    """
    if isinstance(row, str):
        raise LineRefused(problem=row)
    ruling, first, end = (row.get(name, "").strip() for name in ("ruling", "first_frame", "end_frame"))
    if ruling not in [str(known) for known in Ruling]:
        raise UnknownName("ruling", ruling[:40], [str(known) for known in Ruling])
    if bool(first) != bool(end):
        raise LineRefused(problem="give both first_frame and end_frame, or neither.")
    return Decision(
        clip_id=row["clip"],
        fingerprint=row["fingerprint"],
        ruling=Ruling(ruling),
        by=row["by"],
        at=row["at"],
        frames=(_whole(first, "first_frame"), _whole(end, "end_frame")) if first else None,
        ground_m=_metres(row.get("ground_m", "").strip()),
        contacts=_contacts(row.get("contacts", "").strip()),
        reason=row.get("reason", ""),
        note=row.get("note", ""),
    )


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise LineRefused(problem=f"{name} is no number of a frame, got {text[:40]!r}.")
    return int(text)


def _metres(text: str) -> float:
    try:
        return float(text) if text else 0.0
    except ValueError as error:
        raise LineRefused(problem=f"ground_m is no number, got {text[:40]!r}.") from error


def _contacts(text: str) -> tuple[ContactEdit, ...]:
    edits = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        if (found := _CONTACT.fullmatch(part)) is None:
            problem = f"contacts are written as 'left 10-20 stands; right 30-40 lifted', got {part[:40]!r}."
            raise LineRefused(problem=problem)
        foot = "left" if found[1] == "left" else "right"
        edits.append(ContactEdit(foot=foot, frames=(int(found[2]), int(found[3])), stands=found[4] == "stands"))
    return tuple(edits)


def _name(dataset: Dataset, clip_id: str) -> str:
    try:
        return dataset.clip(clip_id).name
    except CorruptArtefact:
        return ""
