"""Copies a dataset one way, to any address that fsspec knows: a folder, S3, GCS, ssh, memory.

What counts is copied, and nothing else: all that present outcomes are made of, index, card, page; no logs, no results
of other settings, no strangers. ``checksums.json`` at the target says what has arrived: it is written before the first
file is sent, without those that will be overwritten, and again as complete after the last. So whoever reads the target
can tell, and a copy that was cut off goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.builds import settings_named
from pipeline.catalogue.contents import (
    CHECKSUMS_FILE,
    CLIP_FILE,
    CLIPS_FILE,
    content_sha256,
    files_of,
    is_below,
    is_digest,
)
from pipeline.catalogue.exceptions import BadTarget, ChangedMeanwhile, MissingDriver, NotSound, TargetFailed
from pipeline.catalogue.index import INDEX_FILE, MADE_TOGETHER
from pipeline.catalogue.verify import MARKER, verify
from pipeline.exceptions import CorruptArtefact
from pipeline.manifest import ROW_FILE, read_rows
from pipeline.sealed import parse_sealed, sealed_bytes
from pipeline.store import Dataset
from retarget.progress import Progress, silent
from robots.exceptions import WushuError

_CHUNK = 1 << 20
_LAST = (MARKER, *MADE_TOGETHER, INDEX_FILE)
"""Sent after all else, in this order: who finds the index finds what it speaks of."""
_LAST_OF_CLIP = (CLIP_FILE, CLIPS_FILE, ROW_FILE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publication did."""

    sent: tuple[str, ...]
    """Files that were copied, below the dataset's folder."""
    skipped: int
    """Files that were there already, with the same content."""
    deleted: tuple[str, ...]
    """Files of an earlier publication that were taken away."""
    superfluous: tuple[str, ...]
    """Such files that were left, as nobody asked to delete."""


@dataclass(frozen=True, slots=True)
class Target:
    """A folder at some storage."""

    url: str
    fs: Any
    root: str

    @classmethod
    def of(cls, url: str, options: Mapping[str, object] | None = None) -> Target:
        """Find the storage of an address.

        Raises:
            BadTarget: There is no such kind of storage.
            MissingDriver: It needs a package that is not here.
            TargetFailed: It could not be reached.
        """
        from fsspec.core import url_to_fs

        try:
            fs, root = url_to_fs(url, **(options or {}))
        except ImportError as error:
            raise MissingDriver(url, package=_package_of(url)) from error
        except ValueError as error:
            raise BadTarget(url, problem=f"{error}. Name a folder or a URL, e.g. s3://bucket/motions") from error
        except Exception as error:  # each driver has errors of its own
            raise TargetFailed(url, problem=str(error) or type(error).__name__) from error
        return cls(url, fs, str(root).rstrip("/"))

    def path(self, name: str) -> str:
        """Return where a file of the dataset goes.

        Raises:
            BadTarget: The name leads out of the target.
        """
        if not is_below(name):
            raise BadTarget(self.url, problem=f"its {CHECKSUMS_FILE} speaks of '{name:.80}', which is none of ours")
        return f"{self.root}/{name}"

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn whatever a driver raises into one sentence; our own errors stay themselves."""
        try:
            yield
        except WushuError:
            raise
        except Exception as error:
            raise TargetFailed(self.url, problem=str(error) or type(error).__name__) from error

    def sizes(self) -> dict[str, int]:
        """List the files that are there, below the target, with their sizes [bytes]."""
        with self.told():
            if not self.fs.exists(self.root):
                return {}
            found = self.fs.find(self.root, detail=True)
        start = len(self.fs._strip_protocol(self.root).rstrip("/")) + 1
        return {str(path)[start:]: int(facts["size"] or 0) for path, facts in found.items()}

    def sha256(self, name: str) -> str:
        """Read a file back, and hash it."""
        sha = hashlib.sha256()
        with self.told(), self.fs.open(self.path(name), "rb") as file:
            while block := file.read(_CHUNK):
                sha.update(block)
        return sha.hexdigest()

    def write(self, name: str, content: bytes) -> None:
        """Write a small file."""
        path = self.path(name)
        with self.told():
            self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            self.fs.pipe_file(path, content)

    def send(self, source: Path, name: str) -> str:
        """Copy a file, block by block; return the hash of what was sent."""
        path, sha = self.path(name), hashlib.sha256()
        with self.told():
            self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            with source.open("rb") as from_here, self.fs.open(path, "wb") as there:
                while block := from_here.read(_CHUNK):
                    sha.update(block)
                    there.write(block)
        return sha.hexdigest()

    def remove(self, name: str) -> None:
        """Delete a file."""
        with self.told():
            self.fs.rm_file(self.path(name))


def publish(
    dataset: Dataset,
    target: Target,
    *,
    delete: bool = False,
    recheck: bool = False,
    progress: Progress = silent,
    on_verify: Progress = silent,
) -> Published:
    """Copy what counts of a dataset to a target, after reading all of it again.

    Args:
        dataset: A sound one, with an index that is up to date.
        target: Where to.
        delete: Take away files of earlier publications that count no more; others there are never touched.
        recheck: Read back every file at the target, instead of believing its ``checksums.json`` and the files' sizes.
        progress: Hears how many of the files are done.
        on_verify: Hears how many of the clips were read again.

    Raises:
        NotSound: Something in the dataset is damaged.
        ChangedMeanwhile: A build wrote to it while it was copied.
        BadTarget: The target is the dataset itself, holds another one or files of others that would be overwritten, or
            its ``checksums.json`` is none of ours.
        TargetFailed: The storage refused.
    """
    _refuse_itself(dataset, target)
    with dataset.being_read():
        return _publish(dataset, target, delete=delete, recheck=recheck, progress=progress, on_verify=on_verify)


def _publish(
    dataset: Dataset, target: Target, *, delete: bool, recheck: bool, progress: Progress, on_verify: Progress
) -> Published:
    """Copy, while nobody tidies."""
    if faults := verify(dataset, on_verify).faults:
        raise NotSound(dataset.root, faults=len(faults), first=str(faults[0]))
    ours = {name: content_sha256(dataset.root / name) for name in published_files(dataset)}
    there, record = target.sizes(), _read_record(target)
    was_ours = set(record["files"]) | set(record["underway"])
    settled = {
        name: sha256
        for name, sha256 in ours.items()
        if there.get(name) == (dataset.root / name).stat().st_size
        and ((not recheck and record["files"].get(name) == sha256) or target.sha256(name) == sha256)
    }
    superfluous = sorted(name for name in was_ours - set(ours) if name in there)
    to_send = [name for name in ours if name not in settled]
    _refuse_others(target, there, was_ours, ours, to_send)
    removed = superfluous if delete else []
    if to_send or removed or record["files"] != ours or not record["complete"]:
        underway = sorted({*to_send, *superfluous})
        target.write(CHECKSUMS_FILE, _record(settled, underway, complete=False))
        for done, name in enumerate(to_send):
            progress(len(settled) + done, len(ours))
            if not (dataset.root / name).is_file() or target.send(dataset.root / name, name) != ours[name]:
                raise ChangedMeanwhile(name)
        for name in removed:
            target.remove(name)
        target.write(CHECKSUMS_FILE, _record(ours, [] if delete else superfluous, complete=True))
    progress(len(ours), len(ours))
    return Published(
        sent=tuple(to_send),
        skipped=len(settled),
        deleted=tuple(removed),
        superfluous=() if delete else tuple(superfluous),
    )


def published_files(dataset: Dataset) -> list[str]:
    """List what counts in a dataset, below its folder, in the order in which it is sent: content before index."""
    found = {path for row in read_rows(dataset) for path in files_of(dataset, row)}
    settings = {dataset.root / "settings" / f"{name}.json" for name in settings_named(dataset) if is_digest(name)}
    names = [path.relative_to(dataset.root).as_posix() for path in found | {p for p in settings if p.is_file()}]
    last = [name for name in _LAST if (dataset.root / name).is_file()]
    return [*sorted(names, key=_when), *last]


def _when(name: str) -> tuple[int, int, str]:
    """Settings and recipes first; of the clips what they are made of before what speaks of it."""
    folder, _, file = name.rpartition("/")
    return int(folder.startswith("clips")), 1 + _LAST_OF_CLIP.index(file) if file in _LAST_OF_CLIP else 0, name


def _refuse_itself(dataset: Dataset, target: Target) -> None:
    """Copying a dataset into itself would never end well."""
    protocols = (target.fs.protocol,) if isinstance(target.fs.protocol, str) else target.fs.protocol
    if "file" not in protocols:
        return
    here, there = dataset.root.resolve(), Path(target.root).resolve()
    if there == here or here in there.parents or there in here.parents:
        raise BadTarget(target.url, problem="lies in the dataset, or around it. Name another folder")


def _refuse_others(
    target: Target, there: Mapping[str, int], was_ours: Set[str], ours: Mapping[str, str], to_send: Sequence[str]
) -> None:
    """Overwrite nothing that was not published there, and take no other dataset's place."""
    if MARKER in there and CHECKSUMS_FILE not in there:
        problem = "holds a dataset that was not published there: somebody may work on it. Name another folder"
        raise BadTarget(target.url, problem=problem)
    if (theirs := _clips(was_ours)) and not theirs & _clips(ours):
        problem = "holds another dataset, none of whose clips is in this one. Name another folder, or empty that one"
        raise BadTarget(target.url, problem=problem)
    if foreign := [name for name in to_send if name in there and name not in was_ours]:
        problem = f"holds '{foreign[0]}', which was not published there and would be overwritten. Name another folder"
        raise BadTarget(target.url, problem=problem)


def _clips(names: Iterable[str]) -> set[str]:
    """Return the ids of the clips that files belong to."""
    return {name.split("/")[1] for name in names if name.startswith("clips/")}


def _read_record(target: Target) -> dict[str, Any]:
    """Read what earlier publications left at the target; nothing if that cannot be read, and all is sent again."""
    empty: dict[str, Any] = {"files": {}, "underway": [], "complete": False}
    with target.told():
        try:
            content = target.fs.cat_file(target.path(CHECKSUMS_FILE))
        except FileNotFoundError:
            return empty
    try:
        found = parse_sealed(content, Path(CHECKSUMS_FILE))
    except CorruptArtefact:
        return empty
    files, underway = found.get("files"), found.get("underway")
    if not isinstance(files, dict) or not isinstance(underway, list):
        return empty
    for name in (*files, *underway):
        target.path(str(name))
    return {"files": files, "underway": underway, "complete": found.get("complete") is True}


def _record(files: Mapping[str, str], underway: list[str], *, complete: bool) -> bytes:
    """Say what has arrived; ``underway`` are files of ours beside it, of which nothing is promised."""
    return sealed_bytes({"complete": complete, "files": dict(files), "underway": underway})


def _package_of(url: str) -> str:
    """Return the package that holds the driver of an address."""
    from fsspec.registry import known_implementations

    protocol = url.split("::", maxsplit=1)[0].partition("://")[0]
    known = known_implementations.get(protocol, {})
    module = str(known.get("class", "")).split(".")[0]
    if module and module != "fsspec":
        return module
    words = str(known.get("err", "")).replace('"', " ").replace("'", " ").replace("`", " ").split()
    after = [b for a, b in pairwise(words) if a.lower() in ("requires", "install", "the") and b != "the"]
    return after[0].strip(".,") if after else f"fsspec[{protocol}]"
