"""What a detector said of a known motion, clip by clip, and the errors it made there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from pipeline.synthetic.detector import with_bones
from pipeline.synthetic.point_sets import KEYPOINTS, LANDMARK_KEYPOINT, LANDMARKS, LIMBS, PointSet
from pipeline.synthetic.situation import situation
from robots.arrays import checked_array, freeze_fields

_LOST = 0.12
"""An error of so many statures at the end of a limb is a fault of its own kind, and no usual error."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One clip: truth, and what was reported."""

    fps: float
    """Frames a second [1/s]."""
    K: Float[np.ndarray, "3 3"]
    """Intrinsics [px]."""
    image_size: tuple[int, int]
    """Width and height [px]."""
    keypoints_c: Float[np.ndarray, "frames 21 3"]
    """True places in camera axes [m]."""
    landmarks_c: Float[np.ndarray, "frames 33 3"]
    """The same of the 33 landmarks [m]."""
    hidden: Bool[np.ndarray, "frames 21"]
    """Behind something that is not the person."""
    seen: Bool[np.ndarray, " frames"]
    """Where the person was found at all."""
    keypoints: Float[np.ndarray, "frames 21 3"]
    """Reported: x, y [px] and confidence."""
    trust: Float[np.ndarray, "frames 21"]
    """Reported."""
    landmarks: Float[np.ndarray, "frames 33 3"]
    """Reported."""

    def __post_init__(self) -> None:
        """Check shapes."""
        dims: dict[str, int] = {}
        shapes = {
            "keypoints_c": ("frames", 21, 3),
            "landmarks_c": ("frames", 33, 3),
            "keypoints": ("frames", 21, 3),
            "trust": ("frames", 21),
            "landmarks": ("frames", 33, 3),
        }
        checked = {name: checked_array(name, getattr(self, name), shape, dims) for name, shape in shapes.items()}
        checked["K"] = checked_array("K", self.K, (3, 3))
        checked["hidden"] = checked_array("hidden", self.hidden, ("frames", 21), dims, dtype=np.bool_)
        checked["seen"] = checked_array("seen", self.seen, ("frames",), dims, dtype=np.bool_)
        freeze_fields(self, checked)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Residuals:
    """Errors of one clip in the tables' units; NaN where they say nothing of the usual error."""

    error: Float[np.ndarray, "frames points axes"]
    """Reported less true."""
    covariates: Float[np.ndarray, "frames points 7"]
    """The situation."""


def keypoint_residuals(
    sample: Sample, offset: Float[np.ndarray, "21 3"] | None = None, *, whole: bool = False
) -> Residuals:
    """Return the errors across the picture [statures].

    Args:
        sample: One clip.
        offset: As in the tables: what is always the same; none if left out.
        whole: Keep what is hidden, outside the picture or exchanged.
    """
    view = situation(sample.keypoints_c, KEYPOINTS, focal_px=float(sample.K[0, 0]), fps=sample.fps)
    true = true_pixels(sample)
    if offset is not None:
        shift = view.stature * (offset @ view.trunk_c)
        true = true + (pixels_of(sample.keypoints_c + shift, sample.K) - true)
    error = (sample.keypoints[..., :2] - true) / view.height_px[:, None, None]
    error[~sample.seen] = np.nan
    if not whole:
        error[at_fault(sample) | sample.hidden | outside(sample)] = np.nan
    return Residuals(error=error, covariates=view.covariates)


def landmark_residuals(
    sample: Sample, *, average_stature: float, bone_gain: Float[np.ndarray, "33 2"], whole: bool = False
) -> tuple[Residuals, float]:
    """Return the errors in metres of the average body, and the logarithm of the size that the clip was given.

    The size that fits the clip best is taken out, as the detector knows no person's stature.
    """
    view = situation(sample.landmarks_c, LANDMARKS, focal_px=float(sample.K[0, 0]), fps=sample.fps)
    true = average_stature / view.stature * with_bones(sample.landmarks_c, bone_gain)
    use = sample.seen & ~exchanged(sample).any(axis=1)
    size = float((true[use] * sample.landmarks[use]).sum() / max((true[use] ** 2).sum(), 1e-9)) if use.any() else 1.0
    error = sample.landmarks - size * true
    error[~sample.seen] = np.nan
    if not whole:
        error[(at_fault(sample) | sample.hidden | outside(sample))[:, list(LANDMARK_KEYPOINT)]] = np.nan
    return Residuals(error=error, covariates=view.covariates), float(np.log(max(size, 1e-3)))


def outside(sample: Sample) -> Bool[np.ndarray, "frames 21"]:
    """Return which keypoints truly lie outside the picture."""
    pixels = true_pixels(sample)
    return np.any((pixels < 0) | (pixels >= sample.image_size), axis=2)


def true_pixels(sample: Sample) -> Float[np.ndarray, "frames 21 2"]:
    """Project the true keypoints [px]."""
    return pixels_of(sample.keypoints_c, sample.K)


def pixels_of(points_c: Float[np.ndarray, "frames points 3"], K: Float[np.ndarray, "3 3"]) -> np.ndarray:
    """Project points in camera axes [px]."""
    return points_c[..., :2] / points_c[..., 2:] * K[0, 0] + K[:2, 2]


def exchanges(sample: Sample) -> Bool[np.ndarray, "frames 2"]:
    """Return where left and right arm, left and right leg are exchanged: each lies far nearer to the other's place."""
    true, found = true_pixels(sample), sample.keypoints[..., :2]
    view = situation(sample.keypoints_c, KEYPOINTS, focal_px=float(sample.K[0, 0]), fps=sample.fps)
    out = np.zeros((len(true), 2), dtype=bool)
    for pair, kind in enumerate(("arm", "leg")):
        left, right = members(KEYPOINTS, kind)
        as_said = np.linalg.norm(found[:, left + right] - true[:, left + right], axis=2).mean(axis=1)
        crossed = np.linalg.norm(found[:, left + right] - true[:, right + left], axis=2).mean(axis=1)
        out[:, pair] = (crossed < 0.6 * as_said) & (as_said > 0.06 * view.height_px)
    return out & sample.seen[:, None]


def losses(sample: Sample) -> Bool[np.ndarray, "frames 4"]:
    """Return where the end of each of ``LIMBS`` is reported far from where it is, though it could be seen."""
    error = np.linalg.norm(keypoint_residuals(sample, whole=True).error, axis=2)
    bad = (np.nan_to_num(error) > _LOST) & ~exchanged(sample) & ~sample.hidden & ~outside(sample)
    ends = {"arm": ("wrist",), "leg": ("ankle", "heel")}
    lost = [bad[:, KEYPOINTS.index(*(f"{limb[:-4]}_{end}" for end in ends[limb[-3:]]))].any(axis=1) for limb in LIMBS]
    return np.stack(lost, axis=1)


def at_fault(sample: Sample) -> Bool[np.ndarray, "frames 21"]:
    """Return which keypoints belong to limbs that are exchanged or lost."""
    out, lost = exchanged(sample), losses(sample)
    for number, limb in enumerate(LIMBS):
        out[:, KEYPOINTS.limb(limb)] |= lost[:, number, None]
    return out


def exchanged(sample: Sample) -> Bool[np.ndarray, "frames 21"]:
    """Return which keypoints are exchanged."""
    out, swaps = np.zeros((len(sample.seen), 21), dtype=bool), exchanges(sample)
    for pair, kind in enumerate(("arm", "leg")):
        left, right = members(KEYPOINTS, kind)
        out[:, left + right] |= swaps[:, pair, None]
    return out


def members(points: PointSet, kind: str) -> tuple[list[int], list[int]]:
    """Return the points that are exchanged together, left and right."""
    left, right = (points.index(*points.with_root(f"{side}_{kind}")) for side in ("left", "right"))
    return left, right
