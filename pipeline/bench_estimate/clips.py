"""Chooses the clips that are performed: of a folder of motion capture, or the built-in choreographies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.bench_estimate.config import FPS, SHORTEST_S, BenchConfig
from pipeline.bench_estimate.sheet import Sheet, chance
from pipeline.body import SkinnedBody
from pipeline.estimators import Estimator
from pipeline.kfbench import PIECES, perform
from pipeline.kfbench.bench_clips import (
    BenchClip,
    ClipFile,
    NoClips,
    choose,
    clip_names,
    cut_window,
    is_seen,
    list_clips,
)
from pipeline.kfbench.bench_result import GROUPS
from pipeline.readers import read_motion
from retarget.progress import Progress
from robots.exceptions import WushuError

_PIECE_GROUPS = {"kungfu_form": "kungfu", "dance": "dance"}


def choose_clips(
    config: BenchConfig, body: SkinnedBody, estimators: Mapping[str, Estimator], sheet: Sheet, progress: Progress
) -> tuple[list[BenchClip], list[str]]:
    """Return the clips that are performed, and what a reader should know of the choice."""
    known = frozenset[str]().union(*(getattr(made, "trained_on", ()) for made in estimators.values()))
    trained_on = frozenset[str]() if config.seen else known
    if config.mocap is None:
        return _built_in(config, body, trained_on)
    folder = list_clips(config.mocap)
    notes = [] if folder.index else ["no index.csv was found: all clips are in the group 'all' only"]
    if folder.unlisted:
        notes.append(f"{len(folder.unlisted)} files are not in {folder.index}: they count in 'all' only")
    files = list(folder.files)
    files, gone = _without(files, lambda file: is_seen(file.name, trained_on))
    if config.seen:
        seen = sum(is_seen(file.name, known) for file in files)
        notes.append(f"not held out: weights were trained on {seen} of {len(files)} clips")
    else:
        notes.append(f"held out: {gone} clips that weights were trained on are left out, {len(files)} are left")
    if not config.flagged:
        files, gone = _without(files, lambda file: bool(file.defects))
        notes += [f"{gone} clips with known defects (column qa_flags) are left out"] if gone else []
    if not files:
        raise NoClips(config.mocap, problem="no clip is left to run on. Say --seen or --flagged to take those left out")
    clips = _read(config, files, body, sheet, notes, progress)
    if not clips:
        problem = sheet.failures[0] if sheet.failures else f"every clip is shorter than {SHORTEST_S:g} s"
        raise NoClips(config.mocap, problem=f"no clip could be used ({problem})")
    chosen = choose(clips, config.clips, np.random.default_rng([config.seed, 1]))
    drawn = "" if len(chosen) == len(clips) else ", drawn evenly from the groups (--clips 0: all)"
    notes.append(f"{len(chosen)} of {len(clips)} clips{drawn}; of each at most {config.longest_s:g} s")
    return chosen, notes


def _without(files: list[ClipFile], bad: Callable[[ClipFile], bool]) -> tuple[list[ClipFile], int]:
    kept = [file for file in files if not bad(file)]
    return kept, len(files) - len(kept)


def _read(
    config: BenchConfig,
    files: Sequence[ClipFile],
    body: SkinnedBody,
    sheet: Sheet,
    notes: list[str],
    progress: Progress,
) -> list[BenchClip]:
    """Read the files; one that is broken is written down, and the rest goes on."""
    clips: list[BenchClip] = []
    short = 0
    names = clip_names([(config.mocap or Path(), file.path) for file in files])
    for done, (file, name) in enumerate(zip(files, names, strict=True)):
        progress(done, len(files))
        try:
            motion = read_motion(file.path, body, fps=FPS).motion
        except WushuError as error:
            sheet.failures.append(str(error))
            continue
        if len(motion) < SHORTEST_S * FPS:
            short += 1
            continue
        window = cut_window(motion, config.longest_s, chance(config.seed, name, "window"))
        clips.append(BenchClip(name=name, motion=window, group=file.group))
    if short:
        notes.append(f"{short} clips are shorter than {SHORTEST_S:g} s and left out")
    return clips


def _built_in(config: BenchConfig, body: SkinnedBody, trained_on: frozenset[str]) -> tuple[list[BenchClip], list[str]]:
    pieces = {name: piece for name, piece in PIECES.items() if not is_seen(name, trained_on)}
    if not pieces:
        problem = "weights were trained on all of them. Name a folder with --mocap, or say --seen"
        raise NoClips(Path("built-in choreographies"), problem=problem)
    clips = []
    for name, piece in pieces.items():
        motion = perform(piece, body)
        motion = cut_window(motion, config.longest_s, chance(config.seed, name, "window"))
        clips += [
            BenchClip(name=f"{name} {number}", motion=motion, group=_PIECE_GROUPS.get(name))
            for number in range(1, config.views + 1)
        ]
    clips = choose(clips, config.clips, np.random.default_rng([config.seed, 1]))
    note = (
        f"no folder was named: {len(pieces)} built-in choreographies, {len(clips)} views; intervals speak of cameras "
        "and noise only, not of other motions"
    )
    return clips, [note]


def group_sizes(clips: Sequence[BenchClip]) -> dict[str, int]:
    """Count the clips of each group."""
    counted = Counter(group for clip in clips for group in clip.groups)
    return {group: counted[group] for group in GROUPS[:-1]} | {"static_camera": len(clips)}
