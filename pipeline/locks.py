"""Lets several programs use one folder: each holds a lock file for as long as it lives, and the kernel frees the rest.

The locks are those of ``flock``: a process that is killed holds nothing afterwards. They work between the processes
of a machine, and between machines on file systems that pass them on (NFS 4 does).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.exceptions import OutputNotWritable


@contextmanager
def locked(
    path: Path, *, shared: bool = False, wait: bool = True, on_wait: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Hold a lock while the block runs.

    Args:
        path: The lock file; made if it is not there, and left.
        shared: Let others hold it too who share it.
        wait: Until it is free.
        on_wait: Called before that, if it is not.

    Raises:
        BlockingIOError: Another holds it, and we are not to wait.
        OutputNotWritable: The lock file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise OutputNotWritable(path, problem=error.strerror or str(error)) from error
    try:
        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise
            on_wait()
            fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)  # and with it goes the lock
