"""Turns simulated futures of a robot into one number each: how far they are from the motion to be followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from robots.arrays import check_settings
from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True)
class CostWeights:
    """Prices of squared errors, averaged over the horizon; a radian in all of one leg's joints costs 6."""

    position: float = 30.0
    """Of the root's horizontal position [1/m^2]."""
    height: float = 60.0
    """Of its height [1/m^2]."""
    orientation: float = 10.0
    """Of its orientation [1/rad^2]."""
    joints: float = 1.0
    """Of each joint [1/rad^2]; of the legs in full."""
    waist_share: float = 1.5
    """What a joint of the waist counts against one of the legs."""
    arm_share: float = 0.5
    """What a joint of the arms counts against one of the legs."""
    velocity: float = 1.0
    """Of the root's velocity [s^2/m^2]."""
    spin: float = 0.05
    """Of its angular velocity [s^2/rad^2]."""
    joint_speed: float = 0.002
    """Of each joint's speed [s^2/rad^2]."""
    control: float = 4.5e-4
    """Of a knot of the correction, measured in its noise; small: it only decides between equals."""
    fall: float = 100.0
    """Of lying or bursting."""
    fall_height_m: float = 0.25
    """A root lower than it should be by more than this has fallen [m] ..."""
    fall_tilt_rad: float = 1.0
    """... and so has one that is turned away by more than about this [rad]."""
    end_share: float = 2.0
    """What an instant in the last quarter of the horizon counts against one before: nobody sees what follows."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_settings(self, positive=("fall_height_m", "fall_tilt_rad", "end_share"))


class FollowingCost:
    """The cost of many futures at once."""

    def __init__(self, robot: RobotModel, weights: CostWeights, steps: int) -> None:
        """Lay the weights out over MuJoCo's state, time first.

        Args:
            robot: Its joints are weighed by their names.
            weights: Prices.
            steps: Length of the futures.
        """
        self.weights = weights
        share = joint_shares(robot, legs=1.0, waist=weights.waist_share, arms=weights.arm_share)
        self.of_state = np.concatenate(
            [
                [weights.position, weights.position, weights.height, 0.0, 0.0, 0.0, 0.0],
                weights.joints * share,
                [weights.velocity] * 3,
                [weights.spin] * 3,
                weights.joint_speed * share,
            ]
        )
        of_time = np.ones(steps)
        of_time[-max(steps // 4, 1) :] = weights.end_share
        self.of_time = of_time / of_time.sum()

    def __call__(
        self, states: Float[np.ndarray, "samples steps nq+nv"], wanted: Float[np.ndarray, "steps nq+nv"]
    ) -> Float[np.ndarray, " samples"]:
        """Return the cost of each future.

        Args:
            states: Generalised positions and velocities.
            wanted: What they should be.
        """
        weights = self.weights
        # An overflow of a simulation that burst is a large cost like any other.
        with np.errstate(over="ignore", invalid="ignore"):
            error = states - wanted
            low = error[..., 2] < -weights.fall_height_m
            cos_half = np.einsum("nti,ti->nt", states[..., 3:7], wanted[:, 3:7])
            turn2 = 4.0 * (1.0 - np.minimum(cos_half**2, 1.0))
            fallen = low | (turn2 > weights.fall_tilt_rad**2)
            np.square(error, out=error)
            cost = (error @ self.of_state + weights.orientation * turn2 + weights.fall * fallen) @ self.of_time
        return np.where(np.isfinite(cost), cost, 10.0 * weights.fall)


def joint_shares(robot: RobotModel, *, legs: float, waist: float, arms: float) -> Float[np.ndarray, " joints"]:
    """Return one number a joint by the part of the body it moves."""
    parts = {"hip": legs, "knee": legs, "ankle": legs, "waist": waist}
    return np.array([next((x for part, x in parts.items() if part in name), arms) for name in robot.joint_names])
