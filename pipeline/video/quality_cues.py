"""Turns the track of one person into cues, each a number a keypoint that is small where the keypoint behaves.

Keypoints are COCO-17, then heels and toes. Lengths in the picture are in heights of the person (1.7 m of BlazePose's
average body), so that distance, resolution and mirrors make no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import median_filter

from pipeline.evidence import KEYPOINT_NAMES
from pipeline.video.keypoints import COCO17_LANDMARKS, FOOT_LANDMARKS

KEYPOINT_LANDMARKS = np.array(COCO17_LANDMARKS + FOOT_LANDMARKS)
"""Which landmark each keypoint is."""
STATURE_M = 1.7
"""Height of BlazePose's average body [m]."""
_INDEX = {name: number for number, name in enumerate(KEYPOINT_NAMES)}
TRUNK = np.array([_INDEX[f"{side}_{part}"] for part in ("shoulder", "hip") for side in ("left", "right")])
"""Shoulders and hips among the keypoints."""
LIMB_JOINTS = np.arange(_INDEX["left_shoulder"], _INDEX["right_ankle"] + 1)
"""The 12 joints of arms and legs among the keypoints."""
_FIRST_LIMB_JOINT = LIMB_JOINTS[0]
LIMB_MIDDLES = (
    np.array([_INDEX[f"{side}_{part}"] for part in ("elbow", "knee") for side in ("left", "right")]) - _FIRST_LIMB_JOINT
)
"""Elbows and knees among the limb joints, and"""
LIMB_ENDS = (
    np.array([_INDEX[f"{side}_{part}"] for part in ("wrist", "ankle") for side in ("left", "right")])
    - _FIRST_LIMB_JOINT
)
"""the wrists and ankles that belong to them."""
_CHAINS = (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
BONES = np.array(
    [
        (_INDEX[f"{side}_{near}"], _INDEX[f"{side}_{far}"])
        for side in ("left", "right")
        for chain in _CHAINS
        for near, far in pairwise(chain)
    ]
)
"""Near and far end of upper arms, forearms, thighs and shins among the keypoints."""
_SHORTEST_STEP_S = 0.025
_MIN_LENGTH_M = 0.03
_SCALE_WINDOW_S = 0.5
_CONFIDENT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """What was seen of one person, at the video's own times."""

    times: Float[np.ndarray, " seen"]
    """Strictly increasing [s]."""
    points: Float[np.ndarray, "seen 21 2"]
    """Keypoints [px]."""
    confidence: Float[np.ndarray, "seen 21"]
    """In [0, 1]."""
    model: Float[np.ndarray, "seen 21 3"]
    """The same points among the 3D landmarks: metres of an average body, camera axes."""
    height_px: Float[np.ndarray, " seen"]
    """How tall the person would stand in the picture [px]."""


def make_track(
    times: Float[np.ndarray, " seen"],
    keypoints: Float[np.ndarray, "seen 21 3"],
    landmarks_w: Float[np.ndarray, "seen 33 3"],
) -> Track:
    """Bring keypoints and landmarks together and find the person's size in the picture."""
    points, confidence = keypoints[..., :2], np.clip(keypoints[..., 2], 0.0, 1.0)
    model = landmarks_w[:, KEYPOINT_LANDMARKS]
    return Track(
        times=times,
        points=points,
        confidence=confidence,
        model=model,
        height_px=_height_px(times, points, confidence, model),
    )


def _height_px(times: np.ndarray, points: np.ndarray, confidence: np.ndarray, model: np.ndarray) -> np.ndarray:
    """Stature times the scale of a weak-perspective camera, calmed by a running median."""
    weight = confidence[..., None] + 1e-3
    flat = _centred(model[..., :2], weight)
    seen = _centred(points, weight)
    scale = np.sum(weight * flat * seen, axis=(1, 2)) / np.maximum(np.sum(weight * flat**2, axis=(1, 2)), 1e-9)
    extent = np.ptp(points, axis=1).max(axis=1)
    height = np.where(scale * STATURE_M > 0.2 * extent, scale * STATURE_M, extent)
    step = (times[-1] - times[0]) / max(len(times) - 1, 1)
    window = 2 * min(int(_SCALE_WINDOW_S / max(step, 1e-3) / 2), len(times)) + 1
    return np.maximum(median_filter(height, window, mode="nearest"), 1.0)


def _centred(points: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return points - np.sum(weight * points, axis=1, keepdims=True) / np.sum(weight, axis=1, keepdims=True)


def bone_strain(track: Track) -> Float[np.ndarray, "seen 21"]:
    """|log| of each bone's 3D length over its median, at the bone's far end; what hangs on it shares it."""
    vectors = track.model[:, BONES[:, 1]] - track.model[:, BONES[:, 0]]
    length = np.maximum(np.linalg.norm(vectors, axis=2), 1e-3)
    return _at_far_ends(np.abs(np.log(length / _usual_length(track, length))))


def limb_stretch(track: Track) -> Float[np.ndarray, "seen 21"]:
    """Log of each limb's length in the picture over the longest that its bone could look; negative if shorter."""
    length = np.linalg.norm(track.model[:, BONES[:, 1]] - track.model[:, BONES[:, 0]], axis=2)
    longest = _usual_length(track, length) * track.height_px[:, None] / STATURE_M
    shown = np.linalg.norm(track.points[:, BONES[:, 1]] - track.points[:, BONES[:, 0]], axis=2)
    return _at_far_ends(np.log(np.maximum(shown, 1e-3) / longest))


def _usual_length(track: Track, length: np.ndarray) -> Float[np.ndarray, " bones"]:
    """Median over the frames where both ends are confidently seen, over both sides: a body is symmetric."""
    sure = np.minimum(track.confidence[:, BONES[:, 0]], track.confidence[:, BONES[:, 1]]) > _CONFIDENT
    half = len(BONES) // 2
    usual = np.empty(len(BONES))
    for bone in range(half):
        both = length[:, [bone, bone + half]]
        chosen = both[sure[:, [bone, bone + half]]]
        usual[[bone, bone + half]] = np.median(chosen if len(chosen) else both)
    return np.maximum(usual, _MIN_LENGTH_M)


def _at_far_ends(of_bones: np.ndarray) -> Float[np.ndarray, "seen 21"]:
    """Give a bone's number to its far end, and the foot the worse of shin and thigh."""
    cue = np.full((len(of_bones), len(KEYPOINT_NAMES)), -np.inf)
    cue[:, BONES[:, 1]] = of_bones
    return _with_feet(cue)


def _with_feet(cue: Float[np.ndarray, "seen 21"]) -> Float[np.ndarray, "seen 21"]:
    """Heels and toes are at least as doubtful as their ankle."""
    for side in ("left", "right"):
        for part in ("heel", "toe"):
            foot = _INDEX[f"{side}_{part}"]
            cue[:, foot] = np.maximum(cue[:, foot], cue[:, _INDEX[f"{side}_ankle"]])
    return cue


def trunk_speed(track: Track) -> Float[np.ndarray, " seen"]:
    """Speed of the middle of the trunk in the picture, the smaller of before and after [heights / s].

    A picture in the middle of a jump is far from both neighbours; those before and after it from one only.
    """
    before, after = _speeds(track, np.median(track.points[:, TRUNK], axis=1)[:, None])
    calmer = np.fmin(before, after)[:, 0]
    return np.nan_to_num(calmer)


def limb_speed(track: Track) -> Float[np.ndarray, "seen 21"]:
    """Speed of each keypoint against the trunk, the larger of before and after [heights / s]."""
    before, after = _speeds(track, _against_trunk(track))
    return np.nan_to_num(np.fmax(before, after))


def limb_acceleration(track: Track, noise: float) -> Float[np.ndarray, "seen 21"]:
    """Bend of each keypoint's path against the trunk [heights / s^2]; 0 at both ends of the track.

    From the distance to the straight line between the neighbours in time, of which ``noise`` is no motion:
    a body's acceleration a bends it by a dt1 dt2 / 2.
    """
    path = _against_trunk(track) / track.height_px[:, None, None]
    earlier, later = _neighbours(track.times)
    t = np.flatnonzero((earlier >= 0) & (later >= 0))
    b, a = earlier[t], later[t]
    before, after = (track.times[t] - track.times[b])[:, None], (track.times[a] - track.times[t])[:, None]
    share = (before / (before + after))[..., None]
    off = np.linalg.norm(path[t] - (1.0 - share) * path[b] - share * path[a], axis=2)
    bend = np.zeros(path.shape[:2])
    bend[t] = 2.0 * np.maximum(off - noise, 0.0) / (before * after)
    return bend


def _neighbours(times: Float[np.ndarray, " seen"]) -> tuple[Int[np.ndarray, " seen"], Int[np.ndarray, " seen"]]:
    """Nearest picture before and after that is at least ``_SHORTEST_STEP_S`` away; -1 where there is none.

    Over shorter steps the shaking of the keypoints would look like speed.
    """
    before = np.searchsorted(times, times - _SHORTEST_STEP_S, side="right") - 1
    after = np.searchsorted(times, times + _SHORTEST_STEP_S, side="left")
    return before, np.where(after < len(times), after, -1)


def _against_trunk(track: Track) -> Float[np.ndarray, "seen 21 2"]:
    return track.points - track.points[:, TRUNK].mean(axis=1, keepdims=True)


def _speeds(
    track: Track, path: Float[np.ndarray, "seen points 2"]
) -> tuple[Float[np.ndarray, "seen points"], Float[np.ndarray, "seen points"]]:
    """Speed from the neighbour before, and to the one after [heights / s]; NaN where there is none."""
    speeds = []
    for other in _neighbours(track.times):
        distance = np.linalg.norm(path - path[other], axis=2)
        height = np.minimum(track.height_px, track.height_px[other])
        step = np.abs(track.times - track.times[other])
        known = other >= 0
        speed = np.full(path.shape[:2], np.nan)
        speed[known] = distance[known] / (height * np.maximum(step, _SHORTEST_STEP_S))[known, None]
        speeds.append(speed)
    return speeds[0], speeds[1]


def reprojection(track: Track) -> Float[np.ndarray, "seen 21"]:
    """Distance of each keypoint from its 3D landmark under a weak-perspective camera fitted to both [heights]."""
    weight = track.confidence[..., None] + 1e-3
    flat = _centred(track.model[..., :2], weight) * (track.height_px / STATURE_M)[:, None, None]
    seen = _centred(track.points, weight)
    return np.linalg.norm(seen - flat, axis=2) / track.height_px[:, None]


def sharpness_loss(sharpness: Float[np.ndarray, "seen 33"]) -> Float[np.ndarray, "seen 21"]:
    """Share of its usual sharpness that each keypoint lost; 0 outside the picture, where there is none to lose."""
    own = np.nan_to_num(np.asarray(sharpness, dtype=np.float64)[:, KEYPOINT_LANDMARKS])
    inside = own > 0
    usual = np.array([np.median(column[ok]) if ok.any() else 1.0 for column, ok in zip(own.T, inside.T, strict=True)])
    return np.where(inside, 1.0 - own / usual, 0.0)


def outside(points: Float[np.ndarray, "seen 21 2"], image_size: tuple[int, int]) -> Float[np.ndarray, "seen 21"]:
    """How far each keypoint lies outside the picture (negative: inside), as a share of its longer side."""
    size = np.asarray(image_size, dtype=np.float64)
    return np.maximum(-points, points - (size - 1.0)).max(axis=2) / size.max()
