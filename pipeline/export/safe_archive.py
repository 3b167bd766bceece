"""Turns an ``.npz`` of unknown origin into plain arrays: no pickles in it, no more than it may claim."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np

from pipeline.export.exceptions import UnreadableHandoff

LARGEST_BYTES = 1_000_000_000
"""More than an hour and a half of motion; a small archive may claim any size."""


def load_archive(path: Path, names: Collection[str], *, format_name: str) -> dict[str, np.ndarray]:
    """Read those of the named arrays that an archive holds.

    Args:
        path: The file.
        names: Arrays to read; all others are left alone.
        format_name: What the file should be, for messages.

    Raises:
        UnreadableHandoff: It is no archive of arrays, is cut short, damaged, or claims too much.
        OSError: It cannot be opened.
    """
    # NumPy leaves a file open that it opened itself and could not read.
    with path.open("rb") as file:
        try:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is no archive of arrays, or cut short")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                if sum(item.file_size for item in archive.zip.infolist()) > LARGEST_BYTES:
                    raise ValueError(f"it holds more than {LARGEST_BYTES / 1e9:g} GB: cut it into clips")
                return {name: archive[name] for name in names if name in archive.files}
        except Exception as error:  # a broken archive can fail in any way at all
            reason = " ".join(str(error).split()).rstrip(".")
            raise UnreadableHandoff(path, format_name=format_name, problem=reason) from error
