"""Stages the trials about the camera: pans, walks, a zoom, jolts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from benchmarks.trials.cameras import hand, orbit, sliced_camera, turned
from benchmarks.trials.moves import FPS, between, moved, piece, sliced
from benchmarks.trials.staging import Staging, Take
from benchmarks.trials.wardrobe import dressed
from pipeline.kfbench.tracks import minimum_jerk
from pipeline.render import FilmConfig
from retarget.smpl_motion import SmplMotion

_JOLT_TIMES_S = (0.8, 1.7, 2.5, 3.4, 4.3, 5.1)


def _dancer(duration_s: float) -> SmplMotion:
    return moved(between(piece("dance"), 0.6, duration_s), shift=(0, -0.3, 0))


def pan() -> Staging:
    """A tripod pans 35 degrees over a dancer, rests, and goes part of the way back."""
    motion = _dancer(5.5)
    t = np.arange(len(motion)) / FPS
    yaw = -17.5 + 35 * minimum_jerk((t - 0.4) / 2.6) - 20 * minimum_jerk((t - 3.6) / 1.6)
    camera = turned(orbit(len(motion), distance=5.2), yaw_deg=yaw, pitch_deg=1.5 * np.sin(1.3 * t))
    return Staging(takes=[Take(people={"main": dressed(motion, "blue")}, camera=camera, film=FilmConfig())])


def pan_move() -> Staging:
    """A walker films: a metre to the side, panning 25 degrees, with the bob of the steps."""
    motion = _dancer(5.5)
    t = np.arange(len(motion)) / FPS
    way = minimum_jerk((t - 0.3) / 4.9)
    shift = np.column_stack([np.zeros_like(t), 0.5 - way, 0.012 * np.sin(2 * np.pi * 1.7 * t)])
    yaw, pitch, roll = hand(len(t), seed=7, degrees=0.4).T
    camera = turned(
        orbit(len(motion), azimuth_deg=0.0, distance=5.2),
        yaw_deg=12.5 - 25 * way + yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        shift_w=shift,
    )
    return Staging(takes=[Take(people={"main": dressed(motion, "blue")}, camera=camera, film=FilmConfig())])


def zoom() -> Staging:
    """A camera at rest zooms in to 1.6 times during one second."""
    motion = _dancer(5.0)
    t = np.arange(len(motion)) / FPS
    factor = 1.0 + 0.6 * minimum_jerk((t - 2.0) / 1.0)
    changes = np.abs(np.diff(factor, prepend=factor[0])) > 1e-3
    camera = orbit(len(motion), distance=6.4)
    take = Take(people={"main": dressed(motion, "blue")}, camera=camera, film=FilmConfig(shadows=False), zoom=factor)
    return Staging(takes=[take], faults={"zoom": changes})


def shake() -> Staging:
    """A calm hand is knocked six times: a degree or two within one to three frames, some with a step that stays."""
    motion = _dancer(6.0)
    yaw, pitch, roll = hand(len(motion), seed=3, degrees=0.25).T
    jolts, hit = _jolts(len(motion), seed=5)
    camera = turned(
        orbit(len(motion), distance=5.2),
        yaw_deg=yaw + jolts[:, 0],
        pitch_deg=pitch + jolts[:, 1],
        roll_deg=roll + jolts[:, 2],
    )
    takes = []
    edges = [0, *(np.flatnonzero(np.diff(hit.astype(int))) + 1).tolist(), len(hit)]
    for start, end in pairwise(edges):
        span = slice(start, end)
        film = FilmConfig(shadows=False, shutter=0.5 if hit[start] else 0.0)
        people = {"main": dressed(sliced(motion, span), "blue")}
        takes.append(Take(people=people, camera=sliced_camera(camera, span), film=film, cut=start == 0))
    return Staging(takes=takes, faults={"shake": hit})


def _jolts(n_frames: int, *, seed: int) -> tuple[Float[np.ndarray, "frames 3"], Bool[np.ndarray, " frames"]]:
    """Yaw, pitch and roll of knocks [deg], and the frames whose picture jumps from the one before."""
    rng = np.random.default_rng(seed)
    angles, hit = np.zeros((n_frames, 3)), np.zeros(n_frames, dtype=bool)
    for number, time_s in enumerate(_JOLT_TIMES_S):
        start, length = round(time_s * FPS), 1 + number % 3
        direction = rng.normal(size=3) * [1.0, 1.0, 0.5]
        direction *= rng.uniform(1.2, 2.0) / np.linalg.norm(direction)
        for k in range(length):  # there and back
            angles[start + k] += direction * (1 if k % 2 == 0 else -0.7)
        stays = 0.5 * direction if number % 2 else 0.0
        angles[start + length :] += stays
        hit[start : start + length + 1] = True  # the way back jumps too
    return angles, hit
