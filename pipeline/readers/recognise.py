"""Tells motion files from all else that lies in a folder, by their names and without reading them whole."""

from __future__ import annotations

import zipfile
from pathlib import Path

from pipeline.readers.npz_file import RATE_KEYS
from pipeline.readers.read import MOTION_SUFFIXES


def is_motion_file(path: Path) -> bool:
    """Tell by its name whether a file is meant to hold motion; all else is taken for a video."""
    return path.name.lower().endswith(MOTION_SUFFIXES)


def holds_motion(path: Path) -> bool:
    """Tell whether a file that is called like a motion may be one: arrays of all kinds are called ``.npz``."""
    if not path.name.lower().endswith(".npz"):
        return is_motion_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        return False
    return bool(names & {"poses", "pose_body", "body_pose"}) and bool(names & set(RATE_KEYS))
