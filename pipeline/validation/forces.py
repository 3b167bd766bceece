"""Turns a robot motion into figures of its forces: which of them no floor can give, and which no motor.

Inverse dynamics with unilateral contacts and friction (:mod:`robots.contact_forces`), on the motion as it is and on the
motion without what moves faster than 6 Hz (``_lp6``): second differences of a file at 30 fps are mostly noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float

from pipeline.measurement import Measurement, exceeded_in, largest, spans_where
from robots.arrays import check_settings
from robots.contact_forces import ExplainedForces, FrictionConfig, explain_forces
from robots.contact_points import ContactPoints, ContactRules, FootRule, contact_points
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.trajectory import DYNAMICS_LOW_PASS_HZ, RobotTrajectory, robot_trajectory

ENDS = 2
"""Frames at both ends that are not judged: their accelerations are those of their neighbours."""


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
class TrajectoryForces:
    """Forces of one version of a motion, and the points where they act."""

    trajectory: RobotTrajectory
    points: ContactPoints
    forces: ExplainedForces


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MotionForces:
    """Forces of a motion as it is and low-passed."""

    raw: TrajectoryForces
    smooth: TrajectoryForces


def explain_motion(robot: RobotModel, motion: RobotMotion, config: ForcesConfig) -> MotionForces:
    """Explain the forces of a motion as it is and low-passed, for all that measures them.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
    """
    raw, smooth = (_explained(robot, motion, low_pass_hz, config) for low_pass_hz in (None, DYNAMICS_LOW_PASS_HZ))
    return MotionForces(raw=raw, smooth=smooth)


def _explained(
    robot: RobotModel, motion: RobotMotion, low_pass_hz: float | None, config: ForcesConfig
) -> TrajectoryForces:
    trajectory = robot_trajectory(robot, motion, low_pass_hz=low_pass_hz)
    points = contact_points(robot, trajectory.qpos, motion.foot_contact, config.contacts)
    forces = explain_forces(robot, trajectory, points, config.friction)
    return TrajectoryForces(trajectory=trajectory, points=points, forces=forces)


def measure_forces(
    robot: RobotModel, motion: RobotMotion, config: ForcesConfig, explained: MotionForces | None = None
) -> tuple[Measurement, ...]:
    """Measure residuals, torques, friction, and whether labels and forces agree.

    Args:
        robot: The robot.
        motion: Its motion.
        config: What may touch and what is feasible.
        explained: The motion's forces, if :func:`explain_motion` found them before.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
    """
    explained = explained or explain_motion(robot, motion, config)
    return (
        *_measure_residual("_lp6", explained.smooth.forces, config),
        *_measure_torque("_lp6", explained.smooth.forces, robot),
        *_measure_residual("", explained.raw.forces, config),
        *_measure_torque("", explained.raw.forces, robot),
        _measure_labels(robot, motion, explained.smooth, config),
    )


def _measure_residual(suffix: str, forces: ExplainedForces, config: ForcesConfig) -> tuple[Measurement, ...]:
    """Measure what no contact can give, and the friction that is asked for."""
    said = " of the low-passed motion" if suffix else ""
    force = _judged(np.linalg.norm(forces.residual_force_w, axis=1) / forces.weight)
    moment = _judged(np.linalg.norm(forces.residual_moment_w, axis=1))
    infeasible = ~_feasible(forces, config) & np.isfinite(force)
    known = np.isfinite(force)
    unexplained = f"Force{said} that no contact can give, as a share of the weight"
    return (
        Measurement(
            name=f"force_residual_mean{suffix}",
            value=force[known].mean() if known.any() else 0.0,
            unit="1",
            meaning=f"{unexplained}: mean",
            series=force,
        ),
        exceeded_in(5, f"force_residual_p95{suffix}", force, "1", f"{unexplained}: exceeded in 5 % of the frames"),
        exceeded_in(
            5,
            f"moment_residual_p95{suffix}",
            moment,
            "N m",
            f"Moment{said} about the centre of mass that no contact can give, exceeded in 5 % of the frames",
        ),
        Measurement(
            name=f"feasible_share{suffix}",
            # Where no frame can be judged, nothing was shown to be feasible.
            value=1.0 - infeasible.sum() / known.sum() if known.any() else 0.0,
            unit="1",
            meaning=f"Share of frames{said} whose forces the floor can give",
            series=np.where(known, ~infeasible, np.nan),
            spans=spans_where(infeasible),
        ),
        largest(
            f"infeasible_run{suffix}",
            _run_durations(infeasible, forces.fps),
            "s",
            f"Longest time{said} in which the floor cannot give the forces",
        ),
        exceeded_in(
            5,
            f"friction_demand_p95{suffix}",
            _judged(forces.friction_demand),
            "1",
            f"Coefficient of friction that the motion{' low-passed' if suffix else ''} needs as a whole, "
            "exceeded in 5 % of the frames in which the floor pushes",
        ),
    )


def _measure_torque(suffix: str, forces: ExplainedForces, robot: RobotModel) -> tuple[Measurement, ...]:
    """Measure the motors' torques against both tiers of their limits."""
    said = " in the low-passed motion" if suffix else ""
    torque = _judged(np.abs(forces.joint_torque))
    ratios = torque / robot.effort_limit
    ratio, soft = ratios.max(axis=1), (torque / robot.effort_limit_soft).max(axis=1)
    joint = robot.joint_names[int(np.nan_to_num(ratios).max(axis=0).argmax())]
    over = ratio > 1
    hard = f"Largest torque{said} as a share of the motor's hard limit"
    return (
        largest(f"torque_ratio{suffix}", ratio, "1", f"{hard}: {joint}"),
        exceeded_in(5, f"torque_ratio_p95{suffix}", ratio, "1", f"{hard}, exceeded in 5 % of the frames"),
        Measurement(
            name=f"torque_over_share{suffix}",
            value=over.mean(),
            unit="1",
            meaning=f"Share of frames{said} with a torque beyond a motor's hard limit",
            series=over.astype(float),
            spans=spans_where(over),
        ),
        largest(f"torque_ratio_soft{suffix}", soft, "1", f"Largest torque{said} as a share of the motor's soft limit"),
    )


def _measure_labels(
    robot: RobotModel, motion: RobotMotion, smooth: TrajectoryForces, config: ForcesConfig
) -> Measurement:
    """Measure how often feet that are labelled and feet that are low tell different stories about forces."""
    by_labels, _ = _explained_by("labels", robot, motion, smooth, config)
    by_geometry, lift = _explained_by("geometry", robot, motion, smooth, config)
    labelled = motion.foot_contact > config.contacts.label_prob  # half way between says neither
    idle = (labelled & (lift < config.idle_force * smooth.forces.weight)).any(axis=1)
    gap = np.isfinite(_judged(np.zeros(len(motion)))) & ((by_labels != by_geometry) | idle)
    return Measurement(
        name="label_force_gap_lp6",
        value=gap.mean(),
        unit="1",
        meaning="Share of frames whose forces come from other feet than the labelled ones: the labelled feet cannot "
        "give what the low feet can, or one of them carries nothing",
        series=gap.astype(float),
        spans=spans_where(gap),
    )


def _explained_by(
    feet: FootRule, robot: RobotModel, motion: RobotMotion, smooth: TrajectoryForces, config: ForcesConfig
) -> tuple[Bool[np.ndarray, " frames"], Float[np.ndarray, "frames 2"]]:
    """Which frames are feasible if contacts follow another rule, and what each foot then lifts [N].

    Frames with the same contacts are not solved again.
    """
    rules = replace(config.contacts, feet=feet)
    points = contact_points(robot, smooth.trajectory.qpos, motion.foot_contact, rules)
    feasible, lift = _feasible(smooth.forces, config), smooth.forces.foot_force_w[..., 2].copy()
    # Either rule leaves points out and adds none, so that equal numbers are equal points.
    other = np.diff(points.starts) != np.diff(smooth.points.starts)
    if other.any():
        part = smooth.trajectory
        part = RobotTrajectory(fps=part.fps, qpos=part.qpos[other], qvel=part.qvel[other], qacc=part.qacc[other])
        forces = explain_forces(robot, part, points.of_frames(other), config.friction)
        feasible[other], lift[other] = _feasible(forces, config), forces.foot_force_w[..., 2]
    return feasible, lift


def _feasible(forces: ExplainedForces, config: ForcesConfig) -> Bool[np.ndarray, " frames"]:
    force = np.linalg.norm(forces.residual_force_w, axis=1)
    moment = np.linalg.norm(forces.residual_moment_w, axis=1)
    return np.array((force < config.feasible_force * forces.weight) & (moment < config.feasible_moment))


def _judged(series: Float[np.ndarray, " frames *dims"]) -> Float[np.ndarray, " frames *dims"]:
    """Return a copy without the ends."""
    judged = np.array(series, dtype=float)
    judged[:ENDS] = judged[max(len(judged) - ENDS, 0) :] = np.nan
    return judged


def _run_durations(flags: Bool[np.ndarray, " frames"], fps: float) -> Float[np.ndarray, " frames"]:
    """Duration of the run of True that each frame belongs to [s], 0 outside."""
    durations = np.zeros(len(flags))
    for start, stop in spans_where(flags):
        durations[start:stop] = (stop - start) / fps
    return durations
