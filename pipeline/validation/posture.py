"""Turns the robot's posture over its feet into what tells a wrong up direction: lean, tilt, soles that face up."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.measurement import Measurement, share
from pipeline.validation.body_geometry import BodyGeometry
from pipeline.validation.feet import Stance

SOLE_FACES_DOWN = 0.5
"""Cosine of the angle to the vertical from which a sole can bear weight: 60 degrees, a foot on the tips of its toes."""


def measure_posture(
    geometry: BodyGeometry,
    stance: Stance,
    sole_points_b: Float[np.ndarray, "points 3"],
    root_quat_wxyz: Float[np.ndarray, "frames 4"],
) -> tuple[Measurement, ...]:
    """Measure how the robot stands over the feet that are said to carry it.

    Args:
        geometry: Of the motion.
        stance: Of the same.
        sole_points_b: Corners of a sole in the frame of its link [m].
        root_quat_wxyz: Orientation of the pelvis.
    """
    standing = stance.contact.any(axis=1)
    w, x, y, z = root_quat_wxyz.T
    up = 1.0 - 2.0 * (x**2 + y**2)  # world z of the pelvis's own z axis
    tilt = np.where(standing, np.arccos(np.clip(up, -1.0, 1.0)), np.nan)
    facing_away = stance.contact & (geometry.foot_rot_w[:, :, 2, 2] < SOLE_FACES_DOWN)
    heading = np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y**2 + z**2))
    offset = _com_offset(geometry, stance, sole_points_b)
    forward = np.cos(heading) * offset[:, 0] + np.sin(heading) * offset[:, 1]
    sideways = np.cos(heading) * offset[:, 1] - np.sin(heading) * offset[:, 0]
    mean = np.array([forward[standing].mean(), sideways[standing].mean()]) if standing.any() else np.zeros(2)
    return (
        Measurement(
            name="root_tilt_median",
            value=np.median(tilt[standing]) if standing.any() else 0.0,
            unit="rad",
            meaning="Median angle between the pelvis and the vertical while a foot is said to bear weight",
            series=tilt,
        ),
        share(
            "sole_away_share",
            facing_away[:, 0] | facing_away[:, 1],
            "Share of frames in which a foot is said to bear weight but its sole does not face the floor",
        ),
        Measurement(
            name="stance_com_offset",
            value=float(np.linalg.norm(mean)),
            unit="m",
            meaning=f"Mean horizontal distance of the centre of mass from the middle of the feet that bear weight: "
            f"{100 * mean[0]:+.1f} cm forwards, {100 * mean[1]:+.1f} cm to the left; a constant lean shows here",
            series=np.where(standing, np.linalg.norm(offset, axis=1), np.nan),
        ),
    )


def _com_offset(
    geometry: BodyGeometry, stance: Stance, sole_points_b: Float[np.ndarray, "points 3"]
) -> Float[np.ndarray, "frames 2"]:
    """From the middle of the soles in contact to the centre of mass, horizontally [m]; zero without contact."""
    soles = geometry.foot_pos_w + geometry.foot_rot_w @ sole_points_b.mean(axis=0)
    bears = stance.contact.astype(float)
    count = bears.sum(axis=1)
    middle = np.einsum("fs,fsi->fi", bears, soles[..., :2]) / np.maximum(count, 1.0)[:, None]
    return np.where(count[:, None] > 0, geometry.com_pos_w[:, :2] - middle, 0.0)
