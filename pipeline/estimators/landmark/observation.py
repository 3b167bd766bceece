"""Turns evidence into targets and weights: rays of keypoints, directions of bones, and how far each is trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from pipeline.estimators.exceptions import TooLittleEvidence
from pipeline.estimators.landmark.body_points import (
    DIRECTION_TRUST,
    DIRECTIONS,
    KEYPOINT_NAMES,
    LANDMARK_DIFFERENCE,
)
from pipeline.evidence import Evidence, FrameFlag
from robots.exceptions import InvalidArray

MIN_FRAMES = 6
"""Frames with a person below which acceleration and contact say nothing."""
_MIN_CONFIDENT = 6
"""Keypoints above ``_CONFIDENT`` that make a frame usable."""
_CONFIDENT = 0.3
_WRITTEN_OFF = 0.1
"""Trust below which a keypoint is as good as unseen."""
_LENGTH_TOLERANCE = 0.25
"""Relative change of a bone's length in the landmarks at which it is doubted: its usual spread is 6-10 %."""
_SEEN_WELL = 0.7
"""Confidence from which on a keypoint counts as seen without reserve."""
_STALE = FrameFlag.INTERPOLATED | FrameFlag.REPEATED
_ROUGH_CAMERA = FrameFlag.CAMERA_UNSURE | FrameFlag.CAMERA_ZOOMING | FrameFlag.CAMERA_SHAKEN
_FRAME_FACTORS = ((_STALE, 0.7), (FrameFlag.LOW_CONFIDENCE, 0.5), (_ROUGH_CAMERA, 0.7), (FrameFlag.NO_PERSON, 0.0))
"""What any of some flags makes of a frame's weight: its picture is of another moment, or read through a rough camera.
Low confidence is not in the keypoints' trust, but in their confidence; it counts once more for the frame, because
joints that are guessed err together: without, the pose behind a board is 1.3 mm of 52 worse, and elsewhere the same.
The ground's terms keep theirs: that feet stand still is not read through the camera, and holds it where it is rough."""
_PERSON_CAPS = ((FrameFlag.CROWDED, 0.7), (FrameFlag.SIDES_UNSURE, 0.5))
"""Highest trust in any keypoint of a frame whose flags doubt who, or which side, is seen. A cap, not a factor: the
trust of single keypoints may say the same. Blur, crops and odd limbs concern single keypoints, whose trust tells."""
_JOLTED_CAMERA = 0.25
"""Weight of a moving camera's steadiness where it is jolted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observation:
    """What the fit is held against."""

    fps: float
    """Frames per second [1/s]."""
    R_w2c: Float[np.ndarray, "frames 3 3"]
    """Rotation from the first camera's axes to each frame's."""
    rays: Float[np.ndarray, "frames keypoints 2"]
    """Keypoints on the plane at unit depth: x / z and y / z in camera axes."""
    ray_weight: Float[np.ndarray, "frames keypoints"]
    """Trust in each keypoint, 0 to 1."""
    directions: Float[np.ndarray, "frames directions 3"]
    """Unit vectors along ``DIRECTIONS`` in the axes of :attr:`R_landmark`."""
    direction_weight: Float[np.ndarray, "frames directions"]
    """Trust in each direction, 0 to 1."""
    R_landmark: Float[np.ndarray, "frames 3 3"]
    """Rotation from the first camera's axes to those that the landmarks are given in."""
    usable: Bool[np.ndarray, " frames"]
    """Frames in which enough of a person was seen."""
    keypoint_seen: Float[np.ndarray, "frames keypoints"]
    """How well each keypoint was seen, 0 to 1; unlike a weight it does not fall with the frame's other defects."""
    camera_weight: Float[np.ndarray, " frames"]
    """Trust in the habit of cameras to move calmly, 0 to 1."""

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.rays)

    def part(self, frames: slice) -> Observation:
        """Return what was seen in some frames."""
        names = ("R_w2c", "rays", "ray_weight", "directions", "direction_weight", "R_landmark", "usable",
                 "keypoint_seen", "camera_weight")  # fmt: skip
        return replace(self, **{name: getattr(self, name)[frames] for name in names})


def observe(evidence: Evidence) -> Observation:
    """Weigh the evidence.

    Raises:
        TooLittleEvidence: Fewer than ``MIN_FRAMES`` frames show a person.
        InvalidArray: The intrinsics cannot be inverted.
    """
    pixels = np.concatenate([evidence.kp2d, evidence.foot_kp2d], axis=1)
    confidence = np.clip(pixels[..., 2], 0.0, 1.0)
    trust, keypoint_trust = _frame_trust(evidence), _keypoint_trust(evidence)
    seen = (confidence > _CONFIDENT) & (keypoint_trust > _WRITTEN_OFF)
    usable = (trust > 0) & (np.sum(seen, axis=1) >= _MIN_CONFIDENT)
    if usable.sum() < MIN_FRAMES:
        raise TooLittleEvidence(usable=int(usable.sum()), total=len(evidence), needed=MIN_FRAMES)
    trust = np.where(usable, trust, 0.0)
    if abs(np.linalg.det(evidence.K)) < 1e-9:
        raise InvalidArray("K", problem="cannot be inverted: a focal length is zero")
    K_inv = np.linalg.inv(evidence.K)
    rays = pixels[..., :2] @ K_inv[:2, :2].T + K_inv[:2, 2]
    directions, length_trust = _directions(evidence, usable)
    # Trust may itself come from bone lengths: the lower of both words counts, not their product.
    direction_trust = np.minimum(length_trust, _lowest_at_ends(keypoint_trust))
    keypoint_trust = np.minimum(keypoint_trust, _far_end_trust(length_trust))
    return Observation(
        fps=evidence.fps,
        R_w2c=evidence.R_w2c,
        rays=rays,
        ray_weight=trust[:, None] * confidence**2 * keypoint_trust,
        directions=directions,
        direction_weight=trust[:, None] * _lowest_at_ends(confidence) * direction_trust * DIRECTION_TRUST,
        R_landmark=evidence.R_w2c,
        usable=usable,
        keypoint_seen=usable[:, None] * np.minimum(confidence / _SEEN_WELL, 1.0) ** 2 * keypoint_trust,
        camera_weight=np.where(evidence.flags & FrameFlag.CAMERA_SHAKEN, _JOLTED_CAMERA, 1.0),
    )


def _frame_trust(evidence: Evidence) -> Float[np.ndarray, " frames"]:
    trust = np.ones(len(evidence))
    for flags, factor in _FRAME_FACTORS:
        trust *= np.where(evidence.flags & flags, factor, 1.0)
    return trust


def _keypoint_trust(evidence: Evidence) -> Float[np.ndarray, "frames keypoints"]:
    assert evidence.kp_trust is not None  # filled when the evidence was made
    cap = np.ones(len(evidence))
    for flags, highest in _PERSON_CAPS:
        cap = np.where(evidence.flags & flags, np.minimum(cap, highest), cap)
    return np.minimum(evidence.kp_trust, cap[:, None])


def _directions(
    evidence: Evidence, usable: Bool[np.ndarray, " frames"]
) -> tuple[Float[np.ndarray, "frames directions 3"], Float[np.ndarray, "frames directions"]]:
    """Directions, and how well each bone keeps the length it has over the clip.

    A bone that changes its length betrays a landmark that went astray; BlazePose's own confidence does not.
    """
    vectors = np.einsum("dp,tpa->tda", LANDMARK_DIFFERENCE, evidence.landmarks_w)
    length = np.linalg.norm(vectors, axis=-1)
    usual = np.maximum(np.median(length[usable], axis=0), 1e-6)
    strain = (length / usual - 1.0) / _LENGTH_TOLERANCE
    return vectors / np.maximum(length, 1e-9)[..., None], 1.0 / (1.0 + strain**4)


def _ends_in_coco() -> list[list[int]]:
    """Keypoints that each direction's confidence is read from; hands have none, their wrist answers."""
    ends = []
    for direction in DIRECTIONS:
        side = direction.name.partition("_")[0]
        named = [n for n in direction.start + direction.end if n in KEYPOINT_NAMES] or [f"{side}_wrist"]
        ends.append([KEYPOINT_NAMES.index(n) for n in named])
    return ends


_DIRECTION_ENDS = _ends_in_coco()


def _lowest_at_ends(of_keypoints: Float[np.ndarray, "frames keypoints"]) -> Float[np.ndarray, "frames directions"]:
    """A direction is known no better than the worse of its ends."""
    return np.stack([of_keypoints[:, ends].min(axis=1) for ends in _DIRECTION_ENDS], axis=1)


def _far_end_trust(length_trust: Float[np.ndarray, "frames directions"]) -> Float[np.ndarray, "frames keypoints"]:
    """A strained bone casts doubt on its far end in 2D too."""
    trust = np.ones((len(length_trust), len(KEYPOINT_NAMES)))
    for index, direction in enumerate(DIRECTIONS):
        if len(direction.end) == 1 and direction.end[0].endswith(("elbow", "wrist", "knee", "ankle")):
            keypoint = KEYPOINT_NAMES.index(direction.end[0])
            trust[:, keypoint] = np.minimum(trust[:, keypoint], length_trust[:, index])
    return trust
