"""Turns joint angles over time into what the joints' limits have to say about them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.measurement import Measurement
from robots.differences import derivative
from robots.model import RobotModel


def measure_joint_range(
    robot: RobotModel, joint_pos: Float[np.ndarray, "frames joints"], near_limit: float
) -> tuple[Measurement, ...]:
    """Measure how far joints go beyond their range, and how often they come near its end.

    Args:
        robot: Whose limits.
        joint_pos: Angles in the robot's joint order [rad].
        near_limit: Share of the half range, from the middle, that counts as near its end.
    """
    beyond = np.maximum(np.maximum(robot.joint_lower - joint_pos, joint_pos - robot.joint_upper), 0.0)
    middle, half = (robot.joint_upper + robot.joint_lower) / 2, (robot.joint_upper - robot.joint_lower) / 2
    near = np.abs(joint_pos - middle) > near_limit * half
    busiest = robot.joint_names[int(near.sum(axis=0).argmax())]
    over = f"; {_worst(robot, beyond)} goes furthest" if beyond.any() else ""
    often = f"; {busiest} most often" if near.any() else ""
    return (
        Measurement(
            name="joint_over_limit",
            value=beyond.max(),
            unit="rad",
            meaning=f"Furthest that any joint goes beyond its range{over}",
            series=beyond.max(axis=1),
        ),
        Measurement(
            name="joint_near_limit_share",
            value=near.any(axis=1).mean(),
            unit="1",
            meaning=f"Share of frames with a joint in the last {1 - near_limit:.0%} of its half range{often}",
            series=near.any(axis=1).astype(float),
        ),
    )


def measure_joint_speed(
    robot: RobotModel, joint_pos: Float[np.ndarray, "frames joints"], fps: float
) -> tuple[Measurement, ...]:
    """Measure joint speeds against both tiers of the motors' limits, accelerations and jerks."""
    speed = np.abs(derivative(joint_pos, fps))
    acceleration = np.abs(derivative(joint_pos, fps, order=2))
    jerk = np.abs(derivative(joint_pos, fps, order=3)).max(axis=1)
    return (
        Measurement(
            name="joint_speed",
            value=speed.max(),
            unit="rad/s",
            meaning=f"Fastest joint between two frames: {_worst(robot, speed)}",
            series=speed.max(axis=1),
        ),
        _speed_ratio("joint_speed_ratio", "hard", robot, speed / robot.velocity_limit),
        _speed_ratio("joint_speed_ratio_soft", "soft", robot, speed / robot.velocity_limit_soft),
        Measurement(
            name="joint_acc",
            value=acceleration.max(),
            unit="rad/s^2",
            meaning=f"Largest joint acceleration: {_worst(robot, acceleration)}",
            series=acceleration.max(axis=1),
        ),
        Measurement(
            name="joint_acc_p99",
            value=np.percentile(acceleration.max(axis=1), 99),
            unit="rad/s^2",
            meaning="99th percentile over the frames of the largest joint acceleration",
            series=acceleration.max(axis=1),
        ),
        Measurement(
            name="joint_jerk_median",
            value=np.median(jerk),
            unit="rad/s^3",
            meaning="Median over the frames of the largest joint jerk, a measure of jitter",
            series=jerk,
        ),
    )


def _speed_ratio(name: str, tier: str, robot: RobotModel, ratio: Float[np.ndarray, "frames joints"]) -> Measurement:
    return Measurement(
        name=name,
        value=ratio.max(),
        unit="1",
        meaning=f"Fastest joint as a share of its motor's {tier} speed limit: {_worst(robot, ratio)}",
        series=ratio.max(axis=1),
    )


def _worst(robot: RobotModel, x: Float[np.ndarray, "frames joints"]) -> str:
    """Name the joint that reaches the largest value."""
    return robot.joint_names[int(x.max(axis=0).argmax())]
