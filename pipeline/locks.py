"""Lets several programs use one folder: each holds a lock file for as long as it lives, and the kernel frees the rest.

The locks are those of ``flock``: a process that is killed holds nothing afterwards. They work between the processes
of a machine, and between machines on file systems that pass them on (NFS 4 does).
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.exceptions import DatasetGone, OutputNotWritable


@contextmanager
def locked(
    path: Path,
    *,
    shared: bool = False,
    wait: bool = True,
    on_wait: Callable[[], object] = lambda: None,
    keep_waiting: Callable[[], bool] | None = None,
) -> Iterator[None]:
    """Hold a lock while the block runs.

    Args:
        path: The lock file; made if it is not there, and left. Its folder is never made: what was moved away comes back
            by nobody's locking it.
        shared: Let others hold it too who share it.
        wait: Until it is free.
        on_wait: Called before that, if it is not.
        keep_waiting: Asked again and again while it is not, and takes its time to answer; False gives up. Without it,
            we wait however long it takes.

    Raises:
        BlockingIOError: Another holds it, and we are not to wait, or no longer.
        OutputNotWritable: The lock file cannot be made, or something else bears its name.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise OutputNotWritable(path, problem=error.strerror or str(error)) from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OutputNotWritable(path, problem="it is no file")
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise
            on_wait()
            _wait(handle, how, keep_waiting)
        yield
    finally:
        os.close(handle)  # and with it goes the lock


def require_dataset(root: Path) -> None:
    """Make sure that a dataset that was opened is still there.

    Raises:
        DatasetGone: It is not.
    """
    if not (root / "dataset.json").exists() and not (root / "clips").is_dir():  # that file alone may be mended
        raise DatasetGone(root)


def lock_file(root: Path, name: str) -> Path:
    """Return a lock file of a dataset as a whole, in a folder that is there.

    Raises:
        DatasetGone: The dataset is not there any more.
        OutputNotWritable: The folder cannot be made.
    """
    require_dataset(root)
    return make_folder(root / ".locks") / name


def make_folder(folder: Path) -> Path:
    """Make one folder if it is not there, and none above it.

    Raises:
        OutputNotWritable: It cannot be made.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputNotWritable(folder, problem=error.strerror or str(error)) from error
    return folder


def _wait(handle: int, how: int, keep_waiting: Callable[[], bool] | None) -> None:
    while keep_waiting is not None:
        try:
            return fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if not keep_waiting():
                raise
    fcntl.flock(handle, how)
