"""Tells from a human motion when each foot stands: a probability, then spans of frames.

Where the estimator knows, its word is taken; elsewhere speed [m/s] and height [m] of the foot decide,
so that the answer does not depend on the frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit

Span = tuple[int, int]
"""First frame and the frame after the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactConfig:
    """When a foot counts as standing."""

    still_speed: float = 0.25
    """Speed at which a low foot is as likely to stand as not [m/s]."""
    speed_softness: float = 0.06
    """Width of the transition in speed [m/s]."""
    lifted_height: float = 0.05
    """Height above its standing height at which a slow foot is as likely to stand as not [m]."""
    height_softness: float = 0.01
    """Width of the transition in height [m]."""
    speed_window_s: float = 0.02
    """Standard deviation of the smoothing of positions before speeds are taken [s]."""
    begin_probability: float = 0.6
    """A stance begins where the probability rises above this."""
    end_probability: float = 0.4
    """A stance ends where the probability falls below this."""
    shortest_stance_s: float = 0.1
    """Shorter stances are dropped [s]."""
    shortest_swing_s: float = 0.07
    """Shorter interruptions of a stance are closed [s]."""


def foot_speed(
    foot_pos_w: Float[np.ndarray, "frames feet 3"], fps: float, window_s: float
) -> Float[np.ndarray, "frames feet"]:
    """Speed of smoothed positions by central differences [m/s]."""
    if len(foot_pos_w) == 1:
        return np.zeros(foot_pos_w.shape[:2])
    smooth = gaussian_filter1d(foot_pos_w, window_s * fps, axis=0, mode="nearest")
    return np.linalg.norm(np.gradient(smooth, 1.0 / fps, axis=0), axis=-1)


def standing_height(
    foot_pos_w: Float[np.ndarray, "frames feet 3"], prob: Float[np.ndarray, "frames feet"] | None = None
) -> float:
    """Height of the foot point of a foot that stands flat on the floor [m].

    The lower quartile over feet that surely stand, for heels rise while toes still bear weight;
    without such feet, nearly the lowest point of the clip.
    """
    height = foot_pos_w[..., 2]
    if prob is not None and (prob > 0.5).any():
        return float(np.percentile(height[prob > 0.5], 25))
    return float(np.percentile(height.min(axis=1), 5))


def stance_probability(
    foot_pos_w: Float[np.ndarray, "frames feet 3"], fps: float, config: ContactConfig
) -> Float[np.ndarray, "frames feet"]:
    """Probability that a foot stands: it is slow and it is low."""
    speed = foot_speed(foot_pos_w, fps, config.speed_window_s)
    height = foot_pos_w[..., 2] - standing_height(foot_pos_w)
    slow = expit((config.still_speed - speed) / config.speed_softness)
    low = expit((config.lifted_height - height) / config.height_softness)
    return slow * low


def stance_spans(prob: Float[np.ndarray, " frames"], fps: float, config: ContactConfig) -> tuple[Span, ...]:
    """Spans in which one foot stands, with hysteresis; flickers are closed, blips dropped.

    A clip shorter than the shortest stance keeps a stance that fills it.
    """
    standing = np.empty(len(prob), dtype=bool)
    state = prob[0] > 0.5
    for frame, p in enumerate(prob):
        state = bool(p > (config.end_probability if state else config.begin_probability))
        standing[frame] = state
    edges = np.flatnonzero(np.diff(np.concatenate([[False], standing, [False]]).astype(int)))
    spans: list[Span] = []
    for start, stop in edges.reshape(-1, 2).tolist():
        if spans and (start - spans[-1][1]) / fps < config.shortest_swing_s:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return tuple(s for s in spans if (s[1] - s[0]) / fps >= config.shortest_stance_s or s == (0, len(prob)))
