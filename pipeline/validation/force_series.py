"""Turns a robot motion into what is known of its forces frame by frame: residuals, torques, friction, balance.

Contact-feasible inverse dynamics (:mod:`robots.contact_forces`) of the motion as it is and of the motion without what
moves faster than 6 Hz, stretch by stretch: only the figures of a frame are kept, not the forces at its points.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.flight_physics import GRAVITY
from pipeline.validation.support import outside_support
from robots.arrays import check_settings
from robots.contact_forces import ExplainedForces, FrictionConfig, explain_forces
from robots.contact_points import ContactPoints, ContactRules, FootRule, contact_points, stance_height
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.trajectory import DYNAMICS_LOW_PASS_HZ, RobotTrajectory, robot_trajectory

STRETCH = 1024
"""Frames whose forces are held at once: bounds the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcesConfig:
    """What may touch, what the floor can give, and how much may be left over in a frame that counts as feasible."""

    contacts: ContactRules = field(default_factory=ContactRules)
    """Which points of the robot may touch the floor."""
    friction: FrictionConfig = field(default_factory=FrictionConfig)
    """What the floor can give there."""
    feasible_force: float = 0.2
    """A frame is feasible below this residual force, as a share of the weight ..."""
    feasible_moment: float = 40.0
    """... and below this residual moment [N m]."""
    idle_force: float = 0.01
    """A foot that lifts less than this share of the weight carries nothing."""

    def __post_init__(self) -> None:
        """Check that both bounds can be kept."""
        check_settings(self, positive=("feasible_force", "feasible_moment"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForceSeries:
    """What is known of the forces in each frame of one version of a motion."""

    residual_force: Float[np.ndarray, " frames"]
    """Force that no contact can give, as a share of the weight."""
    residual_moment: Float[np.ndarray, " frames"]
    """Moment about the centre of mass that no contact can give [N m]."""
    torque_ratio: Float[np.ndarray, " frames"]
    """Largest torque as a share of its motor's hard limit."""
    torque_joint: Int[np.ndarray, " frames"]
    """Joint that needs it, an index into the robot's ``joint_names``."""
    torque_ratio_soft: Float[np.ndarray, " frames"]
    """Largest torque as a share of its motor's soft limit."""
    friction_demand: Float[np.ndarray, " frames"]
    """Friction that the motion needs as a whole; NaN where the floor need hardly push."""
    lift: Float[np.ndarray, "frames 2"]
    """Vertical force on the left and the right foot, as a share of the weight."""
    com_outside: Float[np.ndarray, " frames"]
    """Distance of the centre of mass from the support [m]; NaN without one."""
    zmp_outside: Float[np.ndarray, " frames"]
    """Distance of the zero-moment point from it [m]; NaN also where the floor need hardly push."""
    capture_outside: Float[np.ndarray, " frames"]
    """Distance of the point where one step would stop the fall from it [m] (Pratt et al., "Capture point: a step
    toward humanoid push recovery", 2006)."""

    def feasible(self, config: ForcesConfig) -> Bool[np.ndarray, " frames"]:
        """Which frames need hardly more than the floor can give."""
        return np.array((self.residual_force < config.feasible_force) & (self.residual_moment < config.feasible_moment))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MotionForces:
    """Forces of a motion, by version and by what is said to touch."""

    raw: ForceSeries
    """Of the motion as it is."""
    smooth: ForceSeries
    """Of the low-passed motion."""
    by_labels: ForceSeries
    """Of the low-passed motion, if of the feet only the labelled ones touch."""
    by_geometry: ForceSeries
    """Of the low-passed motion, if of the feet only the low ones touch, whatever their labels."""


def explain_motion(robot: RobotModel, motion: RobotMotion, config: ForcesConfig) -> MotionForces:
    """Explain the forces of a motion as it is and low-passed, for all that measures them.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
    """
    contact = motion.foot_contact
    (raw,) = _explained(robot, robot_trajectory(robot, motion), contact, config, ("either",))
    trajectory = robot_trajectory(robot, motion, low_pass_hz=DYNAMICS_LOW_PASS_HZ)
    smooth, by_labels, by_geometry = _explained(robot, trajectory, contact, config, get_args(FootRule))
    return MotionForces(raw=raw, smooth=smooth, by_labels=by_labels, by_geometry=by_geometry)


def _explained(
    robot: RobotModel,
    trajectory: RobotTrajectory,
    foot_contact: Float[np.ndarray, "frames 2"],
    config: ForcesConfig,
    feet: tuple[FootRule, ...],
) -> Iterator[ForceSeries]:
    """Yield the forces for each rule of which feet touch; the first rule must allow all that the others do."""
    floor = stance_height(robot, trajectory.qpos, foot_contact, config.contacts)
    parts: dict[FootRule, list[ForceSeries]] = {rule: [] for rule in feet}
    for start in range(0, len(trajectory), STRETCH):
        rows = np.arange(start, min(start + STRETCH, len(trajectory)))
        stretch = _of_frames(trajectory, rows)
        points = {
            rule: contact_points(
                robot, stretch.qpos, foot_contact[rows], replace(config.contacts, feet=rule), floor_height=floor
            )
            for rule in feet
        }
        allowed = points[feet[0]]
        whole = _series(robot, stretch, allowed, config)
        for rule in feet:
            # A rule leaves points out and adds none, so that equal numbers are equal points, and not solved again.
            other = np.diff(points[rule].starts) != np.diff(allowed.starts)
            part = whole
            if other.any():
                there = _series(
                    robot, _of_frames(stretch, np.flatnonzero(other)), points[rule].of_frames(other), config
                )
                part = _with(whole, other, there)
            parts[rule].append(part)
    return (_joined(parts[rule]) for rule in feet)


def _of_frames(trajectory: RobotTrajectory, rows: Int[np.ndarray, " rows"]) -> RobotTrajectory:
    return RobotTrajectory(
        fps=trajectory.fps, qpos=trajectory.qpos[rows], qvel=trajectory.qvel[rows], qacc=trajectory.qacc[rows]
    )


def _series(robot: RobotModel, trajectory: RobotTrajectory, points: ContactPoints, config: ForcesConfig) -> ForceSeries:
    """Explain the forces of some frames and keep what is known of each."""
    forces = explain_forces(robot, trajectory, points, config.friction)
    torque = np.abs(forces.joint_torque)
    ratio = torque / robot.effort_limit
    zmp = forces.zero_moment_point_w(points.floor_height)
    return ForceSeries(
        residual_force=np.linalg.norm(forces.residual_force_w, axis=1) / forces.weight,
        residual_moment=np.linalg.norm(forces.residual_moment_w, axis=1),
        torque_ratio=ratio.max(axis=1),
        torque_joint=ratio.argmax(axis=1),
        torque_ratio_soft=(torque / robot.effort_limit_soft).max(axis=1),
        friction_demand=forces.friction_demand,
        lift=forces.foot_force_w[..., 2] / forces.weight,
        com_outside=outside_support(forces.com_w[:, :2], points),
        zmp_outside=outside_support(zmp, points),
        capture_outside=outside_support(_capture_point(forces, points.floor_height), points),
    )


def _capture_point(forces: ExplainedForces, floor_height: float) -> Float[np.ndarray, "frames 2"]:
    """Where a step would stop the fall of the centre of mass, seen from above [m]."""
    height = np.maximum(forces.com_w[:, 2] - floor_height, 0.0)
    return forces.com_w[:, :2] + forces.com_vel_w[:, :2] * np.sqrt(height / GRAVITY)[:, None]


def _with(whole: ForceSeries, other: Bool[np.ndarray, " frames"], there: ForceSeries) -> ForceSeries:
    """Return a copy in which some frames are replaced."""
    columns = {item.name: getattr(whole, item.name).copy() for item in fields(ForceSeries)}
    for name, column in columns.items():
        column[other] = getattr(there, name)
    return ForceSeries(**columns)


def _joined(parts: list[ForceSeries]) -> ForceSeries:
    """Return stretches as one."""
    return ForceSeries(
        **{item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(ForceSeries)}
    )
