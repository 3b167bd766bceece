"""Turns joint angles over time into what the joints' limits have to say about them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.measurement import Measurement, largest
from robots.differences import derivative
from robots.filters import filtered
from robots.model import RobotModel

JITTER_HZ = 8.0
"""Bodies hardly move faster than this; what does is jitter (kicks and punches stay below)."""
_AROUND_S = 0.5
"""Time around a frame in which its motion is split into slow and fast [s]."""
_STILL_POWER = 0.05
"""Power of the joint speeds, summed over the joints, of a robot that stands still [rad^2/s^2]: the noise of its file
is not jitter."""


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
        largest("joint_over_limit", beyond.max(axis=1), "rad", f"Furthest that any joint goes beyond its range{over}"),
        Measurement(
            name="joint_near_limit_share",
            value=near.any(axis=1).mean(),
            unit="1",
            meaning=f"Share of frames with a joint in the last {1 - near_limit:.0%} of its half range{often}",
            series=near.any(axis=1).astype(float),
        ),
    )


def measure_joint_speed(
    robot: RobotModel, joint_pos: Float[np.ndarray, "frames joints"], fps: float, suffix: str = ""
) -> tuple[Measurement, ...]:
    """Measure joint speeds against both tiers of the motors' limits, accelerations and jerks.

    Args:
        robot: Whose limits.
        joint_pos: Angles in the robot's joint order [rad], as they are or low-passed.
        fps: Frames per second [1/s].
        suffix: Ending of the names, ``_lp6`` for low-passed angles.
    """
    speed = np.abs(derivative(joint_pos, fps))
    acceleration = np.abs(derivative(joint_pos, fps, order=2))
    jerk = np.abs(derivative(joint_pos, fps, order=3))
    return (
        *_over_joints(robot, f"joint_speed*{suffix}", "speed", "rad/s", speed, (100, 95)),
        _speed_ratio("joint_speed_ratio", "hard", robot, speed / robot.velocity_limit, suffix),
        _speed_ratio("joint_speed_ratio_soft", "soft", robot, speed / robot.velocity_limit_soft, suffix),
        *_over_joints(robot, f"joint_acc*{suffix}", "acceleration", "rad/s^2", acceleration, (100, 99)),
        *_over_joints(robot, f"joint_jerk*{suffix}", "jerk", "rad/s^3", jerk, (50, 95)),
    )


def measure_jitter(joint_pos: Float[np.ndarray, "frames joints"], fps: float) -> Measurement:
    """Measure the share of the joints' motion (power of their speeds) that is faster than a body moves.

    The share is taken around each frame, and what three quarters of the frames exceed counts: a motion that jumps does
    not jitter. Zero where the frame rate cannot hold such frequencies, and in a motion of a few frames.
    """
    shares = np.zeros(len(joint_pos))
    around = round(_AROUND_S * fps)
    if fps / 2 > JITTER_HZ and len(joint_pos) > max(around, 15):
        speed = derivative(joint_pos, fps)
        fast = filtered(speed, JITTER_HZ, fps, order=2, kind="highpass")
        mean = np.ones(around) / around
        power = np.convolve((speed**2).sum(axis=1), mean, mode="same")
        shares = np.convolve((fast**2).sum(axis=1), mean, mode="same") / (power + _STILL_POWER)
    return Measurement(
        name="joint_high_frequency_share",
        value=np.percentile(shares, 25),
        unit="1",
        meaning=f"Share of the power of the joint speeds above {JITTER_HZ:g} Hz, where bodies hardly move, "
        "exceeded in three quarters of the frames: jitter",
        series=shares,
    )


def _over_joints(
    robot: RobotModel,
    name: str,
    words: str,
    unit: str,
    x: Float[np.ndarray, "frames joints"],
    percents: tuple[int, ...],
) -> tuple[Measurement, ...]:
    """Measure the largest over the joints by percentiles over the frames; 100 is the maximum and has the plain name."""
    series = x.max(axis=1)
    stem, _, suffix = name.partition("*")
    labels = {100: ("", "Largest"), 50: ("_median", "Median over the frames of the largest")}
    taken = []
    for percent in percents:
        label, said = labels.get(percent, (f"_p{percent}", f"{percent}th percentile over the frames of the largest"))
        which = f": {_worst(robot, x)}" if percent == 100 else ""
        taken.append(
            Measurement(
                name=stem + label + suffix,
                value=np.percentile(series, percent),
                unit=unit,
                meaning=f"{said} joint {words}{_filtered(suffix)}{which}",
                series=series,
            )
        )
    return tuple(taken)


def _speed_ratio(
    name: str, tier: str, robot: RobotModel, ratio: Float[np.ndarray, "frames joints"], suffix: str
) -> Measurement:
    return Measurement(
        name=name + suffix,
        value=ratio.max(),
        unit="1",
        meaning=f"Fastest joint as a share of its motor's {tier} speed limit{_filtered(suffix)}: "
        f"{_worst(robot, ratio)}",
        series=ratio.max(axis=1),
    )


def _filtered(suffix: str) -> str:
    return f" of the motion low-passed at {suffix.removeprefix('_lp')} Hz" if suffix else ""


def _worst(robot: RobotModel, x: Float[np.ndarray, "frames joints"]) -> str:
    """Name the joint that reaches the largest value."""
    return robot.joint_names[int(x.max(axis=0).argmax())]
