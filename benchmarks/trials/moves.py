"""Makes what people do in the trials: pieces cut, sped up and moved about, walks along a path, a handstand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.body import SkinnedBody, load_body
from pipeline.kfbench import PIECES, perform
from pipeline.kfbench.choreography import FEET, Arm, Choreography, Foot, Key, Step
from retarget.smpl_motion import SmplMotion

FPS = 30.0

Path2d = Callable[[float], tuple[float, float, float]]
"""Place on the floor [m] and heading [rad, unwrapped] after so many metres."""

_FORTH = Arm(upper=(0.14, -1.0, 0.38), fore=(0.06, -0.85, 0.70))
_BACK = Arm(upper=(0.18, -1.0, -0.38), fore=(0.10, -1.0, -0.02))
_HANGING = Arm(upper=(0.16, -1.0, 0.0), fore=(0.10, -1.0, 0.22))
_OVERHEAD = Arm(upper=(0.22, 1.0, 0.08), fore=(0.10, 1.0, 0.16))


@cache
def the_body() -> SkinnedBody:
    """The open body, which performs everything."""
    return load_body("open")


@cache
def piece(name: str, height_m: float = 1.70) -> SmplMotion:
    """One of the demo's choreographies, by a person of this height."""
    body = the_body()
    return perform(PIECES[name], body, betas=body.betas_for_height(height_m))


def at_times(motion: SmplMotion, times_s: Float[np.ndarray, " frames"]) -> SmplMotion:
    """Play a motion through at these of its own moments, at 30 frames/s; it holds its ends."""
    position = np.clip(np.asarray(times_s) * motion.fps, 0, len(motion) - 1)
    first = np.minimum(position.astype(int), len(motion) - 2)
    share = position - first

    def turned(vectors: np.ndarray) -> np.ndarray:
        shape = (len(share), *vectors.shape[1:])
        start, end = (Rotation.from_rotvec(vectors[i].reshape(-1, 3)) for i in (first, first + 1))
        weight = np.repeat(share, shape[1] if len(shape) == 3 else 1)[:, None]
        return (start * Rotation.from_rotvec(weight * (start.inv() * end).as_rotvec())).as_rotvec().reshape(shape)

    transl = motion.transl[first] + share[:, None] * (motion.transl[first + 1] - motion.transl[first])
    return the_body().motion(FPS, motion.betas, turned(motion.global_orient), turned(motion.body_pose), transl)


def between(motion: SmplMotion, start_s: float, duration_s: float) -> SmplMotion:
    """Cut a piece out of a motion."""
    return at_times(motion, start_s + np.arange(round(duration_s * FPS)) / FPS)


def sliced(motion: SmplMotion, span: slice) -> SmplMotion:
    """Keep some of the frames."""
    parts = motion.global_orient[span], motion.body_pose[span], motion.transl[span]
    return the_body().motion(motion.fps, motion.betas, *parts)


def moved(
    motion: SmplMotion, *, turn: Rotation | None = None, shift: tuple[float, float, float] | np.ndarray = (0, 0, 0)
) -> SmplMotion:
    """Turn a motion about the world's origin (one turn, or one a frame), then shift it [m]."""
    turn = Rotation.identity() if turn is None else turn
    pelvis = turn.apply(motion.rest_joint_pos[0] + motion.transl) + np.asarray(shift)
    orient = (turn * Rotation.from_rotvec(motion.global_orient.copy())).as_rotvec()
    return the_body().motion(motion.fps, motion.betas, orient, motion.body_pose, pelvis - motion.rest_joint_pos[0])


def yawed(motion: SmplMotion, degrees: float, shift: tuple[float, float, float] = (0, 0, 0)) -> SmplMotion:
    """Turn a motion to the left about where its pelvis begins, then shift it [m]."""
    start = (motion.rest_joint_pos[0] + motion.transl[0]) * [1, 1, 0]
    return moved(moved(motion, shift=-start), turn=Rotation.from_euler("z", degrees, degrees=True), shift=shift)


def on_the_floor(motion: SmplMotion) -> SmplMotion:
    """Put the lowest point that the skin ever has onto the floor."""
    lowest = min(float(verts[..., 2].min()) for verts in the_body().iter_verts(motion))
    return moved(motion, shift=(0, 0, -lowest))


def line(start: tuple[float, float], heading_deg: float) -> Path2d:
    """Path straight ahead."""
    heading = np.radians(heading_deg)
    return lambda s: (start[0] + s * np.cos(heading), start[1] + s * np.sin(heading), heading)


def lap(half_straight: float, radius: float, *, offset: float = 0.0) -> Path2d:
    """Path round an oblong counter-clockwise: along +y at x = radius, back along -y at x = -radius.

    Args:
        half_straight: Half of the length of its straights [m].
        radius: Of its half circles [m].
        offset: Where on it to begin, from the start of the front straight [m].
    """
    straight, bend = 2 * half_straight, np.pi * radius

    def place(s: float) -> tuple[float, float, float]:
        halves, rest = divmod(s + offset, straight + bend)
        side = 1.0 if halves % 2 == 0 else -1.0
        heading = np.pi / 2 + np.pi * halves
        if rest <= straight:
            return side * radius, side * (rest - half_straight), heading
        angle = (rest - straight) / radius
        return side * radius * np.cos(angle), side * (half_straight + radius * np.sin(angle)), heading + angle

    return place


def walk(path: Path2d, *, duration_s: float, speed: float, step_s: float = 0.42, height_m: float = 1.70) -> SmplMotion:
    """Walk along a path.

    Args:
        path: Where to.
        duration_s: How long [s].
        speed: How fast [m/s].
        step_s: Time from step to step [s].
        height_m: Stature of the walker [m].
    """
    body = the_body()
    betas = body.betas_for_height(height_m)
    hip, knee, ankle = body.rest_joints(betas)[[1, 4, 7]]
    unit = float(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee))

    def footprint(foot: Foot, s: float) -> tuple[float, float, float]:
        x, y, heading = path(s)
        side = 0.09 if foot == "left" else -0.09
        return (x - side * np.sin(heading)) / unit, (y + side * np.cos(heading)) / unit, float(np.degrees(heading))

    height = 0.97 - 0.30 * speed * step_s  # feet stay flat to the end of their stance: long steps need bent knees
    steps, keys = [], [_standing(float(np.degrees(path(0.0)[2])), height=height)]
    n_steps = int(duration_s / step_s)
    for number in range(n_steps + 1):
        foot, lift = FEET[number % 2], number * step_s + 0.08
        x, y, yaw = footprint(foot, min(number + 1, n_steps) * step_s * speed)  # the last step closes the feet
        steps.append(Step(foot=foot, lift=lift, land=lift + 0.78 * step_s, to=(x, y), yaw=yaw))
        left, right = (_BACK, _FORTH) if foot == "left" else (_FORTH, _BACK)
        heading = float(np.degrees(path(min(number + 0.75, n_steps) * step_s * speed)[2]))
        keys.append(Key(t=lift + 0.7 * step_s, height=height, pelvis=(heading, 2, 0), left=left, right=right))
    walking = Choreography(
        name="walk",
        title="Walk",
        duration=(n_steps + 2) * step_s,
        start={foot: footprint(foot, 0.0) for foot in FEET},
        steps=tuple(steps),
        keys=tuple(keys),
        holds=(),
        arm_lag=0.05,
    )
    return between(perform(walking, body, betas=betas), 0.0, duration_s)


def handstand(duration_s: float) -> SmplMotion:
    """Stand on the hands, facing +x, and let the legs walk in the air."""
    steps = tuple(
        Step(foot=FEET[number % 2], lift=0.1 + 0.8 * number, land=0.8 + 0.8 * number, to=to, yaw=0.0, clearance=0.25)
        for number, to in enumerate(((0.25, 0.25), (-0.2, -0.3), (-0.1, 0.4), (0.2, -0.2)))
    )
    start = _standing(0.0, arm=_OVERHEAD)
    keys = (
        start,
        Key(t=1.0, spine=(8, 0, 6), height=0.86),
        Key(t=2.4, spine=(-8, 6, -6), height=0.86),
        Key(t=3.4, weight=0.5),
    )
    upright = Choreography(
        name="handstand", title="Handstand", duration=3.4, steps=steps, keys=keys, holds=(),
        start={"left": (0.0, 0.13, 0.0), "right": (0.0, -0.13, 0.0)},
    )  # fmt: skip
    motion = between(perform(upright, the_body()), 0.0, duration_s)
    return on_the_floor(moved(motion, turn=Rotation.from_euler("x", 180, degrees=True)))


def _standing(yaw_deg: float, *, arm: Arm = _HANGING, height: float = 0.96) -> Key:
    return Key(
        t=0.0, weight=0.5, height=height, pelvis=(yaw_deg, 0, 0), spine=(0, 0, 0), head=(0, 0, 0), left=arm, right=arm
    )
