"""What people decided of clips: accepted, kept in part, or rejected; remembered beside the clip and never rewritten.

    DATASET/clips/<clip id>/decisions.jsonl    one sealed line a decision, the oldest first

A decision speaks of what its reviewer saw: the robot's motion of one fingerprint. When that motion is solved anew the
decision is stale. A stale acceptance lets nothing in; a stale rejection keeps out until someone looks again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.exceptions import OutputNotWritable
from pipeline.locks import locked
from pipeline.measurement import Span
from pipeline.record_codec import from_plain, plain
from pipeline.sealed import SEAL
from pipeline.store import Dataset
from robots.exceptions import InvalidArray, WushuError

DECISIONS_FILE = "decisions.jsonl"

LONGEST_NOTE = 2000
"""Characters that a note may have."""

_KEY = re.compile(r"[A-Za-z0-9_-]+")
_REASON = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Ruling(StrEnum):
    """What a reviewer says of a clip."""

    ACCEPT = "accept"
    """Hand it off, whatever the verdict says; in part, if frames are named."""
    REJECT = "reject"
    """Hand nothing of it off, whatever the verdict says."""
    UNDO = "undo"
    """Take this reviewer's last ruling back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One ruling of one reviewer on one clip."""

    clip_id: str
    fingerprint: str
    """Of the shown robot's solution (stage ``retarget``) that the reviewer saw."""
    ruling: Ruling
    by: str
    """Who."""
    at: str
    """When, ISO-8601 in UTC, e.g. ``2026-11-22T08:30:00+00:00``."""
    frames: Span | None = None
    """Frames of the clip's motion that are kept, first and one after the last; None = all. For acceptances only."""
    reason: str = ""
    """Code in lower case with hyphens, e.g. ``foot-skate``; by these, decisions are counted."""
    note: str = ""
    """In words."""

    def __post_init__(self) -> None:
        """Check that the ruling can be understood later.

        Raises:
            InvalidArray: A field says nothing, or something else than it should.
        """
        for name in ("clip_id", "fingerprint"):
            if not _KEY.fullmatch(value := getattr(self, name)):
                raise InvalidArray(name, problem=f"must be letters and digits, got {value!r:.60}")
        if not self.by.strip() or not self.by.isprintable() or len(self.by) > 200:
            raise InvalidArray("by", problem=f"must be a name on one line, got {self.by!r:.60}")
        if not _is_utc(self.at):
            raise InvalidArray("at", problem=f"must be a time in UTC, e.g. 2026-11-22T08:30:00+00:00, got {self.at!r}")
        if self.reason and not _REASON.fullmatch(self.reason):
            problem = f"must be a code in lower case with hyphens, e.g. foot-skate, got {self.reason!r}"
            raise InvalidArray("reason", problem=problem)
        if len(self.note) > LONGEST_NOTE:
            raise InvalidArray("note", problem=f"has {len(self.note)} characters; {LONGEST_NOTE} are kept")
        if self.frames is None:
            return
        if self.ruling is not Ruling.ACCEPT:
            raise InvalidArray("frames", problem=f"a ruling '{self.ruling}' is of the whole clip; name no frames")
        if not 0 <= self.frames[0] < self.frames[1]:
            problem = f"{self.frames[0]}:{self.frames[1]} is no span: give the first frame and the one after the last"
            raise InvalidArray("frames", problem=problem)

    @property
    def told(self) -> str:
        """Who decided what, when and why, on one line, for the middle of a sentence."""
        part = f" of frames {self.frames[0]} to {self.frames[1] - 1}" if self.frames else ""
        note = " ".join("".join(c if c.isprintable() else " " for c in self.note).split())
        why = ": ".join(word for word in (self.reason, note) if word)
        return f"{self.ruling}{part} by {self.by}, {self.at[:10]}{f' ({why})' if why else ''}"


@dataclass(frozen=True, slots=True)
class Decisions:
    """All decisions on a clip that can be read, the oldest first."""

    items: tuple[Decision, ...] = ()
    damaged: tuple[str, ...] = ()
    """Lines that cannot be read, a sentence each."""
    after: tuple[int, ...] = ()
    """How many of the items stand before each of these lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds of a clip now."""

    decision: Decision | None = None
    """The last one that was not taken back; None: nobody decided, and the verdict does."""
    stale: bool = False
    """The motion is no longer the one that was decided on."""
    doubtful: bool = False
    """A later line cannot be read: it may have said something else. Keep the clip out until someone decides again."""

    @property
    def accepts(self) -> bool:
        """True if it lets the clip in: a stale acceptance does not."""
        return self.decision is not None and self.decision.ruling is Ruling.ACCEPT and not (self.stale or self.doubtful)

    @property
    def keeps_out(self) -> bool:
        """True if it keeps the clip out, however old its rejection; a stale trim too, as its frames mean nothing."""
        if self.doubtful or self.decision is None:
            return self.doubtful
        return self.decision.ruling is Ruling.REJECT or (self.stale and self.decision.frames is not None)


def standing(decisions: Decisions | Sequence[Decision], fingerprint: str | None) -> Standing:
    """Return which decision holds of a clip whose shown solution has this fingerprint now.

    An undo takes back the last ruling of the same reviewer that still stands; what stood before stands again.

    Args:
        decisions: The oldest first, as they are read.
        fingerprint: Of the present solution; None if the clip has none any more.
    """
    read = decisions if isinstance(decisions, Decisions) else Decisions(tuple(decisions))
    left = _not_undone(read.items)
    last = left[-1] if left else None
    doubtful = any(before > (-1 if last is None else last) for before in read.after)
    if last is None:
        return Standing(doubtful=doubtful)
    decision = read.items[last]
    return Standing(decision=decision, stale=decision.fingerprint != fingerprint, doubtful=doubtful)


def can_undo(decisions: Decisions, by: str) -> bool:
    """Tell whether a reviewer has a ruling that still stands."""
    return any(decisions.items[index].by == by for index in _not_undone(decisions.items))


def read_decisions(dataset: Dataset, clip_id: str) -> Decisions:
    """Read what was decided of a clip; lines that are harmed, or were cut off by a crash, are told and left out."""
    path = dataset.clip_dir(clip_id) / DECISIONS_FILE
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return Decisions()
    except OSError as error:
        told = (
            f"{path}: cannot be read ({(error.strerror or str(error)).lower()}), so that what was decided is not known."
        )
        return Decisions(damaged=(told,), after=(0,))
    items: list[Decision] = []
    damaged: list[str] = []
    after: list[int] = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            items.append(_read_line(line))
        except (ValueError, KeyError, TypeError, RecursionError, WushuError, ExceptionGroup):
            torn = number == len(lines)  # whoever wrote it was stopped, and never said that it was kept
            damaged.append(_told_of_damage(path, number, torn=torn))
            after += [] if torn else [len(items)]
    return Decisions(tuple(items), tuple(damaged), tuple(after))


def add_decision(dataset: Dataset, decision: Decision) -> None:
    """Append a decision to its clip's, to stay whatever happens next; several may do so at once.

    Raises:
        OutputNotWritable: It could not be kept; then the file is as it was.
    """
    folder = dataset.clip_dir(decision.clip_id)
    path = folder / DECISIONS_FILE
    with locked(folder / ".decisions.lock"):
        try:
            handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise OutputNotWritable(path, problem=error.strerror or str(error)) from error
        before = os.fstat(handle).st_size
        try:
            torn = before > 0 and os.pread(handle, 1, before - 1) != b"\n"
            _write_all(handle, (b"\n" if torn else b"") + _line(decision))
            os.fsync(handle)
        except OSError as error:
            os.ftruncate(handle, before)
            raise OutputNotWritable(path, problem=error.strerror or str(error)) from error
        finally:
            os.close(handle)
        _sync_folder(folder)


def _not_undone(items: Sequence[Decision]) -> list[int]:
    """Return the places of the rulings that still stand."""
    left: list[int] = []
    for index, decision in enumerate(items):
        if decision.ruling is not Ruling.UNDO:
            left.append(index)
        elif own := [place for place in left if items[place].by == decision.by]:
            left.remove(own[-1])
    return left


def _line(decision: Decision) -> bytes:
    document = plain(decision)
    return _dumped({**document, SEAL: _seal(document)}) + b"\n"


def _read_line(line: bytes) -> Decision:
    document = json.loads(line)
    if document.pop(SEAL) != _seal(document):
        raise ValueError("it is not as it was written")
    return from_plain(Decision, document)


def _seal(document: dict[str, Any]) -> str:
    return hashlib.sha256(_dumped(document)).hexdigest()


def _dumped(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _told_of_damage(path: Path, number: int, *, torn: bool) -> str:
    if torn:
        return f"{path}: line {number} was cut off while it was written, and counts for nothing. Decide again."
    return (
        f"{path}: line {number} is cut off or has changed since it was written, and what it said is lost. Decide again."
    )


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_utc(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).utcoffset() == timedelta(0)
    except ValueError:
        return False
