"""Turns clips of known truth, and what a detector said of them, into the tables of its errors.

Everything is fitted by moments: sizes by regressing the logarithm of errors on the situation, memories by
autocorrelations, and left and right are pooled, as a detector has no side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import digamma, polygamma

from pipeline.synthetic.detector import with_bones
from pipeline.synthetic.fit_faults import fit_faults
from pipeline.synthetic.fit_sureness import fit_confidence, fit_trust
from pipeline.synthetic.moments import (
    autocovariance,
    fit_memory,
    lags_of,
    mirror_pairs,
    other_side,
    pooled,
    regress,
)
from pipeline.synthetic.point_sets import (
    BONES,
    KEYPOINT_LANDMARKS,
    KEYPOINTS,
    LANDMARK_KEYPOINT,
    LANDMARKS,
    PointSet,
)
from pipeline.synthetic.processes import autocorrelation
from pipeline.synthetic.samples import (
    Residuals,
    Sample,
    at_fault,
    keypoint_residuals,
    landmark_residuals,
    outside,
)
from pipeline.synthetic.situation import COVARIATES, situation
from pipeline.synthetic.tables import DetectorTables, ErrorTable

_GROSS = 0.08  # of the stature: what is farther off tells of a failure, not of where a point is seen
_SMALLEST = 1e-5
_ROUNDS = 3
_LARGEST_SHARE = 0.995
_FAR_S = (1.5, 2.5)  # lags at which only the constant error is left


def fit_tables(samples: Sequence[Sample]) -> DetectorTables:
    """Fit all tables to clips of one frame rate."""
    fps = samples[0].fps
    offset = fit_offset(samples)
    shown = [keypoint_residuals(sample, offset) for sample in samples]
    keypoints, unrest, (unrest_s, unrest_smooth_s) = fit_errors(shown, KEYPOINTS, fps)
    stature, gain = fit_bones(samples)
    fitted = [landmark_residuals(sample, average_stature=stature, bone_gain=gain) for sample in samples]
    deep = [residuals for residuals, _ in fitted]
    landmarks, _, _ = fit_errors(deep, LANDMARKS, fps)
    return DetectorTables(
        offset=offset,
        bone_gain=gain,
        keypoints=keypoints,
        landmarks=landmarks,
        unrest_s=unrest_s,
        unrest_smooth_s=unrest_smooth_s,
        shared=fit_shared(shown, deep, keypoints, landmarks),
        average_stature=stature,
        size_spread=float(np.std([size for _, size in fitted])),
        confidence=fit_confidence(samples, shown, unrest, keypoints, fps),
        trust=fit_trust(samples, shown, unrest, keypoints, fps),
        faults=fit_faults(samples, offset, keypoints),
    )


def fit_errors(
    clips: Sequence[Residuals], points: PointSet, fps: float
) -> tuple[ErrorTable, list[Float[np.ndarray, "frames points"]], tuple[float, float]]:
    """Fit one error table.

    Returns:
        The table; per clip, the logarithm of each error over its usual size (mean 0; NaN where nothing is known); and
        the memories of that [s].
    """
    axes, pairs = clips[0].error.shape[2], mirror_pairs(points)
    bias = pooled(np.sqrt(np.maximum(_far_product(clips, fps), 0.0)), pairs)
    wandering = [clip.error - _median(clip.error) for clip in clips]
    typical = np.nanmedian(np.abs(np.concatenate(wandering)), axis=0) + _SMALLEST
    axis_scale = pooled(typical / np.sqrt((typical**2).mean(axis=1, keepdims=True)), pairs)
    size = [np.sqrt(((error / axis_scale) ** 2).mean(axis=2)) + _SMALLEST for error in wandering]
    expected = 0.5 * (digamma(axes / 2) + np.log(2.0 / axes))  # of ln(|n| / sqrt(axes)), n normal
    log_scale, spread = np.zeros((len(points.names), len(COVARIATES))), np.zeros(len(points.names))
    for group in pairs:
        x = np.concatenate([clip.covariates[:, group].reshape(-1, len(COVARIATES)) for clip in clips])
        y = np.concatenate([np.log(part[:, group]).reshape(-1) for part in size]) - expected
        log_scale[group], spread[group] = regress(x, y)
    chance = 0.25 * float(polygamma(1, axes / 2))  # variance of the logarithm of a normal error of constant size
    unrest_of = np.sqrt(np.maximum(spread**2 - chance, 0.01))
    predicted = [np.exp((clip.covariates * log_scale).sum(axis=2)) for clip in clips]
    unrest = [np.log(part / scale) - expected for part, scale in zip(size, predicted, strict=True)]
    memories = _unrest_memory(unrest, fps, np.zeros((len(lags_of(fps)), 1)), chance)
    normal = [clip.error / axis_scale / scale[..., None] for clip, scale in zip(clips, predicted, strict=True)]
    for _ in range(_ROUNDS):  # the course of the size hides that of the error, and the other way round
        share, slow_s, smooth_s, quick_s = _memory(normal, pairs, unrest_of, memories, fps)
        lags = lags_of(fps)
        course = autocorrelation(lags, lasting_s=slow_s, fps=fps, smooth_s=smooth_s)[:, None] * share
        course = course + np.exp(-lags / fps / quick_s)[:, None] * (1.0 - share)
        memories = _unrest_memory(unrest, fps, course, chance)
    table = ErrorTable(
        bias=bias,
        log_scale=log_scale,
        axis_scale=axis_scale,
        largest=pooled(np.nanquantile(np.concatenate(size), _LARGEST_SHARE, axis=0)[:, None], pairs)[:, 0],
        unrest=unrest_of,
        slow_share=share,
        slow_s=slow_s,
        smooth_s=smooth_s,
        quick_s=quick_s,
        correlation=_correlation(normal, points),
    )
    return table, unrest, memories


def _median(error: Float[np.ndarray, "frames points axes"]) -> Float[np.ndarray, "points axes"]:
    """Median over the frames in which something is known; 0 where there is none."""
    known = np.isfinite(error).all(axis=(0, 2)) | np.isfinite(error).any(axis=(0, 2))
    out = np.zeros(error.shape[1:])
    out[known] = np.nanmedian(error[:, known], axis=0)
    return out


def _far_product(clips: Sequence[Residuals], fps: float) -> Float[np.ndarray, "points axes"]:
    """Mean product of errors far apart in time, large ones cut down: what is constant over a clip, squared."""
    limit = np.nanquantile(np.abs(np.concatenate([clip.error for clip in clips])), 0.98, axis=0)
    cut = [np.clip(clip.error, -limit, limit) for clip in clips]
    lags = range(round(_FAR_S[0] * fps), round(_FAR_S[1] * fps), 3)
    return np.mean([autocovariance(cut, lag) for lag in lags], axis=0)


def _unrest_memory(
    unrest: Sequence[np.ndarray], fps: float, course: Float[np.ndarray, "lags points"], chance: float
) -> tuple[float, float]:
    """Memories of the size, once what an error of constant size would show is taken out."""
    lags = lags_of(fps)
    near = np.stack([autocovariance(unrest, lag) for lag in lags])
    far = np.mean([autocovariance(unrest, round(s * fps)) for s in (1.5, 1.8, 2.1)], axis=0)
    variance = np.nanmean(np.concatenate(unrest) ** 2, axis=0)
    curves = (near - far - chance * course**2) / np.maximum(variance - far - chance, 0.05)
    return fit_memory(lags, np.clip(curves, -1.0, 1.0), fps)[1:3]


def _memory(
    normal: Sequence[np.ndarray], pairs: list[list[int]], unrest: np.ndarray, memories: tuple[float, float], fps: float
) -> tuple[np.ndarray, float, float, float]:
    """Share of the error with a long memory, and the memories.

    What is constant, and the memory that the size itself has, are taken out.
    """
    cut = [np.clip(clip, -4.0, 4.0) for clip in normal]
    lags = lags_of(fps)
    far = np.mean([autocovariance(cut, round(s * fps)).mean(axis=1) for s in (1.5, 1.8, 2.1)], axis=0)
    variance = np.nanmean(np.concatenate(cut) ** 2, axis=0).mean(axis=1) - far
    curves = np.stack([autocovariance(cut, lag).mean(axis=1) - far for lag in lags]) / variance
    of_size = autocorrelation(lags, lasting_s=memories[0], fps=fps, smooth_s=memories[1])
    of_size = np.exp(-(unrest**2) * (1.0 - of_size)[:, None])
    share, slow_s, smooth_s, quick_s = fit_memory(lags, np.clip(curves / of_size, -1.0, 1.0), fps, quick=True)
    return pooled(share[:, None], pairs)[:, 0], slow_s, smooth_s, quick_s


def _correlation(normal: Sequence[np.ndarray], points: PointSet) -> Float[np.ndarray, "axes points points"]:
    """Correlation of errors one frame apart, so that white noise does not count; both sides pooled."""
    cut = [np.clip(clip, -4.0, 4.0) for clip in normal]
    other = [points.names.index(other_side(name)) for name in points.names]
    out = []
    for axis in range(cut[0].shape[2]):
        before = np.nan_to_num(np.concatenate([clip[:-1, :, axis] for clip in cut]))
        after = np.nan_to_num(np.concatenate([clip[1:, :, axis] for clip in cut]))
        product = before.T @ after
        product = product + product.T
        product = product + product[np.ix_(other, other)]
        scale = np.sqrt(np.maximum(np.diag(product), 1e-12))
        values, vectors = np.linalg.eigh(product / np.outer(scale, scale))
        positive = (vectors * np.maximum(values, 1e-6)) @ vectors.T
        scale = np.sqrt(np.diag(positive))
        out.append(positive / np.outer(scale, scale))
    return np.stack(out)


def fit_offset(samples: Sequence[Sample]) -> Float[np.ndarray, "21 3"]:
    """Where the detector sees each keypoint from where the body has it, in the trunk's axes [statures].

    Gross errors do not count, and left and right are each other's mirror image.
    """
    out = np.zeros((len(KEYPOINTS.names), 3))
    shown = [keypoint_residuals(sample).error for sample in samples]
    trunks = [
        situation(s.keypoints_c, KEYPOINTS, focal_px=float(s.K[0, 0]), fps=s.fps).trunk_c[..., :2] for s in samples
    ]
    for group in mirror_pairs(KEYPOINTS):
        rows, values = [], []
        for point in group:
            mirror = np.array([-1.0 if "right" in KEYPOINTS.names[point] else 1.0, 1.0, 1.0])
            for error, trunk in zip(shown, trunks, strict=True):
                use = np.linalg.norm(np.nan_to_num(error[:, point], nan=1.0), axis=1) < _GROSS
                rows.append((np.swapaxes(trunk[use], 1, 2) * mirror).reshape(-1, 3))
                values.append(error[use, point].reshape(-1))
        a, b = np.concatenate(rows), np.concatenate(values)
        found = np.linalg.solve(a.T @ a + np.eye(3), a.T @ b)
        for point in group:
            out[point] = found * [-1.0 if "right" in KEYPOINTS.names[point] else 1.0, 1.0, 1.0]
            out[point, 0] *= KEYPOINTS.sides[point] != 0  # what lies in the middle stays there
    return out


def fit_bones(samples: Sequence[Sample]) -> tuple[float, Float[np.ndarray, "33 2"]]:
    """Return the stature of the landmarks' body [m] and how long each bone is reported, across and along the view."""
    nominal, gain = 1.7, np.ones((len(LANDMARKS.names), 2))
    true, found = [], []
    for sample in samples:
        view = situation(sample.landmarks_c, LANDMARKS, focal_px=float(sample.K[0, 0]), fps=sample.fps)
        bad = (at_fault(sample) | sample.hidden | outside(sample))[:, list(LANDMARK_KEYPOINT)]
        bad |= ~sample.seen[:, None]
        true.append(nominal / view.stature * (BONES @ with_bones(sample.landmarks_c, gain)))
        found.append(np.where(bad[..., None], np.nan, BONES @ sample.landmarks))
    a, b = np.concatenate(true), np.concatenate(found)
    for group in mirror_pairs(LANDMARKS):
        x, y = a[:, group].reshape(-1, 3), b[:, group].reshape(-1, 3)
        off = np.linalg.norm(y - x, axis=1)
        use = off < 3.0 * np.nanmedian(off)
        for column, axes in enumerate(([0, 1], [2])):
            gain[group, column] = (x[use][:, axes] * y[use][:, axes]).sum() / (x[use][:, axes] ** 2).sum()
    long = LANDMARKS.index("left_knee", "right_knee", "left_ankle", "right_ankle", "left_shoulder", "right_shoulder")
    mean = float(gain[long, 0].mean())
    return nominal * mean, gain / mean


def fit_shared(
    shown: Sequence[Residuals], deep: Sequence[Residuals], keypoints: ErrorTable, landmarks: ErrorTable
) -> float:
    """Correlation of lateral errors in metres with those in pixels."""
    of_keypoints = np.concatenate([clip.error - _median(clip.error) for clip in shown])
    of_landmarks = np.concatenate([clip.error - _median(clip.error) for clip in deep])
    of_landmarks = of_landmarks[:, list(KEYPOINT_LANDMARKS), :2]
    a = np.clip(of_keypoints / keypoints.axis_scale / np.exp(keypoints.log_scale[:, 0])[:, None], -4, 4)
    index = list(KEYPOINT_LANDMARKS)
    scale = landmarks.axis_scale[index, :2] * np.exp(landmarks.log_scale[index, 0])[:, None]
    b = np.clip(of_landmarks / scale, -4, 4)
    use = np.isfinite(a) & np.isfinite(b)
    return float(np.clip(np.corrcoef(a[use], b[use])[0, 1], 0.0, 1.0))
