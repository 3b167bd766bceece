"""How far an estimate is from the truth: the measures of the literature, each with its definition.

Distances are returned in millimetres and angles in degrees, as papers print them. ``estimate`` and ``truth`` are joint
positions at the same moments; :mod:`pipeline.kfbench.score` brings two motions to the same moments.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

Joints = Float[np.ndarray, "frames joints 3"]

_MM = 1000.0
_LEFT_HIP, _RIGHT_HIP = 1, 2  # of SMPL's 24 joints


def mpjpe_mm(estimate: Joints, truth: Joints) -> float:
    """Mean per-joint position error after putting the middle of the hips in the same place, frame by frame [mm]."""
    return _mean_distance_mm(_pelvis_centred(estimate), _pelvis_centred(truth))


def pa_mpjpe_mm(estimate: Joints, truth: Joints) -> float:
    """Mean per-joint position error after the best similarity (scale, rotation, shift) of every frame [mm]."""
    aligned = [apply_similarity(similarity(e, t), e) for e, t in zip(estimate, truth, strict=True)]
    return _mean_distance_mm(np.stack(aligned), truth)


def wa_mpjpe_mm(estimate: Joints, truth: Joints, *, piece: int = 100) -> float:
    """World-aligned error, WA-MPJPE: one similarity for each piece of 100 frames, over all of its frames [mm].

    The last, shorter piece counts too. Scale is free, so a wrong body size is partly forgiven.
    """
    return _pieces_mm(estimate, truth, piece, fit_frames=piece)


def w_mpjpe_mm(estimate: Joints, truth: Joints, *, piece: int = 100) -> float:
    """World error, W-MPJPE: one similarity for each piece of 100 frames, from its first two frames [mm].

    Drift within the piece counts in full; the last, shorter piece counts too.
    """
    return _pieces_mm(estimate, truth, piece, fit_frames=2)


def camera_error_deg(
    estimate_w2c: Float[np.ndarray, "frames 3 3"], truth_w2c: Float[np.ndarray, "frames 3 3"]
) -> float:
    """Largest angle between estimated and true camera rotation, both relative to their first frame [deg]."""
    estimate, truth = (r @ r[0].T for r in (estimate_w2c, truth_w2c))
    apart = Rotation.from_matrix(estimate @ np.swapaxes(truth, 1, 2))
    return float(np.degrees(apart.magnitude()).max())


def keypoint_error_px(
    estimate: Float[np.ndarray, "frames points 2"], truth: Float[np.ndarray, "frames points 2"]
) -> float:
    """Median distance of image points [px]; the median, since one lost limb says little about the others."""
    return float(np.median(np.linalg.norm(estimate - truth, axis=-1)))


def similarity(
    source: Float[np.ndarray, "points 3"], target: Float[np.ndarray, "points 3"]
) -> tuple[float, Float[np.ndarray, "3 3"], Float[np.ndarray, " 3"]]:
    """Scale, rotation and shift that bring ``source`` nearest to ``target`` in the least-squares sense.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991, eq. 40-42.
    If all points of ``source`` coincide, only the shift is determined and the rest stays identity.
    """
    mean_s, mean_t = source.mean(axis=0), target.mean(axis=0)
    s, t = source - mean_s, target - mean_t
    variance = float((s**2).sum())
    if variance < 1e-16:
        return 1.0, np.eye(3), mean_t - mean_s
    u, singular, vt = np.linalg.svd(t.T @ s)
    mirror = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * mirror) @ vt
    scale = float(singular @ mirror) / variance
    return scale, rotation, mean_t - scale * rotation @ mean_s


def apply_similarity(
    transform: tuple[float, Float[np.ndarray, "3 3"], Float[np.ndarray, " 3"]], points: Float[np.ndarray, "... 3"]
) -> Float[np.ndarray, "... 3"]:
    """Move points by scale, rotation and shift."""
    scale, rotation, shift = transform
    return scale * points @ rotation.T + shift


def _pieces_mm(estimate: Joints, truth: Joints, piece: int, *, fit_frames: int) -> float:
    errors = []
    for start in range(0, len(truth), piece):
        e, t = estimate[start : start + piece], truth[start : start + piece]
        transform = similarity(e[:fit_frames].reshape(-1, 3), t[:fit_frames].reshape(-1, 3))
        errors.append(np.linalg.norm(apply_similarity(transform, e) - t, axis=-1))
    return _MM * float(np.concatenate(errors).mean())


def _pelvis_centred(joints: Joints) -> Joints:
    return joints - joints[:, [_LEFT_HIP, _RIGHT_HIP]].mean(axis=1, keepdims=True)


def _mean_distance_mm(a: Joints, b: Joints) -> float:
    return _MM * float(np.linalg.norm(a - b, axis=-1).mean())
