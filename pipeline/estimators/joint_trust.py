"""Turns how well each keypoint was seen into how far each joint of the estimated motion can be trusted."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d, grey_closing

from pipeline.evidence import KEYPOINT_NAMES
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

_BRIDGED_S = 0.1
"""Interruptions shorter than this are crossed without going astray [s]."""
_BRIDGED_TRUST = 0.8
"""Trust in what was made up across such an interruption, as a share of that in its surroundings."""
_SOFTNESS_S = 0.03
"""Standard deviation of the smoothing in time [s]: later stages must not see a weight jump."""


def _told_by() -> dict[str, tuple[str, ...]]:
    """Keypoints whose mean tells where each joint is; those of a trunk joint by its height in the trunk."""
    hips, shoulders = ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")
    table: dict[str, tuple[str, ...]] = {
        "pelvis": hips,
        "spine1": hips + hips + shoulders,
        "spine2": hips + shoulders,
        "spine3": hips + shoulders + shoulders,
        "neck": shoulders,
        "head": ("nose", "left_ear", "right_ear"),
    }
    for side in ("left", "right"):
        for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
            table[f"{side}_{joint}"] = (f"{side}_{joint}",)
        table[f"{side}_collar"] = (f"{side}_shoulder",)
        table[f"{side}_hand"] = (f"{side}_wrist",)
        table[f"{side}_foot"] = (f"{side}_heel", f"{side}_toe")
    return table


def _matrix() -> Float[np.ndarray, "24 keypoints"]:
    matrix = np.zeros((len(SMPL_JOINT_NAMES), len(KEYPOINT_NAMES)))
    for joint, keypoints in _told_by().items():
        for keypoint in keypoints:
            matrix[SMPL_JOINT_NAMES.index(joint), KEYPOINT_NAMES.index(keypoint)] += 1.0 / len(keypoints)
    return matrix


_JOINT_FROM_KEYPOINTS = _matrix()


def joint_trust(keypoint_seen: Float[np.ndarray, "frames keypoints"], fps: float) -> Float[np.ndarray, "frames 24"]:
    """Trust in [0, 1] in the place of each joint: 1 = seen well, 0 = made up between what was seen.

    A moment's doubt about a joint that is seen before and after hardly counts, because the way across is known;
    in a longer gap trust falls to 0.

    Args:
        keypoint_seen: How well each keypoint was seen, 0 to 1.
        fps: Frames per second [1/s].
    """
    seen = keypoint_seen @ _JOINT_FROM_KEYPOINTS.T
    window = max(3, 2 * int(0.5 * _BRIDGED_S * fps) + 1)
    bridged = grey_closing(seen, size=(window, 1), mode="nearest")
    trust = gaussian_filter1d(np.maximum(seen, _BRIDGED_TRUST * bridged), _SOFTNESS_S * fps, axis=0, mode="nearest")
    return np.clip(trust, 0.0, 1.0)
