"""Faults of the whole robot's place and orientation: what a camera, a filter or an axis convention does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from benchmarks.validation.faulty import (
    Apply,
    FaultyMotion,
    draw_span,
    everywhere,
    heading,
    moved,
    near_step,
    ramped,
)
from robots.model import RobotModel
from robots.motion import RobotMotion

HOVER_S = 0.6
"""Shortest time of hovering [s]: who rises and sinks in less might have jumped."""

HOVER_RAMP_S = 0.15
"""Time in which a hovering body rises and sinks [s]."""

SLIDE_S = 1.0
"""Shortest time of sliding [s]."""

SLIDE_RAMP_S = 0.25
"""Time in which a sliding body takes up its speed and loses it [s]."""

SLIPS_M_S = 0.25
"""Feet that are faster than this do not count as standing where labels are taken from the feet [m/s]."""


def drift(speed: float) -> Apply:
    """Let the height grow steadily [m/s]."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion:
        sign = rng.choice([-1.0, 1.0])
        return everywhere(moved(motion, sign * speed * _time(motion)[:, None] * [0.0, 0.0, 1.0]))

    return apply


def bobbing(amplitude: float, frequency: float) -> Apply:
    """Let the height swing [m, Hz]."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion:
        phase = rng.uniform(0.0, 2.0 * np.pi)
        swing = amplitude * np.sin(2.0 * np.pi * frequency * _time(motion) + phase)
        return everywhere(moved(motion, swing[:, None] * [0.0, 0.0, 1.0]))

    return apply


def slide(speed: float) -> Apply:
    """Let the robot slide sideways [m/s]."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion:
        return everywhere(moved(motion, speed * _time(motion)[:, None] * heading(rng)))

    return apply


def teleport(distance: float) -> Apply:
    """Move everything after one moment sideways [m]."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion:
        frame = int(rng.integers(len(motion) // 5, max(4 * len(motion) // 5, len(motion) // 5 + 1)))
        after = (np.arange(len(motion)) >= frame).astype(float)
        return near_step(moved(motion, distance * after[:, None] * heading(rng)), frame)

    return apply


def shift_height(distance: float) -> Apply:
    """Raise or sink the whole clip [m]."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion:
        return everywhere(moved(motion, np.array([[0.0, 0.0, distance]])))

    return apply


def hover(height: float) -> Apply:
    """Lift the robot off the floor over a span and hold it there [m]; its labels say that it flies, which is seen."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion | None:
        span = draw_span(motion, rng, motion.foot_contact.max(axis=1), 0.8, HOVER_S)
        if span is None:
            return None
        weight = ramped(span, len(motion), motion.fps, HOVER_RAMP_S)
        lifted = moved(motion, height * weight[:, None] * [0.0, 0.0, 1.0])
        off = weight > 0.1
        contact = np.where(off[:, None], 0.0, motion.foot_contact)
        return FaultyMotion(motion=replace(lifted, foot_contact=contact), bad=off)

    return apply


def slide_unlabelled(speed: float) -> Apply:
    """Let the robot slide over a span [m/s] and deny every contact meanwhile, as labels from slow feet do."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion | None:
        span = draw_span(motion, rng, motion.foot_contact.max(axis=1), 0.8, SLIDE_S)
        if span is None:
            return None
        weight = ramped(span, len(motion), motion.fps, SLIDE_RAMP_S)
        way = speed * np.cumsum(weight)[:, None] / motion.fps * heading(rng)
        off = speed * weight > SLIPS_M_S
        contact = np.where(off[:, None], 0.0, motion.foot_contact)
        return FaultyMotion(motion=replace(moved(motion, way), foot_contact=contact), bad=off)

    return apply


def tilt(angle_deg: float) -> Apply:
    """Tilt the world about a horizontal axis through the middle of the clip's floor [deg]."""

    def apply(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion:
        middle = motion.root_pos_w.mean(axis=0) * [1.0, 1.0, 0.0]
        return everywhere(_turned(motion, Rotation.from_rotvec(np.radians(angle_deg) * heading(rng)), middle))

    return apply


def y_up(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion:
    """Hand a world whose y axis points up to those who think it is z."""
    return everywhere(_turned(motion, Rotation.from_rotvec([-np.pi / 2, 0.0, 0.0]), np.zeros(3)))


def quat_order(motion: RobotMotion, robot: RobotModel, rng: np.random.Generator) -> FaultyMotion:
    """Hand quaternions written as xyzw to those who read wxyz."""
    return everywhere(replace(motion, root_quat_wxyz=motion.root_quat_wxyz[:, [1, 2, 3, 0]]))


def _turned(motion: RobotMotion, turn: Rotation, centre: np.ndarray) -> RobotMotion:
    quat = turn * Rotation.from_quat(motion.root_quat_wxyz, scalar_first=True)
    pos = turn.apply(motion.root_pos_w - centre) + centre
    return replace(motion, root_pos_w=pos, root_quat_wxyz=quat.as_quat(scalar_first=True))


def _time(motion: RobotMotion) -> np.ndarray:
    return np.arange(len(motion)) / motion.fps
