"""Settings of the estimator ``landmark``: every weight is the size of an error that is called normal."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkConfig:
    """How far each source of knowledge is trusted.

    All residuals are divided by the figures below, so that two of them weigh the same when both are off by one
    of theirs: halving a figure makes its source four times as strong.
    """

    height_m: float | None = None
    """Stature of the person [m]; None = the body model's mean."""
    camera: Literal["auto", "static", "moving"] = "auto"
    """Whether the camera changes its place; ``auto``: it does where its rotation exceeds half a degree."""

    keypoint_m: float = 0.02
    """Error of a 2D keypoint, measured at the person's depth [m]."""
    direction_rad: float = 0.2
    """Error of a bone's direction in the 3D landmarks, within the image plane [rad]."""
    depth_direction_rad: float = 0.35
    """The same towards and away from the camera, BlazePose's weak axis [rad]."""
    outlier: float = 3.0
    """Standard deviations beyond which keypoints and directions are doubted rather than followed."""

    liveliness: float = 1.0
    """Scale of the angular accelerations called normal, 1 = as tabled per joint; smaller is smoother."""
    root_acceleration: float = 12.0
    """Acceleration of the pelvis called normal [m/s^2]."""
    pose_prior: float = 2.0
    """Standard deviations of everyday poses that one frame's evidence outweighs; larger = weaker prior."""
    limit_rad: float = 0.03
    """Excess over a joint limit that costs as much as one standard deviation of evidence [rad]."""

    camera_pitch_deg: float = 12.0
    """How far a camera usually looks up or down [deg]."""
    camera_roll_deg: float = 2.0
    """How far a camera usually leans sideways [deg]."""
    camera_speed: float = 0.3
    """Speed of a moving camera called normal [m/s]."""
    camera_acceleration: float = 1.0
    """Acceleration of a moving camera called normal [m/s^2]."""

    contact_height_m: float = 0.03
    """Height of a sole over the floor at which contact becomes as likely as not [m]."""
    contact_speed: float = 0.25
    """Speed of a sole at which contact becomes as likely as not [m/s]."""
    lock_speed: float = 0.03
    """Speed of a sole in contact that costs one standard deviation [m/s]."""
    floor_m: float = 0.01
    """Distance between a sole in contact and the floor that costs one standard deviation [m]."""
    balance_m: float = 0.1
    """Horizontal distance called normal between the centre of mass and the line between the standing feet [m]."""

    iterations: int = 12
    """Gauss-Newton steps of each round at most."""
    rounds: int = 4
    """Rounds of deciding on contacts and fitting again."""

    def __post_init__(self) -> None:
        """Check that every figure is positive.

        Raises:
            InvalidArray: One is not.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not 0.0 < value < float("inf"):
                raise InvalidArray(field.name, problem=f"must be positive, got {value}")
        if self.camera not in ("auto", "static", "moving"):
            raise InvalidArray("camera", problem=f"must be 'auto', 'static' or 'moving', got {self.camera!r}")
