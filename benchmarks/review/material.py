"""Small real datasets for the review page: motion through the real stages, under films whose pictures carry numbers.

A film's picture shows the number of its frame of motion as black and white squares, so that what is on the screen can
be held against what the page says.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from pipeline.body import load_body
from pipeline.clip import Clip, Source
from pipeline.home import Home
from pipeline.kfbench import PIECES, stage_piece
from pipeline.manifest import ManifestRow, write_row
from pipeline.process_clip import cut_source, process_clip
from pipeline.record_codec import digest
from pipeline.review import PlaybackConfig, render_playback
from pipeline.sealed import read_sealed
from pipeline.settings import Settings
from pipeline.stage import WrittenFiles
from pipeline.stages import build_stages
from pipeline.store import Dataset, write_json
from pipeline.tracking import FollowConfig
from pipeline.verdict import Verdict
from pipeline.video import ClipConfig
from retarget.lead import LeadConfig
from retarget.smpl_motion import SmplMotion

Picture = UInt8[np.ndarray, "height width 3"]

BITS = 12
"""Squares of a number: enough for two minutes at 30 frames/s."""

DRAWN = frozenset({"picture", "report", "playback"})
"""Stages whose files are pictures; the films here are made another way."""

_OF_ONE = frozenset({".lock", "row.json", "clip.json", "clips.json", "log.jsonl", "decisions.jsonl"})
"""Files of a clip that its copies have of their own, or not at all."""

SIDES = 15
"""Sides of a square in the height of the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A clip that went through the stages."""

    row: ManifestRow
    n_frames: int
    fps: float
    """[1/s]."""


def form(seconds: float) -> SmplMotion:
    """Return the demo's kung-fu form, the whole of it as slow as it must be."""
    motion = stage_piece(PIECES["kungfu_form"], load_body(), size=(640, 360)).motion
    longest = (len(motion) - 1) / motion.fps
    return motion.part(0.0, seconds) if seconds < longest else motion.at_speed(longest / seconds)


def add_clip(dataset: Dataset, folder: Path, name: str, *, fps: float, seconds: float) -> Made:
    """Put a motion file through the stages, all but those that draw.

    Args:
        dataset: Gets it.
        folder: Where the file is written.
        name: Of the file, without its ending.
        fps: Rate of the clip [1/s].
        seconds: How long it is.
    """
    motion, path = form(seconds), folder / f"{name}.npz"
    np.savez(
        path,
        trans=motion.transl,
        poses=np.hstack([motion.global_orient, motion.body_pose.reshape(len(motion), -1), np.zeros((len(motion), 6))]),
        betas=motion.betas,
        mocap_framerate=motion.fps,
        gender="neutral",
        name=name,  # no two files are the same
    )
    settings = Settings(
        formats=("mjlab",),
        leads=LeadConfig(lead_in=False, lead_out=False),
        tracking=FollowConfig(certify=False),
        clips=ClipConfig(fps=fps, max_s=max(seconds + 1.0, ClipConfig().max_s)),
    )
    stages = build_stages(settings, Home.of_user())
    (clip,) = cut_source(Clip.of(Source.from_file(path)), stages, dataset).clips
    row, _ = process_clip(clip, [stage for stage in stages.of(clip) if stage.name not in DRAWN], dataset)
    if row.error is not None:
        raise RuntimeError(row.error)
    row = replace(row, settings=dataset.add_settings(stages.settings))
    write_row(dataset, row)
    return Made(row=row, n_frames=round(row.duration_s * fps), fps=fps)


def add_film(
    dataset: Dataset,
    made: Made,
    *,
    height: int = 180,
    pictures: Callable[[int], tuple[Picture, ...]] | None = None,
) -> None:
    """Give a clip a film that carries its frames' numbers, and a record of it as the stage ``playback`` leaves one.

    Args:
        dataset: Holds the clip.
        made: The clip.
        height: Of the film [px].
        pictures: What the film shows at a frame: source, body and robot, or without the source; plain grey if left out.
    """
    folder, config = dataset.clip_dir(made.row.clip.id), PlaybackConfig(height_px=height)
    path, poster = folder / "playback.mp4", folder / "poster.jpg"
    for old in (path, poster):
        old.unlink(missing_ok=True)
    width = config.view_size[0]
    shown = pictures or (lambda frame: (_grey(height, width, frame), _grey(height, width, -frame)))
    titles = ("source", "body", "robot")[-len(shown(0)) :]
    views = (numbered(shown(frame), frame, height) for frame in range(made.n_frames))
    render_playback(path, views, titles=titles, fps=made.fps, n_frames=made.n_frames, config=config, poster=poster)
    fingerprint = digest([made.row.clip.id, "playback"])
    dataset.save(made.row.clip.id, "playback", fingerprint, WrittenFiles.of(folder, [path, poster]))
    made.row.fingerprints["playback"] = fingerprint
    write_row(dataset, made.row)


def numbered(pictures: tuple[Picture, ...], number: int, height: int) -> tuple[Picture, ...]:
    """Put a number on the first picture: a row of squares, white for 1, the lowest bit first, and its negative below.

    The first picture must be of the film's height.
    """
    first, side = pictures[0].copy(), height // SIDES
    top, left = height // 2, side // 2
    for bit in range(BITS):
        on = number >> bit & 1
        columns = slice(left + bit * side, left + (bit + 1) * side)
        first[top : top + side, columns] = 255 if on else 0
        first[top + side : top + 2 * side, columns] = 0 if on else 255
    return (first, *pictures[1:])


READ_NUMBER = (
    f"(video) => {{ const SIDES = {SIDES}, BITS = {BITS};"
    + """
  const side = Math.floor(video.videoHeight / SIDES), top = video.videoHeight / 2, left = Math.floor(side / 2);
  const canvas = (globalThis.numberCanvas ??= document.createElement("canvas"));
  canvas.width = side * BITS;
  canvas.height = side * 2;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, left, top, canvas.width, canvas.height, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const light = (x, y) => data[(Math.floor(y * side) * canvas.width + Math.floor(x * side)) * 4 + 1];
  let number = 0;
  for (let bit = 0; bit < BITS; bit += 1) {
    const upper = light(bit + 0.5, 0.5), lower = light(bit + 0.5, 1.5);
    if (Math.abs(upper - lower) < 100) return null;
    if (upper > lower) number += 2 ** bit;
  }
  return number;
}
"""
)
"""JavaScript: a function from a video to the number on the picture that it shows; null where none can be read."""


def copy_clip(
    dataset: Dataset, template: ManifestRow, name: str, change: Callable[[ManifestRow], ManifestRow] = lambda row: row
) -> ManifestRow:
    """Put a clip's results into the dataset once more, under another name and id; films are shared.

    Args:
        dataset: Holds the template, gets the copy.
        template: Its outcome.
        name: File name of the copy's source.
        change: What is different in its row.
    """
    return next(copy_clips(dataset, template, [name], lambda _, row: change(row)))


def copy_clips(
    dataset: Dataset,
    template: ManifestRow,
    names: Sequence[str],
    change: Callable[[int, ManifestRow], ManifestRow] = lambda _, row: row,
    into: Dataset | None = None,
    rewrite: bool = True,
) -> Iterator[ManifestRow]:
    """Put a clip's results into a dataset again and again; yields each row as it is written.

    Files that do not name the clip are hard links to the template's; without ``rewrite`` the others are so, too, and
    what is delivered of each clip bears the template's name.
    """
    old, target = template.clip.id, into or dataset
    linked, rewritten = [], []
    for path in sorted(dataset.clip_dir(old).iterdir()):
        if (
            not path.is_file()
            or path.name.startswith(".")
            or path.name in ("row.json", "clip.json", "clips.json", "log.jsonl")
        ):
            continue
        names_it = rewrite and path.suffix == ".json" and old.encode() in path.read_bytes()
        (rewritten if names_it else linked).append(path)
    documents = {path.name: read_sealed(path) for path in rewritten}
    for index, name in enumerate(names):
        source = Source(path=f"/films/{name}", sha256=hashlib.sha256(name.encode()).hexdigest())
        clip = Clip.of(source, span_s=template.clip.span_s)
        target.add_clip(clip)
        folder = target.clip_dir(clip.id)
        for path in linked:
            os.link(path, folder / path.name)
        for file, document in documents.items():
            write_json(folder / file, _renamed(document, old, clip.id))
        row = change(index, replace(template, clip=clip))
        write_row(target, row)
        yield row


def thousand(dataset: Dataset, template: ManifestRow, root: Path, n_clips: int = 1000) -> Dataset:
    """Make a dataset of many clips of one: accepted, refused and broken ones, with many scores."""
    made = Dataset.open_or_create(root)
    shutil.copytree(dataset.root / "recipes", made.root / "recipes", dirs_exist_ok=True)
    shutil.copytree(dataset.root / "settings", made.root / "settings", dirs_exist_ok=True)
    names = [f"{kind}_{index:04d}.bvh" for index, kind in zip(range(n_clips), _kinds(), strict=False)]
    for _ in copy_clips(dataset, template, names, _varied, into=made, rewrite=False):
        pass
    return made


def as_refused(row: ManifestRow, score: float = 0.4) -> ManifestRow:
    """Return an outcome as it would be, had one check refused the motion."""
    assert row.verdict is not None
    checks = list(row.verdict.checks)
    at = next(index for index, check in enumerate(checks) if check.severity == "reject")
    checks[at] = replace(
        checks[at], passed=False, value=checks[at].limit * 2, spans=((10, 20),), reason=f"{checks[at].stage}: too much."
    )
    verdict = Verdict(tier=row.verdict.tier, checks=tuple(checks), score=score)
    return replace(row, verdict=verdict, pieces=(), usable_s=0.0)


def as_broken(row: ManifestRow, sentence: str) -> ManifestRow:
    """Return an outcome as it would be, had its source been of no use."""
    return ManifestRow(clip=row.clip, fingerprints={}, metrics={}, licences=(), broken_stage="reading", error=sentence)


def _varied(index: int, row: ManifestRow) -> ManifestRow:
    assert row.verdict is not None
    if index % 10 == 9:
        return as_broken(row, f"{row.clip.name}: the file ends before its motion does.")
    score = (index * 7919 % 1000) / 1000
    if index % 3 == 1:
        return as_refused(row, score)
    return replace(row, verdict=replace(row.verdict, score=score))


def _kinds() -> Iterator[str]:
    while True:
        yield from ("kick", "dash", "dance", "form", "jump", "turn", "dab")


def _renamed(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value


def _grey(height: int, width: int, frame: int) -> Picture:
    """Make a picture in which something moves."""
    picture = np.full((height, width, 3), 150, dtype=np.uint8)
    picture[height // 4 : height // 3, frame * 2 % width :][:, : width // 8] = (60, 90, 160)
    return picture
