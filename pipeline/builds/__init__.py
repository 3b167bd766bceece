"""What earlier builds of a dataset gave, so that a new one can say what moved."""

from pipeline.builds.changes import changed_keys
from pipeline.builds.compare import Comparison, Move, NewSettings, Totals, compare
from pipeline.builds.record import (
    BUILDS_FILE,
    Entry,
    History,
    State,
    add_build,
    entries_of,
    kinds_of,
    read_history,
    settings_named,
)

__all__ = [
    "BUILDS_FILE",
    "Comparison",
    "Entry",
    "History",
    "Move",
    "NewSettings",
    "State",
    "Totals",
    "add_build",
    "changed_keys",
    "compare",
    "entries_of",
    "kinds_of",
    "read_history",
    "settings_named",
]
