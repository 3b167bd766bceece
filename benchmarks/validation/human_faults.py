"""Puts faults of known place into human motions, as estimators of people in videos make them.

Each fault is a seeded change of an :class:`retarget.smpl_motion.SmplMotion` and the frames that it spoils, so that
the checks of :mod:`pipeline.plausibility` can be held against the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from benchmarks.validation.faulty import SPAN_SHARE, STEP_REACH_S, FaultyHuman, everywhere, near_step, within
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from retarget.spans import Span

UP = np.array([0.0, 0.0, 1.0])

_LIVELY = 0.4
"""A freeze is put where the wrists and ankles move faster than this on average [m/s]; a pause would not show."""

_ENDS = [SMPL_JOINT_NAMES.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("ankle", "wrist")]
_SWAPPED = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist")


ApplyToHuman = Callable[[SmplMotion, np.random.Generator], FaultyHuman | None]
"""Puts a fault into a motion; None where the motion has no room for it, e.g. nothing that moves to be frozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanFault:
    """One fault at one strength."""

    name: str
    """Family, e.g. ``human_drift``."""
    strength: str
    """How strong, with its unit, e.g. ``3 cm/s``; empty where there is but one."""
    key: str
    """Begin of its keys in the JSON file, e.g. ``human_drift_3cms``."""
    meaning: str
    """What it imitates."""
    apply: ApplyToHuman
    asked: bool = True
    """Whether it must be found; others are tried and published all the same."""
    flying: bool = False
    """Whether only clips in which somebody jumps can show it."""


def height_drift(motion: SmplMotion, rng: np.random.Generator, *, rate: float) -> FaultyHuman:
    """Let the whole body rise or sink steadily [m/s]."""
    time = np.arange(len(motion)) / motion.fps
    return everywhere(motion.moved(rng.choice([-1.0, 1.0]) * rate * time[:, None] * UP))


def height_bob(motion: SmplMotion, rng: np.random.Generator, *, size: float, frequency: float) -> FaultyHuman:
    """Let the whole body bob by so much up and down [m] at a frequency [Hz]."""
    phase = 2 * np.pi * frequency * np.arange(len(motion)) / motion.fps + rng.uniform(0, 2 * np.pi)
    return everywhere(motion.moved(size * np.sin(phase)[:, None] * UP))


def height_steps(motion: SmplMotion, rng: np.random.Generator, *, size: float) -> FaultyHuman | None:
    """Raise a span by so much [m], entered and left within 0.3 s: an estimate that loses the ground on the way."""
    span = _draw_span(motion, rng, np.ones(len(motion)), 0.0)
    if span is None:
        return None
    ramp = np.arange(len(motion)) / motion.fps
    rise = np.clip((ramp - span[0] / motion.fps) / 0.3, 0.0, 1.0)
    fall = np.clip(((span[1] - 1) / motion.fps - ramp) / 0.3, 0.0, 1.0)
    lift = size * np.minimum(rise, fall)
    return FaultyHuman(motion=motion.moved(lift[:, None] * UP), bad=lift > size / 4)


def slide(motion: SmplMotion, rng: np.random.Generator, *, speed: float) -> FaultyHuman:
    """Let the whole body slide in one direction [m/s]: camera motion taken for the person's."""
    angle = rng.uniform(0, 2 * np.pi)
    way = speed * np.arange(len(motion))[:, None] / motion.fps
    return everywhere(motion.moved(way * np.array([np.cos(angle), np.sin(angle), 0.0])))


def jitter(motion: SmplMotion, rng: np.random.Generator, *, size: float) -> FaultyHuman:
    """Shake every joint independently in every frame [rad]."""
    noise = Rotation.from_rotvec(rng.normal(0.0, size, (motion.body_pose.size // 3, 3)))
    pose = Rotation.from_rotvec(np.array(motion.body_pose).reshape(-1, 3)) * noise
    return everywhere(replace(motion, body_pose=pose.as_rotvec().reshape(motion.body_pose.shape)))


def teleport(motion: SmplMotion, rng: np.random.Generator, *, distance: float) -> FaultyHuman | None:
    """Move the person sideways from one frame to the next [m]: another one was taken, or a cut missed."""
    frame = _draw_frame(motion, rng)
    if frame is None:
        return None
    angle = rng.uniform(0, 2 * np.pi)
    step = (np.arange(len(motion)) >= frame)[:, None] * distance * np.array([np.cos(angle), np.sin(angle), 0.0])
    return near_step(motion.moved(step), frame)


def front_back_flip(motion: SmplMotion, rng: np.random.Generator) -> FaultyHuman | None:
    """Turn the pelvis round about its own upright axis for a span: front taken for back."""
    span = _draw_span(motion, rng, np.ones(len(motion)), 0.0)
    if span is None:
        return None
    orient = np.array(motion.global_orient)
    inside = slice(*span)
    half_turn = Rotation.from_rotvec([0.0, np.pi - 1e-6, 0.0])  # y is up in SMPL's own axes
    orient[inside] = (Rotation.from_rotvec(orient[inside]) * half_turn).as_rotvec()
    return within(replace(motion, global_orient=orient), span)


def limb_swap(motion: SmplMotion, rng: np.random.Generator, *, limbs: tuple[str, ...]) -> FaultyHuman | None:
    """Give left and right limbs each other's mirrored pose for a span."""
    pose = np.array(motion.body_pose)
    for name in limbs:
        left, right = (SMPL_JOINT_NAMES.index(f"{side}_{name}") - 1 for side in ("left", "right"))
        pose[:, [left, right]] = pose[:, [right, left]] * np.array([1.0, -1.0, -1.0])
    swapped = replace(motion, body_pose=pose)
    moved = np.linalg.norm(swapped.joints()[0] - motion.joints()[0], axis=-1).max(axis=1)
    span = _draw_span(motion, rng, moved, 0.3)
    if span is None or min(moved[span[0]], moved[span[1] - 1]) < 0.3:
        return None  # a pose that looks alike swapped is no fault
    inside = (np.arange(len(motion)) >= span[0]) & (np.arange(len(motion)) < span[1])
    return within(replace(motion, body_pose=np.where(inside[:, None, None], pose, motion.body_pose)), span)


def freeze(motion: SmplMotion, rng: np.random.Generator) -> FaultyHuman | None:
    """Hold one frame for a span within motion, then go on where the person is by then."""
    ends = motion.joints()[0][:, _ENDS]
    speed = np.linalg.norm(np.diff(ends, axis=0, append=ends[-1:]), axis=-1).mean(axis=1) * motion.fps
    span = _draw_span(motion, rng, speed, _LIVELY)
    if span is None or speed[span[0] - 1] < _LIVELY:
        return None
    source = np.arange(len(motion))
    source[slice(*span)] = span[0]
    return within(_picked(motion, source), span)


def retime(motion: SmplMotion, rng: np.random.Generator, *, speed: float) -> FaultyHuman:
    """Play the motion at another speed, frame for frame: a rate that was read wrong."""
    del rng
    return everywhere(replace(motion, fps=motion.fps * speed))


def tilt(motion: SmplMotion, rng: np.random.Generator, *, angle: float) -> FaultyHuman:
    """Incline the whole world [rad] in some direction: gravity was estimated wrong."""
    heading = rng.uniform(0, 2 * np.pi)
    turn = Rotation.from_rotvec(angle * np.array([np.cos(heading), np.sin(heading), 0.0]))
    pelvis = motion.rest_joint_pos[0]
    tilted = replace(
        motion,
        global_orient=(turn * Rotation.from_rotvec(np.array(motion.global_orient))).as_rotvec(),
        transl=turn.apply(motion.transl + pelvis) - pelvis,
    )
    return everywhere(tilted)


def oversmooth(motion: SmplMotion, rng: np.random.Generator, *, window: float) -> FaultyHuman:
    """Smooth all rotations and the path with a Gaussian of this width (standard deviation) [s]."""
    del rng
    turns = np.concatenate([motion.global_orient[:, None], motion.body_pose], axis=1)
    quat = Rotation.from_rotvec(turns.reshape(-1, 3)).as_quat().reshape(len(motion), -1, 4)
    signs = np.where((quat[1:] * quat[:-1]).sum(axis=-1, keepdims=True) < 0, -1.0, 1.0)
    quat[1:] *= np.cumprod(signs, axis=0)
    sigma = window * motion.fps
    smooth = Rotation.from_quat(gaussian_filter1d(quat, sigma, axis=0).reshape(-1, 4)).as_rotvec()
    smooth = smooth.reshape(len(motion), -1, 3)
    path = gaussian_filter1d(motion.transl, sigma, axis=0)
    return everywhere(replace(motion, global_orient=smooth[:, 0], body_pose=smooth[:, 1:], transl=path))


def bent_backwards(motion: SmplMotion, rng: np.random.Generator, *, angle: float) -> FaultyHuman | None:
    """Bend a knee or an elbow backwards for a span [rad]."""
    span = _draw_span(motion, rng, np.ones(len(motion)), 0.0)
    if span is None:
        return None
    joint, axis = (("left_knee", [-1.0, 0, 0]), ("right_knee", [-1.0, 0, 0]), ("left_elbow", [0, 1.0, 0]))[
        int(rng.integers(3))
    ]
    pose = np.array(motion.body_pose)
    pose[slice(*span), SMPL_JOINT_NAMES.index(joint) - 1] = angle * np.array(axis)
    return within(replace(motion, body_pose=pose), span)


def _fault(
    name: str,
    strength: str,
    meaning: str,
    apply: Callable[..., FaultyHuman | None],
    *,
    asked: bool = True,
    flying: bool = False,
    **how: object,
) -> HumanFault:
    """Name a fault; its key is made of the name and the strength."""
    plain = "".join(c for c in strength.replace(".", "p") if c.isalnum())
    return HumanFault(
        name=f"human_{name}",
        strength=strength,
        key="_".join(["human", name, *([plain] if plain else [])]),
        meaning=meaning,
        apply=lambda motion, rng: apply(motion, rng, **how),
        asked=asked,
        flying=flying,
    )


HUMAN_FAULTS: tuple[HumanFault, ...] = (
    _fault("drift", "3 cm/s", "the height of the root drifts", height_drift, asked=False, rate=0.03),
    _fault("bob", "5 cm at 1 Hz", "the height of the root bobs", height_bob, asked=False, size=0.05, frequency=1.0),
    _fault("steps", "15 cm", "the ground is lost for a span", height_steps, asked=False, size=0.15),
    _fault("slide", "0.3 m/s", "camera motion is taken for the person's", slide, speed=0.3),
    _fault("jitter", "0.03 rad", "every frame is estimated by itself", jitter, size=0.03),
    _fault("teleport", "15 cm", "another person, or a cut", teleport, distance=0.15),
    _fault("flip", "", "front is taken for back", front_back_flip),
    _fault("swap_limbs", "", "left is taken for right", limb_swap, limbs=_SWAPPED),
    _fault("swap_legs", "", "the left leg is taken for the right", limb_swap, limbs=_SWAPPED[:4]),
    _fault("swap_arms", "", "the left arm is taken for the right", limb_swap, limbs=_SWAPPED[4:]),
    _fault("freeze", "", "the picture stands still", freeze),
    _fault("speed", "x0.5", "the frame rate is read wrong", retime, flying=True, speed=0.5),
    _fault("speed", "x1.5", "the frame rate is read wrong", retime, flying=True, speed=1.5),
    _fault("speed", "x2", "the frame rate is read wrong", retime, flying=True, speed=2.0),
    _fault("tilt", "5 deg", "gravity is estimated wrong", tilt, asked=False, angle=np.radians(5)),
    _fault("tilt", "10 deg", "gravity is estimated wrong", tilt, asked=False, angle=np.radians(10)),
    _fault("oversmooth", "67 ms", "impacts are filtered away", oversmooth, asked=False, window=2 / 30),
    _fault("backwards", "40 deg", "a knee or an elbow bends backwards", bent_backwards, angle=np.radians(40)),
)
"""The faults and strengths of the published table. Floors that drift, wander or tilt and impacts that are filtered are
not asked for here: recordings of people have them too (2 cm/s, 4 cm, 2 degrees). On the robot, whose floor is exact,
they are."""


def _picked(motion: SmplMotion, source: np.ndarray) -> SmplMotion:
    """Show other frames in the place of some."""
    return replace(
        motion,
        global_orient=motion.global_orient[source],
        body_pose=motion.body_pose[source],
        transl=motion.transl[source],
    )


def _draw_frame(motion: SmplMotion, rng: np.random.Generator) -> int | None:
    """Draw a frame that is not next to an end."""
    margin = round(STEP_REACH_S * motion.fps) + 1
    return int(rng.integers(margin, len(motion) - margin)) if len(motion) > 2 * margin else None


def _draw_span(motion: SmplMotion, rng: np.random.Generator, worth: np.ndarray, least: float) -> Span | None:
    """Draw a span of :data:`SPAN_SHARE` of the clip whose mean ``worth`` is at least ``least``, off the ends."""
    margin = round(STEP_REACH_S * motion.fps)
    length = max(round(rng.uniform(*SPAN_SHARE) * len(motion)), 3)
    starts = np.arange(margin, len(motion) - margin - length + 1)
    if not len(starts):
        return None
    total = np.concatenate([[0.0], np.cumsum(worth)])
    good = starts[(total[starts + length] - total[starts]) / length >= least]
    if not len(good):
        return None
    start = int(rng.choice(good))
    return start, start + length
