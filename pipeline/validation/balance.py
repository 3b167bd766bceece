"""Turns a robot motion into figures of its balance: mass, zero-moment point and capture point against the support.

The support is the convex hull, seen from above, of all points that may touch: feet, and hands or knees on the floor.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from pipeline.measurement import Measurement, exceeded_in
from pipeline.validation.forces import ForcesConfig, MotionForces, TrajectoryForces, explain_motion
from robots.arrays import check_settings
from robots.contact_points import ContactPoints
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.segments import segment_distance

GRAVITY = 9.81
"""As MuJoCo has it [m/s^2]."""

NOWHERE = 1.0
"""Distance said to lie between a point and a support that is not there [m]: far beyond any that can be recovered."""

CHUNK = 256
"""Frames whose supports are looked at at once: bounds the memory."""


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
        explained: The motion's forces, if :func:`pipeline.validation.forces.explain_motion` found them before.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
    """
    explained = explained or explain_motion(robot, motion, config.forces)
    raw = explained.raw
    return (
        exceeded_in(
            5,
            "com_outside_p95",
            outside_support(raw.forces.com_w[:, :2], raw.points),
            "m",
            "Horizontal distance of the centre of mass from the support, exceeded in 5 % of the frames with one",
        ),
        _zero_moment_point("_lp6", explained.smooth),
        _zero_moment_point("", raw),
        *_capture_points(explained.smooth, config.ends_s),
    )


def _zero_moment_point(suffix: str, explained: TrajectoryForces) -> Measurement:
    point = explained.forces.zero_moment_point_w(explained.points.floor_height)
    said = " of the low-passed motion" if suffix else ""
    return exceeded_in(
        5,
        f"zmp_outside_p95{suffix}",
        outside_support(point, explained.points),
        "m",
        f"Distance of the zero-moment point{said} from the support, exceeded in 5 % of the frames in which the "
        "floor pushes",
    )


def _capture_points(explained: TrajectoryForces, ends_s: float) -> tuple[Measurement, ...]:
    """Measure whether the robot could stop where it starts and where it ends (Pratt et al., "Capture point", 2006)."""
    forces = explained.forces
    height = np.maximum(forces.com_w[:, 2] - explained.points.floor_height, 0.0)
    capture = forces.com_w[:, :2] + forces.com_vel_w[:, :2] * np.sqrt(height / GRAVITY)[:, None]
    outside = outside_support(capture, explained.points)
    outside = np.where(np.isnan(outside), NOWHERE, outside)
    count = min(max(round(ends_s * forces.fps), 1), len(forces))
    frames = np.arange(len(forces))
    parts = {"start": frames < count, "end": frames >= len(forces) - count}
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


def outside_support(points_w: Float[np.ndarray, "frames 2"], support: ContactPoints) -> Float[np.ndarray, " frames"]:
    """Return how far each frame's point lies outside its support, seen from above [m].

    0 inside, NaN in frames without a support and where the point is NaN.
    """
    distance = np.full(len(points_w), np.nan)
    counts = np.diff(support.starts)
    wanted = np.flatnonzero((counts > 0) & np.isfinite(points_w).all(axis=1))
    for start in range(0, len(wanted), CHUNK):
        frames = wanted[start : start + CHUNK]
        # Shorter rows repeat their last point, which changes no hull.
        slot = np.minimum(np.arange(counts[frames].max()), counts[frames, None] - 1)
        corners = support.pos_w[support.starts[frames, None] + slot, :2]
        distance[frames] = _outside_hull(points_w[frames], corners)
    return distance


def _outside_hull(
    point: Float[np.ndarray, "frames 2"], corners: Float[np.ndarray, "frames corners 2"]
) -> Float[np.ndarray, " frames"]:
    """Distance of points from the convex hulls of others, 0 inside.

    Around a point inside a hull its corners leave no gap of half a turn. From outside, the hull is as near as the
    nearest of all segments between two corners: its edges are among them, and none of the others lies outside.
    """
    away = corners - point[:, None]
    bearing = np.sort(np.arctan2(away[..., 1], away[..., 0]), axis=1)
    gap = np.diff(np.concatenate([bearing, bearing[:, :1] + 2 * np.pi], axis=1), axis=1).max(axis=1)
    first, second = np.triu_indices(corners.shape[1])
    flat = np.concatenate([corners, np.zeros((*corners.shape[:2], 1))], axis=2)
    start, end = flat[:, first], flat[:, second]
    here = np.concatenate([point, np.zeros((len(point), 1))], axis=1)[:, None].repeat(len(first), axis=1)
    return np.where(gap < np.pi, 0.0, segment_distance(start, end, here, here).min(axis=1))
