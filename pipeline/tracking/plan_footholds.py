"""Turns the feet of a reference into footholds that do not move, and into the ways of the feet between them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from pipeline.tracking.plan_drift import body_shift
from retarget.spans import Span, true_runs
from robots.arrays import check_settings
from robots.model import RobotModel


@dataclass(frozen=True, slots=True, kw_only=True)
class FootholdConfig:
    """What counts as a stance, and how a foot gets from one to the next."""

    shortest_stance_s: float = 0.1
    """Shorter contacts are left out [s]."""
    shortest_swing_s: float = 0.08
    """Shorter gaps between contacts of one foot near each other are closed [s]."""
    largest_slide: float = 0.08
    """Distance by which it may stray along an axis of the floor to either side, once the body has given way, before
    the foot steps anew, if the other one stands; without the other's help it stays [m]."""
    largest_turn: float = 0.5
    """Heading by which it may stray to either side, likewise; without the other's help it pivots [rad]."""
    shift_price: float = 0.2
    """Price of shifting the whole body along with feet that stay, against feet that stay elsewhere."""
    shift_time_s: float = 0.15
    """How slowly that shift changes [s]."""
    step_s: float = 0.25
    """Duration of such a step [s]."""
    pivot_smoothing_s: float = 0.1
    """Over what time the heading of a pivoting foot is smoothed [s]."""
    blend_s: float = 0.2
    """Time in which a foot takes up the reference's speed after a stance, and loses it before one [s]."""
    clearance: float = 0.03
    """Height that the sole keeps in a swing, if the reference's stays below; a few times what a controller misses a
    swinging foot's height by, which would trip over the floor otherwise [m]."""
    rise_s: float = 0.1
    """Time in which it gains and loses that height; short swings stay lower [s]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        check_settings(self, positive=("blend_s", "step_s", "largest_slide", "largest_turn", "rise_s"))


class Foothold(NamedTuple):
    """A foot that stands flat on the floor."""

    span: Span
    """Frames in which it stands."""
    pos_w: Float[np.ndarray, " 3"]
    """Origin of the foot's link in the middle of the stance [m]."""
    rot_w: Float[np.ndarray, "3 3"]
    """Its orientation then: a turn about the vertical."""
    pivots: bool
    """Whether it turns about the centre of its sole."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FootPaths:
    """Where both feet are in every frame of a plan."""

    contact: Bool[np.ndarray, "frames 2"]
    """Feet that stand."""
    pos_w: Float[np.ndarray, "frames 2 3"]
    """Origins of the foot links [m]."""
    rot_w: Float[np.ndarray, "frames 2 3 3"]
    """Their orientations."""
    footholds: tuple[tuple[Foothold, ...], tuple[Foothold, ...]]
    """Stances of the left and of the right foot, in their order."""
    shift_w: Float[np.ndarray, "frames 2"]
    """How far along the floor the body is moved with them [m]."""


def foot_paths(
    robot: RobotModel,
    hz: float,
    contact: Bool[np.ndarray, "frames 2"],
    pos_w: Float[np.ndarray, "frames 2 3"],
    rot_w: Float[np.ndarray, "frames 2 3 3"],
    heading: Float[np.ndarray, "frames 2"],
    config: FootholdConfig,
) -> FootPaths:
    """Stand every stance of a reference still and flat on the floor, and bend the swings between to fit.

    A foothold has the mean place of the stance's sole centre, the body shifted along with feet that stay, and a heading
    near the wanted one. A stance that still slides or turns is cut by a step where the other foot can hold the robot;
    elsewhere, a foot that turns farther than it may stray pivots about its middle. In a swing the foot follows the
    reference plus an offset that leads from one foothold's offset to the next one's, with the speed and acceleration
    of standing at both ends.

    Args:
        robot: Whose soles stand.
        hz: Frames per second of the reference [1/s].
        contact: Feet that stand in the reference.
        pos_w: Origins of its foot links [m].
        rot_w: Their orientations.
        heading: Directions in which flat feet would bend the legs least, without jumps [rad].
        config: Settings.
    """
    centre_w = pos_w + rot_w @ robot.sole_points_b.mean(axis=0)
    gait, shift = _gait_and_shift(contact, centre_w, heading, hz, config)
    along = np.column_stack([shift, np.zeros(len(shift))])[:, None]
    pos_w, centre_w = pos_w + along, centre_w + along
    new_pos, new_rot = pos_w.copy(), rot_w.copy()
    holds = []
    for foot in range(2):
        stances = [_foothold(robot, span, centre_w[:, foot], heading[:, foot], hz, config) for span in gait[foot]]
        for stance in stances:
            frames = slice(*stance.hold.span)
            new_pos[frames, foot], new_rot[frames, foot] = stance.pos_w, stance.rot_w
        feet = tuple(stance.hold for stance in stances)
        _bend_swings(robot, hz, feet, new_pos[:, foot], new_rot[:, foot], config)
        holds.append(feet)
    return FootPaths(
        contact=np.stack([_flags(spans, len(contact)) for spans in gait], axis=1),
        pos_w=new_pos,
        rot_w=new_rot,
        footholds=(holds[0], holds[1]),
        shift_w=shift,
    )


def _gait_and_shift(
    contact: Bool[np.ndarray, "frames 2"],
    centre_w: Float[np.ndarray, "frames 2 3"],
    heading: Float[np.ndarray, "frames 2"],
    hz: float,
    config: FootholdConfig,
) -> tuple[list[list[Span]], Float[np.ndarray, "frames 2"]]:
    """Stances of both feet, cut by steps where they slide or turn, and the shift of the body with them [m]."""
    gait = _gait(contact, hz, config)
    shift = _shift(gait, centre_w, hz, config)
    for foot in range(2):  # one after the other, so that they do not lift at once
        other = _flags(gait[1 - foot], len(contact))
        stray = np.column_stack(
            [(centre_w[:, foot, :2] + shift) / config.largest_slide, heading[:, foot] / config.largest_turn]
        )
        gait[foot] = _all_stepped(gait[foot], stray, other, hz, config)
    return gait, _shift(gait, centre_w, hz, config)


def _shift(
    gait: list[list[Span]], centre_w: Float[np.ndarray, "frames 2 3"], hz: float, config: FootholdConfig
) -> Float[np.ndarray, "frames 2"]:
    return body_shift(gait, centre_w[..., :2], hz, price=config.shift_price, time_s=config.shift_time_s)


def _flags(spans: list[Span], n: int) -> Bool[np.ndarray, " frames"]:
    """Spans as a flag for each frame."""
    flags = np.zeros(n, dtype=bool)
    for span in spans:
        flags[slice(*span)] = True
    return flags


def _gait(contact: Bool[np.ndarray, "frames 2"], hz: float, config: FootholdConfig) -> list[list[Span]]:
    """Stances of both feet; what is too short for one is left out as long as the other foot carries."""
    left = _spans(contact[:, 0], contact[:, 1], hz, config)
    return [left, _spans(contact[:, 1], _flags(left, len(contact)), hz, config)]


def _spans(
    contact: Bool[np.ndarray, " frames"], other: Bool[np.ndarray, " frames"], hz: float, config: FootholdConfig
) -> list[Span]:
    """Spans of contact with short gaps closed and short contacts dropped; one at an end of the clip may be short."""
    gap = config.shortest_swing_s * hz
    spans: list[Span] = []
    for start, stop in true_runs(contact):
        if spans and start - spans[-1][1] < gap:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start if start >= gap else 0, stop))
    n = len(contact)
    if spans and n - spans[-1][1] < gap:
        spans[-1] = (spans[-1][0], n)
    shortest = config.shortest_stance_s * hz
    return [s for s in spans if s[1] - s[0] >= shortest or s[0] == 0 or s[1] == n or not other[slice(*s)].all()]


def _all_stepped(
    spans: list[Span], stray: Float[np.ndarray, "frames 3"], other: np.ndarray, hz: float, config: FootholdConfig
) -> list[Span]:
    """Cut all stances that slide or turn; ``stray`` is place and heading in units of how far these may stray."""
    speed = np.linalg.norm(np.gradient(stray, 1 / hz, axis=0), axis=1) if len(stray) > 1 else np.zeros(len(stray))
    return [piece for span in spans for piece in _stepped(span, stray, speed, other, hz, config)]


def _stepped(
    span: Span, stray: np.ndarray, speed: np.ndarray, other: np.ndarray, hz: float, config: FootholdConfig
) -> list[Span]:
    """Cut a stance that strays too far where the reference's foot moves fastest while the other foot stands."""
    half = max(1, round(0.5 * config.step_s * hz))
    shortest = max(1, round(config.shortest_stance_s * hz))
    first, last = span[0] + shortest + half, span[1] - shortest - half
    if np.ptp(stray[slice(*span)], axis=0).max() <= 2.0 or first >= last:
        return [span]
    held = np.convolve(other, np.ones(2 * (half + shortest) + 1), mode="same") > 2 * (half + shortest) + 0.5
    mean = np.convolve(speed, np.ones(2 * half + 1) / (2 * half + 1), mode="same")
    mean = np.where(held, mean, -1.0)[first:last]
    if mean.max() < 0.0:
        return [span]
    cut = first + int(mean.argmax())
    parts = ((span[0], cut - half), (cut + half, span[1]))
    return [piece for part in parts for piece in _stepped(part, stray, speed, other, hz, config)]


def _foothold(
    robot: RobotModel, span: Span, centre_w: np.ndarray, heading: np.ndarray, hz: float, config: FootholdConfig
) -> _Stance:
    """Lay a foot flat where the centre of its sole stood."""
    frames = slice(*span)
    middle = robot.sole_points_b.mean(axis=0)
    centre = centre_w[frames].mean(axis=0)
    centre[2] = middle[2] - robot.sole_points_b[:, 2].min()
    heading = _lazily(heading[frames], config.largest_turn)
    pivots = bool(np.ptp(heading) > 0.0)
    if pivots:
        heading = gaussian_filter1d(heading, config.pivot_smoothing_s * hz, mode="nearest")
    rot = Rotation.from_rotvec(heading[:, None] * [0.0, 0.0, 1.0]).as_matrix()
    pos = centre - rot @ middle
    half = len(pos) // 2
    return _Stance(Foothold(span, pos[half], rot[half], pivots), pos, rot)


class _Stance(NamedTuple):
    """A foothold with the foot's poses in its frames."""

    hold: Foothold
    pos_w: Float[np.ndarray, "frames 3"]
    rot_w: Float[np.ndarray, "frames 3 3"]


def _lazily(angle: Float[np.ndarray, " frames"], play: float) -> Float[np.ndarray, " frames"]:
    """Follow an angle within a play, moving only when pushed; constant if all of it is within the play."""
    low, high = np.maximum.accumulate(angle - play), np.minimum.accumulate(angle + play)
    inside = np.flatnonzero(low <= high)[-1]  # as long as one angle serves all frames so far
    now = 0.5 * (low[inside] + high[inside])
    followed = np.empty_like(angle)
    for i, wanted in enumerate(angle):
        now = min(max(now, wanted - play), wanted + play)
        followed[i] = now
    return followed


def _bend_swings(
    robot: RobotModel,
    hz: float,
    holds: tuple[Foothold, ...],
    pos_w: Float[np.ndarray, "frames 3"],
    rot_w: Float[np.ndarray, "frames 3 3"],
    config: FootholdConfig,
) -> None:
    """Write the ways between the footholds of a foot over those of the reference."""
    swings: list[tuple[Foothold | None, Foothold | None]] = [*pairwise((None, *holds, None))] if holds else []
    for before, after in swings:
        start = before.span[1] if before else 0
        stop = after.span[0] if after else len(pos_w)
        if stop <= start:
            continue
        frames = slice(start, stop)
        ref_pos, ref_rot = pos_w[frames].copy(), rot_w[frames].copy()
        last, first = pos_w[start - 1] if before else None, pos_w[stop] if after else None
        pos_w[frames] += _offset(ref_pos, last, first, hz, config)
        last, first = rot_w[start - 1] if before else None, rot_w[stop] if after else None
        turn = _turn_offset(ref_rot, (last, first), hz, config)
        rot_w[frames] = Rotation.from_rotvec(turn).as_matrix() @ ref_rot
        _raise_soles(robot, pos_w[frames], rot_w[frames], _arc(stop - start, before, after, hz, config))


def _turn_offset(
    ref_rot: Float[np.ndarray, "frames 3 3"],
    ends: tuple[np.ndarray | None, np.ndarray | None],
    hz: float,
    config: FootholdConfig,
) -> Float[np.ndarray, "frames 3"]:
    """Rotation vectors, in world axes, that lead from the reference's orientation to the footholds' [rad]."""
    path = np.zeros((len(ref_rot), 3))
    steps = Rotation.from_matrix(ref_rot[1:] @ ref_rot[:-1].transpose(0, 2, 1)).as_rotvec()
    path[1:] = np.cumsum(steps, axis=0)  # a vector path with the reference's angular velocity
    goals = []
    for rot, edge in zip(ends, (0, -1), strict=True):
        goals.append(None if rot is None else path[edge] + Rotation.from_matrix(rot @ ref_rot[edge].T).as_rotvec())
    return _offset(path, goals[0], goals[1], hz, config)


def _offset(
    path: Float[np.ndarray, "frames 3"],
    first: Float[np.ndarray, " 3"] | None,
    last: Float[np.ndarray, " 3"] | None,
    hz: float,
    config: FootholdConfig,
) -> Float[np.ndarray, "frames 3"]:
    """Offset that makes a path begin at rest in ``first`` and end at rest in ``last``, where these are given."""
    n = len(path)
    time = np.arange(1, n + 1)  # the frame before the swing and the one after it stand
    window = max(1.0, min(float(n + 1), config.blend_s * hz))
    velocity = np.gradient(path, axis=0) if n > 1 else np.zeros_like(path)
    acceleration = np.gradient(velocity, axis=0) if n > 2 else np.zeros_like(path)
    share = _smooth_step(time / (n + 1))[:, None]
    # Where the offset ends that a stance asks for; without a stance at one end the other one's offset is kept.
    starts = None if first is None else first - (path[0] - velocity[0])
    stops = None if last is None else last - (path[-1] + velocity[-1])
    offset = np.zeros_like(path)
    if starts is not None and stops is not None:
        offset += (1 - share) * starts + share * stops
    elif starts is not None or stops is not None:
        offset += starts if starts is not None else stops
    if first is not None:
        offset -= _rise(time / window)[:, None] * window * velocity[0]
        offset -= _bend(time / window)[:, None] * window**2 * acceleration[0]
    if last is not None:
        back = (n + 1 - time) / window
        offset += _rise(back)[:, None] * window * velocity[-1]
        offset -= _bend(back)[:, None] * window**2 * acceleration[-1]
    return offset


def _smooth_step(s: np.ndarray) -> np.ndarray:
    """Quintic from 0 to 1 with no speed and acceleration at the ends."""
    s = np.clip(s, 0.0, 1.0)
    return s**3 * (10.0 - 15.0 * s + 6.0 * s**2)


def _rise(s: np.ndarray) -> np.ndarray:
    """Quintic Hermite polynomial of a unit speed at 0."""
    s = np.clip(s, 0.0, 1.0)
    return s - 6.0 * s**3 + 8.0 * s**4 - 3.0 * s**5


def _bend(s: np.ndarray) -> np.ndarray:
    """Quintic Hermite polynomial of a unit acceleration at 0."""
    s = np.clip(s, 0.0, 1.0)
    return 0.5 * s**2 - 1.5 * s**3 + 1.5 * s**4 - 0.5 * s**5


def _arc(
    n: int, before: Foothold | None, after: Foothold | None, hz: float, config: FootholdConfig
) -> Float[np.ndarray, " frames"]:
    """Height that the sole should have at least in the frames of a swing, at rest on the floor at its stances [m]."""
    time = np.arange(1, n + 1) / (config.rise_s * hz)
    arc = np.full(n, config.clearance)
    if before is not None:
        arc *= _smooth_step(time)
    if after is not None:
        arc *= _smooth_step(time[::-1])
    return arc


def _raise_soles(
    robot: RobotModel,
    pos_w: Float[np.ndarray, "frames 3"],
    rot_w: Float[np.ndarray, "frames 3 3"],
    arc: Float[np.ndarray, " frames"],
) -> None:
    """Lift a swinging foot that dips below an arc, in place, without a kink where it comes out of it."""
    lowest = (pos_w[:, None, 2] + np.einsum("fj,pj->fp", rot_w[:, 2], robot.sole_points_b)).min(axis=1)
    missing = arc - lowest
    pos_w[:, 2] += 0.5 * (missing + np.hypot(missing, 0.5 * arc))
