"""Turns a robot motion into measurements of how well a simulated robot can follow it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipeline.measurement import Measurement, Measurements
from pipeline.tracking.assisted import AssistConfig, CapSearch, body_weight, smallest_cap
from pipeline.tracking.feed_forward import feed_forward
from pipeline.tracking.plant import plant
from pipeline.tracking.reference import Reference, ReferenceConfig, reference
from pipeline.tracking.standpoint import facing_x
from robots.arrays import check_settings
from robots.model import RobotModel
from robots.motion import RobotMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingConfig:
    """What is followed, on what, and with how much help."""

    reference: ReferenceConfig = field(default_factory=ReferenceConfig)
    """How the motion is smoothed and sampled."""
    assist: AssistConfig = field(default_factory=AssistConfig)
    """The spring at the root."""
    timestep_s: float = 0.005
    """Of the simulation [s]; half of it moves the smallest cap of PBHC's released motions by 0.01."""
    friction: float = 0.8
    """Between soles and floor."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_settings(self, positive=("timestep_s", "friction"))


def measure_tracking(motion: RobotMotion, robot: RobotModel, config: TrackingConfig) -> Measurements:
    """Let the simulated robot follow a motion, and measure the help it needs and the errors it makes.

    Raises:
        JointsDoNotMatch: The motion moves other joints than the robot has.
        WrongDuration: The motion is too short or too long.
    """
    followed = reference(robot, facing_x(motion), config.reference)
    return Measurements(
        stage="tracking",
        fps=motion.fps,
        n_frames=len(motion),
        items=measure_assistance(robot, followed, config),
    )


def measure_assistance(robot: RobotModel, followed: Reference, config: TrackingConfig) -> tuple[Measurement, ...]:
    """Measure how much help at the root the closed loop needs.

    All but the smallest cap and the open loop speak of the run with all the help it wants.
    """
    model = plant(robot, timestep_s=config.timestep_s, friction=config.friction)
    search = smallest_cap(model, followed, feed_forward(robot, followed, config.friction), config.assist)
    weight = body_weight(model)
    return (*_help(followed, search, weight), *_errors(followed, search))


def _help(followed: Reference, search: CapSearch, weight: float) -> tuple[Measurement, ...]:
    run = search.uncapped
    share = run.force / weight
    series = followed.per_frame(share)
    fell = "" if run.fell_at is None else "; even with all the help it wants the robot loses the motion"
    return (
        Measurement(
            name="assist_cap",
            value=search.smallest,
            unit="1",
            meaning=f"Smallest cap on the help at the pelvis that survives, as a share of the weight{fell}",
            series=series,
            spans=_at(followed, search.last_fall.fell_at if search.last_fall else None),
        ),
        Measurement(
            name="assist_mean",
            value=float(np.nanmean(share)),
            unit="1",
            meaning="Mean help at the pelvis, i.e. its impulse per second, as a share of the weight",
            series=series,
        ),
        Measurement(
            name="assist_p95",
            value=np.nanpercentile(share, 95),
            unit="1",
            meaning="Help at the pelvis exceeded in 5 % of the time, as a share of the weight",
            series=series,
        ),
        Measurement(
            name="assist_moment_p95",
            value=np.nanpercentile(run.moment, 95),
            unit="N m",
            meaning="Moment at the pelvis exceeded in 5 % of the time",
            series=followed.per_frame(run.moment),
        ),
        Measurement(
            name="open_loop_survival",
            value=search.open_loop.survival,
            unit="1",
            meaning="Share of the motion before the robot falls without help; position loops never survive for long",
            spans=_at(followed, search.open_loop.fell_at),
        ),
    )


def _errors(followed: Reference, search: CapSearch) -> tuple[Measurement, ...]:
    run = search.uncapped
    return (
        Measurement(
            name="tracking_root_error",
            value=float(np.nanmean(run.root_error)),
            unit="m",
            meaning="Mean distance of the pelvis from where it should be",
            series=followed.per_frame(run.root_error),
        ),
        Measurement(
            name="tracking_root_error_max",
            value=np.nanmax(run.root_error),
            unit="m",
            meaning="Largest distance of the pelvis from where it should be",
            series=followed.per_frame(run.root_error),
        ),
        Measurement(
            name="tracking_joint_error",
            value=np.sqrt(np.nanmean(run.joint_error**2)),
            unit="rad",
            meaning="Root mean square of the joints' errors",
            series=followed.per_frame(run.joint_error),
        ),
        Measurement(
            name="torque_saturation",
            value=float(np.nanmean(run.effort > 0.999)),
            unit="1",
            meaning="Share of the time in which a motor gives all it has",
            series=followed.per_frame(run.effort),
        ),
    )


def _at(followed: Reference, sample: int | None) -> tuple[tuple[int, int], ...]:
    """Return the frame of a fall as a span, nothing if there was none."""
    if sample is None:
        return ()
    frame = min(int(sample / followed.hz * followed.fps), followed.n_frames - 1)
    return ((frame, frame + 1),)
