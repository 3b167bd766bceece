"""The unit of work: one span of one video, showing one person, known by its content and not by its name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipeline.exceptions import UnreadableVideo

UNKNOWN_LICENCE = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A span of a source video and a person in it."""

    id: str
    """First 16 hex digits of a hash over source bytes, span and person; names the clip's folder."""
    source: str
    """Path of the video as it was given."""
    source_sha256: str
    """Hash of the video's bytes."""
    span_s: tuple[float, float] | None = None
    """Start and end on the video's clock [s]; None = all of it."""
    person: int = 0
    """Rank of the person in the video, 0 = the main one."""
    parent: str | None = None
    """Clip that this one was trimmed or split from."""
    licence: str = UNKNOWN_LICENCE
    """What the source may be used for, as its owner states it."""

    @classmethod
    def from_video(
        cls,
        path: Path,
        *,
        span_s: tuple[float, float] | None = None,
        person: int = 0,
        licence: str = UNKNOWN_LICENCE,
    ) -> Clip:
        """Identify a clip by reading the video's bytes once.

        Raises:
            UnreadableVideo: There is no such file, or it may not be read.
        """
        source_sha256 = file_sha256(path)
        identity = f"{source_sha256} {span_s!r} {person}"
        return cls(
            id=hashlib.sha256(identity.encode()).hexdigest()[:16],
            source=str(path),
            source_sha256=source_sha256,
            span_s=span_s,
            person=person,
            licence=licence,
        )

    @property
    def name(self) -> str:
        """File name of the source without its ending, for people to read; never part of a path."""
        return Path(self.source).stem


def file_sha256(path: Path) -> str:
    """Hash a video's bytes without loading it whole.

    Raises:
        UnreadableVideo: The file cannot be read.
    """
    if path.is_dir():
        raise UnreadableVideo(path, problem="is a directory", remedy="Name the videos in it, e.g. with a wildcard.")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise UnreadableVideo(path, problem="there is no such file", remedy="Check the path.") from None
    except OSError as error:
        raise UnreadableVideo(path, problem=error.strerror or str(error), remedy="Check its permissions.") from error
