"""Files that only grow, a line at a time: what was said to be kept is on the disk, whatever happens next.

They are read and written where they lie: a link of such a name, or a pipe, is told and never followed or waited for.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pipeline.exceptions import OutputNotWritable


def read_lines(path: Path) -> list[bytes]:
    """Return all lines, and last what stands behind the end of the last one: nothing, unless a writer was stopped.

    Raises:
        OSError: It cannot be read, or is no file.
    """
    handle = _opened(path, os.O_RDONLY)
    try:
        return _content(handle).split(b"\n")
    finally:
        os.close(handle)


def append_line(path: Path, line: bytes, *, is_whole: Callable[[bytes], bool]) -> None:
    """Put a line behind the others, on the disk, or leave the others as they are; whoever calls has the file alone.

    Args:
        path: The file; made if it is not there, in a folder that is.
        line: Without its end.
        is_whole: Is given what a writer that was stopped left behind the last line, and tells whether only its end is
            missing. If not it is cut off: nobody was told that it was kept.

    Raises:
        OutputNotWritable: It could not be kept, or something else bears the file's name.
    """
    try:
        handle = _opened(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    except OSError as error:
        raise OutputNotWritable(path, problem=error.strerror or str(error)) from error
    try:
        content = _content(handle)
        tail = content.rpartition(b"\n")[2]
        ends = not tail or not is_whole(tail)
        before = len(content) - len(tail) if ends else len(content)
        try:
            os.ftruncate(handle, before)
            _write_all(handle, (b"" if ends else b"\n") + line + b"\n")
            os.fsync(handle)
            _sync_folder(path.parent)
        except OSError:
            with suppress(OSError):  # of a disk that takes nothing, the first fault is told
                os.ftruncate(handle, before)
            raise
    except OSError as error:
        raise OutputNotWritable(path, problem=error.strerror or str(error)) from error
    finally:
        os.close(handle)


def _opened(path: Path, flags: int) -> int:
    """Open a file and nothing else.

    Raises:
        OSError: It cannot be opened, or is a link, a folder, a pipe...
    """
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(error.errno, "Is a link") from error
        raise
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return handle
    os.close(handle)
    raise (
        OSError(errno.EISDIR, os.strerror(errno.EISDIR)) if stat.S_ISDIR(mode) else OSError(errno.EINVAL, "Is no file")
    )


def _content(handle: int) -> bytes:
    parts, at = [], 0
    while part := os.pread(handle, 2**20, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
