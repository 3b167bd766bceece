"""Turns the files and folders a user names into sources, with what a ``sources.toml`` beside them says of each.

[defaults]                       # of every file below the folder
licence = "CC BY 4.0, J. Doe"

[files."kata 1.mp4"]             # of one file; what it does not say keeps its default
height_m = 1.72
focal_px = 1180.0
static_camera = true
use_s = [[2.0, 14.5]]
leave_s = [[7.0, 8.2]]
people = "all"
notes = "second take"
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from cattrs import transform_error
from cattrs.v import format_exception

from pipeline.clip import Source, SourceFacts
from pipeline.exceptions import InvalidSources
from pipeline.readers.recognise import holds_motion, is_motion_file
from pipeline.record_codec import from_plain, plain
from pipeline.spelling import misspelt
from pipeline.store import is_dataset
from retarget.progress import Progress, silent
from robots.exceptions import WushuError

SOURCES_FILE = "sources.toml"

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv"}
)
"""Endings by which videos are picked from a folder; a file named by itself may have any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file to use, not yet opened."""

    path: Path
    facts: SourceFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSources:
    """Sources by content, and what could not be one."""

    sources: tuple[Source, ...]
    duplicates: tuple[str, ...]
    """A sentence for each file whose content another one has."""
    unreadable: tuple[str, ...]
    """A sentence for each file that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _SourcesFile:
    defaults: dict[str, Any] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)


def find_files(paths: Iterable[Path], given: SourceFacts | None = None) -> list[FoundFile]:
    """Return files as they were named and, for a folder, the videos and motions anywhere below it, in order of names.

    A ``sources.toml`` in the named folder speaks of all files below it, and for a file named by itself the one in its
    own folder does. Hidden files and folders are passed over. A folder in which nothing is found stands for itself and
    is refused when it is opened. Whether a file can be read shows when it is opened.

    Args:
        paths: Files and folders.
        given: What the user says of all of them; a ``sources.toml`` knows better.

    Raises:
        InvalidSources: A ``sources.toml`` cannot be used.
    """
    given = SourceFacts() if given is None else given
    known: dict[Path, dict[Path, SourceFacts]] = {}
    found: list[FoundFile] = []
    for path in paths:
        folder = path if path.is_dir() else path.parent
        below = (_files_below(path) or [path]) if path.is_dir() else [path]
        if folder not in known:
            known[folder] = _read(folder, given)
        facts = known[folder]
        default = facts[folder]
        found += [FoundFile(path=file, facts=facts.get(file, default)) for file in below]
    return found


def identify(files: Sequence[FoundFile], progress: Progress = silent) -> KnownSources:
    """Read every file once and tell equal content apart from new; of equal files the first is used."""
    read, unreadable = [], []
    for number, file in enumerate(files):
        progress(number, len(files))
        try:
            read.append(Source.from_file(file.path, file.facts))
        except WushuError as error:
            unreadable.append(str(error))
    return by_content(read, unreadable)


def by_content(read: Iterable[Source], unreadable: Iterable[str] = ()) -> KnownSources:
    """Tell equal content apart from new, given the sources in their order and sentences on what cannot be read."""
    sources: dict[str, Source] = {}
    duplicates = []
    for source in read:
        first = sources.setdefault(source.sha256, source)
        if first is not source and first.path != source.path:
            duplicates.append(f"{source.path} has the same content as {first.path}, which stands for both.")
    return KnownSources(sources=tuple(sources.values()), duplicates=tuple(duplicates), unreadable=tuple(unreadable))


def _files_below(folder: Path) -> list[Path]:
    """Return videos and motions below a folder, but not those that a dataset below it holds as its results."""
    found = []
    for at, folders, files in os.walk(folder):
        here = Path(at)
        folders[:] = [name for name in folders if not name.startswith(".") and not is_dataset(here / name)]
        found += [here / name for name in files if not name.startswith(".") and _is_wanted(here / name)]
    return sorted(found)


def _is_wanted(file: Path) -> bool:
    return file.suffix.lower() in VIDEO_SUFFIXES or (is_motion_file(file) and holds_motion(file))


def _read(folder: Path, given: SourceFacts) -> dict[Path, SourceFacts]:
    """Return what is known of each file that a ``sources.toml`` names; the folder's own path stands for all others."""
    path = folder / SOURCES_FILE
    if not path.is_file():
        return {folder: given}
    try:
        content = from_plain(_SourcesFile, tomllib.loads(path.read_text(encoding="utf-8")))
        _require_known(path, {"defaults": content.defaults} | {f'files."{n}"': e for n, e in content.files.items()})
        default = _facts(plain(given) | content.defaults)
        named = {_inside(path, name): _facts(plain(default) | entry) for name, entry in content.files.items()}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSources(path, problem=str(error)) from error
    except (ExceptionGroup, ValueError, TypeError, WushuError) as error:
        if isinstance(error, InvalidSources):
            raise
        raise InvalidSources(path, problem="; ".join(transform_error(error, format_exception=_sentence))) from error
    return {folder: default, **named}


def _require_known(path: Path, entries: dict[str, dict[str, Any]]) -> None:
    """Refuse names that no fact has, and say which was meant."""
    unknown = [f"[{at}] {sentence}" for at, entry in entries.items() for sentence in misspelt(SourceFacts, entry)]
    if unknown:
        raise InvalidSources(path, problem="; ".join(unknown))


def _facts(entry: dict[str, Any]) -> SourceFacts:
    return from_plain(SourceFacts, entry)


def _inside(path: Path, name: str) -> Path:
    """Return the file a table is about; a name that leads out of the folder, or to nothing, is a mistake."""
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise InvalidSources(path, problem=f"'{name}' leads out of the folder")
    file = path.parent / relative
    if not file.is_file():
        raise InvalidSources(path, problem=f"it speaks of '{name}', which is not there")
    return file


def _sentence(error: BaseException, wanted: type | None) -> str:
    """Say what is wrong with one entry; our own errors say it themselves."""
    return str(error) if isinstance(error, WushuError) else format_exception(error, wanted)
