"""What retargeting really reads: named body frames moving in a z-up world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from robots.arrays import checked_array, checked_unit_quat, freeze_fields
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyTrajectory:
    """Positions and orientations of a human's bodies; SMPL, BVH and others turn into this."""

    fps: float
    """Frames per second [1/s]."""
    names: tuple[str, ...]
    """Names of the bodies."""
    pos_w: Float[np.ndarray, "frames bodies 3"]
    """Origins of the body frames in the world [m]."""
    quat_wxyz_w: Float[np.ndarray, "frames bodies 4"]
    """Orientations of the body frames in the world."""
    contact_regions: tuple[str, ...] = ()
    """Regions that ``contact_prob`` speaks of, e.g. ``left_foot``; empty if nothing is known."""
    contact_prob: Float[np.ndarray, "frames regions"] | None = None
    """Probability that a region bears weight."""
    trust: Float[np.ndarray, "frames bodies"] | None = None
    """Weight in [0, 1] of each body's place: 1 = seen well, 0 = made up. Not given is 1."""

    def __post_init__(self) -> None:
        """Check shapes, finiteness and unit quaternions."""
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise InvalidArray("fps", problem=f"must be positive, got {self.fps}")
        dims = {"bodies": len(self.names), "regions": len(self.contact_regions)}
        pos_w = checked_array("pos_w", self.pos_w, ("frames", "bodies", 3), dims)
        if len(pos_w) == 0:
            raise InvalidArray("pos_w", problem="has no frames")
        prob = np.zeros((len(pos_w), 0)) if self.contact_prob is None else self.contact_prob
        trust = checked_array(
            "trust", np.ones(pos_w.shape[:2]) if self.trust is None else self.trust, ("frames", "bodies"), dims
        )
        if (trust < 0).any() or (trust > 1).any():
            raise InvalidArray("trust", problem="holds a weight outside [0, 1]")
        freeze_fields(
            self,
            {
                "fps": float(self.fps),
                "names": tuple(self.names),
                "contact_regions": tuple(self.contact_regions),
                "pos_w": pos_w,
                "quat_wxyz_w": checked_unit_quat("quat_wxyz_w", self.quat_wxyz_w, ("frames", "bodies", 4), dims),
                "trust": trust,
                "contact_prob": checked_array("contact_prob", prob, ("frames", "regions"), dims),
            },
        )

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.pos_w)
