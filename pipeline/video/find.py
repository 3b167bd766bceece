"""Turns the files and folders a user names into a list of video files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv"}
)
"""Endings by which videos are picked from a folder; a file named by itself may have any."""


def find_videos(paths: Iterable[Path]) -> list[Path]:
    """Return files as they were named and, for a folder, the videos anywhere below it in the order of their names.

    Hidden files and folders are passed over. Whether a file is there and readable shows when it is opened.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in VIDEO_SUFFIXES
                and not any(part.startswith(".") for part in file.relative_to(path).parts)
                and file.is_file()
            )
        else:
            found.append(path)
    return found
