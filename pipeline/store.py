"""A dataset directory: one folder a clip, stage results found by fingerprint, nothing half-written.

    DATASET/dataset.json                     layout version
    DATASET/clips/<clip id>/clip.json        what the clip is
    DATASET/clips/<clip id>/<stage>-<fingerprint>.json + .npz    what a stage made of it
    DATASET/clips/<clip id>/clips.json       which clips a source was cut into, in the folder of the source as a whole
    DATASET/clips/<clip id>/row.json         outcome: verdict, fingerprints, licences
    DATASET/clips/<clip id>/{playback.mp4,handoff/}              what people and trainers take

The ``.json`` of a result is written last and names the sha256 of its ``.npz``: without it the result does not exist.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipeline.clip import Clip
from pipeline.exceptions import CorruptArtefact, NotADataset, OutputNotWritable
from pipeline.record_codec import decode, encode, from_plain, plain

LAYOUT_VERSION = 2

Record = TypeVar("Record")


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
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
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
            layout = json.loads((root / "dataset.json").read_text(encoding="utf-8"))["layout"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NotADataset(root, problem="holds no readable dataset.json") from error
        if layout != LAYOUT_VERSION:
            raise NotADataset(root, problem=f"has layout {layout}, this program writes layout {LAYOUT_VERSION}")
        return cls(root)

    def record_clips(self, whole: Clip, clips: Sequence[Clip]) -> list[str]:
        """Note which clips a source is cut into now; return the ids of those it was cut into before, and no more."""
        path = self.clip_dir(whole.id) / "clips.json"
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = []
        ids = [clip.id for clip in clips]
        write_json(path, ids)
        return [str(i) for i in before if i not in ids] if isinstance(before, list) else []

    def clip_dir(self, clip_id: str) -> Path:
        """Return the folder of a clip."""
        return self.root / "clips" / clip_id

    def clip_ids(self) -> list[str]:
        """Return the ids of all clips, sorted."""
        return sorted(path.parent.name for path in (self.root / "clips").glob("*/clip.json"))

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

    def save(self, clip_id: str, stage: str, fingerprint: str, record: object) -> None:
        """Write a stage's result; readers see all of it or nothing."""
        path = self._artefact(clip_id, stage, fingerprint)
        document, arrays = encode(record)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_bytes(path.with_suffix(".npz"), buffer.getvalue())
        write_json(path, {"npz_sha256": hashlib.sha256(buffer.getvalue()).hexdigest(), "record": document})

    def load(self, clip_id: str, stage: str, fingerprint: str, cls: type[Record]) -> Record:
        """Read a stage's result back.

        Raises:
            CorruptArtefact: A file is missing, altered or cut off.
        """
        path = self._artefact(clip_id, stage, fingerprint)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            content = path.with_suffix(".npz").read_bytes()
        except (OSError, ValueError) as error:
            raise CorruptArtefact(path, problem=str(error)) from error
        if not isinstance(document, dict):
            raise CorruptArtefact(path, problem=f"does not hold a {cls.__name__}")
        if hashlib.sha256(content).hexdigest() != document.get("npz_sha256"):
            raise CorruptArtefact(path.with_suffix(".npz"), problem="its content has changed since it was written")
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as npz:
                return decode(cls, document["record"], dict(npz))
        except (zipfile.BadZipFile, KeyError, ValueError, ExceptionGroup) as error:
            raise CorruptArtefact(path, problem=f"does not hold a {cls.__name__}") from error

    def _artefact(self, clip_id: str, stage: str, fingerprint: str) -> Path:
        return self.clip_dir(clip_id) / f"{stage}-{fingerprint}.json"


def is_dataset(folder: Path) -> bool:
    """Tell whether a folder is a dataset, of whatever layout."""
    return (folder / "dataset.json").is_file() and (folder / "clips").is_dir()


def read_record(path: Path, cls: type[Record]) -> Record:
    """Read a record without arrays from JSON.

    Raises:
        CorruptArtefact: The file is missing or does not hold one.
    """
    try:
        return from_plain(cls, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, ExceptionGroup) as error:
        raise CorruptArtefact(path, problem=f"does not hold a {cls.__name__}") from error


def write_json(path: Path, document: Any) -> None:
    """Write JSON atomically, with sorted keys so that equal content gives equal bytes."""
    write_bytes(path, (json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


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
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
    except OSError as error:
        raise OutputNotWritable(path, problem=error.strerror or str(error)) from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder, with the same ending, that takes the place of ``path`` on success.

    Raises:
        OutputNotWritable: The folder cannot be written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".part-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise OutputNotWritable(path, problem=error.strerror or str(error)) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise OutputNotWritable(path, problem=error.strerror or str(error)) from error
    finally:
        temporary.unlink(missing_ok=True)
