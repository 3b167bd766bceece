"""Turns what the network makes up while nobody is seen into the plain way across."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from pipeline.estimators.gvhmr.prediction import Prediction
from pipeline.estimators.gvhmr.rotation_filter import continuous_quats, matrices_of_quats
from retarget.spans import true_runs

LONG_GAP_FRAMES = 12
"""Frames without a person up to which the network knows better, as its window holds both sides."""
_UNKNOWN_LOGIT = -6.0


def long_gaps(usable: Bool[np.ndarray, " frames"]) -> Bool[np.ndarray, " frames"]:
    """Return the frames of gaps that are too long for the network."""
    gaps = np.zeros(len(usable), dtype=bool)
    for start, stop in true_runs(~usable):
        gaps[start:stop] = stop - start > LONG_GAP_FRAMES
    return gaps


def bridged(prediction: Prediction, gap: Bool[np.ndarray, " frames"]) -> Prediction:
    """Return the prediction with straight ways across gaps; before the first and after the last frame it is held."""
    if not gap.any():
        return prediction
    known, frames = np.flatnonzero(~gap), np.arange(len(gap))
    place = np.interp(frames, known, np.arange(len(known)))
    low = place.astype(int)
    high, share = np.minimum(low + 1, len(known) - 1), place - low

    def across(values: Float[np.ndarray, "frames ..."]) -> Float[np.ndarray, "frames ..."]:
        weight = share.reshape(-1, *[1] * (values.ndim - 1))
        return values[known[low]] * (1.0 - weight) + values[known[high]] * weight

    def turned(rotation: Float[np.ndarray, "frames *n 3 3"]) -> Float[np.ndarray, "frames *n 3 3"]:
        quat = continuous_quats(rotation[known])
        weight = share.reshape(-1, *[1] * (quat.ndim - 1))
        between = quat[low] * (1.0 - weight) + quat[high] * weight
        still = gap.reshape(-1, *[1] * (rotation.ndim - 1))
        return np.where(still, matrices_of_quats(between), rotation)

    return replace(
        prediction,
        body_rotation=turned(prediction.body_rotation),
        root_camera=turned(prediction.root_camera),
        root_view=turned(prediction.root_view),
        velocity=across(prediction.velocity),
        pelvis_c=across(prediction.pelvis_c),
        static_logits=np.where(gap[:, None], _UNKNOWN_LOGIT, prediction.static_logits),
    )
