"""Turns targets of feet that stand into anchors: one place on the floor for each stance, reached smoothly.

Outside the stances the correction fades out, so that an anchor never asks for a jump. Feet are never
forced flat: position is anchored firmly, height is one-sided, flatness is a preference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from retarget.contacts import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantingConfig:
    """How feet come to stand."""

    anchor_weight: float = 1000.0
    """Price of horizontal distance from the anchor while a foot stands [1/m]."""
    flat_weight: float = 40.0
    """Price of tilt and heading of a standing foot [1/rad]; a preference, for not every stance can be flat."""
    blend_s: float = 0.15
    """Time before and after a stance in which its correction fades [s]."""
    reach_m: float = 0.02
    """A stance whose foot stays farther than this from its anchor or the floor is let go [m]."""
    slide_m: float = 0.1
    """A stance in which the human's foot strays farther than this from its middle is let go [m], robot size."""
    lift_m: float = 0.12
    """A stance in which the human's ankle is higher than this above flat standing is let go [m], robot size."""
    steady_heading: float = 0.35
    """A foot that turns less than this during a stance keeps one heading [rad]; more is a pivot and is followed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FootTargets:
    """Targets of the feet with stances planted."""

    pos_w: Float[np.ndarray, "frames feet 3"]
    """Target points of the feet [m]."""
    rot_w: Float[np.ndarray, "frames feet 3 3"]
    """Target orientations."""
    grip: Float[np.ndarray, "frames feet"]
    """0 where a foot swings, 1 where it stands, rising and falling in between."""
    planted: Bool[np.ndarray, "frames feet"]
    """Feet that stand."""


def plant_feet(
    pos_w: Float[np.ndarray, "frames feet 3"],
    rot_w: Float[np.ndarray, "frames feet 3 3"],
    spans: Sequence[Sequence[Span]],
    *,
    ankle_height: float,
    fps: float,
    config: PlantingConfig,
) -> FootTargets:
    """Anchor feet while they stand.

    Args:
        pos_w: Target points of the feet [m].
        rot_w: Target orientations of the feet, z up when flat.
        spans: Stances of each foot.
        ankle_height: Height of a foot's point when its sole lies flat on the floor [m].
        fps: Frames per second [1/s].
        config: How feet come to stand.
    """
    n_frames, n_feet = pos_w.shape[:2]
    new_pos, new_rot = pos_w.copy(), rot_w.copy()
    grip, planted = np.zeros((n_frames, n_feet)), np.zeros((n_frames, n_feet), dtype=bool)
    for foot, stances in enumerate(spans):
        shift, turn = np.zeros((n_frames, 3)), np.zeros((n_frames, 3))
        for start, stop in stances:
            inside = slice(start, stop)
            planted[inside, foot] = True
            shift[inside] = _anchor(pos_w[inside, foot], ankle_height) - pos_w[inside, foot]
            flat = _flat(rot_w[inside, foot], config.steady_heading)
            turn[inside] = Rotation.from_matrix(flat @ rot_w[inside, foot].transpose(0, 2, 1)).as_rotvec()
        grip[:, foot] = _fade(shift, turn, stances, config.blend_s * fps)
        new_pos[:, foot] += shift
        new_rot[:, foot] = Rotation.from_rotvec(turn).as_matrix() @ rot_w[:, foot]
    return FootTargets(pos_w=new_pos, rot_w=new_rot, grip=grip, planted=planted)


def _anchor(pos_w: Float[np.ndarray, "frames 3"], ankle_height: float) -> Float[np.ndarray, " 3"]:
    """Where a stance stands: the middle of where it was asked for, on the floor."""
    return np.array([*np.median(pos_w[:, :2], axis=0), ankle_height])


def _flat(rot_w: Float[np.ndarray, "frames 3 3"], steady_heading: float) -> Float[np.ndarray, "frames 3 3"]:
    """The foot's headings without tilt; one heading for all frames if the foot does not pivot."""
    heading = np.unwrap(np.arctan2(rot_w[:, 1, 0], rot_w[:, 0, 0]))
    middle = np.median(heading)
    if np.abs(heading - middle).max() < steady_heading:
        heading = np.full_like(heading, middle)
    return Rotation.from_euler("z", heading[:, None]).as_matrix()


def _fade(
    shift: Float[np.ndarray, "frames 3"],
    turn: Float[np.ndarray, "frames 3"],
    spans: Sequence[Span],
    blend_frames: float,
) -> Float[np.ndarray, " frames"]:
    """Continue corrections beyond their stances, fading to zero or into the next; return the grip."""
    n_frames = len(shift)
    grip = np.zeros(n_frames)
    for start, stop in spans:
        grip[start:stop] = 1.0
    bounds = [(0, 0), *spans, (n_frames, n_frames)]
    for (before, begin), (end, after) in pairwise(bounds):
        swing = np.arange(begin, end)
        reach = min(blend_frames, max(len(swing), 1))
        for edge, distance, exists in (
            (begin - 1, swing - begin + 1, begin > before),
            (end, end - swing, after > end),
        ):
            if not exists:
                continue
            weight = 1.0 - _smoothstep(distance / (reach + 1))
            shift[swing] += weight[:, None] * shift[edge]
            turn[swing] += weight[:, None] * turn[edge]
            grip[swing] = np.maximum(grip[swing], weight)
    return grip


def _smoothstep(x: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    """Rise from 0 to 1 with zero slope at both ends."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)
