"""What retargeting hands on: the robot's motion, and how far it had to leave the human's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from retarget.contacts import Span
from robots.arrays import checked_array, freeze_fields
from robots.exceptions import InvalidArray
from robots.motion import RobotMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class InfeasibleStance:
    """A stance that the robot could not hold; its foot was let go and follows the human instead."""

    foot: int
    """Column of the foot in ``foot_contact``."""
    start: int
    """First frame."""
    stop: int
    """Frame after the last."""
    reason: Literal["slid", "in the air", "out of reach"]
    """``slid``, ``in the air``: so the human's own foot was. ``out of reach``: the robot's foot could not stay."""
    error_m: float
    """How far, at worst, the foot was from its anchor or the floor, in the robot's size [m]."""

    def __str__(self) -> str:
        """Return one sentence."""
        cause = {
            "slid": "the human's foot slid",
            "in the air": "the human's foot was in the air",
            "out of reach": "the robot's foot could not stay there",
        }[self.reason]
        return f"foot {self.foot} was let go in frames {self.start} to {self.stop - 1}: {cause} ({self.error_m:.3f} m)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RetargetResult:
    """A robot motion with its residuals."""

    motion: RobotMotion
    """The robot's motion; ``foot_contact`` is 1 within stances, 0 elsewhere."""
    body_names: tuple[str, ...]
    """Human bodies that were followed: the columns of the residuals."""
    pos_residual_m: Float[np.ndarray, "frames bodies"]
    """Distance between each link's point and where the human asked it to be, before feet were planted [m]."""
    rot_residual_rad: Float[np.ndarray, "frames bodies"]
    """Angle between each link and the orientation that the human asked for [rad]."""
    scale: float
    """Robot metres per human metre in the world."""
    stance_spans: tuple[tuple[Span, ...], ...]
    """Per foot, spans (first frame, frame after the last) in which it stands; infeasible ones included."""
    infeasible_stances: tuple[InfeasibleStance, ...]
    """Stances that were let go."""

    def __post_init__(self) -> None:
        """Check that residuals fit the motion."""
        dims = {"frames": len(self.motion), "bodies": len(self.body_names)}
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise InvalidArray("scale", problem=f"must be positive, got {self.scale}")
        freeze_fields(
            self,
            {
                "body_names": tuple(self.body_names),
                "pos_residual_m": checked_array("pos_residual_m", self.pos_residual_m, ("frames", "bodies"), dims),
                "rot_residual_rad": checked_array(
                    "rot_residual_rad", self.rot_residual_rad, ("frames", "bodies"), dims
                ),
                "stance_spans": tuple(tuple((int(a), int(b)) for a, b in foot) for foot in self.stance_spans),
                "infeasible_stances": tuple(self.infeasible_stances),
            },
        )
