"""Writes a folder whole or not at all: beside its place first, then into it; and never over what it did not write."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.clip import file_sha256
from pipeline.exceptions import OutputNotWritable
from pipeline.handing.exceptions import FolderTaken, HandOverRunning
from pipeline.handing.metadata import KIND
from robots.exceptions import WushuError

METADATA = "metadata.json"
SUMS = "SHA256SUMS"
_TOP = (METADATA, "metadata.csv", "README.md", SUMS)


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Give an empty folder beside ``out`` to write into; it is gone after the block unless it took its place.

    Raises:
        FolderTaken: ``out`` holds something else than a former hand-over.
        HandOverRunning: Another program writes there.
        OutputNotWritable: It cannot be made.
    """
    staging = out.parent / f".{out.name}.part"
    with _told(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        _put_back(out)
    require_free(out)
    with _told(out):
        staging.mkdir(exist_ok=True)
        handle = os.open(staging, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(handle, staging, out)
        with _told(out):
            for left in staging.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        with _told(out):
            yield staging
    finally:
        if _is_at(handle, staging):
            shutil.rmtree(staging, ignore_errors=True)
        os.close(handle)


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
        former = _former(out)
        if out.exists():
            out.rename(former)
        staging.rename(out)
        shutil.rmtree(former, ignore_errors=True)
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
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _are_equal(new: Path, old: Path) -> bool:
    try:
        sums = (old / SUMS).read_bytes()
        return sums == (new / SUMS).read_bytes() == sums_of(old)
    except (OSError, WushuError):
        return False


def _former(out: Path) -> Path:
    return out.parent / f".{out.name}.former"


def _put_back(out: Path) -> None:
    """Undo, or finish, an exchange that a kill cut short."""
    former = _former(out)
    if former.is_dir() and not out.exists():
        former.rename(out)
    elif former.is_dir() and _files_of_former(former) is not None:
        shutil.rmtree(former)


def _lock(handle: int, staging: Path, out: Path) -> None:
    """Hold the folder as long as this program lives; the kernel frees it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HandOverRunning(out) from error
    if not _is_at(handle, staging):  # it was moved into place before we held it
        raise HandOverRunning(out)


def _is_at(handle: int, folder: Path) -> bool:
    """Tell whether an open folder is the one that has this name now."""
    try:
        return os.path.samestat(os.fstat(handle), folder.stat())
    except FileNotFoundError:
        return False


@contextmanager
def _told(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputNotWritable(out, problem=error.strerror or str(error)) from error
