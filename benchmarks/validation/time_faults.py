"""Faults of time: clips at a wrong speed, clips that stop, flights that last too long, filters that were too strong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, Slerp

from benchmarks.validation.faulty import Apply, FaultyMotion, draw_span, everywhere, joint_speed
from pipeline.flight_physics import GRAVITY, fit_flights
from pipeline.validation.body_geometry import body_geometry
from retarget.spans import Span
from robots.kinematics import qpos_in_order
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.trajectory import low_passed

MIN_FLIGHT_S = 0.2
"""A speed can be told from flights of at least this length [s]: in them a body rises by 5 cm."""

CLEARANCE_M = 0.01
"""The robot flies while its lowest point is higher than this over the floor [m]."""

FALLS_WITHIN = 3.5
"""Flights of good motion fall with g within this [m/s^2]: a smaller robot's jumps are scaled, not timed anew."""

MOVING_RAD_S = 0.25
"""Root mean square joint speed from which a body is in motion [rad/s]; who stands still is at 0.05."""


def flights(motion: RobotMotion, robot: RobotModel) -> list[Span]:
    """Return the spans of at least :data:`MIN_FLIGHT_S` in which the robot clears the floor and falls as bodies do.

    Who stands on tiptoe may clear the floor by the accuracy of a retargeter, and does not fall.
    """
    geometry = body_geometry(robot, qpos_in_order(robot, motion))
    fits = fit_flights(
        geometry.com_pos_w,
        geometry.lowest_height > CLEARANCE_M,
        motion.fps,
        min_flight=MIN_FLIGHT_S - 1e-9,
        path_noise=1e-3,
    )
    inside = [fit for fit in fits if fit.span[0] > 0 and fit.span[1] < len(motion)]
    return [fit.span for fit in inside if abs(fit.vertical_acc + GRAVITY) < FALLS_WITHIN]


def speed(factor: float) -> Apply:
    """Label a clip that has a flight with another frame rate, so that it is played slower or faster.

    No frame changes: what resampling does to feet and joint limits would give the fault away.
    """

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion | None:
        if not flights(motion, robot):
            return None
        return everywhere(replace(motion, fps=motion.fps * factor))

    return apply


def freeze(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion | None:
    """Hold one frame over a span in which the robot moved; then it jumps to where it should be."""
    span = draw_span(motion, rng, joint_speed(motion), MOVING_RAD_S)
    if span is None:
        return None
    frames = np.arange(len(motion))
    frames[slice(*span)] = span[0]
    bad = np.zeros(len(motion), dtype=bool)
    bad[slice(*span)] = True
    return FaultyMotion(motion=_picked(motion, frames), bad=bad)


def hang(factor: float) -> Apply:
    """Stretch the longest flight of a clip, as estimators do that know no gravity."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion | None:
        spans = flights(motion, robot)
        if not spans:
            return None
        start, stop = max(spans, key=lambda span: span[1] - span[0])
        inside = np.arange(start, stop - 1, 1.0 / factor)
        frames = np.concatenate([np.arange(start), inside, np.arange(stop - 1, len(motion))])
        bad = np.zeros(len(frames), dtype=bool)
        bad[start : start + len(inside)] = True
        return FaultyMotion(motion=_picked(motion, frames), bad=bad)

    return apply


def smoothing(cutoff_hz: float) -> Apply:
    """Low-pass everything but the labels, feet and floor forgotten [Hz]."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion:
        return everywhere(low_passed(motion, cutoff_hz))

    return apply


def _picked(motion: RobotMotion, frames: np.ndarray) -> RobotMotion:
    """Sample a motion at frame numbers, which may lie between frames."""
    known = np.arange(len(motion))
    turn = Slerp(known, Rotation.from_quat(motion.root_quat_wxyz, scalar_first=True))

    return replace(
        motion,
        root_pos_w=CubicSpline(known, motion.root_pos_w)(frames),
        root_quat_wxyz=turn(frames).as_quat(scalar_first=True),
        joint_pos=CubicSpline(known, motion.joint_pos)(frames),
        foot_contact=motion.foot_contact[np.round(frames).astype(int)],
    )
