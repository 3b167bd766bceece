"""Faults of time: clips at a wrong speed, clips that stop, flights that last too long, filters that were too strong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.interpolate import interp1d
from scipy.spatial.transform import Rotation, Slerp

from benchmarks.validation.faulty import Apply, FaultyMotion, draw_span, everywhere, joint_speed
from pipeline.validation.body_geometry import body_geometry
from retarget.spans import Span, true_runs
from robots.kinematics import qpos_in_order
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.trajectory import low_passed

MIN_FLIGHT_S = 0.2
"""A speed can be told from flights of at least this length [s]: in them a body rises by 5 cm."""

CLEARANCE_M = 0.01
"""The robot flies while its lowest point is higher than this over the floor [m]."""

MOVING_RAD_S = 0.25
"""Root mean square joint speed from which a body is in motion [rad/s]; who stands still is at 0.05."""


def flights(motion: RobotMotion, robot: RobotModel) -> list[Span]:
    """Return the spans of at least :data:`MIN_FLIGHT_S` in which no part of the robot touches the floor."""
    lowest = body_geometry(robot, qpos_in_order(robot, motion)).lowest_height
    runs = true_runs(lowest > CLEARANCE_M)
    return [(a, b) for a, b in runs if b - a >= MIN_FLIGHT_S * motion.fps and a > 0 and b < len(motion)]


def speed(factor: float) -> Apply:
    """Play a clip with a flight faster or slower, labelled with its old frame rate."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion | None:
        if not flights(motion, robot):
            return None
        return everywhere(replace(motion.resampled(motion.fps / factor), fps=motion.fps))

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

    def sample(x: np.ndarray) -> np.ndarray:
        return interp1d(known, x, axis=0)(frames)

    return replace(
        motion,
        root_pos_w=sample(motion.root_pos_w),
        root_quat_wxyz=turn(frames).as_quat(scalar_first=True),
        joint_pos=sample(motion.joint_pos),
        foot_contact=sample(motion.foot_contact),
    )
