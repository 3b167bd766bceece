"""Holds what the stages made of a demo video against its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, Slerp

from pipeline.body import SkinnedBody
from pipeline.evidence import COCO17_NAMES, Evidence, FrameFlag
from pipeline.kfbench import metrics
from pipeline.kfbench.truth import Truth
from retarget.smpl_motion import SmplMotion
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceScore:
    """How far the evidence of a demo video is from what was really filmed."""

    seen: float
    """Share of frames in which the person was found."""
    keypoint_px: float
    """Median distance of the COCO-17 keypoints, over frames with the person [px]."""
    foot_px: float
    """Median distance of heels and toes, over frames with the person [px]."""
    keypoint_share: float
    """``keypoint_px`` as a share of the person's height in the picture."""
    camera_deg: float
    """Largest error of the camera's rotation since the first frame [deg]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionScore:
    """How far an estimated human motion is from the true one; definitions in :mod:`pipeline.kfbench.metrics`."""

    mpjpe_mm: float
    """Error of the joints, hips together in every frame [mm]."""
    pa_mpjpe_mm: float
    """Error of the pose alone, every frame aligned [mm]."""
    wa_mpjpe_mm: float
    """Error in the world, pieces of 100 frames aligned as a whole [mm]."""
    w_mpjpe_mm: float
    """Error in the world, pieces of 100 frames aligned at their first two frames [mm]."""


def score_evidence(evidence: Evidence, truth: Truth, body: SkinnedBody) -> EvidenceScore:
    """Compare evidence with what the true camera saw at the same moments.

    Args:
        evidence: From the demo video; its timestamps count from the video's first frame.
        truth: Of the same video.
        body: Whose keypoints were filmed.

    Raises:
        InvalidArray: The two have no moment in common.
    """
    points_w = body.motion_keypoints(truth.motion)
    pixels, _ = truth.camera.project(points_w)
    keep = _common(evidence.timestamps, truth)
    times = evidence.timestamps[keep]
    true_px = _at_times(pixels, truth, times)
    seen = (evidence.flags[keep] & FrameFlag.NO_PERSON) == 0
    if not seen.any():
        raise InvalidArray("flags", problem="say that the person was never seen")
    n = len(COCO17_NAMES)
    kp, foot = evidence.kp2d[keep][seen, :, :2], evidence.foot_kp2d[keep][seen, :, :2]
    height = np.ptp(true_px[seen][:, :, 1], axis=1).mean()
    error = metrics.keypoint_error_px(kp, true_px[seen, :n])
    return EvidenceScore(
        seen=float(seen.mean()),
        keypoint_px=error,
        foot_px=metrics.keypoint_error_px(foot, true_px[seen, n:]),
        keypoint_share=error / float(height),
        camera_deg=metrics.camera_error_deg(evidence.R_w2c[keep], _rotations_at(truth, times)),
    )


def score_motion(motion: SmplMotion, truth: Truth, *, start_s: float = 0.0) -> MotionScore:
    """Compare an estimated motion with the true one, joint by joint.

    Args:
        motion: The estimate, at any rate and of any body with SMPL's joints.
        truth: What was filmed.
        start_s: Time of the estimate's first frame on the video's clock [s].

    Raises:
        InvalidArray: The two have no moment in common.
    """
    times = start_s + np.arange(len(motion)) / motion.fps
    keep = _common(times, truth)
    estimate = motion.joints()[0][keep]
    true = _at_times(truth.motion.joints()[0], truth, times[keep])
    return MotionScore(
        mpjpe_mm=metrics.mpjpe_mm(estimate, true),
        pa_mpjpe_mm=metrics.pa_mpjpe_mm(estimate, true),
        wa_mpjpe_mm=metrics.wa_mpjpe_mm(estimate, true),
        w_mpjpe_mm=metrics.w_mpjpe_mm(estimate, true),
    )


def _common(times: Float[np.ndarray, " frames"], truth: Truth) -> np.ndarray:
    slack = 1e-3 / truth.motion.fps
    keep = (times >= -slack) & (times <= (len(truth.motion) - 1) / truth.motion.fps + slack)
    if not keep.any():
        raise InvalidArray("timestamps", problem="have no moment in common with the truth")
    return keep


def _at_times(values: np.ndarray, truth: Truth, times: np.ndarray) -> np.ndarray:
    """Values of the truth's frames at other moments, by cubic splines."""
    if len(truth.motion) == 1:
        return np.repeat(values, len(times), axis=0)
    own = np.arange(len(truth.motion)) / truth.motion.fps
    return CubicSpline(own, values, axis=0)(np.clip(times, own[0], own[-1]))


def _rotations_at(truth: Truth, times: np.ndarray) -> Float[np.ndarray, "frames 3 3"]:
    if len(truth.motion) == 1:
        return np.repeat(truth.camera.R_w2c, len(times), axis=0)
    own = np.arange(len(truth.motion)) / truth.motion.fps
    return Slerp(own, Rotation.from_matrix(truth.camera.R_w2c))(np.clip(times, own[0], own[-1])).as_matrix()
