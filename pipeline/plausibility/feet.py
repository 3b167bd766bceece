"""Turns the skin of both feet into ground height, contact and skate.

Contact is PBHC's rule (a foot is down while it is slow and low) in m/s and on the skin of the sole:
PBHC compares the squared way of a joint per frame, which changes its meaning with the frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.body import SkinnedBody
from pipeline.measurement import Measurement
from pipeline.plausibility.skin_points import on_hull, picking_verts, points_by_part
from pipeline.skate import measure_skate_speeds
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from retarget.spans import held_to_next
from robots.differences import derivative

SOLE_THICKNESS = 0.02
"""Points this close to a foot's lowest one may carry it [m]: a sole is soft and lies on more than one point."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Feet:
    """Height and slip of both feet, and the ground they show."""

    fps: float
    height: Float[np.ndarray, "frames 2"]
    """World height of the lowest point of the left and right foot [m]."""
    slip_speed: Float[np.ndarray, "frames 2"]
    """Horizontal speed, this frame to the next, of the slowest of the points that may carry the foot [m/s]."""
    ground: float
    """World height of the floor [m]."""
    contact: Bool[np.ndarray, "frames 2"]
    """Where a foot is slow and low."""
    low_pos_w: Float[np.ndarray, "frames 4 3"]
    """Lowest point of left heel, left toes, right heel, right toes [m]."""
    low_speed: Float[np.ndarray, "frames 4"]
    """Speed of these points of the skin, this frame to the next [m/s]."""

    @classmethod
    def of(cls, motion: SmplMotion, body: SkinnedBody, *, slow: float, low: float) -> Feet:
        """Pose the feet's skin and find ground and contact.

        Args:
            motion: A motion of this body.
            body: Whose skin.
            slow: A foot may bear weight below this slip speed [m/s] ...
            low: ... and below this height over the ground [m].
        """
        patches = [_foot_patches(body, motion.betas, side) for side in ("left", "right")]
        height, slip_speed = np.empty((len(motion), 2)), np.empty((len(motion), 2))
        low_pos, low_speed = np.empty((len(motion), 4, 3)), np.empty((len(motion), 4))
        for side, feet in enumerate(patches):
            picking = picking_verts(body, np.concatenate(feet))
            for part, points in points_by_part(motion, body, picking):
                height[part, side], slip_speed[part, side] = _bearing(points, motion.fps, len(height[part]))
                for i, patch in enumerate(np.split(points, [len(feet[0])], axis=1)):
                    lowest = _lowest(patch, motion.fps, len(height[part]))
                    low_pos[part, 2 * side + i], low_speed[part, 2 * side + i] = lowest
        ground = ground_height(height, slip_speed < slow)
        contact = (slip_speed < slow) & (height - ground < low)
        return cls(
            fps=motion.fps,
            height=height,
            slip_speed=slip_speed,
            ground=ground,
            contact=contact,
            low_pos_w=low_pos,
            low_speed=low_speed,
        )

    def skate(self) -> Float[np.ndarray, "frames 2"]:
        """Slip speed in contact, NaN elsewhere [m/s]. The last frame has no next one."""
        return np.where(held_to_next(self.contact), self.slip_speed, np.nan)


def ground_height(height: Float[np.ndarray, "frames 2"], slow: Bool[np.ndarray, "frames 2"]) -> float:
    """Estimate the height of the floor: the median, over time, of the lowest foot that holds still.

    Half of the standing frames may be wrong before it moves by more than their spread, whereas the minimum
    over a clip follows its worst frame. Where no foot ever holds still, all frames are taken; such a clip
    has no contact either, and its share of contact says so.
    """
    lowest_still = np.where(slow, height, np.inf).min(axis=1)
    still = np.isfinite(lowest_still)
    return float(np.median(lowest_still[still] if still.any() else height.min(axis=1)))


def measure_feet(feet: Feet) -> tuple[Measurement, ...]:
    """Measure contact, the offset of the ground, and skate."""
    supported = feet.contact.any(axis=1)
    return (
        Measurement(
            name="ground_offset",
            value=feet.ground,
            unit="m",
            meaning="Height of the floor that the standing feet show, which should be zero: one shift repairs it",
        ),
        Measurement(
            name="contact_share",
            value=supported.mean(),
            unit="1",
            meaning="Share of frames with a foot that is slow and low; skate is measured in these only",
            series=supported.astype(float),
        ),
        *measure_skate_speeds(feet.skate(), "a foot on the floor"),
    )


def _foot_patches(body: SkinnedBody, betas: Float[np.ndarray, " 10"], side: str) -> list[Int[np.ndarray, " points"]]:
    """Vertices on the hulls of the foot and of its toes: no other can be the lowest while each keeps its shape."""
    mover = np.asarray(body.skin_weights).argmax(axis=1)
    rest = body.rest_verts(betas)
    return [
        on_hull(rest, np.flatnonzero(mover == SMPL_JOINT_NAMES.index(joint)))
        for joint in (f"{side}_ankle", f"{side}_foot")
    ]


def _bearing(points: np.ndarray, fps: float, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Height of a foot, and slip speed of the slowest of the points that may carry it, in the first frames."""
    height = points[..., 2].min(axis=1)
    speed = np.linalg.norm(derivative(points[..., :2], fps), axis=-1)
    may_carry = points[..., 2] < height[:, None] + SOLE_THICKNESS
    return height[:frames], np.where(may_carry, speed, np.inf).min(axis=1)[:frames]


def _lowest(points: np.ndarray, fps: float, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Place and speed of the lowest of some points, in the first frames."""
    lowest = points[:frames, :, 2].argmin(axis=1)
    speed = np.linalg.norm(derivative(points, fps), axis=-1)[:frames]
    return points[np.arange(frames), lowest], speed[np.arange(frames), lowest]
