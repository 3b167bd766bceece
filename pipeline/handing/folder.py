"""Writes a folder whole or not at all: beside its place first, then into it; and never over what it did not write."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from pipeline.clip import file_sha256
from pipeline.exceptions import OutputNotWritable
from pipeline.handing.exceptions import FolderTaken, HandOverRunning
from pipeline.handing.metadata import KIND
from robots.exceptions import WushuError

METADATA = "metadata.json"
SUMS = "SHA256SUMS"
_TOP = (METADATA, "metadata.csv", "README.md", SUMS)
_NEW, _FORMER = "new", "former"
"""What the folder beside ``out`` holds, and nothing else: what is being written, and what it takes the place of."""


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Give an empty folder beside ``out`` to write into; it is gone after the block unless it took its place.

    Raises:
        FolderTaken: ``out``, or the place beside it, holds something else than a hand-over.
        HandOverRunning: Another program writes there.
        OutputNotWritable: It cannot be made.
    """
    beside = out.parent / f".{out.name}.part"
    with _held(beside, out):
        try:
            require_free(out)
            with _told(out):
                (beside / _NEW).mkdir()
                yield beside / _NEW
        finally:
            with suppress(OSError):
                _sweep(beside, out)
                beside.rmdir()


@contextmanager
def _held(beside: Path, out: Path) -> Iterator[None]:
    """Be the only one who writes there, with nothing left of whoever was killed; the kernel frees the place."""
    with _told(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        if beside.is_symlink():
            _refuse(beside)
        beside.mkdir(exist_ok=True)
        handle = os.open(beside, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _lock(handle, beside, out)
        with _told(out):
            if any(path.name not in (_NEW, _FORMER) or path.is_symlink() for path in beside.iterdir()):
                _refuse(beside)
            _sweep(beside, out)
        yield
    finally:
        os.close(handle)


def _sweep(beside: Path, out: Path) -> None:
    """Undo, or finish, an exchange that was cut short, and remove what is left of it."""
    new, former = beside / _NEW, beside / _FORMER
    if former.is_dir() and not os.path.lexists(out):
        former.rename(out)
    for left in (new, former):
        if left.is_dir():
            shutil.rmtree(left)


def _refuse(beside: Path) -> NoReturn:
    raise FolderTaken(beside, problem="is in the way, and no hand-over made it")


def require_free(out: Path) -> None:
    """Check that a folder is new, empty, or a hand-over of former times and nothing else.

    Raises:
        FolderTaken: It is not.
    """
    if not os.path.lexists(out):
        return
    if not out.is_dir() or out.is_symlink():
        raise FolderTaken(out, problem="is no folder")
    if not any(out.iterdir()):
        return
    if (known := _files_of_former(out)) is None:
        raise FolderTaken(out, problem="is not empty, and no earlier hand-over made it")
    strange = sorted(str(p.relative_to(out)) for p in out.rglob("*") if not p.is_dir() or p.is_symlink())
    if foreign := [name for name in strange if name not in known]:
        raise FolderTaken(out, problem=f"holds '{foreign[0]}', which no hand-over wrote and this one would remove")


def put_in_place(staging: Path, out: Path) -> bool:
    """Let a finished folder take the place of a former one; tell whether anything changed by it.

    Raises:
        FolderTaken: Something else came there meanwhile.
        OutputNotWritable: It cannot be moved there.
    """
    require_free(out)
    if _are_equal(staging, out):
        return False
    with _told(out):
        if out.exists():
            out.rename(staging.parent / _FORMER)
        staging.rename(out)
    return True


def sums_of(folder: Path) -> bytes:
    """Return the lines that ``sha256sum -c`` reads, of all files of a folder."""
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    return "".join(f"{file_sha256(folder / name)}  {name}\n" for name in files).encode()


def _files_of_former(out: Path) -> set[str] | None:
    """Return which files a former hand-over wrote, None if none was made there; harmed ones still are its own."""
    try:
        document = json.loads((out / METADATA).read_bytes())
        if document["kind"] != KIND:
            return None
        return {str(entry["file"]) for entry in document["files"]} | set(_TOP)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return _files_of_sums(out)


def _files_of_sums(out: Path) -> set[str] | None:
    """Return which files the sums of a hand-over speak of, None if they are of something else."""
    try:
        lines = (out / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None
    files = {line.partition("  ")[2] for line in lines} | {SUMS}
    top = {name for name in files if not name.startswith(("train/", "val/"))}
    return files if top == set(_TOP) else None


def _are_equal(new: Path, old: Path) -> bool:
    try:
        sums = (old / SUMS).read_bytes()
        return sums == (new / SUMS).read_bytes() == sums_of(old)
    except (OSError, WushuError):
        return False


def _lock(handle: int, beside: Path, out: Path) -> None:
    """Hold the folder as long as this program lives; the kernel frees it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HandOverRunning(out) from error
    if not _is_at(handle, beside):  # its holder was done, and took it away
        raise HandOverRunning(out)


def _is_at(handle: int, folder: Path) -> bool:
    """Tell whether an open folder is the one that has this name now."""
    try:
        return os.path.samestat(os.fstat(handle), folder.lstat())
    except FileNotFoundError:
        return False


@contextmanager
def _told(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputNotWritable(out, problem=error.strerror or str(error)) from error
