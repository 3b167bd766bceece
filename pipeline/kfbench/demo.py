"""Renders the demo's own input: two short videos of a person, with the truth of each kept beside it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from pipeline.body import SkinnedBody
from pipeline.camera import CameraPath
from pipeline.kfbench.cameras import tripod, walking_camera
from pipeline.kfbench.choreography import Choreography
from pipeline.kfbench.dance import DANCE
from pipeline.kfbench.kungfu_form import KUNGFU_FORM
from pipeline.kfbench.performance import perform
from pipeline.kfbench.truth import Truth, save_truth
from pipeline.render import FilmConfig, add_picture, film_person, h264_stream
from pipeline.render.skin import DEFAULT_COLOURS
from pipeline.render.textures import Colour
from pipeline.store import atomic_path
from retarget.progress import Progress, silent
from retarget.smpl_motion import SmplMotion

PIECES: Mapping[str, Choreography] = {piece.name: piece for piece in (KUNGFU_FORM, DANCE)}
"""The choreographies by name, in the order of the demo."""

_CLOTHES: Mapping[str, Mapping[str, Colour]] = {
    "kungfu_form": {"shirt": (228, 226, 218), "pants": (34, 34, 40), "shoes": (40, 38, 40)},
    "dance": {"shirt": (44, 84, 168), "pants": (62, 60, 64), "shoes": (226, 226, 222)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoClip:
    """One rendered video and where its truth lies."""

    name: str
    """Name of the choreography."""
    video: Path
    """H.264 in MP4."""
    truth: Path
    """File for :func:`pipeline.kfbench.truth.load_truth`."""


def render_demo(
    out_dir: Path, body: SkinnedBody, progress: Progress = silent, *, size: tuple[int, int] = (1280, 720)
) -> list[DemoClip]:
    """Render both clips: kung fu before a standing camera, dance before one that walks and pans.

    Args:
        out_dir: Where the videos go; made if missing.
        body: Who performs, in its mean shape.
        progress: Told after every frame, over both clips together.
        size: Frame width and height, even [px].

    Raises:
        MissingRenderer: No OpenGL on this machine.
        OutputNotWritable: The folder cannot be written.
    """
    truths = {name: stage_piece(piece, body, size=size) for name, piece in PIECES.items()}
    total = sum(len(truth.motion) for truth in truths.values())
    clips, done = [], 0
    for name, truth in truths.items():
        clip = DemoClip(name=name, video=out_dir / f"{name}.mp4", truth=out_dir / f"{name}.truth.npz")
        before = done

        def report(frame: int, _: int | None, before: int = before) -> None:
            progress(before + frame, total)

        render_clip(clip.video, truth, body, clothes=_CLOTHES[name], progress=report)
        save_truth(clip.truth, truth)
        done += len(truth.motion)
        clips.append(clip)
    return clips


def stage_piece(piece: Choreography, body: SkinnedBody, *, size: tuple[int, int] = (1280, 720)) -> Truth:
    """Let a body perform a piece before its camera, without drawing anything."""
    motion = perform(piece, body)
    scale = body.height(motion.betas) / 1.70  # a taller person is filmed from farther away
    return Truth(motion=motion, camera=_camera(piece, motion, scale, size), image_size=size)


def _camera(piece: Choreography, motion: SmplMotion, scale: float, size: tuple[int, int]) -> CameraPath:
    if piece is KUNGFU_FORM:
        pos, aim = scale * np.array([4.95, 0.75, 1.25]), scale * np.array([0.2, 0.12, 0.86])
        return tripod(len(motion), pos_w=pos, aim_w=aim, size=size)
    return walking_camera(
        motion.rest_joint_pos[0] + motion.transl,
        start_w=scale * np.array([4.75, 1.15, 1.3]),
        end_w=scale * np.array([4.75, -0.65, 1.3]),
        fps=motion.fps,
        size=size,
    )


def render_clip(
    path: Path,
    truth: Truth,
    body: SkinnedBody,
    *,
    clothes: Mapping[str, Colour] | None = None,
    progress: Progress = silent,
) -> None:
    """Film a truth into an H.264 video at the motion's own rate.

    Raises:
        MissingRenderer: No OpenGL on this machine.
        OutputNotWritable: The folder cannot be written.
    """
    width, height = truth.image_size
    config = FilmConfig(width=width, height=height, colours={**DEFAULT_COLOURS, **(clothes or {})})
    film = film_person(body, truth.motion, truth.camera, config)
    # Closed here: a film left to the end of the process outlives the graphics it is drawn with.
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as container, closing(film):
        stream = h264_stream(container, size=truth.image_size, fps=truth.motion.fps, crf=18)
        for number, frame in enumerate(film, start=1):
            add_picture(container, stream, frame)
            progress(number, len(truth.motion))
        container.mux(stream.encode())
