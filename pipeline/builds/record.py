"""Remembers how every build of a dataset ended: a line a build, in which only those clips stand that it changed.

    DATASET/builds.jsonl    one sealed line a build, the oldest first, numbered from one

No time stands in it: a build that was killed and repeated leaves the very line of one that nothing disturbed, and one
that changes no outcome leaves none. It tells people what moved; nothing is decided by it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from pipeline.exceptions import CorruptArtefact
from pipeline.manifest import ManifestRow, Rows
from pipeline.record_codec import from_plain, plain
from pipeline.sealed import SEAL
from pipeline.store import Dataset, write_bytes
from robots.exceptions import WushuError

BUILDS_FILE = "builds.jsonl"

_ASKED = 5
"""Clips of one kind whose results are asked for the versions of their stages: all clips of a build have the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How one clip ended in a build."""

    name: str
    """What people call it."""
    outcome: str
    usable_s: float
    """Length of what is accepted of it [s]."""
    duration_s: float
    """Length of its motion [s]."""
    score: float | None
    """Rank in [0, 1]; None where nothing was judged."""
    kinds: tuple[str, ...]
    """What refused it, as :func:`kinds_of` says."""
    settings: str | None
    """Digest of its settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What one build changed."""

    number: int
    """Counted from one."""
    whole: bool
    """It names all clips, and builds on no line before it."""
    changed: dict[str, Entry]
    """Clip id -> how it ended: clips that are new or ended otherwise than before."""
    gone: tuple[str, ...]
    """Ids of clips that are there no more."""
    versions: dict[str, tuple[int, ...]]
    """Stage -> versions of it that the changed clips were made by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How all clips stood after a build."""

    number: int
    clips: Mapping[str, Entry]
    versions: Mapping[str, tuple[int, ...]]
    """Stage -> versions, as the last build that changed clips of it told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is remembered."""

    n_lines: int = 0
    last: State | None = None
    """After the last build; None if there was none, or that cannot be told."""
    before: State | None = None
    """After the one before."""
    damaged: tuple[str, ...] = ()
    """A clause for each line that cannot be read."""


def kinds_of(row: ManifestRow) -> tuple[str, ...]:
    """Say what refused a clip, in words that clips have in common: ``<stage>.<measurement>``, ``broken at <stage>``."""
    if row.verdict is None:
        return (f"broken at {row.broken_stage}",) if row.broken_stage else ("broken",)
    failed = (check for check in row.verdict.checks if not check.passed and check.severity == "reject")
    return tuple(dict.fromkeys(f"{check.stage}.{check.measurement}" for check in failed))


def entries_of(rows: Iterable[ManifestRow]) -> dict[str, Entry]:
    """Return how each clip ended, by id."""
    return {
        row.clip.id: Entry(
            name=row.clip.name,
            outcome=row.outcome.value,
            usable_s=row.usable_s,
            duration_s=row.duration_s,
            score=row.verdict.score if row.verdict else None,
            kinds=kinds_of(row),
            settings=row.settings,
        )
        for row in rows
    }


def add_build(dataset: Dataset, rows: Rows) -> bool:
    """Remember how a build ended that came to its end; return whether anything had changed since the one before.

    Nothing is remembered while an outcome cannot be read.

    Raises:
        OutputNotWritable: The folder cannot be written, or the disk is full.
    """
    history, now = read_history(dataset), entries_of(rows)
    then = history.last.clips if history.last is not None else {}
    if rows.damaged or now == then:
        return False
    changed = {clip_id: entry for clip_id, entry in now.items() if then.get(clip_id) != entry}
    build = Build(
        number=history.n_lines + 1,
        whole=history.last is None,
        changed=changed,
        gone=tuple(sorted(set(then) - set(now))),
        versions=_versions(dataset, [row for row in rows if row.clip.id in changed]),
    )
    path = dataset.root / BUILDS_FILE
    written = path.read_bytes() if path.is_file() else b""
    torn = b"\n" if written and not written.endswith(b"\n") else b""
    write_bytes(path, written + torn + _line(build))
    return True


def read_history(dataset: Dataset) -> History:
    """Read what is remembered; a line that is harmed is told, and with it those that build on it count for nothing."""
    try:
        lines = (dataset.root / BUILDS_FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return History()
    except OSError as error:
        return History(damaged=((error.strerror or str(error)).lower(),))
    last = before = None
    damaged: list[str] = []
    for number, line in enumerate(lines, start=1):
        try:
            build = _read_line(line, number)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, WushuError, ExceptionGroup):
            damaged.append(f"line {number} is cut off or has changed since it was written")
            last = before = None
            continue
        if last is None and not build.whole:
            continue
        before, last = (None if build.whole else last), _after(None if build.whole else last, build)
    return History(n_lines=len(lines), last=last, before=before, damaged=tuple(damaged))


def settings_named(dataset: Dataset) -> set[str]:
    """Return the settings of the last two builds: to say what changed, they must still be there."""
    history = read_history(dataset)
    states = [state for state in (history.last, history.before) if state is not None]
    return {entry.settings for state in states for entry in state.clips.values() if entry.settings is not None}


def _after(state: State | None, build: Build) -> State:
    clips = {**(state.clips if state else {}), **build.changed}
    for clip_id in build.gone:
        clips.pop(clip_id, None)
    versions = {**(state.versions if state else {}), **build.versions}
    return State(number=build.number, clips=clips, versions=versions)


def _versions(dataset: Dataset, rows: Sequence[ManifestRow]) -> dict[str, tuple[int, ...]]:
    """Ask some results of each kind of clip which version of its stage made them."""

    @cache
    def version(recipe: str) -> int:
        return dataset.recipe(recipe).version

    found: dict[str, set[int]] = {}
    for row in _some_of_each(rows):
        for stage, fingerprint in row.fingerprints.items():
            owner = next((i for i in (row.clip.id, row.clip.whole.id) if dataset.has(i, stage, fingerprint)), None)
            try:
                origin = dataset.origin(owner, stage, fingerprint) if owner is not None else None
                if origin is not None:
                    found.setdefault(stage, set()).add(version(origin.recipe))
            except CorruptArtefact:  # verify tells of it
                continue
    return {stage: tuple(sorted(versions)) for stage, versions in sorted(found.items())}


def _some_of_each(rows: Sequence[ManifestRow]) -> Iterator[ManifestRow]:
    def kind(row: ManifestRow) -> tuple[str, list[str]]:
        return row.settings or "", sorted(row.fingerprints)

    for _, alike in groupby(sorted(rows, key=kind), key=kind):
        yield from list(alike)[:_ASKED]


def _line(build: Build) -> bytes:
    document = plain(build)
    return _dumped({**document, SEAL: _seal(document)}) + b"\n"


def _read_line(line: bytes, number: int) -> Build:
    document = json.loads(line)
    if document.pop(SEAL) != _seal(document) or document["number"] != number:
        raise ValueError("it is not as it was written")
    return from_plain(Build, document)


def _seal(document: dict[str, Any]) -> str:
    return hashlib.sha256(_dumped(document)).hexdigest()


def _dumped(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
