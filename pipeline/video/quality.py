"""Turns the track of one person into how far each keypoint can be trusted beyond its confidence, and frame flags.

The network is sure of itself where limbs are smeared, cut off by the border or mixed up. What gives it away are the
person's own bones, the speed of limbs, left and right over time, the agreement of its two outputs, and the picture.
Nothing is repaired here: where left and right look exchanged they are distrusted, since a later stage that fits a
whole body can do without them, and cannot undo a wrong repair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt16

from pipeline.evidence import FrameFlag
from pipeline.video import quality_cues as cues
from pipeline.video.quality_config import QualityConfig
from pipeline.video.sides import exchange_gain
from robots.arrays import checked_array, freeze_fields
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackQuality:
    """How good a track is, picture by picture."""

    kp_trust: Float[np.ndarray, "seen 21"]
    """Weight in [0, 1] of each keypoint (COCO-17, heels, toes) beyond its confidence."""
    flags: UInt16[np.ndarray, " seen"]
    """Bits of :class:`FrameFlag`."""

    def __post_init__(self) -> None:
        """Check shapes."""
        dims: dict[str, int] = {}
        trust = checked_array("kp_trust", self.kp_trust, ("seen", 21), dims)
        flags = checked_array("flags", self.flags, ("seen",), dims, dtype=np.uint16)
        freeze_fields(self, {"kp_trust": trust, "flags": flags})


def assess_track(
    *,
    times: Float[np.ndarray, " seen"],
    kp2d: Float[np.ndarray, "seen 17 3"],
    foot_kp2d: Float[np.ndarray, "seen 4 3"],
    landmarks_w: Float[np.ndarray, "seen 33 3"],
    boxes: Float[np.ndarray, "seen 4"],
    sharpness: Float[np.ndarray, "seen 33"],
    crowded: Bool[np.ndarray, " seen"],
    image_size: tuple[int, int],
    config: QualityConfig | None = None,
) -> TrackQuality:
    """Judge one person's keypoints at the video's own, perhaps unequal times.

    Args:
        times: Strictly increasing [s].
        kp2d: COCO-17 keypoints: x, y [px] and confidence.
        foot_kp2d: Heels and toes, likewise.
        landmarks_w: BlazePose's world landmarks [m].
        boxes: x0, y0, x1, y1 [px].
        sharpness: From :func:`pipeline.video.sharpness.landmark_sharpness`; 0 outside the picture.
        crowded: Where another person covers, or is covered by, this one.
        image_size: Width and height of the picture the pixels belong to [px].
        config: Limits of every cue.

    Raises:
        InvalidArray: Shapes do not match, a value is not finite, or times do not increase.
    """
    config = QualityConfig() if config is None else config
    times, keypoints, landmarks_w, sharpness = _checked(times, kp2d, foot_kp2d, landmarks_w, boxes, sharpness)
    crowded = np.asarray(crowded, dtype=bool)
    if crowded.shape != times.shape:
        raise InvalidArray("crowded", problem=f"has shape {crowded.shape}, expected {times.shape}")
    if len(times) == 0:
        return TrackQuality(kp_trust=np.zeros((0, 21)), flags=np.zeros(0, dtype=np.uint16))
    weights = _weights(cues.make_track(times, keypoints, landmarks_w), sharpness, image_size, config)
    weights[FrameFlag.CROWDED] = np.where(crowded, config.crowded, 1.0)[:, None] * np.ones((1, 21))
    trust = np.prod(list(weights.values()), axis=0)
    weights[FrameFlag.LOW_CONFIDENCE] = config.unseen.weight(1.0 - keypoints[..., 2])
    return TrackQuality(kp_trust=trust, flags=_flags(weights, config))


def _checked(
    times: np.ndarray,
    kp2d: np.ndarray,
    foot_kp2d: np.ndarray,
    landmarks_w: np.ndarray,
    boxes: np.ndarray,
    sharpness: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return times, all 21 keypoints, landmarks and sharpness."""
    dims: dict[str, int] = {}
    times = checked_array("times", times, ("seen",), dims)
    if (np.diff(times) <= 0).any():
        raise InvalidArray("times", problem="do not increase")
    kp2d = checked_array("kp2d", kp2d, ("seen", 17, 3), dims)
    foot = checked_array("foot_kp2d", foot_kp2d, ("seen", 4, 3), dims)
    landmarks_w = checked_array("landmarks_w", landmarks_w, ("seen", 33, 3), dims)
    checked_array("boxes", boxes, ("seen", 4), dims)
    sharpness = checked_array("sharpness", sharpness, ("seen", 33), dims)
    return times, np.concatenate([kp2d, foot], axis=1), landmarks_w, sharpness


def _weights(
    track: cues.Track, sharpness: Float[np.ndarray, "seen 33"], image_size: tuple[int, int], config: QualityConfig
) -> dict[FrameFlag, Float[np.ndarray, "seen 21"]]:
    """Weight of each keypoint by what speaks against it, under the flag that says so."""
    speed = cues.limb_speed(track)
    smeared = (1.0 - config.blur.weight(cues.sharpness_loss(sharpness))) * (1.0 - config.blur_speed.weight(speed))
    odd = (
        config.bone.weight(cues.bone_strain(track)),
        config.stretch.weight(cues.limb_stretch(track)),
        config.speed.weight(speed),
        config.acceleration.weight(cues.limb_acceleration(track, config.noise)),
        config.jump.weight(cues.trunk_speed(track))[:, None] * np.ones((1, 21)),
        config.reprojection.weight(cues.reprojection(track)),
    )
    return {
        FrameFlag.ODD_LIMBS: np.prod(odd, axis=0),
        FrameFlag.BLURRED: 1.0 - smeared,
        FrameFlag.CROPPED: config.border.weight(cues.outside(track.points, image_size)),
        FrameFlag.SIDES_UNSURE: config.side.weight(exchange_gain(track, config)),
    }


def _flags(
    weights: dict[FrameFlag, Float[np.ndarray, "seen 21"]], config: QualityConfig
) -> UInt16[np.ndarray, " seen"]:
    """Flag the frames in which a limb joint has to be expected wrong, by what speaks most against them.

    No single cue is sure of a single joint, so their doubts are summed: two joints half in doubt are as bad as one
    that is lost. Middle and end of one arm or leg are right or wrong together, so the second of them adds less. One
    that its motion or its bones rule out is enough.
    """
    of_limbs = {flag: weight[:, cues.LIMB_JOINTS] for flag, weight in weights.items()}
    trust = np.prod([weight for flag, weight in of_limbs.items() if flag != FrameFlag.LOW_CONFIDENCE], axis=0)
    doubts = 1.0 - trust * of_limbs[FrameFlag.LOW_CONFIDENCE]
    lesser = np.minimum(doubts[:, cues.LIMB_MIDDLES], doubts[:, cues.LIMB_ENDS])
    doubt = np.sum(doubts, axis=1) - (1.0 - config.second) * np.sum(lesser, axis=1)
    doubtful = (doubt > config.doubt) | (trust.min(axis=1) < config.lost)
    parts = {flag: np.sum(1.0 - weight, axis=1) for flag, weight in of_limbs.items()}
    total = np.maximum(np.sum(list(parts.values()), axis=0), 1e-9)
    flags = np.zeros(len(doubt), dtype=np.uint16)
    for flag, part in parts.items():
        named = (part >= config.cause * total) | (part >= np.max(list(parts.values()), axis=0))
        flags |= (named & (part > 0) & doubtful).astype(np.uint16) * np.uint16(flag)
    return flags
