"""Hand-off: accepted motions as the files that trainers of the G1 read, each with its reader and its check."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pipeline.export.handoff import Handoff, HandoffFormat, fk_error_mm
from pipeline.export.mjlab import MjlabFormat
from pipeline.export.pbhc import PbhcFormat
from pipeline.export.unitree_csv import UnitreeCsvFormat
from robots.exceptions import UnknownName

__all__ = ["FORMATS", "Handoff", "HandoffFormat", "find_format", "fk_error_mm", "format_of_file"]

FORMATS: Mapping[str, HandoffFormat] = MappingProxyType(
    {"pbhc": PbhcFormat(), "mjlab": MjlabFormat(), "unitree-csv": UnitreeCsvFormat()}
)
"""Formats by the name under which a user asks for them."""


def format_of_file(path: Path) -> str | None:
    """Return the name of the format that files with this ending have, None if no format has it."""
    return next((name for name, form in FORMATS.items() if path.name.lower().endswith(form.suffix)), None)


def find_format(name: str) -> HandoffFormat:
    """Return a format by its name.

    Raises:
        UnknownName: There is none of that name.
    """
    if name not in FORMATS:
        raise UnknownName("hand-off format", name, FORMATS)
    return FORMATS[name]
