"""A dataset directory: one folder a clip, stage results found by fingerprint, nothing half-written.

    DATASET/dataset.json                     layout version
    DATASET/settings/<digest>.json           all settings of a build
    DATASET/recipes/<digest>.json            name, version and config of a stage that results were made by
    DATASET/clips/<clip id>/clip.json        what the clip is
    DATASET/clips/<clip id>/<stage>-<fingerprint>.json + .npz    what a stage made of it, and from what
    DATASET/clips/<clip id>/clips.json       which clips a source was cut into, in the folder of the source as a whole
    DATASET/clips/<clip id>/row.json         outcome: verdict, fingerprints, licences
    DATASET/clips/<clip id>/{playback.mp4,handoff/}              what people and trainers take

Every ``.json`` is sealed (``pipeline.sealed``). That of a result is written last and names the sha256 of its ``.npz``:
without it the result does not exist. Files and folders whose names begin with a dot are no part of the dataset: locks,
and what is being written.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipeline.clip import Clip
from pipeline.exceptions import BeingTidied, CorruptArtefact, InUse, NotADataset, OutputNotWritable
from pipeline.locks import lock_file, locked, make_folder, require_dataset
from pipeline.record_codec import decode, digest, encode, from_plain, plain
from pipeline.sealed import read_plain_file, read_sealed, sealed_bytes
from robots.exceptions import WushuError

LAYOUT_VERSION = 3

PART_FILES = ".part-*"
"""What files that are being written are called."""

_STORAGE_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})

_CLIP_ID = re.compile(r"[0-9a-f]{16}")
_RESULT_NAME = re.compile(r"([a-z0-9_]+)-([0-9a-f]{16})")

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a stage does, as far as it decides the results, whatever the clip."""

    name: str
    """The stage."""
    version: int
    """Raised with every change of its code that changes results."""
    config: Any
    """Settings and learned or given data that decide it, as JSON types."""

    @property
    def digest(self) -> str:
        """Name it by its content."""
        return digest([self.name, self.version, self.config])


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a result was made from: with the clip it decides the fingerprint."""

    recipe: str
    """Digest of the :class:`Recipe`."""
    facts: Any
    """What the user said of the source that decides it, as JSON types."""
    inputs: dict[str, str]
    """Stage -> fingerprint of the results it read."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset directory on a local disk."""

    root: Path

    @classmethod
    def open_or_create(cls, root: Path) -> Dataset:
        """Open a dataset, or make an empty one.

        Raises:
            NotADataset: The folder holds something else, or a dataset of another layout.
            OutputNotWritable: It cannot be created.
        """
        marker = root / "dataset.json"
        if marker.exists():
            return cls.open(root)
        if (
            root.exists() and (not root.is_dir() or not _is_free(root)) and not marker.exists()
        ):  # another may make it now
            raise NotADataset(root, problem="is not empty and holds no dataset.json")
        write_json(marker, {"layout": LAYOUT_VERSION})
        return cls(root)

    @classmethod
    def open(cls, root: Path) -> Dataset:
        """Open an existing dataset.

        Raises:
            NotADataset: It is none, or one of another layout.
        """
        try:
            layout = json.loads((root / "dataset.json").read_text(encoding="utf-8"))["layout"]  # of whatever program
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise NotADataset(root, problem="holds no readable dataset.json") from error
        if layout != LAYOUT_VERSION:
            problem = f"has layout {layout}, this program reads and writes layout {LAYOUT_VERSION}"
            raise NotADataset(root, problem=f"{problem}; nothing in it was touched")
        return cls(root)

    @contextmanager
    def in_use(
        self, on_wait: Callable[[], object] = lambda: None, keep_waiting: Callable[[], bool] | None = None
    ) -> Iterator[None]:
        """Keep the dataset from being tidied while the block runs; any number of programs may use it at once.

        Args:
            on_wait: Called if somebody tidies it now, before waiting for the end of that.
            keep_waiting: Asked meanwhile, as :func:`pipeline.locks.locked` does.

        Raises:
            BeingTidied: It is, and we are to wait no longer.
            DatasetGone: It is not there any more.
        """
        path = lock_file(self.root, "dataset")
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(path, shared=True, on_wait=on_wait, keep_waiting=keep_waiting))
            except BlockingIOError as error:
                raise BeingTidied(self.root) from error
            yield

    @contextmanager
    def being_read(self, keep_waiting: Callable[[], bool] | None = None) -> Iterator[None]:
        """Keep the dataset as :meth:`in_use` does, if it can be; where nobody can lock, nobody can tidy either."""
        with ExitStack() as stack:
            with suppress(OutputNotWritable):
                stack.enter_context(self.in_use(keep_waiting=keep_waiting))
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the dataset for oneself while the block runs.

        Raises:
            InUse: A build is running on it.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(lock_file(self.root, "dataset"), wait=False))
            except BlockingIOError as error:
                raise InUse(self.root) from error
            yield

    @contextmanager
    def index_lock(self) -> Iterator[None]:
        """Be the only one who writes what is made from all clips together: index, card, page."""
        with locked(lock_file(self.root, "index")):
            yield

    @contextmanager
    def clip_lock(self, clip_id: str) -> Iterator[None]:
        """Be the only one who writes in a clip's folder; what a killed program left half-written there is removed."""
        require_dataset(self.root)
        folder = make_folder(make_folder(self.root / "clips") / clip_id)
        with locked(folder / ".lock"):
            for left in (*folder.glob(PART_FILES), *folder.glob(f"*/{PART_FILES}")):
                if self.holds(left):
                    left.unlink(missing_ok=True)
            yield

    def record_clips(self, whole: Clip, clips: Sequence[Clip]) -> list[str]:
        """Note which clips a source is cut into now; return the ids of those it was cut into before, and no more."""
        path = self.clip_dir(whole.id) / "clips.json"
        try:
            before = [str(i) for i in read_sealed(path)["clips"]]
        except (CorruptArtefact, KeyError, TypeError):
            before = []
        ids = [clip.id for clip in clips]
        write_json(path, {"clips": ids})
        return [i for i in before if i not in ids]

    def add_settings(self, settings: Any) -> str:
        """Keep the settings of a build, as JSON types; return the digest under which they are found."""
        name = digest(settings)
        path = self.root / "settings" / f"{name}.json"
        if not path.exists():
            write_json(path, {"settings": settings})
        return name

    def settings(self, name: str) -> Any:
        """Read the settings of a build back, as JSON types.

        Raises:
            CorruptArtefact: They are missing or damaged.
        """
        return read_sealed(self.root / "settings" / f"{name}.json").get("settings")

    def add_recipe(self, recipe: Recipe) -> None:
        """Keep what a result is made by."""
        path = self.root / "recipes" / f"{recipe.digest}.json"
        if not path.exists():
            write_json(path, plain(recipe))

    def recipe(self, name: str) -> Recipe:
        """Read a recipe back.

        Raises:
            CorruptArtefact: It is missing or damaged.
        """
        return read_record(self.root / "recipes" / f"{name}.json", Recipe)

    def clip_dir(self, clip_id: str) -> Path:
        """Return the folder of a clip."""
        return self.root / "clips" / clip_id

    def clip_ids(self) -> list[str]:
        """Return the ids of all clips, sorted; a folder with another name, such as a copy's, is none."""
        names = (path.parent.name for path in (self.root / "clips").glob("*/clip.json"))
        return sorted(filter(is_clip_id, names))

    def holds(self, path: Path) -> bool:
        """Tell whether a path below the root stays there: no folder on the way to it is a link to somewhere else."""
        return path.parent.resolve() == self.root.resolve() / path.parent.relative_to(self.root)

    def add_clip(self, clip: Clip) -> None:
        """Register a clip; doing so again changes nothing but the source's path."""
        write_json(self.clip_dir(clip.id) / "clip.json", plain(clip))

    def clip(self, clip_id: str) -> Clip:
        """Read a clip back.

        Raises:
            CorruptArtefact: Its clip.json is missing or damaged.
        """
        return read_record(self.clip_dir(clip_id) / "clip.json", Clip)

    def has(self, clip_id: str, stage: str, fingerprint: str) -> bool:
        """Tell whether a stage's result is there, complete."""
        return self._artefact(clip_id, stage, fingerprint).exists()

    def save(self, clip_id: str, stage: str, fingerprint: str, record: object, origin: Origin | None = None) -> None:
        """Write a stage's result, and what it was made from; readers see all of it or nothing.

        Raises:
            OutputNotWritable: The folder cannot be written, or the disk is full.
        """
        path = self._artefact(clip_id, stage, fingerprint)
        document, arrays = encode(record)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_bytes(path.with_suffix(".npz"), buffer.getvalue())
        npz_sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        write_json(path, {"npz_sha256": npz_sha256, "record": document, "origin": plain(origin) if origin else None})

    def load(self, clip_id: str, stage: str, fingerprint: str, cls: type[Record]) -> Record:
        """Read a stage's result back.

        Raises:
            CorruptArtefact: A file is missing, altered or cut off.
        """
        path = self._artefact(clip_id, stage, fingerprint)
        document, content = _read_result(path)
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as npz:
                return decode(cls, document["record"], dict(npz))
        except (zipfile.BadZipFile, KeyError, ValueError, ExceptionGroup) as error:
            raise CorruptArtefact(path, problem=f"does not hold a {cls.__name__}") from error

    def results(self, clip_id: str) -> list[tuple[str, str]]:
        """List the results that are in a clip's folder, as stage and fingerprint, sorted."""
        names = (path.stem for path in self.clip_dir(clip_id).glob("*-*.json"))
        return sorted((found[1], found[2]) for found in map(_RESULT_NAME.fullmatch, names) if found is not None)

    def document(self, clip_id: str, stage: str, fingerprint: str) -> dict[str, Any]:
        """Read what a result says beside its arrays, as JSON types: ``record``, ``origin`` and ``npz_sha256``.

        The arrays are held against their hash, and not decoded.

        Raises:
            CorruptArtefact: A file is missing, altered or cut off.
        """
        return _read_result(self._artefact(clip_id, stage, fingerprint))[0]

    def origin(self, clip_id: str, stage: str, fingerprint: str) -> Origin | None:
        """Read what a stage's result was made from; None if whoever saved it did not say.

        Raises:
            CorruptArtefact: The result is missing or damaged.
        """
        path = self._artefact(clip_id, stage, fingerprint)
        document = read_sealed(path).get("origin")
        try:
            return None if document is None else from_plain(Origin, document)
        except (ValueError, KeyError, ExceptionGroup) as error:
            raise CorruptArtefact(path, problem="does not say what it was made from") from error

    def _artefact(self, clip_id: str, stage: str, fingerprint: str) -> Path:
        return self.clip_dir(clip_id) / f"{stage}-{fingerprint}.json"


def _read_result(path: Path) -> tuple[dict[str, Any], bytes]:
    """Read both files of a result, and hold each against its hash."""
    document, arrays = read_sealed(path), path.with_suffix(".npz")
    content = read_plain_file(arrays)
    if hashlib.sha256(content).hexdigest() != document.get("npz_sha256"):
        raise CorruptArtefact(arrays, problem="its content has changed since it was written")
    return document, content


def _is_free(folder: Path) -> bool:
    """Tell whether nothing is in a folder, but for a file that somebody is beginning to write."""
    return all(path.match(PART_FILES) for path in folder.iterdir())


def is_clip_id(text: str) -> bool:
    """Tell whether a text is the id of a clip, as far as its letters go: only then may it become a path."""
    return _CLIP_ID.fullmatch(text) is not None


def is_dataset(folder: Path) -> bool:
    """Tell whether a folder is a dataset, of whatever layout."""
    return (folder / "dataset.json").is_file() and (folder / "clips").is_dir()


def read_record(path: Path, cls: type[Record]) -> Record:
    """Read a record without arrays from sealed JSON.

    Raises:
        CorruptArtefact: The file is missing, was changed, or does not hold one.
    """
    document = read_sealed(path)
    try:
        return from_plain(cls, document)
    except (ValueError, KeyError, WushuError, ExceptionGroup) as error:
        raise CorruptArtefact(path, problem=f"does not hold a {cls.__name__}") from error


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write sealed JSON atomically.

    Raises:
        OutputNotWritable: The folder cannot be written, or the disk is full.
    """
    write_bytes(path, sealed_bytes(document))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically.

    Raises:
        OutputNotWritable: The folder cannot be written, or the disk is full.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def remove_file(path: Path) -> None:
    """Take a file away if it is there, and its folder if nothing else is in it.

    Raises:
        OutputNotWritable: It may not be removed.
    """
    with _told_as_not_writable(path):
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder, with the same ending, that takes the place of ``path`` on success.

    Raises:
        OutputNotWritable: The folder cannot be written, or the disk is full; other errors of the block stay themselves.
    """
    with _told_as_not_writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=PART_FILES[:-1], suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with _told_as_not_writable(path, only=_STORAGE_FAULTS):
            yield temporary
        with _told_as_not_writable(path):
            temporary.chmod(0o644)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _told_as_not_writable(path: Path, only: frozenset[int] | None = None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        raise OutputNotWritable(path, problem=error.strerror or str(error)) from error
