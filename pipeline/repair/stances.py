"""Turns the soles of a robot motion into the constants by which its world is wrong: tilt, slide, drift, height, gaps.

Each figure comes with a test of whether it is well determined, and is None where it is not: stances that contradict
each other say nothing of a constant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from pipeline.floor_fit import floor_slope
from retarget.spans import held_to_next
from robots.model import RobotModel
from robots.motion import RobotMotion
from robots.soles import Soles

_ALIKE_RAD = np.radians(3)
"""Soles on one floor lie within this of each other, whatever way the feet point."""
_ENOUGH_ALIKE = 0.4
"""Share of the stances that must do so: heels and toes that are lifted in a walk have tilts of their own."""
_STEADY_M_S = 0.06
"""Three in four stances that slide alike differ from the middle by less than this [m/s]."""
_STEADY_M = 0.012
"""Stances on a floor that rises steadily differ from a line by less than this (median) [m]."""

CLEARLY = 0.5
"""A constant is right if stances are more at rest with it by this factor."""
_TOUCH_M, _USUAL_SLOPE = 0.002, 0.4
"""How exactly soles lie on the floor [m], and the slope that is expected of a world that leans [m/m]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stances:
    """Where soles touch the floor while they bear weight."""

    fps: float
    contact: Bool[np.ndarray, "frames 2"]
    """Which foot bears weight when."""
    sole_up_w: Float[np.ndarray, "frames 2 3"]
    """Unit vectors that point out of the floor where the sole stands flat."""
    touch_w: Float[np.ndarray, "frames 2 3"]
    """Lowest corner of each sole [m]."""
    touch_step: Float[np.ndarray, "frames 2 3"]
    """Way of that corner to the next frame; zero in the last [m]."""
    heading: Rotation
    """Of the pelvis about the vertical, frame by frame."""
    trunk_up_w: Float[np.ndarray, "frames 3"]
    """Which way the pelvis's own z axis points."""
    aside: Float[np.ndarray, "frames 3"]
    """From the middle of what touches to the pelvis, NaN where nothing bears weight [m]."""

    @classmethod
    def of(
        cls, motion: RobotMotion, robot: RobotModel, contact: Bool[np.ndarray, "frames 2"], soles: Soles | None = None
    ) -> Stances:
        """Pose the feet, or take them as they were posed."""
        soles = Soles.of(motion, robot) if soles is None else soles
        corners = soles.corners_w
        lowest = corners[..., 2].argmin(axis=2)[..., None, None]
        touch = np.take_along_axis(corners, lowest, axis=2)[:, :, 0]
        steps = np.zeros_like(corners)
        steps[:-1] = np.diff(corners, axis=0)
        root = Rotation.from_quat(motion.root_quat_wxyz.copy(), scalar_first=True)
        forward = root.apply([1.0, 0.0, 0.0])
        yaw = np.arctan2(forward[:, 1], forward[:, 0])
        weight = np.where(contact, 1.0, np.nan)[..., None]
        carried = contact.any(axis=1)
        aside = np.full((len(motion), 3), np.nan)
        aside[carried] = motion.root_pos_w[carried] - np.nanmean((touch * weight)[carried], axis=1)
        return cls(
            fps=motion.fps,
            contact=contact,
            sole_up_w=soles.up_w,
            touch_w=touch,
            touch_step=np.take_along_axis(steps, lowest, axis=2)[:, :, 0],
            heading=Rotation.from_euler("z", yaw[:, None]),
            trunk_up_w=root.apply([0.0, 0.0, 1.0]),
            aside=aside,
        )

    def turned(self, turn: Rotation) -> Stances:
        """Return where the soles would be in a world that is turned; what is lowest stays what it was."""
        step, touch = (
            turn.apply(x.reshape(-1, 3)).reshape(x.shape) for x in (np.array(self.touch_step), np.array(self.touch_w))
        )
        up = turn.apply(self.sole_up_w.reshape(-1, 3)).reshape(self.sole_up_w.shape)
        return replace(
            self,
            sole_up_w=up,
            touch_w=touch,
            touch_step=step,
            trunk_up_w=turn.apply(np.array(self.trunk_up_w)),
            aside=turn.apply(np.array(self.aside)),
        )

    @property
    def lean_aside(self) -> float:
        """How far the pelvis is off its feet in the middle of the motion, horizontally [m]."""
        known = np.isfinite(self.aside[:, 0])
        return float(np.linalg.norm(np.median(self.aside[known, :2], axis=0))) if known.any() else 0.0

    @property
    def trunk_lean(self) -> float:
        """How far the pelvis leans from the vertical in the middle of the motion, in its own heading [rad]."""
        up = np.median(self.heading.inv().apply(self.trunk_up_w), axis=0)
        return float(np.arctan2(np.hypot(up[0], up[1]), up[2]))

    def world_up(self) -> Float[np.ndarray, " 3"] | None:
        """Which way soles look that lie on one floor; None where not enough of them do."""
        return _common(self.sole_up_w[self.contact])

    def leg_pitch(self) -> float | None:
        """By how much the soles are turned alike about the pelvis's lateral axis, toes down positive [rad]."""
        up = np.stack([self.heading.inv().apply(self.sole_up_w[:, side]) for side in (0, 1)], axis=1)[self.contact]
        common = _common(up)
        return None if common is None else float(np.arctan2(common[0], common[2]))

    def floor_up(self) -> Float[np.ndarray, " 3"] | None:
        """Which way the plane looks on which soles touch the floor; None where they do not lie on one plane."""
        points = self.touch_w[self.contact]
        slope = floor_slope(points, noise=_TOUCH_M, usual_slope=_USUAL_SLOPE)
        height = points[:, 2] - points[:, :2] @ slope
        if len(points) < 3 or np.median(np.abs(height - np.median(height))) > _STEADY_M:
            return None
        return np.array([-slope[0], -slope[1], 1.0]) / np.sqrt(1.0 + slope @ slope)

    @property
    def unrest(self) -> float:
        """How much stances move on the floor and differ in height, the mean of both a frame [m].

        The right leg lengths and angles are those with which feet that stand do stand.
        """
        held = held_to_next(self.contact)
        if not held.any():
            return 0.0
        height = self.touch_w[..., 2][self.contact]
        slip = np.linalg.norm(self.touch_step[held], axis=1)
        return float(slip.mean() + np.abs(height - np.median(height)).mean())

    def stand_better_than(self, before: Stances) -> bool:
        """Say whether the feet are clearly more at rest, or at least the pelvis is better over them."""
        return self.unrest < CLEARLY * before.unrest or self.lean_aside < before.lean_aside

    def slide(self) -> Float[np.ndarray, " 2"] | None:
        """Horizontal velocity at which all stances slide alike [m/s]."""
        held = held_to_next(self.contact)
        velocity = self.touch_step[held][:, :2] * self.fps
        if len(velocity) < 3:
            return None
        middle = np.median(velocity, axis=0)
        spread = float(np.percentile(np.linalg.norm(velocity - middle, axis=1), 75))
        return middle if spread < min(_STEADY_M_S, np.linalg.norm(middle)) else None

    def height(self) -> Float[np.ndarray, " frames"] | None:
        """Height of the lower sole that bears weight [m].

        Between stances it goes straight, but not above soles that are in the air: nobody flies below the floor.
        """
        lower = np.where(self.contact, self.touch_w[..., 2], np.inf).min(axis=1)
        known = np.flatnonzero(np.isfinite(lower))
        if not len(known):
            return None
        between = np.interp(np.arange(len(lower)), known, lower[known])
        return np.where(np.isfinite(lower), lower, np.minimum(between, self.touch_w[..., 2].min(axis=1)))

    def followed_height(self, smooth_s: float) -> Float[np.ndarray, " frames"] | None:
        """The same, without what changes faster than a time (standard deviation of the average) [m]."""
        height = self.height()
        return None if height is None else gaussian_filter1d(height, smooth_s * self.fps, mode="nearest")

    def ramp(self) -> tuple[float, float] | None:
        """Height at the first frame [m] and rate [m/s] of a floor that rises steadily under all stances."""
        carried = np.flatnonzero(self.contact.any(axis=1))
        height = self.height()
        if height is None or len(carried) < 4:
            return None
        time, known = carried / self.fps, height[carried]
        apart = np.array([max(len(carried) // 3, 1)])  # slopes over a third of the clip and more (Theil and Sen)
        slopes = [(known[i:] - known[:-i]) / (time[i:] - time[:-i]) for i in (int(apart[0]), int(2 * apart[0]))]
        rate = float(np.median(np.concatenate(slopes)))
        first = float(np.median(known - rate * time))
        return (first, rate) if np.median(np.abs(known - first - rate * time)) < _STEADY_M else None

    def followed_slide(self, smooth_s: float) -> Float[np.ndarray, "frames 2"]:
        """Horizontal way that stances slide, summed up over time, with steady speed through flights [m]."""
        held = held_to_next(self.contact)
        frames = np.arange(len(held))
        known = held.any(axis=1)
        if not known.any():
            return np.zeros((len(held), 2))
        weight = np.where(held, 1.0, np.nan)[..., None]
        step = np.zeros((len(held), 2))
        step[known] = np.nanmean((self.touch_step[..., :2] * weight)[known], axis=1)
        step = np.stack([np.interp(frames, frames[known], axis[known]) for axis in step.T], axis=1)
        step = gaussian_filter1d(step, smooth_s * self.fps, axis=0, mode="nearest")
        return np.vstack([np.zeros((1, 2)), np.cumsum(step[:-1], axis=0)])


def _common(up: Float[np.ndarray, "stances 3"]) -> Float[np.ndarray, " 3"] | None:
    """Mean of the largest group of directions that lie close together; None if it is not large enough."""
    if len(up) < 3:
        return None
    some = up[:: max(len(up) // 200, 1)]
    alike = np.arccos(np.clip(some @ some.T, -1.0, 1.0)) < _ALIKE_RAD
    best = alike[alike.sum(axis=1).argmax()]
    if best.mean() < _ENOUGH_ALIKE:
        return None
    mean = some[best].mean(axis=0)
    return mean / np.linalg.norm(mean)
