"""Turns what was wrong with one way into a clip into the ways to try next."""

from __future__ import annotations

from typing import NamedTuple

REMEDIES: dict[str, tuple[float, ...]] = {
    "drop_m": (0.05, 0.1, 0.2),
    "lift_m": (1.0, 1.6),
    "edge_rad": (0.0, 0.3, 0.6),
    "around_m": (0.0, 0.05, 0.1),
    "run_up_s": (0.3, 0.12, 0.5),
    "arms_rad": (0.0, 0.5, 0.9),
    "arms_run_up_s": (0.3, 0.1),
}
"""What an attempt is changed to, one thing at a time, from its own values on."""


class Attempt(NamedTuple):
    """What is tried."""

    support: int
    """Foot that stands where the clip wants it from the start; 0 left, 1 right."""
    drop_m: float = 0.05
    """How far the base goes down for the step [m]."""
    lift_m: float = 1.0
    """How high the foot is lifted, as a share of what the settings say [1]."""
    edge_rad: float = 0.0
    """How far the other foot is rolled onto its inner edge where it lands [rad]: in a wide step the leg leans farther
    than an ankle rolls. It comes flat as the weight comes over it."""
    run_up_s: float = 0.3
    """Time in which the clip's own speed is taken up [s]."""
    arms_run_up_s: float = 0.3
    """The same of the upper body [s]."""
    around_m: float = 0.0
    """How far the foot in the air goes around the other one [m]."""
    arms_rad: float = 0.0
    """How far the arms are held out to their sides on their way [rad]."""


class Failed(Exception):
    """A way into the clip is not right."""

    def __init__(self, progress: int, reason: str, *may_mend: str) -> None:
        """Take how far it came, in frames before the clip (then more), what stopped it and what may mend it."""
        self.progress, self.reason, self.may_mend = progress, reason, may_mend
        super().__init__(reason)

    def remedies(self, attempt: Attempt) -> list[Attempt]:
        """Change one thing of an attempt to the next value to try."""
        changed = []
        for name in self.may_mend:
            values = REMEDIES[name]
            following = values[values.index(getattr(attempt, name)) + 1 :]
            changed += [attempt._replace(**{name: value}) for value in following[:1]]
        return changed
