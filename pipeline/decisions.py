"""What people decided of clips: accepted, kept in part, or rejected; remembered beside the clip and never rewritten.

    DATASET/clips/<clip id>/decisions.jsonl    one sealed line a decision, the oldest first

A decision speaks of what its reviewer saw: the robot's motion of one fingerprint. When that motion is solved anew the
decision is stale. A stale acceptance lets nothing in; a stale rejection keeps out until someone looks again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.append_only import append_line, read_lines
from pipeline.exceptions import DecidedMeanwhile, OutputNotWritable
from pipeline.hand_edits import ContactEdit, HandEdits
from pipeline.locks import locked
from pipeline.measurement import Span
from pipeline.record_codec import from_plain, plain
from pipeline.sealed import SEAL
from pipeline.store import Dataset
from robots.exceptions import InvalidArray, WushuError

DECISIONS_FILE = "decisions.jsonl"

LONGEST_NOTE = 2000
"""Characters that a note may have."""

LONGEST_REASON = 60
"""Characters that a reason's code may have."""

REASON_CODES: Mapping[str, str] = MappingProxyType(
    {
        "foot-skate": "A foot that bears weight slides",
        "floating": "It hangs above the floor",
        "sinking": "It stands in the floor",
        "jitter": "It trembles, or jumps from frame to frame",
        "wrong-person": "It follows somebody else",
        "wrong-motion": "It does not do what the person does",
        "collision": "A limb goes through another, or through the trunk",
        "cut-off": "The picture cuts off what matters",
        "fell-over": "It falls, or would",
        "duplicate": "The same performance is there already",
        "other": "Something else; say it in the note",
        "good": "Nothing to wish for",
    }
)
"""Code -> what it says. Others may be given; by these, decisions of different reviewers are counted together."""

_KEY = re.compile(r"[A-Za-z0-9_-]+")
_REASON = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_UNREADABLE = (ValueError, KeyError, TypeError, RecursionError, WushuError, ExceptionGroup)


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
    """Who; spelled as :func:`reviewer_name` does."""
    at: str
    """When, ISO-8601 in UTC, e.g. ``2026-11-22T08:30:00+00:00``."""
    frames: Span | None = None
    """Frames of the clip's motion that are kept, first and one after the last; None = all. For acceptances only."""
    ground_m: float = 0.0
    """The robot is raised by this before it is handed off [m]. For acceptances only."""
    contacts: tuple[ContactEdit, ...] = ()
    """Which foot bears weight where, as the reviewer saw it; frames of the whole motion. For acceptances only."""
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
        object.__setattr__(self, "by", reviewer_name(self.by))
        if not _is_utc(self.at):
            raise InvalidArray("at", problem=f"must be a time in UTC, e.g. 2026-11-22T08:30:00+00:00, got {self.at!r}")
        if len(self.reason) > LONGEST_REASON or (self.reason and not _REASON.fullmatch(self.reason)):
            problem = f"must be a code in lower case with hyphens, e.g. foot-skate, got {self.reason!r:.60}"
            problem += "" if len(self.reason) <= LONGEST_REASON else f"...; {LONGEST_REASON} characters at most"
            raise InvalidArray("reason", problem=problem)
        if len(self.note) > LONGEST_NOTE:
            raise InvalidArray("note", problem=f"has {len(self.note)} characters; {LONGEST_NOTE} are kept")
        if any("\ud800" <= character <= "\udfff" for character in self.note):
            raise InvalidArray("note", problem="holds half of a character, which no file can")
        if self.edits and self.ruling is not Ruling.ACCEPT:
            field = "ground_m" if self.ground_m else "contacts"
            raise InvalidArray(field, problem=f"a ruling '{self.ruling}' changes nothing of the motion; leave it out")
        if self.frames is None:
            return
        if self.ruling is not Ruling.ACCEPT:
            raise InvalidArray("frames", problem=f"a ruling '{self.ruling}' is of the whole clip; name no frames")
        if not 0 <= self.frames[0] < self.frames[1]:
            problem = f"{self.frames[0]}:{self.frames[1]} is no span: give the first frame and the one after the last"
            raise InvalidArray("frames", problem=problem)

    @property
    def edits(self) -> HandEdits:
        """What is changed of the motion."""
        return HandEdits(ground_m=self.ground_m, contacts=self.contacts)

    @property
    def alters(self) -> bool:
        """True if what it accepts is another motion than the one that was solved: a part of it, or an edited one."""
        return self.frames is not None or bool(self.edits)

    def agrees_with(self, other: Decision) -> bool:
        """Tell whether it comes to the same as another one; reasons and notes may differ."""
        own, others = ((d.ruling, d.frames, d.ground_m, d.contacts) for d in (self, other))
        return own == others

    def repeats(self, other: Decision) -> bool:
        """Tell whether it says, word for word, what the same reviewer said before of the same motion."""
        same_words = (self.reason, self.note) == (other.reason, other.note)
        same_motion = (self.by, self.fingerprint) == (other.by, other.fingerprint)
        return same_words and same_motion and self.agrees_with(other)

    @property
    def told(self) -> str:
        """Who decided what, when and why, on one line, for the middle of a sentence."""
        part = f" of frames {self.frames[0]} to {self.frames[1] - 1}" if self.frames else ""
        part += f" ({self.edits.brief})" if self.edits else ""
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
    """How many of the items stand before each of these lines; of those that were never kept, nothing."""

    @property
    def count(self) -> int:
        """Lines that were kept, also those that cannot be read any more: it never falls while nobody harms the file."""
        return len(self.items) + len(self.after)

    def since(self, seen: int) -> tuple[Decision, ...]:
        """Return the decisions behind the first lines that were kept."""
        lines = (place + sum(before <= place for before in self.after) for place in range(len(self.items)))
        return tuple(item for line, item in zip(lines, self.items, strict=True) if line >= seen)

    def overlooked(self, by: str, seen: int) -> str | None:
        """Say what a reviewer who knew of so many lines does not know of others, for a sentence; None = nothing."""
        if unseen := [other for other in self.since(seen) if other.by != by]:
            return unseen[-1].told
        if any(before + place >= seen for place, before in enumerate(self.after)):
            return "a decision that cannot be read"
        return None if seen <= self.count else f"{seen} decisions were seen, and there are {self.count}"


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
        """True if it keeps the clip out, however old its rejection; a stale trim too: its frames mean nothing."""
        if self.doubtful or self.decision is None:
            return self.doubtful
        return self.decision.ruling is Ruling.REJECT or (self.stale and self.decision.alters)


def reviewer_name(text: str) -> str:
    """Spell a reviewer's name one way, so that it is the same person: no blanks around it, letters of one encoding."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


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


def standing_by_reviewer(decisions: Decisions | Sequence[Decision]) -> dict[str, Decision]:
    """Return the last ruling of each reviewer that was not taken back, by name."""
    items = decisions.items if isinstance(decisions, Decisions) else tuple(decisions)
    return {items[place].by: items[place] for place in _not_undone(items)}


def disputed(decisions: Decisions | Sequence[Decision]) -> bool:
    """Tell whether the last rulings of two reviewers that stand differ, on the motion that was decided on last."""
    last = list(standing_by_reviewer(decisions).values())
    held = standing(decisions, None).decision
    on_it = [ruling for ruling in last if held is not None and ruling.fingerprint == held.fingerprint]
    return any(not ruling.agrees_with(on_it[0]) for ruling in on_it)


def contradicted(decisions: Decisions | Sequence[Decision], new: Decision) -> Decision | None:
    """Return the last ruling of another reviewer on the same motion that stands and differs from a new one, if any."""
    if new.ruling is Ruling.UNDO:
        return None
    others = [d for by, d in standing_by_reviewer(decisions).items() if by != new.by]
    differing = [d for d in others if d.fingerprint == new.fingerprint and not d.agrees_with(new)]
    return max(differing, key=lambda d: datetime.fromisoformat(d.at), default=None)


def can_undo(decisions: Decisions, by: str) -> bool:
    """Tell whether a reviewer has a ruling that still stands."""
    return any(decisions.items[index].by == by for index in _not_undone(decisions.items))


def read_decisions(dataset: Dataset, clip_id: str) -> Decisions:
    """Read what was decided of a clip; lines that are harmed, or were cut off by a crash, are told and left out."""
    path = dataset.clip_dir(clip_id) / DECISIONS_FILE
    try:
        return _read(dataset, path)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        told = f"{path}: cannot be read ({why}), so that what was decided is not known. Mend that, and decide again."
        return Decisions(damaged=(told,), after=(0,))


def _read(dataset: Dataset, path: Path) -> Decisions:
    """Read a file of decisions; OSError if there is one that cannot be read at all."""
    _require_in_place(dataset, path)
    try:
        lines = read_lines(path)
    except FileNotFoundError:
        return Decisions()
    items: list[Decision] = []
    damaged: list[str] = []
    after: list[int] = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            items.append(_read_line(line))
        except _UNREADABLE:
            torn = number == len(lines)  # whoever wrote it was stopped, and never said that it was kept
            damaged.append(_told_of_damage(path, number, torn=torn))
            after += [] if torn else [len(items)]
    return Decisions(tuple(items), tuple(damaged), tuple(after))


def add_decision(
    dataset: Dataset,
    decision: Decision,
    seen: int | None = None,
    *,
    allowed: Callable[[Decisions], bool] = lambda _: True,
) -> None:
    """Append a decision to its clip's, to stay whatever happens next; several may do so at once.

    Args:
        dataset: Where the clip is.
        decision: What is appended.
        seen: How many decisions its reviewer knew of, as :attr:`Decisions.count` counts them; None = all.
        allowed: Is given all that stands before, while nobody else can add to it. Returns whether to append, or raises.

    Raises:
        DecidedMeanwhile: Someone else decided after those that were seen, or some of these are gone; the file is as it
            was.
        OutputNotWritable: It could not be kept; then the file is as it was, but for what a crash cut off.
    """
    folder = dataset.clip_dir(decision.clip_id)
    path = folder / DECISIONS_FILE
    with ExitStack() as stack:
        try:
            _require_in_place(dataset, path)
            stack.enter_context(locked(folder / ".decisions.lock"))
            before = _read(dataset, path)
        except OSError as error:
            raise OutputNotWritable(path, problem=error.strerror or str(error)) from error
        if allowed(before) is False:
            return
        if seen is not None and (told := before.overlooked(decision.by, seen)):
            raise DecidedMeanwhile(decision.clip_id, told=told)
        append_line(path, _line(decision), is_whole=_can_be_read)


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
    return _dumped({**document, SEAL: _seal(document)})


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


def _can_be_read(line: bytes) -> bool:
    try:
        _read_line(line)
    except _UNREADABLE:
        return False
    return True


def _require_in_place(dataset: Dataset, path: Path) -> None:
    """Raise OSError if a clip's folder is a link: what is behind it belongs to something else."""
    if not dataset.holds(path):
        raise OSError(errno.ELOOP, "The clip's folder is a link")


def _is_utc(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).utcoffset() == timedelta(0)
    except ValueError:
        return False
