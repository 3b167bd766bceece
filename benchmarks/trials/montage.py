"""Stages the montage: shots of other places, people and sizes, and what looks like a cut but is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from benchmarks.trials.cameras import hand, orbit, turned
from benchmarks.trials.moves import FPS, between, line, piece, walk, yawed
from benchmarks.trials.staging import Staging, Take
from benchmarks.trials.wardrobe import dressed
from pipeline.kfbench.tracks import minimum_jerk
from pipeline.render import FilmConfig, Hall, Performer


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One shot of the montage."""

    place: int
    """Which hall; 0 is the training hall."""
    clothes: str = "white"
    """Who performs; empty = nobody is there."""
    moves: str = "dance"
    """Choreography."""
    start_s: float = 0.5
    """Where in it the shot begins [s]."""
    seconds: float = 1.1
    """Length [s]."""
    azimuth_deg: float = 5.0
    """Where the camera stands [deg]."""
    distance: float = 4.8
    """How far away [m]."""
    yaw_deg: float = 0.0
    """How far the performer is turned away from the camera's side of the hall [deg]."""
    light: float = 1.0
    """Brightness."""
    event: str = ""
    """What happens that is no cut: fast_pan, flash, close_pass, zoom; or only hand."""


SHOTS = (
    Shot(place=0, moves="kungfu_form", seconds=1.5),
    Shot(place=12, clothes="red", distance=3.4, azimuth_deg=20),
    Shot(place=5, clothes="blue", distance=6.5, start_s=2.2, yaw_deg=40),
    Shot(place=8, clothes="green", moves="kungfu_form", start_s=3.2, seconds=2.0, event="fast_pan"),
    Shot(place=0, clothes="black", start_s=1.0, azimuth_deg=-30, distance=5.5),
    Shot(place=14, clothes="yellow", distance=2.6, start_s=2.6, seconds=0.8),
    Shot(place=3, clothes="white", start_s=0.9, distance=5.0, azimuth_deg=-12, seconds=1.2),
    Shot(place=3, clothes="white", start_s=2.1, distance=4.6, azimuth_deg=16, seconds=1.0),  # same place, other angle
    Shot(place=9, clothes="red", moves="kungfu_form", start_s=2.0, seconds=1.6, event="flash"),
    Shot(place=16, clothes="", azimuth_deg=25, seconds=0.8, event="hand"),
    Shot(place=7, clothes="blue", start_s=3.2, distance=7.5, light=0.7),
    Shot(place=0, clothes="green", start_s=4.2, distance=3.0, light=0.6, seconds=0.7),
    Shot(place=6, clothes="yellow", moves="kungfu_form", start_s=1.2, seconds=1.9, event="close_pass"),
    Shot(place=13, clothes="white", distance=4.0, azimuth_deg=35, start_s=2.4),
    Shot(place=2, clothes="black", distance=5.8, start_s=0.6, yaw_deg=-60, light=1.15),
    Shot(place=15, clothes="red", start_s=1.8, azimuth_deg=-25, distance=3.2, seconds=0.8, event="hand"),
    Shot(place=4, clothes="blue", start_s=3.0, seconds=2.0, distance=6.0, event="zoom"),
    Shot(place=17, clothes="green", moves="kungfu_form", start_s=4.0, distance=4.4),
    Shot(place=10, clothes="yellow", start_s=0.8, distance=5.2, azimuth_deg=10, seconds=0.9),
    Shot(
        place=10, clothes="red", start_s=0.8, distance=4.8, azimuth_deg=-14, seconds=1.1
    ),  # same place, another person
    Shot(place=1, clothes="white", start_s=5.0, distance=3.8, light=0.5),
    Shot(place=18, clothes="black", start_s=2.2, distance=6.8, azimuth_deg=-35),
    Shot(place=11, clothes="blue", moves="kungfu_form", start_s=4.9, distance=4.2, seconds=1.0, event="hand"),
    Shot(place=0, clothes="yellow", start_s=5.2, distance=5.0, azimuth_deg=30, yaw_deg=30),
    Shot(place=19, clothes="red", start_s=3.4, distance=2.9, azimuth_deg=-8, seconds=1.0),
)
"""In order; places that meet differ, but for two pairs."""


def montage() -> Staging:
    """Twenty-four hard cuts, and a fast pan, a flash, someone close before the lens and a zoom that are none."""
    takes = [_take(number, shot) for number, shot in enumerate(SHOTS)]
    events: dict[str, list[Bool[np.ndarray, " frames"]]] = {"fast_pan": [], "flash": [], "close_pass": [], "zoom": []}
    for shot, (take, span) in zip(SHOTS, takes, strict=True):
        for event, spans in events.items():
            spans.append(span if shot.event == event else np.zeros(len(take), dtype=bool))
    faults = {event: np.concatenate(spans) for event, spans in events.items()}
    return Staging(takes=[take for take, _ in takes], faults=faults)


def _take(number: int, shot: Shot) -> tuple[Take, Bool[np.ndarray, " frames"]]:
    """Stage one shot; also return the frames of its event."""
    n_frames = round(shot.seconds * FPS)
    t = np.arange(n_frames) / FPS
    hall = Hall() if shot.place == 0 else Hall.varied(shot.place)
    camera = orbit(n_frames, azimuth_deg=shot.azimuth_deg, distance=shot.distance, height=1.3, aim=(0, 0, 0.92))
    people: dict[str, Performer] = {}
    if shot.clothes:
        motion = between(piece(shot.moves, 1.60 + 0.05 * (number % 5)), shot.start_s, shot.seconds)
        people[f"{shot.clothes}_{number}"] = dressed(yawed(motion, shot.yaw_deg), shot.clothes)
    zoom, flash, shutter, span = np.ones(n_frames), np.zeros(n_frames), 0.0, np.zeros(n_frames, dtype=bool)
    if shot.event == "fast_pan":  # away from the performer and back: 45 degrees in a third of a second
        yaw = 45 * (minimum_jerk((t - 0.5) / 0.33) - minimum_jerk((t - 1.2) / 0.33))
        camera, shutter, span = turned(camera, yaw_deg=yaw), 0.5, np.abs(np.diff(yaw, prepend=0.0)) > 0.5
    elif shot.event == "flash":
        span[round(0.8 * FPS) : round(0.8 * FPS) + 2] = True
        flash = np.where(span, 0.8, 0.0)
    elif shot.event == "close_pass":
        people[f"passer_{number}"], span = _passer(shot, n_frames)
        shutter = 0.5
    elif shot.event == "zoom":
        zoom = 1.0 + 0.7 * minimum_jerk((t - 0.5) / 0.9)
        span = np.abs(np.diff(zoom, prepend=1.0)) > 1e-3
    elif shot.event == "hand":
        yaw, pitch, roll = hand(n_frames, seed=number, degrees=1.0).T
        camera = turned(camera, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)
    film = FilmConfig(shadows=False, seed=shot.place, hall=hall, light=shot.light, shutter=shutter)
    return Take(people=people, camera=camera, film=film, zoom=zoom, flash=flash), span


def _passer(shot: Shot, n_frames: int) -> tuple[Performer, Bool[np.ndarray, " frames"]]:
    """Someone walks past, less than a metre before the lens."""
    motion = walk(line((shot.distance - 0.95, -0.9), 90), duration_s=shot.seconds, speed=1.0, step_s=0.4)
    near = np.abs(motion.transl[:, 1]) < 0.7
    return dressed(motion, "black"), near[:n_frames]
