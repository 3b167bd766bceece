"""Draws the camera that films a benchmark clip: its kind is chosen, its place and path come from a seed.

The world is z-up with the floor at z = 0; rotations and axes are OpenCV's. Nobody's real camera is copied: the ranges
below are those of a phone in a hall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from pipeline.camera import CameraPath, default_intrinsics
from robots.exceptions import UnknownName

STATIC = "static"
MOVING_KINDS = ("pan", "orbit", "handheld", "track", "dolly")
"""Turning on the spot after the person, going round, held in two hands, walking along, and rolling without a turn."""
CAMERA_KINDS = (STATIC, *MOVING_KINDS)
_UNTURNED = (STATIC, "dolly")

IMAGE_SIZE = (1280, 720)
"""Width and height of the picture [px]; the lens is the one that everybody assumes of an unknown camera."""

_DISTANCE_M = (2.5, 9.0)  # to the person, at the mean of the clip
_NEAREST_M = 1.2  # any joint, in any frame
_HEIGHT_M = (0.5, 2.5)
_ROLL_DEG, _MAX_ROLL_DEG = 2.0, 6.0
_AIM_OFF = (0.25, 0.15)  # how far off the person's middle the camera aims, across and up [m], one sigma
_DOLLY_M_S = (0.2, 0.8)
_DOLLY_WAY = (0.2, 0.5)  # in distances to the person: more would leave the person behind
_DOLLY_STARTS_S = 0.3  # Gaussian; a start from rest takes three times as long
_SEEN = 0.97  # share of the joints that should be in the picture
_TRIES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shot:
    """What a camera operator has decided before filming."""

    subject_w: Float[np.ndarray, "frames 3"]
    """The person's middle, as calmly as the operator follows it [m]."""
    fps: float
    away: Float[np.ndarray, " 2"]
    """Direction from the person to the camera on the floor, of unit length."""
    distance: float
    """On the floor, to the middle of the person's path [m]."""
    height: float
    """Of the camera over the floor [m]."""

    @property
    def centre_w(self) -> Float[np.ndarray, " 3"]:
        """Middle of the person's path [m]."""
        return 0.5 * (self.subject_w.min(axis=0) + self.subject_w.max(axis=0))

    def place(self, centre_w: Float[np.ndarray, "*frames 3"], away: Float[np.ndarray, "*frames 2"]) -> np.ndarray:
        """Return where the camera is when it films from this side [m]."""
        floor = centre_w[..., :2] + self.distance * away
        return np.concatenate([floor, np.full((*floor.shape[:-1], 1), self.height)], axis=-1)


_Path = tuple[np.ndarray, np.ndarray]  # positions and points aimed at, one a frame [m]


def sample_camera(
    kind: str,
    joints_w: Float[np.ndarray, "frames joints 3"],
    fps: float,
    rng: np.random.Generator,
    *,
    size: tuple[int, int] = IMAGE_SIZE,
) -> CameraPath:
    """Draw a camera of one kind that keeps a person in its picture, mostly.

    Cameras are drawn until one sees 97 % of the joints and comes no nearer than 1.2 m to any; if none of 24 does, as
    before a person who crosses a hall, the one that sees the most is taken.

    Args:
        kind: One of ``CAMERA_KINDS``.
        joints_w: The person, on the floor z = 0 [m].
        fps: Frames per second [1/s].
        rng: Decides everything.
        size: Frame width and height [px].

    Raises:
        UnknownName: There is no such kind.
    """
    if kind not in _PATHS:
        raise UnknownName("camera", kind, CAMERA_KINDS)
    best, best_seen = None, -1.0
    for _ in range(_TRIES):
        camera = _draw(kind, joints_w, fps, rng, size)
        seen = share_in_picture(camera, joints_w, size)
        if seen > best_seen:
            best, best_seen = camera, seen
        if best_seen >= _SEEN:
            break
    assert best is not None
    return best


def share_in_picture(
    camera: CameraPath, joints_w: Float[np.ndarray, "frames joints 3"], size: tuple[int, int]
) -> float:
    """Share of joints inside the picture, over all frames; 0 where one comes nearer than 1.2 m."""
    pixels, depth = camera.project(joints_w)
    if depth.min() < _NEAREST_M:
        return 0.0
    return float(((pixels >= 0) & (pixels < size)).all(axis=-1).mean())


def _draw(kind: str, joints_w: np.ndarray, fps: float, rng: np.random.Generator, size: tuple[int, int]) -> CameraPath:
    azimuth = rng.uniform(0.0, 2.0 * np.pi)
    subject = joints_w.mean(axis=1)
    shot = _Shot(
        subject_w=gaussian_filter1d(subject, rng.uniform(0.25, 0.6) * fps, axis=0, mode="nearest"),
        fps=fps,
        away=np.array([np.cos(azimuth), np.sin(azimuth)]),
        distance=float(np.exp(rng.uniform(*np.log(_DISTANCE_M)))),
        height=rng.uniform(*_HEIGHT_M),
    )
    position, aim = _PATHS[kind](shot, rng)
    across = np.array([-shot.away[1], shot.away[0], 0.0])
    offset = rng.normal(0.0, _AIM_OFF[0]) * across + [0.0, 0.0, rng.normal(0.0, _AIM_OFF[1])]
    roll = np.radians(np.clip(rng.normal(0.0, _ROLL_DEG), -_MAX_ROLL_DEG, _MAX_ROLL_DEG))
    line = aim + offset - position
    if kind in _UNTURNED:  # to the last bit: the detector reports as still what does not turn
        line, tremble = np.tile(line[0], (len(line), 1)), np.zeros_like(line)
    else:
        tremble = _tremble(kind, len(subject), fps, rng)
    turn = Rotation.from_rotvec(tremble + np.array([0.0, 0.0, roll])).as_matrix()
    rotation = turn @ looking_along(line)
    return CameraPath(K=default_intrinsics(*size), R_w2c=rotation, pos_w=position)


def _static(shot: _Shot, rng: np.random.Generator) -> _Path:
    n = len(shot.subject_w)
    return np.tile(shot.place(shot.centre_w, shot.away), (n, 1)), np.tile(shot.centre_w, (n, 1))


def _pan(shot: _Shot, rng: np.random.Generator) -> _Path:
    """Stand still and turn after the person; an operator also sweeps a little where nobody walks."""
    position = np.tile(shot.place(shot.centre_w, shot.away), (len(shot.subject_w), 1))
    across = np.array([-shot.away[1], shot.away[0], 0.0])
    seconds = np.arange(len(position)) / shot.fps
    swing = (
        rng.uniform(0.03, 0.12)
        * shot.distance
        * np.sin(2.0 * np.pi * seconds / rng.uniform(4.0, 10.0) + rng.uniform(0.0, 2.0 * np.pi))
    )
    return position, shot.subject_w + swing[:, None] * across


def _orbit(shot: _Shot, rng: np.random.Generator) -> _Path:
    """Go round the person at 8 to 30 degrees a second, half a turn at most."""
    seconds = np.arange(len(shot.subject_w)) / shot.fps
    total = min(np.radians(rng.uniform(8.0, 30.0)) * max(seconds[-1], 1e-9), np.pi)
    angle = rng.choice([-1.0, 1.0]) * total * (seconds / max(seconds[-1], 1e-9) - 0.5)
    c, s = np.cos(angle), np.sin(angle)
    away = np.stack([c * shot.away[0] - s * shot.away[1], s * shot.away[0] + c * shot.away[1]], axis=-1)
    return shot.place(shot.subject_w, away), shot.subject_w


def _handheld(shot: _Shot, rng: np.random.Generator) -> _Path:
    """Stand, sway and shift the weight, and follow the person with the eyes."""
    position = np.tile(shot.place(shot.centre_w, shot.away), (len(shot.subject_w), 1))
    sway = _wander(len(position), shot.fps, 0.6, rng) * [0.06, 0.06, 0.03]
    return position + sway, shot.subject_w


def _track(shot: _Shot, rng: np.random.Generator) -> _Path:
    """Walk along at the person's side, nearer or farther by the end, with the bob of a gait."""
    seconds = np.arange(len(shot.subject_w)) / shot.fps
    position = shot.place(shot.subject_w, np.tile(shot.away, (len(seconds), 1)))
    closing = rng.normal(0.0, 0.12) * shot.distance * (seconds / max(seconds[-1], 1e-9) - 0.5)
    position[:, :2] += closing[:, None] * shot.away
    position[:, 2] += 0.015 * np.sin(2.0 * np.pi * rng.uniform(1.5, 2.0) * seconds)
    drift = _wander(len(seconds), shot.fps, 1.5, rng) * [0.10, 0.10, 0.03]
    return position + drift, shot.subject_w


def _dolly(shot: _Shot, rng: np.random.Generator) -> _Path:
    """Roll sideways, nearer or away at 0.2 to 0.8 m/s for a while, from rest to rest where the clip is long enough."""
    seconds = np.arange(len(shot.subject_w)) / shot.fps
    along = np.array([[-shot.away[1], shot.away[0]], shot.away])[rng.integers(2)]
    speed = rng.choice([-1.0, 1.0]) * rng.uniform(*_DOLLY_M_S)
    lasts = rng.uniform(*_DOLLY_WAY) * shot.distance / abs(speed)
    begins = rng.uniform(0.0, max(seconds[-1] - lasts, 0.0))
    rolls = ((seconds >= begins) & (seconds < begins + lasts)).astype(float)
    way = np.cumsum(speed / shot.fps * gaussian_filter1d(rolls, _DOLLY_STARTS_S * shot.fps, mode="nearest"))
    way -= 0.5 * (way.min() + way.max())
    place = shot.place(shot.centre_w, shot.away)
    position = np.tile(place, (len(seconds), 1))
    position[:, :2] += way[:, None] * along
    return position, position + (shot.centre_w - place)


_PATHS: dict[str, Callable[[_Shot, np.random.Generator], _Path]] = {
    STATIC: _static,
    "pan": _pan,
    "orbit": _orbit,
    "handheld": _handheld,
    "track": _track,
    "dolly": _dolly,
}


def _tremble(kind: str, n_frames: int, fps: float, rng: np.random.Generator) -> Float[np.ndarray, "frames 3"]:
    """Small turns of a camera that is held: slow ones, and the tremor of hands [rad]."""
    slow, fast = (1.2, 0.15) if kind == "handheld" else (0.4, 0.05)
    turns = slow * _wander(n_frames, fps, 0.5, rng) + fast * _wander(n_frames, fps, 0.05, rng)
    return np.radians(turns)


def _wander(n_frames: int, fps: float, width_s: float, rng: np.random.Generator) -> Float[np.ndarray, "frames 3"]:
    """Smooth noise of unit variance in three channels, correlated over ``width_s``."""
    margin = int(np.ceil(4.0 * width_s * fps)) + 1
    sigma = width_s * fps
    rough = gaussian_filter1d(rng.normal(size=(n_frames + 2 * margin, 3)), sigma, axis=0, mode="nearest")
    # White noise through a Gaussian of sigma frames keeps the variance 1 / (2 sqrt(pi) sigma).
    return rough[margin:-margin] * np.sqrt(2.0 * np.sqrt(np.pi) * max(sigma, 0.5))


def looking_along(line_w: Float[np.ndarray, "frames 3"]) -> Float[np.ndarray, "frames 3 3"]:
    """Return rotations from world to camera axes of upright cameras that look along these lines."""
    forward = line_w / np.linalg.norm(line_w, axis=-1, keepdims=True)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    return np.stack([right, np.cross(forward, right), forward], axis=-2)
