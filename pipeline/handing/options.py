"""What a user can choose about a hand-over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from robots.exceptions import InvalidArray

Version = Literal["solved", "refined"]
"""Which version of an accepted clip: as it was solved, or as the simulated robot did it without help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffOptions:
    """Which motions go to whom, and which of them are kept for validation."""

    to: str
    """Format: `pbhc`, `mjlab`, `unitree-csv` (Unitree's tools, BeyondMimic) or `gmr`."""
    val_share: float = 0.1
    """Share of the motion's seconds that goes to `val/`; all clips of a source stand on the same side."""
    seed: int = 0
    """Of the split: equal seeds give equal splits."""
    balance: bool = False
    """Let no source give more seconds than the median source; the lowest scores are left out first."""
    whole_only: bool = False
    """Leave out the parts of clips that were mended."""
    version: Version = "solved"
    """`refined` takes, where there is one, what the simulated robot did without help instead of what was solved."""
    min_score: float = 0.0
    """Leave out motions that score less, from 0 to 1."""
    commercial: bool = False
    """Leave out whatever is not known to be free for commercial use."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        if not 0.0 <= self.val_share < 1.0:
            raise InvalidArray("val_share", problem=f"must lie between 0 and 1, and below 1, got {self.val_share}")
        if not 0.0 <= self.min_score <= 1.0:
            raise InvalidArray("min_score", problem=f"must lie between 0 and 1, got {self.min_score}")
