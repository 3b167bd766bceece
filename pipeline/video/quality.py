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
    keypoints, landmarks_w, boxes, sharpness, times = _checked(times, kp2d, foot_kp2d, landmarks_w, boxes, sharpness)
    crowded = np.asarray(crowded, dtype=bool)
    if crowded.shape != times.shape:
        raise InvalidArray("crowded", problem=f"has shape {crowded.shape}, expected {times.shape}")
    if len(times) == 0:
        return TrackQuality(kp_trust=np.zeros((0, 21)), flags=np.zeros(0, dtype=np.uint16))
    weights = _weights(cues.make_track(times, keypoints, landmarks_w), sharpness, image_size, config)
    trust = np.prod(list(weights.values()), axis=0) * np.where(crowded, config.crowded, 1.0)[:, None]
    flags = _flags(weights, keypoints[..., 2], crowded, config)
    return TrackQuality(kp_trust=trust, flags=flags)


def _checked(times, kp2d, foot_kp2d, landmarks_w, boxes, sharpness):
    dims: dict[str, int] = {}
    times = checked_array("times", times, ("seen",), dims)
    if (np.diff(times) <= 0).any():
        raise InvalidArray("times", problem="do not increase")
    kp2d = checked_array("kp2d", kp2d, ("seen", 17, 3), dims)
    foot = checked_array("foot_kp2d", foot_kp2d, ("seen", 4, 3), dims)
    landmarks_w = checked_array("landmarks_w", landmarks_w, ("seen", 33, 3), dims)
    boxes = checked_array("boxes", boxes, ("seen", 4), dims)
    sharpness = checked_array("sharpness", sharpness, ("seen", 33), dims)
    return np.concatenate([kp2d, foot], axis=1), landmarks_w, boxes, sharpness, times


def _weights(
    track: cues.Track, sharpness: Float[np.ndarray, "seen 33"], image_size: tuple[int, int], config: QualityConfig
) -> dict[FrameFlag | str, Float[np.ndarray, "seen 21"]]:
    """Weight of each keypoint under every cue."""
    speed = cues.limb_speed(track)
    smeared = (1.0 - config.blur.weight(cues.sharpness_loss(sharpness))) * (1.0 - config.blur_speed.weight(speed))
    return {
        "bone": config.bone.weight(cues.bone_strain(track)),
        "stretch": config.stretch.weight(cues.limb_stretch(track)),
        "speed": config.speed.weight(speed),
        "acceleration": config.acceleration.weight(cues.limb_acceleration(track, config.noise)),
        "jump": np.repeat(config.jump.weight(cues.trunk_speed(track))[:, None], 21, axis=1),
        "reprojection": config.reprojection.weight(cues.reprojection(track)),
        "blur": 1.0 - smeared,
        "border": config.border.weight(cues.outside(track.points, image_size)),
        "side": config.side.weight(exchange_gain(track, config)),
    }


def _flags(weights, confidence, crowded, config: QualityConfig) -> UInt16[np.ndarray, " seen"]:
    limbs = cues.LIMB_JOINTS
    odd = np.prod([weights[c] for c in ("bone", "stretch", "speed", "acceleration", "jump", "reprojection")], axis=0)
    causes = {
        FrameFlag.ODD_LIMBS: odd,
        FrameFlag.BLURRED: weights["blur"],
        FrameFlag.CROPPED: weights["border"],
        FrameFlag.SIDES_UNSURE: weights["side"],
    }
    flags = crowded * FrameFlag.CROWDED
    for flag, weight in causes.items():
        flags = flags | (weight[:, limbs] < config.doubted).any(axis=1) * flag
    flags = flags | (confidence[:, limbs] < config.hidden).any(axis=1) * FrameFlag.LOW_CONFIDENCE
    return flags.astype(np.uint16)
