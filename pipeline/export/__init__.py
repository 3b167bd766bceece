"""Hand-off: accepted motions as the files that trainers of the G1 read, each with its reader and its check."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pipeline.export.exceptions import HandoffNotOpened, UnreadableHandoff, UnsafePickle
from pipeline.export.gmr import GmrFormat, is_gmr
from pipeline.export.handoff import Handoff, HandoffFormat, fk_error_mm
from pipeline.export.mjlab import MjlabFormat
from pipeline.export.pbhc import PbhcFormat
from pipeline.export.safe_pickle import load_arrays
from pipeline.export.unitree_csv import UnitreeCsvFormat
from robots.exceptions import UnknownName
from robots.motion import RobotMotion

__all__ = [
    "FORMATS",
    "Handoff",
    "HandoffFormat",
    "check_handoff",
    "find_format",
    "fk_error_mm",
    "format_of_file",
    "read_handoff",
]

FORMATS: Mapping[str, HandoffFormat] = MappingProxyType(
    {"pbhc": PbhcFormat(), "mjlab": MjlabFormat(), "unitree-csv": UnitreeCsvFormat(), "gmr": GmrFormat()}
)
"""Formats by the name under which a user asks for them."""


def format_of_file(path: Path) -> str | None:
    """Return the name of the format that a file is of, None if no format has its ending.

    PBHC's and GMR's files both end in ``.pkl``: what a file holds decides. Where it cannot be read, it is taken by its
    name (``kick.gmr.pkl``) for GMR's, else for PBHC's, whose reader says what is wrong with it.
    """
    named = [name for name, form in FORMATS.items() if path.name.lower().endswith(form.suffix)]
    if "gmr" not in named:
        return next(iter(named), None)
    try:
        gmr = is_gmr(load_arrays(path, format_name="gmr"))
    except (OSError, UnreadableHandoff, UnsafePickle):
        gmr = path.stem.lower().endswith(".gmr")
    return "gmr" if gmr else "pbhc"


def find_format(name: str) -> HandoffFormat:
    """Return a format by its name.

    Raises:
        UnknownName: There is none of that name.
    """
    if name not in FORMATS:
        raise UnknownName("hand-off format", name, FORMATS)
    return FORMATS[name]


def read_handoff(path: Path, name: str) -> RobotMotion:
    """Read a file of the format of that name.

    Raises:
        UnknownName: There is no such format.
        HandoffNotOpened: The file is missing, a folder, or not to be read by this user.
        UnreadableHandoff: The file is not what the format promises.
        UnsafePickle: It is a pickle that asks for more than arrays.
    """
    form = find_format(name)
    try:
        return form.read(path)
    except OSError as error:
        raise HandoffNotOpened(path, problem=(error.strerror or str(error)).lower()) from error


def check_handoff(path: Path, name: str) -> tuple[str, ...]:
    """Say all that is wrong with a file for the consumers of the format of that name; nothing, if it can be used.

    Raises:
        UnknownName: There is no such format.
        HandoffNotOpened: The file is missing, a folder, or not to be read by this user.
    """
    form = find_format(name)
    try:
        return form.check(path)
    except OSError as error:
        raise HandoffNotOpened(path, problem=(error.strerror or str(error)).lower()) from error
