"""What a user can choose about the frames before and after a clip."""

from __future__ import annotations

from dataclasses import dataclass

from robots.arrays import check_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadConfig:
    """Leads from and to the standing pose. The defaults keep the robot balanced without any push from a foot."""

    lead_in: bool = True
    """Put frames before the clip that bring the robot from its standing pose into the clip's first frame."""
    lead_out: bool = True
    """Put frames after the clip that bring the robot from the clip's last frame into its standing pose."""
    hold_s: float = 0.3
    """How long the robot stands still in its standing pose [s]."""
    shift_zmp_m: float = 0.03
    """How far the zero-moment point may run ahead of the centre of mass while weight is shifted [m]; sets the time of a
    shift. Feet are 5 to 6 cm wide, and the weight goes to the middle of one."""
    swing_s: float = 0.6
    """Shortest time in which a foot is lifted and put down [s]."""
    swing_speed: float = 0.6
    """Mean speed of a foot that swings farther than it goes in that time [m/s]."""
    lift_m: float = 0.05
    """How high a foot is lifted [m]."""
    settle_s: float = 0.8
    """Shortest time from the last step to the clip [s]."""
    speed_share: float = 0.25
    """Share of a joint's soft speed limit that the way between two poses takes [1]."""
    com_margin_m: float = 0.005
    """Least distance of the centre of mass from the rim of what bears weight, until the clip's own speed is met [m]."""
    meet_s: float = 0.5
    """Time before the clip in which its own speed and lean are met, and balance is the clip's own [s]."""
    max_penetration_m: float = 0.02
    """A foot that bears weight deeper under the floor than this at the seam gets no lead [m]."""
    max_collision_m: float = 0.005
    """Parts of the robot may overlap by this much in a lead, or by as much as where the clip begins [m]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        positive = ("shift_zmp_m", "swing_s", "swing_speed", "lift_m", "settle_s", "speed_share", "meet_s")
        check_settings(self, positive=positive, at_most_one=("speed_share",))
