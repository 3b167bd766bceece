"""Turns the track of one person into how much dearer it is to suppose that left and right were exchanged.

Arms and legs are judged apart. Over the track, each picture is either as reported or exchanged; the cheapest sequence
is the one in which limbs move most evenly, in the picture and in 3D. It is found for either answer in every picture
(min-marginals of a chain, by the forward and the backward pass of Viterbi 1967).
"""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Float

from pipeline.evidence import KEYPOINT_NAMES
from pipeline.video.quality_config import QualityConfig
from pipeline.video.quality_cues import STATURE_M, Track

_INDEX = {name: number for number, name in enumerate(KEYPOINT_NAMES)}
_PAIRS = {
    "arms": ("shoulder", "elbow", "wrist"),
    "legs": ("hip", "knee", "ankle"),
}
_MOMENTUM = 0.7
_DEAREST_STEP = 6.0
"""Motion this uneven is some other fault: it must not vote for an exchange without end."""


def exchange_gain(track: Track, config: QualityConfig) -> Float[np.ndarray, "seen 21"]:
    """Return how much cheaper each picture would be with left and right exchanged; negative where it would be dearer.

    In steps of ``config.side_step``, mean over the joints of both arms or both legs; heels and toes have the legs'
    number, the face is never in doubt. An exchange that lasts is ever dearer
    (``config.side_hold_s``): mirrored throughout, a track moves as evenly, and nothing tells which way is right.
    """
    gain = np.full((len(track.times), len(KEYPOINT_NAMES)), -np.inf)
    for group, parts in _PAIRS.items():
        left = [_INDEX[f"left_{part}"] for part in parts]
        right = [_INDEX[f"right_{part}"] for part in parts]
        others = ("heel", "toe") if group == "legs" else ()
        members = [*left, *right, *(_INDEX[f"{side}_{part}"] for side in ("left", "right") for part in others)]
        gain[:, members] = _group_gain(track, left, right, config)[:, None]
    return gain


def _group_gain(track: Track, left: list[int], right: list[int], config: QualityConfig) -> Float[np.ndarray, " seen"]:
    n = len(track.times)
    if n < 2:
        return np.full(n, -np.inf)
    paths = _both_ways(track, left, right)
    steps = _step_costs(track.times, paths, config)
    own = np.stack([np.zeros(n), _shares(track.times) * config.side_switch / config.side_hold_s], axis=1)
    forward = np.zeros((n, 2, 2))  # cost up to picture t, by (answer at t - 1, answer at t)
    forward[1] = steps[0, 0] + own[0][:, None] + own[1]
    for t in range(2, n):
        forward[t] = (forward[t - 1][:, :, None] + steps[t - 1]).min(axis=0) + own[t]
    backward = np.zeros((n, 2, 2))  # cost after picture t, by the same
    for t in range(n - 2, 0, -1):
        backward[t] = (steps[t] + (backward[t + 1] + own[t + 1])[None]).min(axis=2)
    total = forward + backward
    cheapest = total.min(axis=1)
    cheapest[0] = total[1].min(axis=1)
    return cheapest[:, 0] - cheapest[:, 1]


def _shares(times: Float[np.ndarray, " seen"]) -> Float[np.ndarray, " seen"]:
    """Time that each picture stands for [s]."""
    return np.gradient(times)


def _both_ways(track: Track, left: list[int], right: list[int]) -> Float[np.ndarray, "2 seen points dims"]:
    """Joints in heights, as reported and exchanged: on the picture and in 3D, each against the trunk's middle."""
    flat = track.points / track.height_px[:, None, None]
    deep = track.model / STATURE_M
    joint = np.concatenate([flat - _trunk(flat), deep - _trunk(deep)], axis=2)
    return np.stack([joint[:, left + right], joint[:, right + left]])


def _trunk(points: np.ndarray) -> np.ndarray:
    corners = [_INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("shoulder", "hip")]
    return points[:, corners].mean(axis=1, keepdims=True)


def _step_costs(
    times: Float[np.ndarray, " seen"], paths: Float[np.ndarray, "2 seen points dims"], config: QualityConfig
) -> Float[np.ndarray, "steps 2 2 2"]:
    """Cost of the step after each picture, by the answers before, at and after it; the first has none before."""
    dt = np.diff(times)
    unit = (config.side_step + config.side_speed * dt)[:, None]
    ratio = np.concatenate([[0.0], np.minimum(dt[1:] / dt[:-1], 2.0)])
    cost = np.empty((len(dt), 2, 2, 2))
    for before, now, after in product((0, 1), repeat=3):
        start = paths[now, :-1]
        last = np.concatenate([start[:1], paths[before, :-2]])
        expected = start + _MOMENTUM * ratio[:, None, None] * (start - last)
        off = np.linalg.norm(paths[after, 1:] - expected, axis=2)
        cost[:, before, now, after] = np.minimum(off / unit, _DEAREST_STEP).mean(axis=1)
        cost[:, before, now, after] += config.side_switch * (now != after)
    return cost
