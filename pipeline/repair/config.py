"""What a repair may cost, and what is left of a clip that is worth keeping."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.plausibility.regrounding import RegroundingConfig
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairConfig:
    """How hard to try to save a refused clip."""

    min_piece_s: float = 1.5
    """Shorter pieces are not worth a file of their own [s]."""
    margin_s: float = 0.1
    """What is cut off on both sides of a bad span [s]: a fault is rarely over with the last frame that shows it."""
    max_gap_s: float = 0.1
    """Good frames between two bad spans that are this short are bad as well [s]."""
    snap_s: float = 0.3
    """How much further a cut may move to end on both feet rather than on one [s]."""
    enough: float = 0.9
    """A lesser change of the data that keeps this share of what a greater one keeps is preferred."""
    max_trials: int = 24
    """Motions that are made and judged at most; 0 proposes nothing."""
    regrounding: RegroundingConfig = field(default_factory=RegroundingConfig)
    """How a floor that follows the feet is found."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        for name in ("min_piece_s", "margin_s", "max_gap_s", "snap_s", "enough", "max_trials"):
            if not getattr(self, name) >= 0:
                raise InvalidArray(name, problem=f"must not be negative, got {getattr(self, name)}")
