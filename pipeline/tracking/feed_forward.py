"""Turns a reference into the torques that its motors would give if the floor pushed where its feet carry."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.tracking.reference import Reference
from robots.contact_forces import FrictionConfig, explain_forces
from robots.contact_points import ContactRules, contact_points
from robots.model import RobotModel
from robots.trajectory import RobotTrajectory

TORQUE_HZ = 30.0
"""Rate at which forces are explained [1/s]; the reference holds nothing faster than a fifth of it."""


def feed_forward(robot: RobotModel, reference: Reference, friction: float) -> Float[np.ndarray, "n joints"]:
    """Return the joint torques of contact-feasible inverse dynamics, within the motors' limits [N m].

    Forces are asked for at :data:`TORQUE_HZ` and drawn out linearly to the control rate.

    Args:
        robot: The robot.
        reference: A smooth motion on the floor.
        friction: Between soles and floor.
    """
    count = max(int(np.ceil((len(reference) - 1) * TORQUE_HZ / reference.hz)), 1) + 1
    rows = np.rint(np.linspace(0, len(reference) - 1, count)).astype(int)
    trajectory = RobotTrajectory(
        fps=TORQUE_HZ, qpos=reference.qpos[rows], qvel=reference.qvel[rows], qacc=reference.qacc[rows]
    )
    points = contact_points(robot, trajectory.qpos, reference.contact[rows].astype(float), ContactRules())
    torque = explain_forces(robot, trajectory, points, FrictionConfig(friction=friction)).joint_torque
    torque = np.clip(torque, -robot.effort_limit, robot.effort_limit)
    samples = np.arange(len(reference))
    return np.stack([np.interp(samples, rows, column) for column in torque.T], axis=1)
