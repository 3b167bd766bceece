"""Turns a robot motion into figures of its balance: mass, zero-moment point and capture point against the support.

The support is the convex hull, seen from above, of all points that may touch: feet, and hands or knees on the floor.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from pipeline.measurement import Measurement, exceeded_in
from pipeline.validation.force_series import ForcesConfig, ForceSeries, MotionForces, explain_motion
from robots.arrays import check_settings
from robots.model import RobotModel
from robots.motion import RobotMotion

NOWHERE = 1.0
"""Distance said to lie between a point and a support that is not there [m]: far beyond any that can be recovered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceConfig:
    """What the words start and end mean, and where the floor pushes."""

    forces: ForcesConfig = field(default_factory=ForcesConfig)
    """What may touch, and what the floor can give."""
    ends_s: float = 0.3
    """Time at the start and at the end in which the robot must not be falling [s]."""

    def __post_init__(self) -> None:
        """Check that there is a start and an end."""
        check_settings(self, positive=("ends_s",))


def measure_balance(
    robot: RobotModel, motion: RobotMotion, config: BalanceConfig, explained: MotionForces | None = None
) -> tuple[Measurement, ...]:
    """Measure how far the centre of mass, the zero-moment point and the capture point leave the support.

    Args:
        robot: The robot.
        motion: Its motion.
        config: What start and end are, and where the floor pushes.
        explained: The motion's forces, if :func:`pipeline.validation.force_series.explain_motion` found them before.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
    """
    explained = explained or explain_motion(robot, motion, config.forces)
    return (
        exceeded_in(
            5,
            "com_outside_p95",
            explained.raw.com_outside,
            "m",
            "Horizontal distance of the centre of mass from the support, exceeded in 5 % of the frames with one",
        ),
        _zero_moment_point("_lp6", explained.smooth),
        _zero_moment_point("", explained.raw),
        *_capture_points(explained.smooth, motion.fps, config.ends_s),
    )


def _zero_moment_point(suffix: str, forces: ForceSeries) -> Measurement:
    said = " of the low-passed motion" if suffix else ""
    return exceeded_in(
        5,
        f"zmp_outside_p95{suffix}",
        forces.zmp_outside,
        "m",
        f"Distance of the zero-moment point{said} from the support, exceeded in 5 % of the frames in which the "
        "floor pushes",
    )


def _capture_points(forces: ForceSeries, fps: float, ends_s: float) -> tuple[Measurement, ...]:
    """Measure whether the robot could stop where it starts and where it ends."""
    outside = np.where(np.isnan(forces.capture_outside), NOWHERE, forces.capture_outside)
    count = min(max(round(ends_s * fps), 1), len(outside))
    frames = np.arange(len(outside))
    parts = {"start": frames < count, "end": frames >= len(outside) - count}
    return tuple(_capture_point(name, outside, part, ends_s) for name, part in parts.items())


def _capture_point(
    name: str, outside: Float[np.ndarray, " frames"], part: Bool[np.ndarray, " frames"], ends_s: float
) -> Measurement:
    order = "first" if name == "start" else "last"
    return Measurement(
        name=f"capture_outside_{name}_lp6",
        value=outside[part].max(),
        unit="m",
        meaning=f"Largest distance from the support, in the {order} {ends_s:g} s, of the point where a step would stop "
        f"the fall ({NOWHERE:g} m where nothing touches)",
        series=np.where(part, outside, np.nan),
    )
