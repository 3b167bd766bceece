"""Stages the trials about people: crossings, planted faults, small persons, and persons who do not stand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from benchmarks.trials.cameras import K, orbit, sliced_camera
from benchmarks.trials.moves import (
    FPS,
    at_times,
    between,
    handstand,
    lap,
    line,
    moved,
    on_the_floor,
    piece,
    sliced,
    the_body,
    walk,
    yawed,
)
from benchmarks.trials.staging import Staging, Take
from benchmarks.trials.wardrobe import dressed
from pipeline.render import FilmConfig, Hall, Occluder

_PLAIN = FilmConfig(shadows=False)


def crossing(*, alike: bool = False) -> Staging:
    """Two people walk round each other and cross twice before the camera, at nearly the same distance.

    They slow down where they meet, so that about half of the one is behind the other for half a second.
    """
    straight, radius, seconds = 0.9, 0.35, 8.2
    half_lap = 2 * straight + np.pi * radius
    motions = [
        at_times(
            walk(lap(straight, radius, offset=offset), duration_s=seconds, speed=0.6, step_s=0.55, height_m=height),
            _slowed(seconds, at_s=(1.6, 6.5)),
        )
        for offset, height in ((0.0, 1.74), (half_lap, 1.69))
    ]
    people = {
        "first": dressed(motions[0], "white"),
        "second": dressed(motions[1], "white" if alike else "red"),
    }
    camera = orbit(len(motions[0]), azimuth_deg=0.0, distance=4.9)
    return Staging(takes=[Take(people=people, camera=camera, film=_PLAIN)], impairs=("crossing",))


def _slowed(duration_s: float, *, at_s: tuple[float, ...]) -> Float[np.ndarray, " frames"]:
    """Moments of a motion that is played at a quarter of its speed about these of its times [s]."""
    moment = np.linspace(0.0, duration_s, 2000)
    near = np.exp(-(((moment[:, None] - np.array(at_s)) / 0.25) ** 2)).sum(axis=1)
    pace = 1.0 - 0.75 * near
    clock = np.concatenate([[0.0], np.cumsum(np.diff(moment) / pace[:-1])])
    return np.interp(np.arange(0.0, clock[-1], 1 / FPS), clock, moment)


def crossing_alike() -> Staging:
    """The same crossing by two people in equal clothes, which only their motion tells apart."""
    return crossing(alike=True)


def faults() -> Staging:
    """One person over three shots: blurred, crossed by someone, half hidden by a board, partly out of the picture."""
    takes = [*_blur_and_crossing(), _board_and_edge(), _clean()]
    return Staging(takes=takes, impairs=("blur", "occlusion", "crop", "crossing"))


def _blur_and_crossing() -> list[Take]:
    quick, speed = (1.5, 2.5), 2.5  # this second is performed so many times faster, in the dark
    times = np.arange(round(6.2 * FPS)) / FPS
    main = at_times(piece("kungfu_form"), times + (speed - 1) * np.clip(times - quick[0], 0, quick[1] - quick[0]))
    waits = round(2.1 * FPS)
    passing = walk(line((1.25, -2.3), 90), duration_s=6.2 - waits / FPS, speed=1.0, step_s=0.4, height_m=1.78)
    passing = at_times(passing, times - waits / FPS)
    camera = orbit(len(times))
    edges = [0, *(round(t * FPS) for t in quick), len(times)]
    takes = []
    for start, end in pairwise(edges):
        span = slice(start, end)
        people = {"main": dressed(sliced(main, span), "white"), "passer": dressed(sliced(passing, span), "green")}
        film = FilmConfig(shadows=False, shutter=1.0 if start == edges[1] else 0.0)
        takes.append(Take(people=people, camera=sliced_camera(camera, span), film=film, cut=start == 0))
    return takes


def _board_and_edge() -> Take:
    """Walk behind a board as high as the hips, then half out of the picture, turn, and come back."""
    way = lap(2.2, 0.3, offset=0.6)  # begins at y = -1.6; turns at y = 2.2, where the picture ends
    motion = walk(way, duration_s=6.6, speed=0.85, step_s=0.42)
    board = Occluder(pos=(1.1, -0.1, 0.5), size=(0.04, 1.0, 1.0), colour=(96, 120, 92))
    film = FilmConfig(shadows=False, seed=3, hall=Hall.varied(4), occluders=(board,))
    camera = orbit(len(motion), azimuth_deg=0.0, distance=4.9)
    return Take(people={"main": dressed(motion, "white")}, camera=camera, film=film)


def _clean() -> Take:
    motion = between(piece("dance"), 0.4, 3.0)
    film = FilmConfig(shadows=False, seed=5, hall=Hall.varied(11))
    camera = orbit(len(motion), azimuth_deg=-20, distance=4.4, aim=(0, 0.3, 0.9))
    return Take(people={"main": dressed(motion, "white")}, camera=camera, film=film)


def small(height_px: float) -> Staging:
    """One person of this height in the picture, before a hall in proportion; turns once about."""
    motion = moved(between(piece("dance"), 2.2, 3.6), shift=(0, -0.5, 0))
    stature = the_body().height(motion.betas)
    distance = float(K[0, 0] * stature / height_px)
    aside = 0.12 * distance  # the detector must look elsewhere than in the middle
    camera = orbit(len(motion), azimuth_deg=4.0, distance=distance, height=1.6, aim=(0, aside, 1.2))
    film = FilmConfig(shadows=False, seed=round(height_px), hall=Hall(size=distance / 4.6))
    return Staging(takes=[Take(people={"main": dressed(motion, "blue")}, camera=camera, film=film)])


def lying() -> Staging:
    """A person spins on the back, and kicks."""
    motion = between(piece("kungfu_form"), 2.0, 3.0)
    share = np.linspace(0, 1, len(motion))
    backwards = Rotation.from_euler("y", -90, degrees=True)  # from standing, facing +x
    spin = Rotation.from_euler("z", 60 + 70 * share[:, None], degrees=True)
    motion = moved(motion, shift=-(motion.rest_joint_pos[0] + motion.transl.mean(axis=0)))
    motion = on_the_floor(moved(motion, turn=spin * backwards))
    camera = orbit(len(motion), distance=4.2, height=1.6, aim=(0, 0, 0.35))
    return Staging(takes=[Take(people={"main": dressed(motion, "red")}, camera=camera, film=_PLAIN)])


def upside_down() -> Staging:
    """A person stands on the hands."""
    motion = yawed(handstand(3.0), 25)
    camera = orbit(len(motion), distance=5.2, aim=(0, 0, 1.0))
    return Staging(takes=[Take(people={"main": dressed(motion, "green")}, camera=camera, film=_PLAIN)])
