"""Turns the feet's geometry and contact labels into stances, and these into figures of skate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from pipeline.measurement import Measurement, spans_where
from pipeline.skate import measure_skate_speeds
from pipeline.validation.body_geometry import CHUNK, BodyGeometry
from retarget.spans import held_to_next
from robots.differences import derivative


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stance:
    """When each foot is said to bear weight, and how it moves meanwhile."""

    fps: float
    contact: Bool[np.ndarray, "frames 2"]
    """Where the labels say that a foot bears weight."""
    denied: Bool[np.ndarray, "frames 2"]
    """Where they say that it does not; a label half way between says neither."""
    slip_speed: Float[np.ndarray, "frames 2"]
    """Horizontal speed of the slowest point of the sole [m/s], this frame to the next. A foot that pivots or
    rolls on its sole keeps one point still, so its speed is about zero; only a foot that slides has one."""

    @classmethod
    def of(
        cls,
        geometry: BodyGeometry,
        sole_points_b: Float[np.ndarray, "points 3"],
        foot_contact: Float[np.ndarray, "frames 2"],
        contact_prob: float,
        fps: float,
    ) -> Stance:
        """Read the labels and compute the slip of both feet."""
        return cls(
            fps=fps,
            contact=foot_contact > contact_prob,
            denied=foot_contact < contact_prob,
            slip_speed=slip_speed(geometry.foot_pos_w, geometry.foot_rot_w, sole_points_b, fps),
        )

    def slip_in_contact(self) -> Float[np.ndarray, "frames 2"]:
        """Slip speed where a foot is in contact in this frame and the next, NaN elsewhere [m/s]."""
        return np.where(held_to_next(self.contact), self.slip_speed, np.nan)

    def support_height(self, geometry: BodyGeometry) -> Float[np.ndarray, " frames"]:
        """Height of the lower of the feet in contact, NaN without contact [m]."""
        height = np.where(self.contact, geometry.foot_height, np.inf).min(axis=1)
        return np.where(np.isfinite(height), height, np.nan)


def sole_plate(sole_points_b: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "pairs 3"]:
    """Return the corners of a sole and the points half way between any two of them [m]."""
    pairs = np.array([(i, j) for i in range(len(sole_points_b)) for j in range(i + 1)])
    return sole_points_b[pairs].mean(axis=1)


def slip_speed(
    foot_pos_w: Float[np.ndarray, "frames 2 3"],
    foot_rot_w: Float[np.ndarray, "frames 2 3 3"],
    sole_points_b: Float[np.ndarray, "points 3"],
    fps: float,
) -> Float[np.ndarray, "frames 2"]:
    """Horizontal speed of the slowest point of each sole [m/s].

    The sole is a plate, of which the corners and the points half way between any two of them are looked at:
    with the corners alone, a foot that turns about the middle of its sole would seem to slide.
    """
    plate = sole_plate(sole_points_b)
    speed = np.empty(foot_pos_w.shape[:2])
    for start in range(0, max(len(speed) - 1, 1), CHUNK):
        part = slice(start, start + CHUNK + 1)  # one frame more, for the step into the next part
        pos_w = np.einsum("fsij,pj->fspi", foot_rot_w[part], plate) + foot_pos_w[part, :, None]
        slowest = np.linalg.norm(derivative(pos_w[..., :2], fps), axis=-1).min(axis=-1)
        speed[start : start + len(slowest)] = slowest
    return speed


def measure_skate(stance: Stance) -> tuple[Measurement, ...]:
    """Measure how fast and how far feet slide while they bear weight."""
    slip = stance.slip_in_contact()
    speeds = measure_skate_speeds(slip, "a foot that bears weight")
    episode_slip = _slip_of_episodes(slip, stance.fps)
    return (
        *speeds,
        Measurement(
            name="stance_slip_max",
            value=episode_slip.max(),
            unit="m",
            meaning="Longest way that a foot slides within one contact",
            series=episode_slip,
            spans=speeds[0].spans,
        ),
    )


def _slip_of_episodes(slip: Float[np.ndarray, "frames 2"], fps: float) -> Float[np.ndarray, " frames"]:
    """Way slid within the contact that each frame belongs to [m], the larger of both feet, 0 outside."""
    total = np.zeros(slip.shape)
    for side in range(slip.shape[1]):
        for start, stop in spans_where(~np.isnan(slip[:, side])):
            total[start:stop, side] = slip[start:stop, side].sum() / fps
    return total.max(axis=1)
