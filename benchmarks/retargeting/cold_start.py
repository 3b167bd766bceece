"""Turns a solver into the share of starts that it begins badly: anywhere in a clip, facing anywhere.

GMR starts from the robot's zero pose and follows its targets from there; in a fifth of the starts its first frame costs
far more than the same frame does once it is tracked, and often it never recovers (GMR issues 23, 71, 153).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from benchmarks.retargeting.clips import BenchClip
from benchmarks.retargeting.metrics import frame_costs
from benchmarks.retargeting.scoring import Qpos, trace_all
from robots.model import RobotModel

N_STARTS = 175
FRAMES = 12
"""Frames a start is followed for, to see whether it recovers."""

BAD_RATIO = 1.5
"""Times the warm cost."""


class Start(NamedTuple):
    """A clip that begins in its middle, in a world turned about z."""

    clip: int
    frame: int
    heading: float
    """[rad]."""


class ColdStarts(NamedTuple):
    """How a solver began."""

    bad_pct: float
    """Share of starts whose first frame costs more than 1.5 times as much as warm [%]."""
    unrecovered_pct: float
    """The same, of the last of the twelve frames [%]."""
    worst_ratio: float
    """Largest cost of a first frame over its warm cost."""


def draw_starts(clips: Sequence[BenchClip], *, number: int = N_STARTS, seed: int = 0) -> tuple[Start, ...]:
    """Draw frames of all clips and headings, evenly."""
    random = np.random.default_rng(seed)
    possible = [(clip, frame) for clip in range(len(clips)) for frame in range(max(1, len(clips[clip]) - FRAMES + 1))]
    chosen = random.integers(len(possible), size=number)
    headings = random.uniform(-np.pi, np.pi, size=number)
    places = [possible[index] for index in chosen]
    return tuple(Start(clip, frame, float(turn)) for (clip, frame), turn in zip(places, headings, strict=True))


def warm_costs(
    robot: RobotModel, clips: Sequence[BenchClip], runs: Sequence[Sequence[Qpos]]
) -> list[Float[np.ndarray, " frames"]]:
    """Return GMR's stage-2 cost of every frame of every clip in the better of several runs over whole clips."""
    costs = [
        [frame_costs(clip, traced) for clip, traced in zip(clips, trace_all(robot, clips, run), strict=True)]
        for run in runs
    ]
    return [np.min(of_clip, axis=0) for of_clip in zip(*costs, strict=True)]


def cold_starts(
    robot: RobotModel,
    clips: Sequence[BenchClip],
    starts: Sequence[Start],
    solve: Callable[[int, BenchClip], Qpos],
    warm: Sequence[Float[np.ndarray, " frames"]],
) -> ColdStarts:
    """Run a solver from every start.

    Args:
        robot: What moves.
        clips: Where the starts lie.
        starts: Where to begin.
        solve: Solves a part of a clip from a cold start, told the number of the clip.
        warm: Cost of every frame of every clip when it is tracked; turning the world does not change it.
    """
    first, last = np.empty(len(starts)), np.empty(len(starts))
    for i, start in enumerate(starts):
        part = clips[start.clip].part(start.frame, start.frame + FRAMES).turned(start.heading)
        (traced,) = trace_all(robot, [part], [solve(start.clip, part)])
        ratio = frame_costs(part, traced) / warm[start.clip][start.frame : start.frame + len(part)]
        first[i], last[i] = ratio[0], ratio[-1]
    return ColdStarts(
        bad_pct=100.0 * float((first > BAD_RATIO).mean()),
        unrecovered_pct=100.0 * float((last > BAD_RATIO).mean()),
        worst_ratio=float(first.max()),
    )
