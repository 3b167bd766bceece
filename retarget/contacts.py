"""Tells from a human motion what bears weight and when: a probability for each region, then spans of frames.

Where the estimator knows, its word is taken; elsewhere speed [m/s] and height [m] decide, so that the answer does not
depend on the frame rate. A point is as fast as the slower of its past and its future: a foot that has just come to rest
and one about to leave both stand still. :mod:`retarget.causal_contacts` does without the future.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from retarget.body_trajectory import BodyTrajectory
from retarget.contact_regions import HUMAN_REGIONS, ContactRegion
from retarget.spans import Span, true_runs
from robots.arrays import check_settings, checked_array, freeze_fields
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactConfig:
    """When a foot counts as standing; what differs between regions stands in :class:`ContactRegion`."""

    still_speed: float = 0.18
    """Speed below which points tell how high the floor is [m/s]; how fast a region may be says its table."""
    speed_softness: float = 0.05
    """Width of the transition in speed [m/s]."""
    slip_share: float = 0.06
    """What a foot may be faster, as a share of what the whole body is faster than a walk: where legs are not quite the
    person's, feet that stand slip by as much as the path is too long."""
    height_softness: float = 0.008
    """Width of the transition in height [m]."""
    speed_window_s: float = 0.035
    """Time over which a speed is taken, before a frame and after it, where positions have no noise [s]."""
    longest_speed_window_s: float = 0.09
    """The same where they have much; a stance should outlast it [s]."""
    begin_probability: float = 0.6
    """A stance begins where the probability rises above this."""
    end_probability: float = 0.4
    """A stance ends where the probability falls below this."""
    shortest_stance_s: float = 0.1
    """Shorter stances are dropped [s]."""
    shortest_swing_s: float = 0.07
    """Shorter interruptions of a stance are closed [s]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(
            self,
            positive=("still_speed", "speed_softness", "height_softness", "end_probability"),
            below_one=("begin_probability",),
        )
        if self.end_probability > self.begin_probability:
            problem = f"must be at most begin_probability ({self.begin_probability}), got {self.end_probability}"
            raise InvalidArray("end_probability", problem=problem)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionContacts:
    """What bears weight in a motion."""

    names: tuple[str, ...]
    """Regions that the motion speaks of, in the order of the table."""
    prob: Float[np.ndarray, "frames regions"]
    """Probability that a region bears weight."""
    spans: tuple[tuple[Span, ...], ...]
    """Spans in which each region bears weight."""
    floor_height: float
    """Height of the floor as the motion tells it [m]."""

    def __post_init__(self) -> None:
        """Check the shape and make the array read-only."""
        freeze_fields(self, {"prob": checked_array("prob", self.prob, ("frames", len(self.names)))})


def point_speed(
    pos_w: Float[np.ndarray, "frames points 3"], fps: float, window_s: float
) -> Float[np.ndarray, "frames points"]:
    """Speed over the time before each frame or after it, whichever is less [m/s].

    Positions between frames are interpolated, so that the window is a time; it is never shorter than one frame.
    """
    n_frames = len(pos_w)
    if n_frames == 1:
        return np.zeros(pos_w.shape[:2])
    frames = np.arange(n_frames, dtype=float)
    window = min(max(window_s * fps, 1.0), n_frames - 1.0)
    ahead = np.clip(frames + window, 0, n_frames - 1)
    behind = np.clip(frames - window, 0, n_frames - 1)

    def speed(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
        way = np.linalg.norm(_at(pos_w, end) - _at(pos_w, begin), axis=-1)
        # At the ends of a clip less than a frame of past or future says nothing.
        frames_between = (end - begin)[:, None]
        return np.divide(way * fps, frames_between, out=np.full_like(way, np.inf), where=frames_between >= 1.0)

    return np.minimum(speed(frames, ahead), speed(behind, frames))


def speed_window(pos_w: Float[np.ndarray, "frames points 3"], config: ContactConfig) -> float:
    """Time over which the noise of positions adds no more than half of ``still_speed`` to a speed [s].

    Third differences of white noise have 20 times its variance, and those of a foot that stands have nothing else:
    their lower quartile over time tells the noise, so long as the points rest a quarter of the time.
    """
    if len(pos_w) < 8:
        return config.speed_window_s
    third = np.abs(np.diff(pos_w, n=3, axis=0))
    noise = np.percentile(third, 25) / _NORMAL_QUARTILE / np.sqrt(20.0)
    wanted = float(np.sqrt(6.0) * noise / (0.5 * config.still_speed))  # a difference of two places in three axes
    return float(np.clip(wanted, config.speed_window_s, config.longest_speed_window_s))


_NORMAL_QUARTILE = 0.3186
"""A quarter of all normally distributed numbers are smaller in size than this share of their standard deviation."""


def _at(pos_w: Float[np.ndarray, "frames points 3"], frames: np.ndarray) -> np.ndarray:
    """Positions at broken frame numbers."""
    before = np.minimum(frames.astype(int), len(pos_w) - 2)
    share = (frames - before)[:, None, None]
    return (1.0 - share) * pos_w[before] + share * pos_w[before + 1]


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


def region_contacts(
    trajectory: BodyTrajectory,
    config: ContactConfig | None = None,
    regions: Sequence[ContactRegion] = HUMAN_REGIONS,
) -> RegionContacts:
    """Tell which regions of the human bear weight.

    A region is left out if the estimator does not speak of it and the trajectory has none of its bodies.

    Args:
        trajectory: The human's bodies in a z-up world.
        config: Settings; defaults when left out.
        regions: Table of regions.
    """
    config = config or ContactConfig()
    column = {name: i for i, name in enumerate(trajectory.names)}
    speed = point_speed(trajectory.pos_w, trajectory.fps, _window(trajectory, config, regions))
    slip = config.slip_share * _haste(trajectory)
    floor = floor_height(trajectory, config, regions)
    names, probs, spans = [], [], []
    for region in regions:
        known = [p for p in region.points if p.body in column]
        if region.name in trajectory.contact_regions and trajectory.contact_prob is not None:
            prob = trajectory.contact_prob[:, trajectory.contact_regions.index(region.name)]
        elif known:
            bodies = [column[p.body] for p in known]
            height = trajectory.pos_w[:, bodies, 2] - floor - [p.height for p in known]
            own_speed = speed[:, bodies] - slip if region.teaches_floor else speed[:, bodies]
            prob = _bears(own_speed, height, region.still_speed, region.lifted_height, config).max(axis=1)
        else:
            continue
        names.append(region.name)
        probs.append(prob)
        spans.append(stance_spans(prob, trajectory.fps, config, shortest_s=region.shortest_stance_s))
    prob = np.stack(probs, axis=1) if probs else np.zeros((len(trajectory), 0))
    return RegionContacts(names=tuple(names), prob=prob, spans=tuple(spans), floor_height=floor)


def _haste(trajectory: BodyTrajectory) -> Float[np.ndarray, "frames 1"]:
    """How much faster than a walk the whole body goes [m/s]."""
    middle = trajectory.pos_w.mean(axis=1, keepdims=True)
    return np.maximum(point_speed(middle, trajectory.fps, _BODY_WINDOW_S) - _WALK_M_S, 0.0)


_BODY_WINDOW_S = 0.1
"""Time over which the speed of the whole body is taken [s]."""

_WALK_M_S = 1.0
"""Bodies slower than this slip by no more than noise; in a dance a foot that glides is meant to [m/s]."""


def floor_height(
    trajectory: BodyTrajectory,
    config: ContactConfig | None = None,
    regions: Sequence[ContactRegion] = HUMAN_REGIONS,
) -> float:
    """Height of the floor, told from what is slow [m]: from the feet, unless other regions rest well below them.

    Who crawls, lies or stands on the hands may keep the feet in the air. Feet come first, for their bearing heights are
    known best. Zero if the trajectory has no body of any region: the world's own floor.
    """
    config = config or ContactConfig()
    floors = []
    for teaching in (True, False):
        bodies, heights = _points_of(trajectory, [r for r in regions if r.teaches_floor or not teaching])
        if bodies:
            pos_w = trajectory.pos_w[:, bodies]
            speed = point_speed(pos_w, trajectory.fps, _window(trajectory, config, regions))
            floors.append(_floor(pos_w[..., 2] - heights, speed, config.still_speed))
    if not floors:
        return 0.0
    return floors[-1] if floors[-1] < floors[0] - _FEET_IN_THE_AIR_M else floors[0]


_FEET_IN_THE_AIR_M = 0.05
"""How far below the feet other regions must rest for the floor to be theirs: more than their flesh is uncertain [m]."""


def _points_of(trajectory: BodyTrajectory, regions: Sequence[ContactRegion]) -> tuple[list[int], list[float]]:
    """Bodies of regions that the trajectory has, and their bearing heights [m]."""
    column = {name: i for i, name in enumerate(trajectory.names)}
    points = [p for r in regions for p in r.points if p.body in column]
    return [column[p.body] for p in points], [p.height for p in points]


def _window(trajectory: BodyTrajectory, config: ContactConfig, regions: Sequence[ContactRegion]) -> float:
    """Time over which speeds are taken, by the noise of the feet: they rest more than other bodies [s]."""
    feet, _ = _points_of(trajectory, [r for r in regions if r.teaches_floor])
    return speed_window(trajectory.pos_w[:, feet or slice(None)], config)


def _floor(
    height: Float[np.ndarray, "frames points"], speed: Float[np.ndarray, "frames points"], still_speed: float
) -> float:
    """Height of the lowest well filled layer of slow points [m]; without slow points nearly the lowest point.

    Lowest, for a raised foot may rest as well; well filled, for a few frames of a foot that sinks below the floor do
    not make another floor.
    """
    slow = np.sort(height[speed < still_speed])
    if len(slow) == 0:
        return float(np.percentile(height.min(axis=1), 5))
    first, last = np.searchsorted(slow, slow - _LAYER_M), np.searchsorted(slow, slow + _LAYER_M, side="right")
    filled = last - first
    lowest = int(np.argmax(filled >= _WELL_FILLED * filled.max()))
    near = slice(lowest, int(np.searchsorted(slow, slow[lowest] + 2.0 * _LAYER_M, side="right")))
    peak = lowest + int(np.argmax(filled[near]))
    return float(np.median(slow[first[peak] : last[peak]]))


_LAYER_M = 0.015
"""Half the thickness of a layer of standing points: noise, and subjects of other stature [m]."""

_WELL_FILLED = 0.4
"""Share of the points of the fullest layer that a lower one must have to be the floor."""


def _bears(
    speed: Float[np.ndarray, "frames points"],
    height: Float[np.ndarray, "frames points"],
    still_speed: float,
    lifted_height: float,
    config: ContactConfig,
) -> Float[np.ndarray, "frames points"]:
    """Probability that a point of that speed and height above its bearing height bears weight."""
    slow = expit((still_speed - speed) / config.speed_softness)
    low = expit((lifted_height - height) / config.height_softness)
    return slow * low


def stance_spans(
    prob: Float[np.ndarray, " frames"], fps: float, config: ContactConfig, *, shortest_s: float | None = None
) -> tuple[Span, ...]:
    """Spans in which one region bears weight, with hysteresis; flickers are closed, blips dropped.

    A clip shorter than the shortest stance keeps a stance that fills it.

    Args:
        prob: Probability that the region bears weight.
        fps: Frames per second [1/s].
        config: Thresholds.
        shortest_s: Shorter stances are dropped [s]; ``config.shortest_stance_s`` when left out.
    """
    shortest_s = config.shortest_stance_s if shortest_s is None else shortest_s
    standing = np.empty(len(prob), dtype=bool)
    state = prob[0] > 0.5
    for frame, p in enumerate(prob):
        state = bool(p > (config.end_probability if state else config.begin_probability))
        standing[frame] = state
    spans: list[Span] = []
    for start, stop in true_runs(standing):
        if spans and (start - spans[-1][1]) / fps < config.shortest_swing_s:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return tuple(s for s in spans if (s[1] - s[0]) / fps >= shortest_s or s == (0, len(prob)))
