"""Draws random courses over time: values that wander with a memory, and faults that come, last and go."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.signal import lfilter


def wandering(
    shape: tuple[int, ...], *, lasting_s: float, fps: float, rng: np.random.Generator
) -> Float[np.ndarray, "*batch frames values"]:
    """Draw a stationary AR(1) of mean 0 and variance 1 along the last axis but one.

    Args:
        shape: Of the result.
        lasting_s: Time after which the correlation is 1/e [s]; 0 gives white noise.
        fps: Frames a second [1/s].
        rng: Source of chance.
    """
    noise = rng.standard_normal(shape)
    keep = float(np.exp(-1.0 / (lasting_s * fps))) if lasting_s > 0 else 0.0
    if keep == 0.0 or shape[-2] < 2:
        return noise
    noise[..., 1:, :] *= np.sqrt(1.0 - keep**2)
    return np.asarray(lfilter([1.0], [1.0, -keep], noise, axis=-2))


def spells(
    shape: tuple[int, ...],
    *,
    per_s: Float[np.ndarray, " values"] | float,
    lasting_s: float,
    fps: float,
    rng: np.random.Generator,
) -> Bool[np.ndarray, "*batch frames values"]:
    """Draw when something is the matter: a two-state Markov chain along the last axis but one.

    Args:
        shape: Of the result.
        per_s: How often a spell begins [1/s].
        lasting_s: How long one lasts, in the mean [s]; at least one frame.
        fps: Frames a second [1/s].
        rng: Source of chance.
    """
    start = np.clip(np.asarray(per_s, dtype=np.float64) / fps, 0.0, 1.0)
    stop = min(1.0, 1.0 / max(lasting_s * fps, 1.0))
    chance = rng.random(shape)
    on = np.zeros(shape, dtype=bool)
    if shape[-2] == 0:
        return on
    on[..., 0, :] = chance[..., 0, :] < start / (start + stop)
    for k in range(1, shape[-2]):
        on[..., k, :] = np.where(on[..., k - 1, :], chance[..., k, :] >= stop, chance[..., k, :] < start)
    return on
