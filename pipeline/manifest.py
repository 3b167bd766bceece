"""The outcome of one clip in a dataset: what was decided, from which results, and what it may be used for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import overload

from pipeline.clip import Clip
from pipeline.exceptions import CorruptArtefact
from pipeline.measurement import Span
from pipeline.record_codec import plain
from pipeline.store import Dataset, read_record, remove_file, write_json
from pipeline.verdict import Verdict
from robots.exceptions import UnknownName

ROW_FILE = "row.json"

_TOLD_CLIPS = 20
"""A sentence that names more clips is read by nobody."""


class Outcome(StrEnum):
    """How a clip ended."""

    ACCEPTED = "accepted"
    """A motion, and every rejecting check passed."""
    MENDED = "mended"
    """Refused as it stood, but parts of it, or all of it after a repair, are accepted."""
    REJECTED = "rejected"
    """A motion, but a check refused it, and no repair was found; the verdict says why."""
    BROKEN = "broken"
    """No motion: the input could not be used; the error says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One repair that was carried out, and how it was judged."""

    edits: tuple[str, ...]
    """What was done to the motion, in order, as sentences."""
    frames: Span
    """Frames of the original motion that were kept: first, and one after the last."""
    duration_s: float
    """Length of what is left [s]."""
    accepted: bool
    """The verdict on it."""
    rejections: tuple[str, ...]
    """Why it was still refused."""
    score: float
    """Rank in [0, 1] of what is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """A part of a clip that is accepted."""

    frames: Span
    """Frames of the clip that it is made of."""
    edits: tuple[str, ...]
    """What was done to them, in order; nothing if they were accepted as they stood."""
    duration_s: float
    """Its length [s]."""
    score: float
    """Rank in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRow:
    """One clip's line in the dataset's index."""

    clip: Clip
    fingerprints: dict[str, str]
    """Stage name -> fingerprint of the result that counts."""
    metrics: dict[str, float]
    """``<stage>.<measurement>`` -> value."""
    licences: tuple[str, ...]
    """Licences of everything the motion was made from."""
    verdict: Verdict | None = None
    """On the clip as it stood."""
    duration_s: float = 0.0
    """Length of the motion [s]."""
    usable_s: float = 0.0
    """Length of what is accepted, as it stood or mended [s]."""
    handed_off_s: dict[str, float] = field(default_factory=dict)
    """Of this, what stands in the files of each format: a variant of the robot may be refused by itself [s]."""
    pieces: tuple[Usable, ...] = ()
    """What is accepted, in the order of time; the whole clip if it was accepted as it stood."""
    attempts: tuple[Attempt, ...] = ()
    """Repairs that were carried out, and how they were judged."""
    settings: str | None = None
    """Digest of the settings it comes from, a file in the dataset's folder ``settings``."""
    broken_stage: str | None = None
    """Stage that could not go on."""
    error: str | None = None
    """Its sentence."""
    remarks: tuple[str, ...] = ()
    """What a person should know of the source, in sentences."""

    @property
    def outcome(self) -> Outcome:
        """Accepted, mended, rejected or broken."""
        if self.verdict is None:
            return Outcome.BROKEN
        if self.verdict.accepted:
            return Outcome.ACCEPTED
        return Outcome.MENDED if self.pieces else Outcome.REJECTED

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not accepted, in sentences."""
        if self.verdict is None:
            return (self.error or "unknown",)
        return self.verdict.reasons


def write_row(dataset: Dataset, row: ManifestRow) -> None:
    """Put a clip's outcome into its folder."""
    write_json(dataset.clip_dir(row.clip.id) / ROW_FILE, plain(row))


def withdraw_row(dataset: Dataset, clip_id: str) -> None:
    """Take back the outcome and the handed-off files of a clip that its source is no longer cut into.

    Its results stay: should the clip come back, they are found again. What lies behind a link is not ours, and stays.
    """
    row = dataset.clip_dir(clip_id) / ROW_FILE
    if dataset.holds(row):
        remove_file(row)
    withdraw_handoff(dataset, clip_id)


def withdraw_handoff(dataset: Dataset, clip_id: str) -> None:
    """Take back the handed-off files of a clip that is accepted no more."""
    for path in sorted((dataset.clip_dir(clip_id) / "handoff").glob("*")):
        if dataset.holds(path):
            remove_file(path)


def read_row(dataset: Dataset, clip_id: str) -> ManifestRow:
    """Read a clip's outcome back.

    Raises:
        CorruptArtefact: The clip has none, or it is damaged, or another clip's, or lies behind a link.
    """
    path = dataset.clip_dir(clip_id) / ROW_FILE
    if not dataset.holds(path):
        raise CorruptArtefact(path.parent, problem="is a link, and what lies behind it is no part of the dataset")
    row = read_record(path, ManifestRow)
    if row.clip.id != clip_id:
        raise CorruptArtefact(path, problem="is the outcome of another clip")
    return row


@dataclass(frozen=True, slots=True)
class Rows(Sequence[ManifestRow]):
    """Outcomes of a dataset's clips, in the order of their ids."""

    rows: tuple[ManifestRow, ...]
    damaged: tuple[CorruptArtefact, ...] = ()
    """One for each outcome that cannot be read."""

    @overload
    def __getitem__(self, index: int) -> ManifestRow: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ManifestRow, ...]: ...
    def __getitem__(self, index: int | slice) -> ManifestRow | tuple[ManifestRow, ...]:
        """Return one row, or some."""
        return self.rows[index]

    def __len__(self) -> int:
        """Count the rows that can be read."""
        return len(self.rows)


def read_rows(dataset: Dataset) -> Rows:
    """Read the outcomes of all clips that have one; those that are damaged are told apart."""
    rows, damaged = [], []
    for clip_id in dataset.clip_ids():
        if (dataset.clip_dir(clip_id) / ROW_FILE).exists():
            try:
                rows.append(read_row(dataset, clip_id))
            except CorruptArtefact as error:
                damaged.append(error)
    return Rows(tuple(rows), tuple(damaged))


def find_row(dataset: Dataset, clip: str) -> ManifestRow:
    """Find a clip's outcome by its id or name, its source's name, or the beginning of its id or name.

    Raises:
        UnknownName: No clip, or more than one, is called so.
    """
    rows = read_rows(dataset)
    found = [row for row in rows if row.clip.id.startswith(clip) or clip in (row.clip.name, row.clip.source.name)]
    found = found or [row for row in rows if row.clip.name.startswith(clip)]
    if len(found) == 1:
        return found[0]
    known = [f"{row.clip.id} ({row.clip.name})" for row in found or rows]
    if len(known) > _TOLD_CLIPS:
        near = get_close_matches(clip, [row.clip.name for row in found or rows], n=3, cutoff=0.5)
        known = [*near, f"{len(known)} clips, which `wushu dataset ls {dataset.root}` lists"]
    raise UnknownName("clip", clip, known)
