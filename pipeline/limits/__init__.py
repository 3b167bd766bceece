"""The presets of limits that ship with the product, found by name, and a user's own, found by path."""

from __future__ import annotations

from pathlib import Path

from pipeline.verdict import Limits
from robots.exceptions import UnknownName

PRESETS = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}
"""Name of a tier -> its file, to copy and change."""


def find_limits(name_or_path: str) -> Limits:
    """Return the preset of that name, or the limits in that TOML file.

    Raises:
        UnknownName: It is neither a preset nor a file.
        InvalidLimits: The file cannot be used.
    """
    if name_or_path in PRESETS:
        return Limits.load(PRESETS[name_or_path])
    path = Path(name_or_path)
    if path.suffix == ".toml" and path.is_file():
        return Limits.load(path)
    raise UnknownName("preset or .toml file of limits", name_or_path, PRESETS)
