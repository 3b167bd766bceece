"""Motions whose answer is known exactly: a robot that stands, and one that jumps as a stone flies."""

from __future__ import annotations

import numpy as np

from pipeline.flight_physics import GRAVITY
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.verdict import Limits, judge
from robots.contact_forces import FrictionConfig, explain_forces
from robots.contact_points import ContactRules, contact_points
from robots.kinematics import link_poses
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.trajectory import robot_trajectory

FLIGHT_S = 0.5
"""Time that the jump is in the air [s]: its apex is 31 cm up."""

TUCK = {"hip_pitch": -0.8, "knee": 1.4, "ankle_pitch": -0.6}
"""Legs of the jump, soles level [rad]."""

FLIGHT_CHECKS = ("playback_speed_error", "flight_acc_error")
"""Measurements that gravity speaks through."""


def standing(robot: RobotModel, seconds: float = 1.0, fps: float = 30.0) -> RobotMotion:
    """Return the default pose, held on both feet."""
    frames = round(seconds * fps)
    return RobotMotion.from_qpos(
        np.tile(robot.default_qpos, (frames, 1)),
        fps=fps,
        joint_names=robot.joint_names,
        foot_contact=np.ones((frames, 2)),
    )


def static_residual_n(robot: RobotModel) -> float:
    """Largest force that no contact explains while the robot stands still [N]."""
    motion = standing(robot)
    trajectory = robot_trajectory(robot, motion)
    points = contact_points(robot, trajectory.qpos, motion.foot_contact, ContactRules())
    forces = explain_forces(robot, trajectory, points, FrictionConfig())
    return float(np.linalg.norm(forces.residual_force_w, axis=1).max())


def jump(robot: RobotModel, *, speed: float, fps: float = 30.0, flight_s: float = FLIGHT_S) -> RobotMotion:
    """Return a jump with tucked legs, played at a share of its speed: it stands, flies on a parabola, and stands.

    It moves forward at 1 m/s in the air. Its take-off and landing are abrupt, as nothing is asked of them here.
    """
    still_s, forward = 0.5, 1.0
    frames = round((2.0 * still_s + flight_s) / speed * fps) + 1
    time = np.arange(frames) / fps * speed
    in_air = np.clip(time - still_s, 0.0, flight_s)
    qpos = np.tile(robot.default_qpos, (frames, 1))
    legs = [f"{side}_{joint}_joint" for joint in TUCK for side in ("left", "right")]
    qpos[:, [7 + robot.joint_names.index(name) for name in legs]] = np.repeat(list(TUCK.values()), 2)
    qpos[:, 2] += GRAVITY / 2.0 * in_air * (flight_s - in_air) - _shortening(robot, qpos[0])
    qpos[:, 0] += forward * in_air
    grounded = (in_air <= 0.0) | (in_air >= flight_s)
    return RobotMotion.from_qpos(
        qpos, fps=fps, joint_names=robot.joint_names, foot_contact=np.repeat(grounded[:, None], 2, axis=1).astype(float)
    )


def _shortening(robot: RobotModel, qpos: np.ndarray) -> float:
    """How much lower the root has to be for the soles of a pose to be where those of the standing pose are [m]."""
    both = np.stack([robot.default_qpos, qpos])
    pos_w, _ = link_poses(robot, both)
    foot = robot.body_names.index(robot.foot_body_names[0])
    return float(pos_w[1, foot, 2] - pos_w[0, foot, 2])


def slow_jump_speed_err_pct(robot: RobotModel, speed: float = 0.7) -> float:
    """How far the speed that the checks tell of a slowed jump is from its true speed [%]."""
    told = measure_robot(jump(robot, speed=speed), robot, ValidationConfig())["playback_speed"].value
    return 100.0 * abs(told - speed) / speed


def flight_checks_failed(robot: RobotModel, limits: Limits, *, speed: float) -> tuple[str, ...]:
    """Name the flight checks that the jump at a share of its speed fails."""
    verdict = judge((measure_robot(jump(robot, speed=speed), robot, ValidationConfig()),), limits)
    return tuple(c.measurement for c in verdict.checks if c.measurement in FLIGHT_CHECKS and not c.passed)
