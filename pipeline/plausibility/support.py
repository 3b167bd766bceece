"""Turns a body's skin into what could carry it in each frame: its lowest point, and whether that holds still.

Any part may carry (a hand in a cartwheel, the back in a roll), and nothing is asked about the height of the floor:
heights that drift with the estimate are judged by it, so it may not presume them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline.body import SkinnedBody
from pipeline.plausibility.feet import SOLE_THICKNESS
from pipeline.plausibility.skin_points import on_hull, picking_verts, points_by_part
from retarget.smpl_motion import SmplMotion
from retarget.spans import true_runs
from robots.arrays import check_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportConfig:
    """When the lowest part of a body counts as carrying it."""

    slide_speed: float = 0.6
    """It slides slower than this [m/s]: a swinging foot is faster, an estimated stance is seldom still."""
    rise_speed: float = 0.4
    """It rises or sinks slower than this [m/s]: an estimate drifts slower, a jump passes it within 0.1 s of its top."""
    shortest: float = 0.1
    """It does so at least this long [s]: longer than the top of a jump."""
    stray_height: float = 0.06
    """A short support this far above both its neighbours is a foot that lingers in the air [m] ..."""
    stray_duration: float = 0.5
    """... if it is shorter than this [s]: the top of a jump that is played at half its speed."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("slide_speed", "rise_speed"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Support:
    """What could carry the body, frame by frame."""

    fps: float
    """Frames per second [1/s]."""
    height: Float[np.ndarray, " frames"]
    """World height of the lowest point of the body [m]."""
    held: Bool[np.ndarray, " frames"]
    """Frames in which that point holds still long enough to carry."""


def find_support(motion: SmplMotion, body: SkinnedBody, config: SupportConfig) -> Support:
    """Pose the outermost points of every part and find what could carry the body.

    Raises:
        WrongBody: The motion belongs to another body.
        StaleRestJoints: The motion's rest joints are not this body's.
    """
    verts = outer_verts(body, motion.betas)
    height, still = np.empty(len(motion)), np.zeros(len(motion), dtype=bool)
    for part, points in points_by_part(motion, body, picking_verts(body, verts)):
        height[part] = points[: len(height[part]), :, 2].min(axis=1)
        moved = _still(points, motion.fps, config)
        still[part.start : part.start + len(moved)] = moved
    if len(motion) > 1:
        still[-1] = still[-2]  # the last frame has no next one
    return Support(fps=motion.fps, height=height, held=_carrying(height, still, motion.fps, config))


def outer_verts(body: SkinnedBody, betas: Float[np.ndarray, " 10"]) -> Int[np.ndarray, " points"]:
    """Vertices on the hulls of the parts that each joint moves: no other can be the lowest while a part is rigid."""
    mover = np.asarray(body.skin_weights).argmax(axis=1)
    rest = body.rest_verts(betas)
    return np.unique(np.concatenate([on_hull(rest, np.flatnonzero(mover == joint)) for joint in np.unique(mover)]))


def _still(points: Float[np.ndarray, "frames points 3"], fps: float, config: SupportConfig) -> np.ndarray:
    """Whether one of the lowest points holds still from each frame to the next."""
    step = np.diff(points, axis=0) * fps
    may_carry = points[:-1, :, 2] < points[:-1, :, 2].min(axis=1, keepdims=True) + SOLE_THICKNESS
    slides = np.hypot(step[..., 0], step[..., 1]) >= config.slide_speed
    return (may_carry & ~slides & (np.abs(step[..., 2]) < config.rise_speed)).any(axis=1)


def _carrying(height: np.ndarray, still: np.ndarray, fps: float, config: SupportConfig) -> np.ndarray:
    """Keep the runs of stillness that last, without those that hang above what carries before and after."""
    runs = [(a, b) for a, b in true_runs(still) if (b - a) / fps >= config.shortest]
    level = [float(np.median(height[a:b])) for a, b in runs]
    held = np.zeros(len(height), dtype=bool)
    for i, (a, b) in enumerate(runs):
        around = max(level[max(i - 1, 0)], level[min(i + 1, len(runs) - 1)])
        stray = level[i] > around + config.stray_height and (b - a) / fps < config.stray_duration
        held[a:b] = not (stray and 0 < i < len(runs) - 1)
    return held
