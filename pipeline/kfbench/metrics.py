"""How far an estimate is from the truth: the measures of the literature, each with its definition.

Distances are returned in millimetres and angles in degrees, as papers print them. ``estimate`` and ``truth`` are joint
positions at the same moments; :mod:`pipeline.kfbench.score` brings two motions to the same moments. Every measure has
a form that gives one number a frame (``..._frames``), from which intervals are drawn, and most one that gives the mean.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

Joints = Float[np.ndarray, "frames joints 3"]
PerFrame = Float[np.ndarray, " frames"]

PIECE = 100
"""Frames that are aligned together in the world measures."""
HIPS = (1, 2)
"""Joints whose middle is the pelvis: the hips of SMPL's 24 joints."""
FEET = (7, 8, 10, 11)
"""SMPL's ankles and feet. The literature takes four vertices of SMPL's mesh; other bodies have other vertices."""
STILL_M = 0.01
"""A foot that moves less than this from one frame to the next, at 30 frames a second, stands [m]."""
LONG_PATH_M = 3.0
"""On a shorter path an error in percent of it says little [m]."""

_MM = 1000.0
_CM = 100.0
_PERCENT = 100.0
_JITTER_UNIT = 10.0  # papers print jerk in 10 m/s^3


def mpjpe_mm(estimate: Joints, truth: Joints) -> float:
    """Mean per-joint position error after putting the middle of the hips in the same place, frame by frame [mm]."""
    return float(mpjpe_frames(estimate, truth).mean())


def pa_mpjpe_mm(estimate: Joints, truth: Joints) -> float:
    """Mean per-joint position error after the best similarity (scale, rotation, shift) of every frame [mm]."""
    return float(pa_mpjpe_frames(estimate, truth).mean())


def wa_mpjpe_mm(estimate: Joints, truth: Joints, *, piece: int = PIECE) -> float:
    """World-aligned error, WA-MPJPE: one similarity for each piece of 100 frames, over all of its frames [mm].

    The last, shorter piece counts too. Scale is free, so a wrong body size is partly forgiven.
    """
    return float(wa_mpjpe_frames(estimate, truth, piece=piece).mean())


def w_mpjpe_mm(estimate: Joints, truth: Joints, *, piece: int = PIECE) -> float:
    """World error, W-MPJPE: one similarity for each piece of 100 frames, from its first two frames [mm].

    Drift within the piece counts in full; the last, shorter piece counts too.
    """
    return float(w_mpjpe_frames(estimate, truth, piece=piece).mean())


def rte_pct(estimate: Joints, truth: Joints) -> float:
    """Root trajectory error [% of the true path]; see :func:`root_error_frames` and :func:`path_length`."""
    return _PERCENT * float(root_error_frames(estimate, truth).mean()) / path_length(truth)


def drift_cm(estimate: Joints, truth: Joints) -> float:
    """Root trajectory error in centimetres, for paths too short to be a measure [cm]."""
    return _CM * float(root_error_frames(estimate, truth).mean())


def jitter(joints: Joints, fps: float) -> float:
    """Mean jerk of the joints [10 m/s^3]."""
    return float(jitter_frames(joints, fps).mean())


def jitter_x_truth(estimate: Joints, truth: Joints, fps: float) -> float:
    """Jerk of the estimate as a multiple of the truth's."""
    return jitter(estimate, fps) / jitter(truth, fps)


def accel(estimate: Joints, truth: Joints, fps: float) -> float:
    """Mean distance of the joints' accelerations, relative to the pelvis [m/s^2]."""
    return float(accel_frames(estimate, truth, fps).mean())


def mpjpe_frames(estimate: Joints, truth: Joints, *, hips: tuple[int, int] = HIPS) -> PerFrame:
    """See :func:`mpjpe_mm`, for each frame [mm]."""
    return _distance_mm(pelvis_centred(estimate, hips=hips), pelvis_centred(truth, hips=hips))


def pa_mpjpe_frames(estimate: Joints, truth: Joints) -> PerFrame:
    """See :func:`pa_mpjpe_mm`, for each frame [mm]."""
    return _distance_mm(apply_similarity(similarity(estimate, truth), estimate), truth)


def wa_mpjpe_frames(estimate: Joints, truth: Joints, *, piece: int = PIECE) -> PerFrame:
    """See :func:`wa_mpjpe_mm`, for each frame [mm]."""
    return _pieces_mm(estimate, truth, piece, fit_frames=piece)


def w_mpjpe_frames(estimate: Joints, truth: Joints, *, piece: int = PIECE) -> PerFrame:
    """See :func:`w_mpjpe_mm`, for each frame [mm]."""
    return _pieces_mm(estimate, truth, piece, fit_frames=2)


def root_error_frames(estimate: Joints, truth: Joints) -> PerFrame:
    """Distance of the pelvis' paths after one rotation and shift of the whole path, no scale, for each frame [m]."""
    roots = estimate[:, 0], truth[:, 0]
    moved = apply_similarity(similarity(*roots, with_scale=False), roots[0])
    return np.linalg.norm(moved - roots[1], axis=-1)


def path_length(joints: Joints) -> float:
    """Length of the pelvis' path, up and down included [m]."""
    return float(np.linalg.norm(np.diff(joints[:, 0], axis=0), axis=-1).sum())


def jitter_frames(joints: Joints, fps: float) -> Float[np.ndarray, " frames-3"]:
    """Third difference of the joints' positions, mean over joints, from the fourth frame on [10 m/s^3]."""
    jerk = np.diff(joints, n=3, axis=0) * fps**3
    return np.linalg.norm(jerk, axis=-1).mean(axis=-1) / _JITTER_UNIT


def accel_frames(
    estimate: Joints, truth: Joints, fps: float, *, hips: tuple[int, int] = HIPS
) -> Float[np.ndarray, " frames-2"]:
    """Distance of second differences, pelvis at rest, mean over joints, from the third frame on [m/s^2]."""
    apart = pelvis_centred(estimate, hips=hips) - pelvis_centred(truth, hips=hips)
    return np.linalg.norm(np.diff(apart, n=2, axis=0), axis=-1).mean(axis=-1) * fps**2


def foot_slides(
    estimate: Float[np.ndarray, "frames points 3"], truth: Float[np.ndarray, "frames points 3"], fps: float = 30.0
) -> Float[np.ndarray, " slides"]:
    """How far each point of the feet moves per frame of 1/30 s wherever the true one stands [mm].

    Args:
        estimate: Points of the feet; of joints, those named by ``FEET``.
        truth: The same points.
        fps: Frames per second [1/s]; steps are brought to those of 30 frames a second.
    """
    per_frame = fps / 30.0
    steps = [np.linalg.norm(np.diff(points, axis=0), axis=-1) * per_frame for points in (estimate, truth)]
    return _MM * steps[0][steps[1] < STILL_M]


def tilt_frames(
    estimate: Float[np.ndarray, "frames 3 3"], truth: Float[np.ndarray, "frames 3 3"]
) -> Float[np.ndarray, " frames"]:
    """Angle between where an estimate and the truth see up, from the pelvis: the error of gravity's direction [deg].

    Args:
        estimate: Rotation of the pelvis from its own axes to a z-up world.
        truth: The same of the truth; turns about the vertical make no difference.
    """
    up_e, up_t = estimate[:, 2], truth[:, 2]  # R^T z is R's last row
    # The half-angle form stays exact for small angles, where the arc cosine of the dot product loses half its digits.
    apart, together = np.linalg.norm(up_e - up_t, axis=-1), np.linalg.norm(up_e + up_t, axis=-1)
    return np.degrees(2.0 * np.arctan2(apart, together))


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
    source: Float[np.ndarray, "*batch points 3"],
    target: Float[np.ndarray, "*batch points 3"],
    *,
    with_scale: bool = True,
) -> tuple[Float[np.ndarray, "*batch"], Float[np.ndarray, "*batch 3 3"], Float[np.ndarray, "*batch 3"]]:
    """Scale, rotation and shift that bring ``source`` nearest to ``target`` in the least-squares sense.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991, eq. 40-42.
    If all points of ``source`` coincide, only the shift is determined and the rest stays identity.

    Args:
        source: Points that are moved; sets of points along the leading axes are solved apart, all at once.
        target: Where they should come to lie.
        with_scale: Fit the scale too; it is 1 otherwise.
    """
    mean_s, mean_t = source.mean(axis=-2), target.mean(axis=-2)
    s, t = source - mean_s[..., None, :], target - mean_t[..., None, :]
    variance = np.asarray((s**2).sum(axis=(-2, -1)))
    u, singular, vt = np.linalg.svd(np.swapaxes(t, -1, -2) @ s)
    mirror = np.ones((*variance.shape, 3))
    mirror[..., 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (u * mirror[..., None, :]) @ vt
    spread = variance >= 1e-16
    rotation = np.where(spread[..., None, None], rotation, np.eye(3))
    scale = np.ones_like(variance)
    if with_scale:
        np.divide((singular * mirror).sum(axis=-1), variance, out=scale, where=spread)
    moved = scale[..., None] * np.einsum("...ij,...j->...i", rotation, mean_s)
    return scale, rotation, mean_t - moved


def apply_similarity(
    transform: tuple[Float[np.ndarray, "*batch"], Float[np.ndarray, "*batch 3 3"], Float[np.ndarray, "*batch 3"]],
    points: Float[np.ndarray, "*batch points 3"],
) -> Float[np.ndarray, "*batch points 3"]:
    """Move points by scale, rotation and shift."""
    scale, rotation, shift = transform
    turned = points @ np.swapaxes(rotation, -1, -2)
    return np.asarray(scale)[..., None, None] * turned + shift[..., None, :]


def heading_aligned(estimate: Joints, truth: Joints) -> Joints:
    """Turn an estimate about the vertical, once for all frames, so that its poses face as the true ones do.

    Nothing in a video tells where north is, so that an estimate's world has a heading of its own; tilt and a heading
    that drifts stay. The angle is the best for the joints about the pelvis, in the least-squares sense.
    """
    e, t = pelvis_centred(estimate)[..., :2], pelvis_centred(truth)[..., :2]
    cosine = (e * t).sum()
    sine = (e[..., 0] * t[..., 1] - e[..., 1] * t[..., 0]).sum()
    return estimate @ Rotation.from_rotvec([0.0, 0.0, np.arctan2(sine, cosine)]).as_matrix().T


def pelvis_centred(joints: Joints, *, hips: tuple[int, int] = HIPS) -> Joints:
    """Put the middle of the hips at the origin, frame by frame."""
    return joints - joints[:, list(hips)].mean(axis=1, keepdims=True)


def _pieces_mm(estimate: Joints, truth: Joints, piece: int, *, fit_frames: int) -> PerFrame:
    errors = []
    for start in range(0, len(truth), piece):
        e, t = estimate[start : start + piece], truth[start : start + piece]
        transform = similarity(e[:fit_frames].reshape(-1, 3), t[:fit_frames].reshape(-1, 3))
        moved = apply_similarity(transform, e.reshape(-1, 3)).reshape(e.shape)
        errors.append(_distance_mm(moved, t))
    return np.concatenate(errors)


def _distance_mm(a: Joints, b: Joints) -> PerFrame:
    return _MM * np.linalg.norm(a - b, axis=-1).mean(axis=-1)
