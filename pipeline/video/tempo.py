"""Tells whether a video plays at the speed at which it happened: from its notes, its pictures and how jumps fall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import percentile_filter

from pipeline.video.decode import VideoInfo

GRAVITY = 9.81
"""Acceleration of everything that falls [m/s^2]."""
ASSUMED_HEIGHT_M = 1.70
"""Height taken of a person whose height nobody knows: an error of 10 % makes one of 5 % in the speed [m]."""

_CLEARLY_OFF = 1.5  # a speed within this factor of the true one is within what lens, height and posture leave open
_TIME_LAPSE_FPS = 15.0  # nobody films movement at less than this but for a time lapse

_MIN_REPEATS = 12
_MIN_REPEATED_SHARE = 0.15
_LONGEST_STUTTER_S = 0.3  # pictures that stand longer are a frozen stream and no rate

_UPRIGHT = 0.753  # shoulders to hips to ankles of the benchmark's body, along the bones, in body heights
_NEARBY_S = 3.0  # how far from a jump its ground and the person's size are sought; a jump in slow motion is long
_OFF_GROUND = 0.04  # both ankles are at least this far above where they stand [body heights]
_MIN_FLIGHT_FRAMES = 6
_MIN_ARC = 0.02  # a fit must bend by at least this [body heights]
_MAX_RESIDUAL = 0.012  # of the hips from the parabola, root mean square [body heights]
_MAX_UNSURE = 0.15  # standard error of the fitted acceleration, relative
_FALLS_AT_TOP = 0.6  # acceleration about the top, at the least, next to that of the whole flight
_SEEN = 0.3
_SHOULDERS, _HIPS, _KNEES, _ANKLES = [5, 6], [11, 12], [13, 14], [15, 16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """A stretch in which nobody and nothing holds the person, so that only gravity bends their path."""

    start_s: float
    """First picture with both feet clearly off the ground [s]."""
    end_s: float
    """Last such picture [s]."""
    gravity: float
    """Fall of the hips, if the person is 1.70 m tall [m/s^2]."""


def suspect_slow_motion(
    info: VideoInfo,
    *,
    picture_times: Float[np.ndarray, " pictures"],
    repeats: Bool[np.ndarray, " pictures"],
    times: Float[np.ndarray, " seen"],
    kp2d: Float[np.ndarray, "seen 17 3"],
) -> str | None:
    """Return one sentence if the video seems to play at another speed than it happened, or shows fewer moments.

    The surest evidence speaks: the camera's own note, then jumps, then repeated pictures.

    Args:
        info: What :func:`pipeline.video.decode.probe` said of the video.
        picture_times: Time of each picture of the video [s].
        repeats: Which of them show nothing new.
        times: Times at which the person was seen, within one shot [s].
        kp2d: Their keypoints then, in COCO's order, with confidence [px].
    """
    played = info.mean_fps or _rate(picture_times)
    if played and info.recorded_fps:
        ratio = info.recorded_fps / played
        if ratio > _CLEARLY_OFF:
            return _too_slow(ratio, f"the camera notes {info.recorded_fps:.4g} pictures/s, the file plays {played:.4g}")
        if ratio < 1.0 / _CLEARLY_OFF and info.recorded_fps < _TIME_LAPSE_FPS:
            return _too_fast(ratio, f"the camera notes {info.recorded_fps:.4g} pictures/s, the file plays {played:.4g}")
    flights = find_flights(times, kp2d)
    if flights:
        slowness = float(np.sqrt(GRAVITY / np.median([flight.gravity for flight in flights])))
        jumps = "a jump falls" if len(flights) == 1 else f"{len(flights)} jumps fall"
        evidence = f"{jumps} with {1.0 / slowness**2:.2g} of gravity for a person of {ASSUMED_HEIGHT_M:.2f} m"
        if slowness > _CLEARLY_OFF:
            return _too_slow(slowness, evidence)
        if slowness < 1.0 / _CLEARLY_OFF:
            return _too_fast(slowness, evidence)
    content = content_rate(picture_times, repeats)
    if content and played:
        return f"About {content:.3g} of {played:.3g} pictures/s show something new: the video was made at a lower rate."
    return None


def content_rate(picture_times: Float[np.ndarray, " pictures"], repeats: Bool[np.ndarray, " pictures"]) -> float | None:
    """Return how many new pictures a second there are where pictures repeat regularly; None where they do not [1/s].

    Args:
        picture_times: Time of each picture [s].
        repeats: Which of them show nothing new.
    """
    if len(picture_times) < 2:
        return None
    new = np.flatnonzero(~np.asarray(repeats))
    gaps, stands = np.diff(picture_times[new]), np.diff(new)
    stutters = gaps <= _LONGEST_STUTTER_S
    near = _amid(picture_times[new[:-1]], picture_times[new[:-1]][(stands > 1) & stutters]) & stutters
    repeated = int((stands[near] - 1).sum())
    if repeated < _MIN_REPEATS or repeated < _MIN_REPEATED_SHARE * stands[near].sum():
        return None
    return float(near.sum() / gaps[near].sum())


def find_flights(times: Float[np.ndarray, " seen"], kp2d: Float[np.ndarray, "seen 17 3"]) -> list[Flight]:
    """Return the jumps whose fall can be measured: enough pictures, both feet up, the hips on a parabola.

    The camera should not tilt during a jump. How fast hips fall in body heights tells the speed of the video, since
    everybody falls alike: with the time stretched by a factor s, gravity appears divided by its square.

    Args:
        times: Times of the keypoints, which increase [s].
        kp2d: Keypoints in COCO's order, with confidence [px].
    """
    if len(times) < _MIN_FLIGHT_FRAMES:
        return []
    window = max(3, round(2.0 * _NEARBY_S * _rate(times)))
    size = percentile_filter(_body_height_px(kp2d), 80, size=window, mode="nearest")
    lowest_foot = kp2d[:, _ANKLES, 1].max(axis=1)
    ground = percentile_filter(lowest_foot, 70, size=window, mode="nearest")
    is_seen = np.all(kp2d[:, [*_HIPS, *_ANKLES], 2] > _SEEN, axis=1)
    is_up = is_seen & (size > 0.0) & (ground - lowest_foot > _OFF_GROUND * size)
    edges = np.diff(np.concatenate([[False], is_up, [False]]).astype(np.int8))
    flights = []
    for first, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        frames = np.arange(first, end)
        lands = first > 0 and end < len(times) and bool(is_seen[first - 1] and is_seen[end])
        if lands and len(frames) >= _MIN_FLIGHT_FRAMES:
            height_px = float(np.median(size[frames]))
            fall = _fall(times[frames], kp2d[frames][:, _HIPS, 1].mean(axis=1) / height_px)
            if fall is not None:
                gravity = fall * ASSUMED_HEIGHT_M
                flights.append(Flight(start_s=float(times[frames[0]]), end_s=float(times[frames[-1]]), gravity=gravity))
    return flights


def _fall(times: Float[np.ndarray, " frames"], drop: Float[np.ndarray, " frames"]) -> float | None:
    """Return the acceleration of a path that is a parabola with its top inside [drop/s^2]; None if it is no such."""
    t = times - times.mean()
    (_, slope, acceleration), unsure, residual = _parabola(t, drop)
    arc = acceleration * (t[-1] - t[0]) ** 2 / 8.0
    if residual > _MAX_RESIDUAL or arc < _MIN_ARC or unsure > _MAX_UNSURE * acceleration:
        return None
    if not t[0] < -slope / acceleration < t[-1]:
        return None
    half = np.abs(t) <= 0.25 * (t[-1] - t[0])
    if half.sum() > 3:  # who is lifted and held rises and sinks, but does not fall at the top
        at_top, at_top_unsure = _parabola(t[half], drop[half])[:2]
        if at_top[2] + 2.0 * min(at_top_unsure, acceleration / 4.0) < acceleration * _FALLS_AT_TOP:
            return None
    return acceleration


def _parabola(
    t: Float[np.ndarray, " frames"], drop: Float[np.ndarray, " frames"]
) -> tuple[tuple[float, float, float], float, float]:
    """Fit place, slope and acceleration; also the acceleration's standard error and the root mean square residual."""
    design = np.column_stack([np.ones_like(t), t, 0.5 * t**2])
    coefficients = np.linalg.lstsq(design, drop, rcond=None)[0]
    residual = drop - design @ coefficients
    variance = float(residual @ residual) / (len(t) - 3)
    unsure = float(np.sqrt(variance * np.linalg.pinv(design.T @ design)[2, 2]))
    place, slope, acceleration = (float(value) for value in coefficients)
    return (place, slope, acceleration), unsure, float(np.sqrt(variance))


def _body_height_px(kp2d: Float[np.ndarray, "seen 17 3"]) -> Float[np.ndarray, " seen"]:
    """Height the person would have upright, from the lengths along trunk and legs [px]."""
    shoulders, hips = kp2d[:, _SHOULDERS, :2].mean(axis=1), kp2d[:, _HIPS, :2]
    trunk = np.linalg.norm(shoulders - hips.mean(axis=1), axis=-1)
    thighs = np.linalg.norm(kp2d[:, _KNEES, :2] - hips, axis=-1)
    shins = np.linalg.norm(kp2d[:, _ANKLES, :2] - kp2d[:, _KNEES, :2], axis=-1)
    return (trunk + (thighs + shins).max(axis=1)) / _UPRIGHT


def _rate(times: Float[np.ndarray, " n"]) -> float:
    return (len(times) - 1) / float(times[-1] - times[0]) if len(times) > 1 else 0.0


def _amid(times: Float[np.ndarray, " n"], marked: Float[np.ndarray, " m"]) -> Bool[np.ndarray, " n"]:
    """Which times have marked ones within the longest stutter on both sides, or are marked themselves."""
    padded = np.concatenate([[-np.inf], marked, [np.inf]])
    before = padded[np.searchsorted(padded, times, side="right") - 1]
    after = padded[np.searchsorted(padded, times, side="left")]
    return (times - before <= _LONGEST_STUTTER_S) & (after - times <= _LONGEST_STUTTER_S)


def _too_slow(factor: float, evidence: str) -> str:
    return f"The video seems to play about {factor:.2g} times slower than it happened: {evidence}."


def _too_fast(factor: float, evidence: str) -> str:
    return f"The video seems to play about {1.0 / factor:.2g} times faster than it happened: {evidence}."
