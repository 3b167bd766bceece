"""All clips of a dataset as the list shows them, held in memory and read anew where the disk has changed.

A clip is told by its outcome and its decisions. Whether these are what they were is seen by the files' times, sizes
and inodes, so that a look at a dataset where nothing happened reads nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from pipeline.decisions import DECISIONS_FILE, read_decisions
from pipeline.exceptions import CorruptArtefact, DatasetGone
from pipeline.locks import require_dataset
from pipeline.manifest import ROW_FILE, read_row
from pipeline.review_desk.clip_item import PLAYBACK_FILE, POSTER_FILE, ClipItem, clip_item, damaged_item
from pipeline.review_desk.exceptions import UnknownClip
from pipeline.store import Dataset, is_clip_id
from retarget.progress import Progress, silent

_LOOKED_AT = (ROW_FILE, DECISIONS_FILE, POSTER_FILE, PLAYBACK_FILE)

Stamp = tuple[tuple[int, int, int] | None, ...]
"""Time [ns], size [bytes] and inode of each file that a clip is told by, None for one that is not there; and, of the
folder that they lie in, whether it is a link, 0, and its inode."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Clips that changed, or all of them."""

    revision: int
    """Grows with every change; what changed after it can be asked for."""
    clips: tuple[ClipItem, ...]
    """In the order of their ids."""
    gone: tuple[str, ...] = ()
    """Clips that have no outcome any more."""
    whole: bool = False
    """These are all clips there are: whoever knows of others shall forget them."""


@dataclass(frozen=True, slots=True)
class _Shelved:
    item: ClipItem
    stamp: Stamp
    ticket: int
    """Number of the look at the disk that found it."""
    revision: int
    """When it changed last."""


class Shelf:
    """The clips of one dataset; any number of threads may ask at once."""

    def __init__(self, dataset: Dataset, *, first_revision: int) -> None:
        """Begin empty; :meth:`refresh` reads the clips.

        Args:
            dataset: Whose clips.
            first_revision: Above every revision that an earlier shelf of the dataset told, e.g. the time in ms: whoever
                asks for what changed since one of those is told everything.
        """
        self._dataset = dataset
        self._first = self._revision = first_revision
        self._clips: dict[str, _Shelved] = {}
        self._gone: dict[str, int] = {}
        self._tickets = 0
        self._lock = Lock()
        self._looking = Lock()

    def refresh(self, progress: Progress = silent) -> None:
        """Look at every clip's files, and read those anew that changed; two who ask at once wait for one look each.

        Raises:
            DatasetGone: The dataset is not there; the clips stay known as they were.
        """
        with self._looking:
            ticket, known = self._begin()
            seen = dict(self._on_disk())
            require_dataset(self._dataset.root)  # after the look: a disk may have gone in the midst of it
            changed = [i for i, stamp in seen.items() if i not in known or known[i].stamp != stamp]
            for done, clip_id in enumerate(changed):
                progress(done, len(changed))
                if (item := self._read(clip_id)) is not None:
                    self._put(clip_id, item, seen[clip_id], ticket)
            progress(len(changed), len(changed))
            for clip_id in known.keys() - seen.keys():
                self._drop(clip_id, ticket)

    def look_at(self, clip_id: str) -> ClipItem:
        """Return a clip as it is on the disk now; read only if it changed.

        Raises:
            UnknownClip: There is no such clip, or it has no outcome.
            DatasetGone: Nor is there the dataset.
        """
        if not is_clip_id(clip_id):
            raise UnknownClip(clip_id)
        ticket, known = self._begin()
        stamp = _stamp(self._dataset.clip_dir(clip_id))
        if clip_id in known and stamp[0] is not None and known[clip_id].stamp == stamp:
            return known[clip_id].item
        item = None if stamp[0] is None else self._read(clip_id)
        if item is None:
            require_dataset(self._dataset.root)
            self._drop(clip_id, ticket)
            raise UnknownClip(clip_id)
        self._put(clip_id, item, stamp, ticket)
        return item

    def stamp(self, clip_id: str) -> Stamp:
        """Return by what a clip was last found to be as it is told; empty if it is not known."""
        with self._lock:
            shelved = self._clips.get(clip_id)
        return () if shelved is None else shelved.stamp

    def clips(self) -> Listing:
        """Return all clips as they were when they were last looked at."""
        with self._lock:
            items = tuple(self._clips[clip_id].item for clip_id in sorted(self._clips))
            return Listing(self._revision, items, whole=True)

    def changed_since(self, revision: int) -> Listing:
        """Return the clips that changed after a revision; all, if it is none of this shelf's."""
        if not self._first <= revision <= self._revision:
            return self.clips()
        with self._lock:
            items = [s.item for _, s in sorted(self._clips.items()) if s.revision > revision]
            gone = [clip_id for clip_id, when in sorted(self._gone.items()) if when > revision]
            return Listing(self._revision, tuple(items), tuple(gone))

    def _begin(self) -> tuple[int, dict[str, _Shelved]]:
        """Number a look at the disk, so that an older one never puts its find over a newer one's."""
        with self._lock:
            self._tickets += 1
            return self._tickets, dict(self._clips)

    def _put(self, clip_id: str, item: ClipItem, stamp: Stamp, ticket: int) -> None:
        with self._lock:
            before = self._clips.get(clip_id)
            if before is not None and before.ticket > ticket:
                return
            same = before is not None and before.item == item
            self._revision += 0 if same else 1
            revision = before.revision if same and before is not None else self._revision
            self._clips[clip_id] = _Shelved(item, stamp, ticket, revision)
            self._gone.pop(clip_id, None)

    def _drop(self, clip_id: str, ticket: int) -> None:
        with self._lock:
            before = self._clips.get(clip_id)
            if before is None or before.ticket > ticket:
                return
            del self._clips[clip_id]
            self._revision += 1
            self._gone[clip_id] = self._revision

    def _on_disk(self) -> Iterator[tuple[str, Stamp]]:
        """Find the clips that have an outcome."""
        folder = self._dataset.root / "clips"
        try:
            names = sorted(entry.name for entry in os.scandir(folder) if is_clip_id(entry.name))
        except FileNotFoundError:  # a dataset that no clip was added to yet
            return
        except OSError as error:  # a disk that does not answer
            raise DatasetGone(self._dataset.root) from error
        for name in names:
            stamp = _stamp(folder / name)
            if stamp[0] is not None:
                yield name, stamp

    def _read(self, clip_id: str) -> ClipItem | None:
        """Read a clip; None if its outcome has gone since it was seen."""
        decisions = read_decisions(self._dataset, clip_id)
        try:
            return clip_item(self._dataset, read_row(self._dataset, clip_id), decisions)
        except CorruptArtefact as error:
            if not os.path.lexists(self._dataset.clip_dir(clip_id) / ROW_FILE):
                return None
            return damaged_item(self._dataset, clip_id, str(error), decisions)


def _stamp(folder: Path) -> Stamp:
    try:
        own = os.lstat(folder)
    except OSError:
        return (None,)
    where = (stat.S_ISLNK(own.st_mode), 0, own.st_ino)
    return (*(_stamp_of(f"{folder}/{name}") for name in _LOOKED_AT), where)


def _stamp_of(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a dataset has thousands, each asked for every half second
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
