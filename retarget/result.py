"""What retargeting hands on: the robot's motion, how far it had to leave the human's, and what held it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from retarget.spans import Span
from robots.arrays import checked_array, freeze_fields
from robots.exceptions import InvalidArray
from robots.motion import RobotMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class InfeasibleStance:
    """A contact with the floor that the robot could not hold; its link was let go and follows the human instead."""

    region: str
    """What was to bear weight, e.g. ``left_foot``."""
    start: int
    """First frame."""
    stop: int
    """Frame after the last."""
    reason: Literal["slid", "in the air", "out of reach"]
    """``slid``, ``in the air``: so the human's own body was. ``out of reach``: the robot's link could not stay."""
    error_m: float
    """How far, at worst, it was from its anchor or the floor, in the robot's size [m]."""

    def __str__(self) -> str:
        """Return one sentence."""
        name = self.region.replace("_", " ")
        cause = {
            "slid": f"the human's {name} slid",
            "in the air": f"the human's {name} was in the air",
            "out of reach": f"the robot's {name} could not stay there",
        }[self.reason]
        return f"the {name} was let go in frames {self.start} to {self.stop - 1}: {cause} ({self.error_m:.3f} m)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RetargetResult:
    """A robot motion with its residuals."""

    motion: RobotMotion
    """The robot's motion; ``foot_contact`` is 1 within the stances that it holds, 0 elsewhere."""
    body_names: tuple[str, ...]
    """Human bodies that were followed: the columns of the residuals."""
    pos_residual_m: Float[np.ndarray, "frames bodies"]
    """Distance between each link's point and where the human asked it to be, before stances were planted [m]."""
    rot_residual_rad: Float[np.ndarray, "frames bodies"]
    """Angle between each link and the orientation that the human asked for [rad]."""
    scale: float
    """Robot metres per human metre in the world."""
    contact_regions: tuple[str, ...]
    """Regions of the body that may bear weight: the rows of ``stance_spans``; the feet come first."""
    stance_spans: tuple[tuple[Span, ...], ...]
    """Per region, spans (first frame, frame after the last) in which it bears weight; infeasible ones included."""
    infeasible_stances: tuple[InfeasibleStance, ...]
    """Stances that were let go."""
    flight_spans: tuple[Span, ...]
    """Spans in which nothing touched the floor and the body fell freely."""
    at_position_limit: Bool[np.ndarray, "frames joints"]
    """Joints that stood at an end of their range."""
    at_speed_limit: Bool[np.ndarray, "frames joints"]
    """Joints that came to within a hundredth of their speed limit, from the frame before to this one."""
    sole_turns_rad: tuple[float, ...] = ()
    """By how much each foot of the human was turned to lie flat where it rests [rad]; 0 where it did."""

    def __post_init__(self) -> None:
        """Check that residuals fit the motion and that every region has its spans."""
        dims = {"frames": len(self.motion), "bodies": len(self.body_names), "joints": len(self.motion.joint_names)}
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise InvalidArray("scale", problem=f"must be positive, got {self.scale}")
        if len(self.stance_spans) != len(self.contact_regions):
            raise InvalidArray("stance_spans", problem=f"must have one row for each of {self.contact_regions}")
        freeze_fields(
            self,
            {
                "body_names": tuple(self.body_names),
                "pos_residual_m": checked_array("pos_residual_m", self.pos_residual_m, ("frames", "bodies"), dims),
                "rot_residual_rad": checked_array(
                    "rot_residual_rad", self.rot_residual_rad, ("frames", "bodies"), dims
                ),
                "contact_regions": tuple(self.contact_regions),
                "stance_spans": tuple(tuple((int(a), int(b)) for a, b in spans) for spans in self.stance_spans),
                "infeasible_stances": tuple(self.infeasible_stances),
                "flight_spans": tuple((int(a), int(b)) for a, b in self.flight_spans),
                "at_position_limit": _flags("at_position_limit", self.at_position_limit, dims),
                "at_speed_limit": _flags("at_speed_limit", self.at_speed_limit, dims),
                "sole_turns_rad": tuple(float(turn) for turn in self.sole_turns_rad),
            },
        )


def _flags(name: str, values: np.ndarray, dims: dict[str, int]) -> Bool[np.ndarray, "frames joints"]:
    return checked_array(name, values, ("frames", "joints"), dims, dtype=np.bool_)
