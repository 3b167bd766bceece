"""Turns evidence into what GVHMR's network is shown, which frames and keypoints are seen, and where the person is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from pipeline.estimators.exceptions import TooLittleEvidence
from pipeline.estimators.gvhmr.camera import boxes_of_corners
from pipeline.estimators.gvhmr.inputs import Sighting, keypoint_box
from pipeline.estimators.gvhmr.smoothing import fill_gaps, smooth_boxes
from pipeline.evidence import Evidence, FrameFlag
from robots.exceptions import InvalidArray

MIN_FRAMES = 6
"""Frames with a person below which nothing can be said of a motion."""
CONFIDENT = 0.5
"""Confidence and trust above which a keypoint is seen, as in training."""
_MIN_KEYPOINTS = 6
"""Keypoints that must be seen in a frame that is called usable."""
_SEEN_WELL = 0.7
"""Confidence from which on a keypoint counts as seen without reserve."""
_FOCAL_DIAGONALS = (0.1, 20.0)
"""Focal lengths outside of these, in diagonals of the picture, belong to no camera."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sighted:
    """A batch of one clip for the network, and what of it can be relied on."""

    sighting: Sighting
    """Keypoints, landmarks, camera."""
    bbx_xys: Float[torch.Tensor, "1 frames 3"]
    """Square boxes: centre and side [px]."""
    usable: Bool[np.ndarray, " frames"]
    """Frames in which enough of a person is seen."""
    keypoint_seen: Float[np.ndarray, "frames 21"]
    """How well each keypoint is seen, 0 to 1."""


def sight(evidence: Evidence, *, with_detail: bool) -> Sighted:
    """Say which keypoints and landmarks are seen, and put boxes round people.

    Args:
        evidence: At the network's rate.
        with_detail: For networks of our own, whose boxes come from keypoints; the published one's come from a tracker.

    Raises:
        TooLittleEvidence: Fewer than ``MIN_FRAMES`` frames show a person.
        InvalidArray: The intrinsics belong to no camera.
    """
    _check_intrinsics(evidence)
    pixels = np.concatenate([evidence.kp2d, evidence.foot_kp2d], axis=1)
    assert evidence.kp_trust is not None  # filled when the evidence was made
    present = (evidence.flags & FrameFlag.NO_PERSON) == 0
    sure = np.minimum(np.clip(pixels[..., 2], 0.0, 1.0), evidence.kp_trust) * present[:, None]
    seen = sure > CONFIDENT
    usable = seen.sum(axis=1) >= _MIN_KEYPOINTS
    if usable.sum() < MIN_FRAMES:
        raise TooLittleEvidence(usable=int(usable.sum()), total=len(evidence), needed=MIN_FRAMES)
    sighting = Sighting(
        keypoints_px=_batch(pixels[..., :2]),
        seen=torch.from_numpy(seen)[None],
        K=_batch(evidence.K),
        R_w2c=_batch(evidence.R_w2c),
        landmarks=_batch(evidence.landmarks_w),
        landmarks_seen=torch.from_numpy(present & (seen.sum(axis=1) >= 4))[None],
    )
    boxes = keypoint_box(sighting.keypoints_px, sighting.seen) if with_detail else _tracked_boxes(evidence, present)
    well = np.minimum(np.clip(pixels[..., 2], 0.0, 1.0) / _SEEN_WELL, 1.0) ** 2 * evidence.kp_trust
    return Sighted(sighting=sighting, bbx_xys=boxes, usable=usable, keypoint_seen=well * usable[:, None])


def _tracked_boxes(evidence: Evidence, present: Bool[np.ndarray, " frames"]) -> torch.Tensor:
    """Fill, square and calm a tracker's boxes as the published program does (spec, section 8)."""
    corners = fill_gaps(torch.from_numpy(evidence.boxes.copy()), torch.from_numpy(present))
    boxes = boxes_of_corners(smooth_boxes(_batch(corners.numpy())))
    return torch.cat([boxes[..., :2], boxes[..., 2:].clamp(min=2.0)], dim=-1)


def _check_intrinsics(evidence: Evidence) -> None:
    diagonal = float(np.hypot(*evidence.image_size))
    for name, focal in (("fx", evidence.K[0, 0]), ("fy", evidence.K[1, 1])):
        if not _FOCAL_DIAGONALS[0] * diagonal <= focal <= _FOCAL_DIAGONALS[1] * diagonal:
            problem = (
                f"says {name} = {focal:.4g} px for a picture of {diagonal:.0f} px from corner to corner, which no lens "
                "has; give the focal length of this camera, or none"
            )
            raise InvalidArray("K", problem=problem)


def _batch(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(values, dtype=np.float32))[None]
