"""Turns a robot motion into figures of its forces: which of them no floor can give, and which no motor.

Inverse dynamics with unilateral contacts and friction (:mod:`robots.contact_forces`), on the motion as it is and on the
motion without what moves faster than 6 Hz (``_lp6``): second differences of a file at 30 fps are mostly noise.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from pipeline.measurement import Measurement, exceeded_in, largest, run_durations, spans_where
from pipeline.validation.force_series import ForcesConfig, ForceSeries, MotionForces, explain_motion
from robots.model import RobotModel
from robots.motion import RobotMotion

__all__ = ["ForcesConfig", "MotionForces", "explain_motion", "measure_forces"]

ENDS = 2
"""Frames at both ends that are not judged: their accelerations are those of their neighbours."""


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
        *_measure_residual("_lp6", explained.smooth, motion.fps, config),
        *_measure_torque("_lp6", explained.smooth, robot),
        *_measure_residual("", explained.raw, motion.fps, config),
        *_measure_torque("", explained.raw, robot),
        _measure_labels(motion, explained, config),
    )


def _measure_residual(suffix: str, forces: ForceSeries, fps: float, config: ForcesConfig) -> tuple[Measurement, ...]:
    """Measure what no contact can give, and the friction that is asked for."""
    said = " of the low-passed motion" if suffix else ""
    force = _judged(forces.residual_force)
    known = np.isfinite(force)
    infeasible = ~forces.feasible(config) & known
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
            _judged(forces.residual_moment),
            "N m",
            f"Moment{said} about the centre of mass that no contact can give, exceeded in 5 % of the frames",
        ),
        *_measure_feasibility(suffix, said, infeasible, known, fps),
        exceeded_in(
            5,
            f"friction_demand_p95{suffix}",
            _judged(forces.friction_demand),
            "1",
            f"Coefficient of friction that the motion{' low-passed' if suffix else ''} needs as a whole, "
            "exceeded in 5 % of the frames in which the floor pushes",
        ),
    )


def _measure_feasibility(
    suffix: str, said: str, infeasible: Bool[np.ndarray, " frames"], known: Bool[np.ndarray, " frames"], fps: float
) -> tuple[Measurement, ...]:
    """Measure how often and for how long the floor cannot give what is needed."""
    return (
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
            run_durations(infeasible, fps),
            "s",
            f"Longest time{said} in which the floor cannot give the forces",
        ),
    )


def _measure_torque(suffix: str, forces: ForceSeries, robot: RobotModel) -> tuple[Measurement, ...]:
    """Measure the motors' torques against both tiers of their limits."""
    said = " in the low-passed motion" if suffix else ""
    ratio = _judged(forces.torque_ratio)
    joint = robot.joint_names[int(forces.torque_joint[np.nan_to_num(ratio).argmax()])]
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
        largest(
            f"torque_ratio_soft{suffix}",
            _judged(forces.torque_ratio_soft),
            "1",
            f"Largest torque{said} as a share of the motor's soft limit",
        ),
    )


def _measure_labels(motion: RobotMotion, explained: MotionForces, config: ForcesConfig) -> Measurement:
    """Measure how often feet that are labelled and feet that are low tell different stories about forces."""
    differ = explained.by_labels.feasible(config) != explained.by_geometry.feasible(config)
    labelled = motion.foot_contact > config.contacts.label_prob  # half way between says neither
    idle = (labelled & (explained.by_geometry.lift < config.idle_force)).any(axis=1)
    gap = np.isfinite(_judged(np.zeros(len(motion)))) & (differ | idle)
    return Measurement(
        name="label_force_gap_lp6",
        value=gap.mean(),
        unit="1",
        meaning="Share of frames whose forces come from other feet than the labelled ones: the labelled feet cannot "
        "give what the low feet can, or one of them carries nothing",
        series=gap.astype(float),
        spans=spans_where(gap),
    )


def _judged(series: Float[np.ndarray, " frames *dims"]) -> Float[np.ndarray, " frames *dims"]:
    """Return a copy without the ends."""
    judged = np.array(series, dtype=float)
    judged[:ENDS] = judged[max(len(judged) - ENDS, 0) :] = np.nan
    return judged
