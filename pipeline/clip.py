"""The unit of work: one span of one source, showing one person, known by its content and not by its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.exceptions import UnreadableVideo, UnsteadySource
from robots.exceptions import InvalidArray, WushuError

UNKNOWN_LICENCE = "unknown"

People = Literal["main", "all"]
"""Of whom a video is: the main person of each shot, or everyone who is seen long enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What a user knows of a source that its pictures do not tell."""

    licence: str = UNKNOWN_LICENCE
    """What the source may be used for, as its owner states it."""
    height_m: float | None = None
    """Stature of the person, in shoes [m]; None = the body's mean."""
    focal_px: float | None = None
    """Focal length in pixels of the upright picture; None = from the file, or a guess [px]."""
    static_camera: bool | None = None
    """Whether the camera stood still; None = find out."""
    people: People | None = None
    """Whom to make clips of; None = as the settings say."""
    use_s: tuple[tuple[float, float], ...] = ()
    """Spans to use, on the video's clock; none = all of it [s]."""
    leave_s: tuple[tuple[float, float], ...] = ()
    """Spans to leave out [s]."""
    notes: str = ""
    """For people."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range, or a span ends before it begins.
        """
        for name, low, high, unit in (("height_m", 0.5, 2.6, "m"), ("focal_px", 1.0, 1e6, "px")):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InvalidArray(name, problem=f"must lie between {low:g} and {high:g} {unit}, got {value}")
        for name in ("use_s", "leave_s"):
            for start, end in getattr(self, name):
                if not 0.0 <= start < end < float("inf"):
                    raise InvalidArray(
                        name, problem=f"[{start}, {end}] is no span: it must begin at 0 or later, then end"
                    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that a user gave: a video, or motion that exists already."""

    path: str
    """Path as it was given."""
    sha256: str
    """Hash of its bytes."""
    facts: SourceFacts = field(default_factory=SourceFacts)
    """What the user said of it."""

    @classmethod
    def from_file(cls, path: Path, facts: SourceFacts | None = None) -> Source:
        """Identify a source by reading its bytes once.

        Raises:
            UnreadableVideo: There is no such file, or it may not be read, or its name cannot be written down.
        """
        _require_text(path)
        return cls(path=str(path), sha256=file_sha256(path), facts=SourceFacts() if facts is None else facts)

    @property
    def name(self) -> str:
        """File name without its ending, for people to read; never part of a path."""
        return Path(self.path).stem

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make sure that the file has the content it was identified by, before and after the block reads it.

        It was identified hours ago, perhaps: it may be gone by now, or was still being copied then, or is now.

        Raises:
            UnsteadySource: It has not; what the block made of it is worth nothing, its errors included.
        """
        before = self._stamp_of_same()
        try:
            yield
        except WushuError:
            self._require_same(before)
            raise
        self._require_same(before)

    def _stamp_of_same(self) -> tuple[int, ...]:
        """Hold the content against its hash; return what tells cheaply whether it is touched from now on."""
        path = Path(self.path)
        try:
            stamp, content = _stamp(path), file_sha256(path)
        except OSError as error:
            raise self._unsteady((error.strerror or str(error)).lower()) from error
        except UnreadableVideo as error:
            raise self._unsteady(error.problem) from error
        if content != self.sha256:
            raise self._unsteady("it changed after it was found, or is still being copied")
        return stamp

    def _require_same(self, before: tuple[int, ...]) -> None:
        try:
            untouched = _stamp(Path(self.path)) == before
        except OSError:
            untouched = False
        if not untouched:  # which need not change the content
            self._stamp_of_same()

    def _unsteady(self, problem: str) -> UnsteadySource:
        return UnsteadySource(Path(self.path), problem=problem, remedy="Run again when it is there, whole.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A span of a source and a person in it."""

    id: str
    """First 16 hex digits of a hash over source bytes, span and person; names the clip's folder."""
    source: Source
    span_s: tuple[float, float] | None = None
    """Start and end on the source's clock [s]; None = all of it."""
    person: int = 0
    """Rank of the person in their shot, 0 = the main one."""
    parent: str | None = None
    """Clip that this one was trimmed or split from."""

    @classmethod
    def of(
        cls,
        source: Source,
        *,
        span_s: tuple[float, float] | None = None,
        person: int = 0,
        parent: str | None = None,
    ) -> Clip:
        """Name a span and a person of a source; without either it stands for the source as a whole."""
        identity = f"{source.sha256} {span_s!r} {person}"
        clip_id = hashlib.sha256(identity.encode()).hexdigest()[:16]
        return cls(id=clip_id, source=source, span_s=span_s, person=person, parent=parent)

    @property
    def whole(self) -> Clip:
        """The source as a whole, in whose folder everything lies that its clips share."""
        return Clip.of(self.source)

    @property
    def name(self) -> str:
        """What people call it: the source's name, and which part of it."""
        part = "" if self.person == 0 else f" person {self.person + 1}"
        if self.span_s is not None:
            part += f" {self.span_s[0]:.1f}-{self.span_s[1]:.1f} s"
        return self.source.name + part


def _require_text(path: Path) -> None:
    """Refuse a path that is no text: neither pages nor tables can hold it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = Path(os.fsencode(path).decode("utf-8", "backslashreplace"))
        remedy = "Rename it, or the folder that is called so."
        raise UnreadableVideo(shown, problem="its name is not UTF-8", remedy=remedy) from None


def _stamp(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def file_sha256(path: Path) -> str:
    """Hash a file's bytes without loading it whole.

    Raises:
        UnreadableVideo: The file cannot be read.
    """
    if path.is_dir():
        problem = "is a folder that holds no video and no motion file"
        raise UnreadableVideo(path, problem=problem, remedy="Name another, or the files themselves.")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise UnreadableVideo(path, problem="there is no such file", remedy="Check the path.") from None
    except OSError as error:
        raise UnreadableVideo(path, problem=error.strerror or str(error), remedy="Check its permissions.") from error
