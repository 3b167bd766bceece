"""What stands behind the service while it runs: the shelf of clips, and who works on what is slow."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock
from typing import Generic, TypeVar

from pipeline.review_desk.clip_item import ClipItem
from pipeline.review_desk.preview import Preview
from pipeline.review_desk.shelf import Shelf
from pipeline.store import Dataset

_LOOK_EVERY_S = 0.5
"""The disk is not looked at more often, however many pages ask [s]."""

_LOOK_SHARE = 10
"""Nor for more than one part in so many of the time: a look at a hundred thousand clips takes its while."""

_WAIT_S, _TRY_EVERY_S = 1.5, 0.05
"""How long an answer waits for the end of the dataset's tidying, and how often it looks [s]."""

_VIEWS_KEPT, _PREVIEWS_KEPT, _ROBOTS_KEPT = 16, 8, 4

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The last few of what took long to make."""

    def __init__(self, n_kept: int) -> None:
        """Keep nothing yet."""
        self._n_kept = n_kept
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Value | None:
        """Return what is kept, if it still is."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def find(self, wanted: Callable[[Value], bool]) -> Value | None:
        """Return one that is kept and wanted, if there is one."""
        with self._lock:
            return next((value for value in self._values.values() if wanted(value)), None)

    def put(self, key: Hashable, value: Value) -> Value:
        """Keep it, in place of what was asked for longest ago."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._n_kept:
                self._values.popitem(last=False)
        return value


@dataclass(slots=True, kw_only=True)
class ReviewDesk:
    """One dataset on the desk."""

    dataset: Dataset
    shelf: Shelf
    reviewer: str
    """Whom the page takes for its user until they say otherwise."""
    read_only: str | None
    """Why nothing can be decided; None if it can."""
    views: Recent[bytes] = field(default_factory=lambda: Recent(_VIEWS_KEPT))
    previews: Recent[Preview] = field(default_factory=lambda: Recent(_PREVIEWS_KEPT))
    robots: Recent[bytes] = field(default_factory=lambda: Recent(_ROBOTS_KEPT))
    mesh_dir: Path | None = None
    """Where the G1's meshes are, if they were fetched."""
    bodies_dir: Path | None = None
    """Where bodies are that the user imported."""
    reading: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "review-reading"))
    """Reads clips: a few at a time, so that whoever decides need not wait for those who look."""
    computing: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "review-computing"))
    """Makes previews, one at a time: each keeps a processor busy for seconds."""
    _next_look_s: float = 0.0
    _looking: Lock = field(default_factory=Lock)
    _ending: Event = field(default_factory=Event)

    def look(self) -> None:
        """See what changed on the disk, unless somebody just did."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            begun = time.monotonic()
            if begun < self._next_look_s:
                return
            self.shelf.refresh()
            took = time.monotonic() - begun
            self._next_look_s = begun + max(_LOOK_EVERY_S, _LOOK_SHARE * took)
        finally:
            self._looking.release()

    def item(self, clip_id: str) -> ClipItem:
        """Return a clip as it is now.

        Raises:
            UnknownClip: There is none, or it has no outcome.
        """
        return self.shelf.look_at(clip_id)

    def view(self, clip_id: str, make: Callable[[], tuple[bytes, bool]], part: str = "") -> bytes:
        """Return what a clip's page tells, made only if the clip changed since.

        Args:
            clip_id: Of a known clip.
            make: Returns it, and whether it may be kept: what is damaged may be mended under the same outcome.
            part: Of what it tells.
        """
        key = (clip_id, part, self.shelf.stamp(clip_id))
        if (kept := self.views.get(key)) is not None:
            return kept
        made, keep = make()
        return self.views.put(key, made) if keep else made

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the dataset from being tidied while the block runs, if it can be.

        Raises:
            BeingTidied: Somebody tidies it just now, and for longer than an answer may wait; or the service ends.
            DatasetGone: It is not there any more.
        """
        until_s = time.monotonic() + _WAIT_S
        with self.dataset.being_read(lambda: not self._ending.wait(_TRY_EVERY_S) and time.monotonic() < until_s):
            yield

    def stop_waiting(self) -> None:
        """Let nobody wait any longer: the service ends."""
        self._ending.set()

    def close(self) -> None:
        """Begin nothing new."""
        self.stop_waiting()
        for pool in (self.reading, self.computing):
            pool.shutdown(wait=False, cancel_futures=True)


def now_utc() -> str:
    """Return the time as decisions hold it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
