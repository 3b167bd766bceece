"""Brings evidence to the one rate that GVHMR's network knows, and its motion back to the evidence's; by time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, Slerp

from pipeline.evidence import Evidence
from retarget.smpl_motion import SmplMotion

NETWORK_FPS = 30.0
"""Rate of the motions that the network learned from [1/s]."""
_SAME_RATE = 2e-3
"""Rates that differ by less are the same: 30000/1001 is 30 to the network."""


def at_network_rate(evidence: Evidence) -> Evidence:
    """Return the evidence at 30 frames a second, interpolated in time; what is at that rate stays as it is.

    A keypoint between two frames is seen no better than in the worse of them.
    """
    if abs(evidence.fps / NETWORK_FPS - 1.0) < _SAME_RATE or len(evidence) < 2:
        return evidence
    end = len(evidence) - 1
    frames = int(np.ceil(end / evidence.fps * NETWORK_FPS - 1e-6)) + 1
    at = np.minimum(np.arange(frames) * evidence.fps / NETWORK_FPS, end)
    low = np.minimum(at.astype(int), end - 1)
    share = at - low
    # A frame that is hit exactly has no say of its neighbour's flaws.
    first, second = np.where(share > 1.0 - 1e-6, low + 1, low), np.where(share < 1e-6, low, low + 1)

    def between(values: np.ndarray) -> np.ndarray:
        weight = share.reshape(-1, *[1] * (values.ndim - 1))
        return values[low] * (1.0 - weight) + values[low + 1] * weight

    def points(values: np.ndarray) -> np.ndarray:
        worse = np.minimum(values[first, :, 2:], values[second, :, 2:])
        return np.concatenate([between(values[..., :2]), worse], axis=-1)

    assert evidence.kp_trust is not None and evidence.zoom is not None  # filled when the evidence was made
    return replace(
        evidence,
        fps=NETWORK_FPS,
        timestamps=between(evidence.timestamps),
        boxes=between(evidence.boxes),
        kp2d=points(evidence.kp2d),
        foot_kp2d=points(evidence.foot_kp2d),
        landmarks_w=between(evidence.landmarks_w),
        R_w2c=Slerp(np.arange(len(evidence)), Rotation.from_matrix(evidence.R_w2c))(at).as_matrix(),
        flags=evidence.flags[first] | evidence.flags[second],
        kp_trust=np.minimum(evidence.kp_trust[first], evidence.kp_trust[second]),
        zoom=between(evidence.zoom),
    )


def at_rate_of(evidence: Evidence, motion: SmplMotion) -> SmplMotion:
    """Return a motion at the moments of the evidence: turned along shortest arcs, moved along a cubic spline."""
    if len(motion) == len(evidence) and abs(evidence.fps / motion.fps - 1.0) < _SAME_RATE:
        return replace(motion, fps=evidence.fps)
    old = np.arange(len(motion))
    at = np.minimum(np.arange(len(evidence)) * motion.fps / evidence.fps, old[-1])

    def turned(rotvec: np.ndarray) -> np.ndarray:
        return Slerp(old, Rotation.from_rotvec(rotvec.copy()))(at).as_rotvec()

    def between(values: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(at, old, column) for column in values.T], axis=-1)

    assert motion.joint_trust is not None  # filled when the motion was made
    return replace(
        motion,
        fps=evidence.fps,
        global_orient=turned(motion.global_orient),
        body_pose=np.stack([turned(motion.body_pose[:, joint]) for joint in range(21)], axis=1),
        transl=CubicSpline(old, motion.transl)(at),
        foot_contact=None if motion.foot_contact is None else between(motion.foot_contact),
        joint_trust=between(motion.joint_trust),
    )
