"""Looks through a watched folder: what in it is new by content, and what is still being copied.

Hashes of files that did not change are remembered, so that a folder of terabytes is not read every ten minutes. A file
counts as unchanged if path, size and both of its times are the same. Whether it is still being copied its inode time
alone decides: content that is put in place with its old time of change has a new one, and a camera whose clock is wrong
does not set it. The memory is a cache: without it everything is read once more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.exceptions import NoSuchFolder
from pipeline.clip import Clip, Source, SourceFacts
from pipeline.exceptions import CorruptArtefact, UnreadableVideo
from pipeline.manifest import ROW_FILE
from pipeline.sealed import read_sealed
from pipeline.sources import FoundFile, find_files
from pipeline.store import Dataset, write_bytes
from robots.exceptions import WushuError

CACHE_FILE = Path(".cache") / "hashes.json"
"""Below the dataset; no part of it."""

Stamp = tuple[int, int, int]
"""Size [bytes], time of change and inode time of a file [ns]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What is in a watched folder."""

    new: tuple[Source, ...]
    """Content that the dataset does not know, or has not finished."""
    n_known: int
    """Files whose content the dataset has finished."""
    settling: tuple[Path, ...]
    """Files that changed a moment ago: they may still be being copied, and are left for the next time."""
    unreadable: tuple[str, ...]
    """A sentence for each file that cannot be read."""

    def __str__(self) -> str:
        """Say what was found."""
        waiting = f", {len(self.settling)} still being copied" if self.settling else ""
        unreadable = f", {len(self.unreadable)} cannot be read" if self.unreadable else ""
        return f"{len(self.new)} new, {self.n_known} known{waiting}{unreadable}"


@dataclass(slots=True)
class HashMemory:
    """Hashes of files as they were when they were last read."""

    known: Mapping[str, tuple[Stamp, str]]
    seen: dict[str, tuple[Stamp, str]] = field(default_factory=dict)
    """Those that were looked at now."""

    @classmethod
    def load(cls, path: Path) -> HashMemory:
        """Read the memory; empty if it is not there or of no use."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls({name: ((int(a), int(b), int(c)), str(h)) for name, ((a, b, c), h) in content.items()})
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return cls({})

    def save(self, path: Path) -> None:
        """Write what is still there, of other folders too.

        Raises:
            OutputNotWritable: The folder cannot be written.
        """
        others = {name: entry for name, entry in self.known.items() if name not in self.seen and Path(name).is_file()}
        if (now := others | self.seen) != dict(self.known):
            write_bytes(path, json.dumps(now).encode())

    def source(self, file: FoundFile, stamp: Stamp) -> Source:
        """Identify a file, reading it only if it is not as it was.

        Raises:
            UnreadableVideo: It cannot be read.
        """
        name = str(file.path)
        before = self.known.get(name)
        if before is not None and before[0] == stamp:
            source = Source(path=name, sha256=before[1], facts=file.facts)
        else:
            source = Source.from_file(file.path, file.facts)
        self.seen[name] = (stamp, source.sha256)
        return source


def scan(folder: Path, dataset: Dataset | None, facts: SourceFacts, *, now_ns: int, settle_s: float) -> Scan:
    """Find what is new in a folder, and remember what was read.

    Args:
        folder: Watched, with all below it.
        dataset: What is finished is there; None if there is none yet.
        facts: What the user says of all files.
        now_ns: The time, as files bear it [ns].
        settle_s: How long a file must have been left alone [s].

    Raises:
        NoSuchFolder: It is not there.
        InvalidSources: A ``sources.toml`` cannot be used.
        OutputNotWritable: The memory cannot be written.
    """
    if not folder.is_dir():
        raise NoSuchFolder(folder)
    cache = None if dataset is None else dataset.root / CACHE_FILE
    memory = HashMemory({}) if cache is None else HashMemory.load(cache)
    found = [file for file in find_files([folder], facts) if not file.path.is_dir()]
    readable, settling, unreadable = read_files(found, memory, now_ns - int(settle_s * 1e9))
    if cache is not None:
        memory.save(cache)
    new: dict[str, Source] = {}
    n_known = 0
    for source in readable:
        if dataset is not None and is_finished(source, dataset):
            n_known += 1
        else:
            new.setdefault(source.sha256, source)
    return Scan(new=tuple(new.values()), n_known=n_known, settling=tuple(settling), unreadable=tuple(unreadable))


def read_files(
    files: Sequence[FoundFile], memory: HashMemory, changed_before_ns: int, *, tell_missing: bool = False
) -> tuple[list[Source], list[Path], list[str]]:
    """Identify all files that hold still: before they are read, and while they are.

    Returns:
        Sources, files that may still be being copied, and a sentence for each that cannot be read.
    """
    readable, settling, unreadable = [], [], []
    for file in files:
        try:
            before = _stamp(file.path)
            if before[2] > changed_before_ns:
                settling.append(file.path)
                continue
            source = memory.source(file, before)
            if _stamp(file.path) == before:
                readable.append(source)
            else:
                settling.append(file.path)
        except FileNotFoundError:  # taken away since the folder was listed, or named and never there
            if tell_missing:
                missing = UnreadableVideo(file.path, problem="there is no such file", remedy="Check the path.")
                unreadable.append(str(missing))
        except (WushuError, OSError) as error:
            unreadable.append(str(error))
    return readable, settling, unreadable


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def is_finished(source: Source, dataset: Dataset) -> bool:
    """Tell whether all clips of a source's content have an outcome, under whatever name, by whatever settings."""
    whole = dataset.clip_dir(Clip.of(source).id)
    try:
        clips = [str(clip_id) for clip_id in read_sealed(whole / "clips.json")["clips"]]
    except (CorruptArtefact, KeyError, TypeError):
        return False
    return bool(clips) and all((dataset.clip_dir(clip_id) / ROW_FILE).is_file() for clip_id in clips)
