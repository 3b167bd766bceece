"""Turns the feet's geometry and contact labels into ground, float and skate figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from pipeline.measurement import Measurement, spans_where
from pipeline.validation.body_geometry import CHUNK, BodyGeometry
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
        held = self.contact.copy()
        held[:-1] &= self.contact[1:]
        held[-1] = False  # there is no next frame
        return np.where(held, self.slip_speed, np.nan)

    def support_height(self, geometry: BodyGeometry) -> Float[np.ndarray, " frames"]:
        """Height of the lower of the feet in contact, NaN without contact [m]."""
        height = np.where(self.contact, geometry.foot_height, np.inf).min(axis=1)
        return np.where(np.isfinite(height), height, np.nan)


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
    pairs = np.array([(i, j) for i in range(len(sole_points_b)) for j in range(i + 1)])
    plate = sole_points_b[pairs].mean(axis=1)
    speed = np.empty(foot_pos_w.shape[:2])
    for start in range(0, max(len(speed) - 1, 1), CHUNK):
        part = slice(start, start + CHUNK + 1)  # one frame more, for the step into the next part
        pos_w = np.einsum("fsij,pj->fspi", foot_rot_w[part], plate) + foot_pos_w[part, :, None]
        slowest = np.linalg.norm(derivative(pos_w[..., :2], fps), axis=-1).min(axis=-1)
        speed[start : start + len(slowest)] = slowest
    return speed


def measure_ground(geometry: BodyGeometry, stance: Stance) -> tuple[Measurement, ...]:
    """Measure penetration of the floor (z = 0), and the height of the feet while they bear weight."""
    support = stance.support_height(geometry)
    heights = support[~np.isnan(support)]
    # Without any contact the best guess of where the floor was meant to be is the usual lowest point.
    offset = np.median(heights if len(heights) else geometry.lowest_height)
    penetration = np.maximum(-geometry.lowest_height, 0.0)
    return (
        Measurement(
            name="penetration_max",
            value=penetration.max(),
            unit="m",
            meaning="Deepest that any part of the robot goes under the floor",
            series=penetration,
        ),
        Measurement(
            name="penetration_p95",
            value=np.percentile(penetration, 95),
            unit="m",
            meaning="Depth under the floor of the robot's lowest point, exceeded in 5 % of the frames",
            series=penetration,
        ),
        Measurement(
            name="ground_offset",
            value=float(offset),
            unit="m",
            meaning="Median height of the supporting sole over the floor: a constant error that one shift repairs",
            series=support,
        ),
        Measurement(
            name="stance_height_std",
            value=heights.std() if len(heights) else 0.0,
            unit="m",
            meaning="Standard deviation of the supporting sole's height: it bobs, drifts or hovers while it carries",
            series=np.abs(support - offset),
        ),
        Measurement(
            name="stance_float_p95",
            value=max(float(np.percentile(heights, 95)), 0.0) if len(heights) else 0.0,
            unit="m",
            meaning="Height over the floor of the supporting sole, exceeded in 5 % of contact",
            series=support,
        ),
    )


def measure_skate(stance: Stance) -> tuple[Measurement, ...]:
    """Measure how fast and how far feet slide while they bear weight."""
    slip = stance.slip_in_contact()
    speeds = slip[~np.isnan(slip)]
    bearing = np.array(~np.isnan(slip).all(axis=1))
    series = np.where(bearing, np.where(np.isnan(slip), -np.inf, slip).max(axis=1), np.nan)
    spans = spans_where(bearing)
    episode_slip = _slip_of_episodes(slip, stance.fps)
    return (
        Measurement(
            name="skate_mean",
            value=speeds.mean() if len(speeds) else 0.0,
            unit="m/s",
            meaning="Mean horizontal speed of a foot that bears weight, at its slowest point",
            series=series,
            spans=spans,
        ),
        Measurement(
            name="skate_p95",
            value=np.percentile(speeds, 95) if len(speeds) else 0.0,
            unit="m/s",
            meaning="Horizontal speed of a foot that bears weight, at its slowest point, exceeded in 5 % of contact",
            series=series,
            spans=spans,
        ),
        Measurement(
            name="stance_slip_max",
            value=episode_slip.max(),
            unit="m",
            meaning="Longest way that a foot slides within one contact",
            series=episode_slip,
            spans=spans,
        ),
    )


def measure_labels(
    geometry: BodyGeometry, stance: Stance, touch_height: float, touch_speed: float
) -> tuple[Measurement, ...]:
    """Measure how often a foot bears weight, and how often one rests on the floor although its label denies it."""
    support = stance.support_height(geometry)
    supported = np.array(~np.isnan(support))
    floor = np.median(support[supported]) if supported.any() else 0.0
    resting = (geometry.foot_height - floor < touch_height) & (stance.slip_speed < touch_speed)
    unlabelled = (resting & stance.denied).any(axis=1)
    return (
        Measurement(
            name="contact_share",
            value=supported.mean(),
            unit="1",
            meaning="Share of frames with a foot labelled as bearing weight; skate and float are taken in these only",
            series=supported.astype(float),
        ),
        Measurement(
            name="contact_unlabelled_share",
            value=unlabelled.mean(),
            unit="1",
            meaning="Share of frames in which a foot rests on the floor but its contact label denies it",
            series=unlabelled.astype(float),
        ),
    )


def _slip_of_episodes(slip: Float[np.ndarray, "frames 2"], fps: float) -> Float[np.ndarray, " frames"]:
    """Way slid within the contact that each frame belongs to [m], the larger of both feet, 0 outside."""
    total = np.zeros(slip.shape)
    for side in range(slip.shape[1]):
        for start, stop in spans_where(~np.isnan(slip[:, side])):
            total[start:stop, side] = slip[start:stop, side].sum() / fps
    return total.max(axis=1)
