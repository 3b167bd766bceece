"""Turns a robot motion into measurements: what MuJoCo and the robot's limits say of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pipeline.measurement import Measurement, Measurements
from pipeline.validation.body_geometry import BodyGeometry, body_geometry
from pipeline.validation.exceptions import WrongRobot
from pipeline.validation.feet import Stance, measure_ground, measure_labels, measure_skate
from pipeline.validation.joints import measure_joint_range, measure_joint_speed
from pipeline.validation.root import measure_root
from robots.model import RobotModel
from robots.motion import RobotMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationConfig:
    """What the words "contact", "near" and "resting" mean in the measurements of a robot motion."""

    contact_prob: float = 0.5
    """A foot bears weight above this probability and does not below it; PBHC's pads say 0.5: neither."""
    near_limit: float = 0.95
    """A joint is near its limit beyond this share of the half range (PBHC's soft limit)."""
    touch_height: float = 0.01
    """A foot lower than this over the median stance height [m] ..."""
    touch_speed: float = 0.25
    """... and slower than this [m/s] rests on the floor, whatever its label says."""


def measure_robot(motion: RobotMotion, robot: RobotModel, config: ValidationConfig) -> Measurements:
    """Measure joints, root, self-collision, ground and feet of a motion.

    The floor is z = 0. Every series has one value a frame; what is a difference of frames stands at
    the frame where it begins. No value changes if the whole motion is turned about the vertical or
    moved horizontally.

    Raises:
        WrongRobot: The motion's joints are not the robot's.
    """
    joint_pos = _in_robot_order(motion, robot)
    qpos = np.hstack([motion.root_pos_w, motion.root_quat_wxyz, joint_pos])
    geometry = body_geometry(robot, qpos)
    stance = Stance.of(geometry, robot.sole_points_b, motion.foot_contact, config.contact_prob, motion.fps)
    return Measurements(
        stage="validation",
        fps=motion.fps,
        n_frames=len(motion),
        items=(
            *measure_joint_range(robot, joint_pos, config.near_limit),
            *measure_joint_speed(robot, joint_pos, motion.fps),
            *measure_root(motion),
            *_measure_self_collision(geometry),
            *measure_ground(geometry, stance),
            *measure_skate(stance),
            *measure_labels(geometry, stance, config.touch_height, config.touch_speed),
        ),
    )


def _in_robot_order(motion: RobotMotion, robot: RobotModel) -> Float[np.ndarray, "frames joints"]:
    """Columns of ``joint_pos`` by name, in the robot's order."""
    missing = [name for name in robot.joint_names if name not in motion.joint_names]
    unknown = [name for name in motion.joint_names if name not in robot.joint_names]
    if missing or unknown:
        raise WrongRobot(robot.name, missing=missing, unknown=unknown)
    return motion.joint_pos[:, [motion.joint_names.index(name) for name in robot.joint_names]]


def _measure_self_collision(geometry: BodyGeometry) -> tuple[Measurement, ...]:
    touching = geometry.self_collision_depth > 0
    named = "; ".join(
        f"{pair.bodies[0]} in {pair.bodies[1]}, {pair.n_frames} frames, {100 * pair.depth:.2g} cm"
        for pair in geometry.pairs[:3]
    )
    deepest = f": {named}" if named else ""
    return (
        Measurement(
            name="self_collision_share",
            value=touching.mean(),
            unit="1",
            meaning=f"Share of frames in which parts of the robot overlap{deepest}",
            series=touching.astype(float),
        ),
        Measurement(
            name="self_collision_depth",
            value=geometry.self_collision_depth.max(),
            unit="m",
            meaning=f"Deepest overlap of two parts of the robot{deepest}",
            series=geometry.self_collision_depth,
        ),
    )
