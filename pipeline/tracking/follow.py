"""Lets the simulated robot follow a clip in every way that was asked for, and keeps the version that physics refined.

Tiers: help at the root, as little as the robot survives with (always); a plan followed by a whole-body controller
without help (every clip; a pass certifies, a failure escalates); sampling control (asked for, and where that failed).
None of them finds faults: all repair in silence, so nothing here refuses a clip, nor does a computation that breaks
down. Only what the robot did on the way to a certificate is kept as a version.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np

from pipeline.measurement import Measurement, Measurements
from pipeline.tracking.certificate import T1Config, certify
from pipeline.tracking.certificate_measure import measure_t1
from pipeline.tracking.measure import TrackingConfig, measure_tracking
from pipeline.tracking.reference import reference
from pipeline.tracking.sampling import SamplingConfig, follow_best
from pipeline.tracking.sampling_result import measure_t2
from pipeline.tracking.standpoint import facing_x
from retarget.progress import Progress, silent
from robots.arrays import check_settings
from robots.contact_forces import FrictionConfig, explain_forces
from robots.contact_points import ContactRules, contact_points
from robots.exceptions import InvalidArray, WushuError
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.trajectory import DYNAMICS_LOW_PASS_HZ, robot_trajectory

_BROKE_DOWN = (np.linalg.LinAlgError, RuntimeError, mujoco.FatalError)
"""What linear algebra, convex hulls and the simulation raise at motions beyond them; SciPy's are RuntimeErrors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowConfig:
    """Which of the ways to follow a motion are tried."""

    certify: bool = True
    """Let the simulated robot follow each motion, with help, and without by a plan; half as long as the motion."""
    physics: bool = False
    """Where the plan fails, try sampling control as well; some eight seconds for each second of motion."""
    assist: TrackingConfig = field(default_factory=TrackingConfig)
    """Help at the root."""
    t1: T1Config = field(default_factory=T1Config)
    """Plan and whole-body controller."""
    t2: SamplingConfig = field(default_factory=SamplingConfig)
    """Sampling control."""
    seeds: tuple[int, ...] = (0, 1)
    """Of the sampling control, at least one; the second is tried where the first falls."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: No seed is given, or one is negative.
        """
        check_settings(self)
        if not self.seeds:
            raise InvalidArray("seeds", problem="is empty; give at least one seed, or leave sampling control out")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Followed:
    """What came of following a motion."""

    measurements: Measurements | None
    """Of the stage ``tracking``; None where nothing was tried or could be."""
    notes: tuple[str, ...]
    """What a person should know, in sentences."""
    refined: RobotMotion | None = None
    """The motion as physics would have it: what the certified robot did; None without a certificate."""


def follow(motion: RobotMotion, robot: RobotModel, config: FollowConfig, progress: Progress = silent) -> Followed:
    """Follow a motion in all the ways of the config, as far as it can be; what stops that is told in a note."""
    if not config.certify:
        return Followed(measurements=None, notes=())
    items: list[Measurement] = []
    notes: list[str] = []
    refined = None
    try:
        items += measure_tracking(motion, robot, config.assist).items
        result = certify(robot, motion, config.t1, progress)
        items += measure_t1(result)
        notes.append(f"unassisted tracking: {result.reason}")
        if result.refined is not None:
            refined = _refined(motion, result.refined, robot, items, notes)
        if config.physics and not result.certified:
            followed = reference(robot, facing_x(motion), config.t1.reference)
            sampled = follow_best(followed, robot, config.t2, seeds=config.seeds, progress=progress)
            items += measure_t2(sampled)
            notes.append(f"sampling control: {sampled.told}")
    except WushuError as error:
        notes.append(f"not followed in simulation: {error}")
    except _BROKE_DOWN as error:
        problem = str(error).strip().partition("\n")[0].rstrip(".") or "no reason given"
        notes.append(f"not followed in simulation: a computation broke down ({type(error).__name__}: {problem}).")
    if not items:
        return Followed(measurements=None, notes=tuple(notes))
    measured = Measurements(stage="tracking", fps=motion.fps, n_frames=len(motion), items=tuple(items))
    return Followed(measurements=measured, notes=tuple(notes), refined=refined)


def _refined(
    motion: RobotMotion, version: RobotMotion, robot: RobotModel, items: list[Measurement], notes: list[str]
) -> RobotMotion | None:
    """Return the version if it asks no contact for more than the motion does; add what it asks for."""
    before, after = force_residual(robot, motion), force_residual(robot, version)
    items += _measure_refined(before, after)
    if after < before:
        return version
    notes.append("no refined version: what the robot did asks for more that no contact can give than the motion does.")
    return None


def force_residual(robot: RobotModel, motion: RobotMotion) -> float:
    """Mean force that no contact could give, as a share of the weight, of the low-passed motion."""
    trajectory = robot_trajectory(robot, motion, low_pass_hz=DYNAMICS_LOW_PASS_HZ)
    points = contact_points(robot, trajectory.qpos, motion.foot_contact, ContactRules())
    forces = explain_forces(robot, trajectory, points, FrictionConfig())
    return float(np.linalg.norm(forces.residual_force_w, axis=1).mean() / forces.weight)


def _measure_refined(before: float, after: float) -> tuple[Measurement, ...]:
    return (
        Measurement(
            name="refined_residual",
            value=after,
            unit="1",
            meaning="Mean force that no contact could give in the refined version, as a share of the weight",
        ),
        Measurement(
            name="refined_residual_ratio",
            value=after / max(before, 1e-6),
            unit="1",
            meaning="The same as a share of what the motion itself asks for",
        ),
    )
