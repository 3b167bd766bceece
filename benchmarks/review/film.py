"""A minute of film of real size, and how the page follows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from benchmarks.review.browser import open_clip, reviewer, until, watch
from benchmarks.review.material import Made, Picture, add_clip, add_film, form
from benchmarks.review.service import Service
from pipeline.body import load_body
from pipeline.camera import CameraPath
from pipeline.kfbench import PIECES, Truth, render_clip, stage_piece
from pipeline.render import ViewConfig, body_frames, robot_frames
from pipeline.review import PlaybackConfig
from pipeline.store import Dataset
from retarget.result import RetargetResult
from robots.g1 import load_g1

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FPS = 30.0
HEIGHT = PlaybackConfig().height_px

_FIRST_PICTURE = """
new MutationObserver((_, observer) => {
  const video = document.querySelector("video");
  if (!video) return;
  observer.disconnect();
  video.requestVideoFrameCallback(() => { globalThis.firstPictureMs = performance.now(); });
}).observe(document, { childList: true, subtree: true });
"""

_PLAY = """
async (seconds) => {
  const frames = [];
  playhead.addEventListener("frame", () => frames.push([performance.now(), playhead.frame]));
  playhead.seek(0);
  playhead.play();
  await new Promise((done) => setTimeout(done, (seconds + 1) * 1000));
  playhead.pause();
  const begun = frames[0][0] + 500;
  return frames.filter(([at]) => at >= begun && at < begun + seconds * 1000).length / seconds;
}
"""

_SYNC = """
async ({ playS, seeks, steps }) => {
  const told = { worst: 0, samples: 0, unreadable: 0, missed: 0 };
  const compare = () => {
    const number = numberShown();
    told.samples += 1;
    if (number === null) told.unreadable += 1;
    else told.worst = Math.max(told.worst, Math.abs(number - playhead.frame));
  };
  let watching = true;
  const look = () => { compare(); if (watching) requestAnimationFrame(look); };
  requestAnimationFrame(look);
  const later = (ms) => new Promise((done) => setTimeout(done, ms));
  const settled = async () => {
    while (playhead.target !== null || playhead.queued !== null || playhead.due !== null) await later(5);
    compare();
  };
  playhead.seek(0);
  playhead.play();
  await later(playS * 1000);
  playhead.pause();
  await settled();
  for (const frame of seeks) {
    playhead.seek(frame);
    await settled();
    if (numberShown() !== frame) told.missed += 1;
  }
  for (const step of steps) {
    const before = playhead.frame;
    playhead.step(step);
    await settled();
    if (numberShown() !== Math.max(0, Math.min(playhead.lastFrame, before + step))) told.missed += 1;
  }
  watching = false;
  return told;
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How the page followed the film."""

    first_picture_s: tuple[float, ...]
    """From navigation to the first shown picture, by run, each in a browser without a cache; the first of them asks a
    service that has just begun [s]."""
    playback_fps: float
    """Pictures that the page told of while playing [1/s]."""
    worst_frames: int
    """Farthest that page and picture were apart."""
    n_samples: int
    n_unreadable: int
    n_missed: int
    """Seeks and steps that ended beside where they aimed."""
    megabytes: float
    """Of the film."""


def a_minute(dataset: Dataset, folder: Path, seconds: float = 60.0) -> Made:
    """Make a clip of 1,800 frames whose film shows source, body and robot as a film of the default size does."""
    made = add_clip(dataset, folder, "minute", fps=FPS, seconds=seconds)
    add_film(dataset, made, height=HEIGHT, pictures=_pictures(dataset, folder))
    return made


def follow(browser: Browser, service: Service, dataset: Dataset, made: Made, seed: int, n_runs: int = 5) -> Followed:
    """Open the clip a few times, play it, and go to and fro in it."""
    firsts = [_first_picture(browser, service, made.row.clip.id) for _ in range(n_runs)]
    context = reviewer(browser)
    page = context.new_page()
    page.goto(service.url)
    page.locator(".app").wait_for()
    watch(page)
    open_clip(page, service.url, made.row.clip.id)
    fps = page.evaluate(_PLAY, 15)
    chance = np.random.default_rng(seed)
    asked = {
        "playS": 8,
        "seeks": chance.integers(0, made.n_frames, 100).tolist(),
        "steps": chance.choice([1, -1, 10, -10], 100).tolist(),
    }
    told = page.evaluate(_SYNC, asked)
    context.close()
    return Followed(
        first_picture_s=tuple(firsts),
        playback_fps=fps,
        worst_frames=told["worst"],
        n_samples=told["samples"],
        n_unreadable=told["unreadable"],
        n_missed=told["missed"],
        megabytes=(dataset.clip_dir(made.row.clip.id) / "playback.mp4").stat().st_size / 1e6,
    )


def _first_picture(browser: Browser, service: Service, clip_id: str) -> float:
    context = reviewer(browser)
    page: Page = context.new_page()
    page.add_init_script(_FIRST_PICTURE)
    page.goto(f"{service.url}#/clip/{clip_id}")
    took = until(page, "globalThis.firstPictureMs", within_s=60)
    context.close()
    return took / 1e3


def _pictures(dataset: Dataset, folder: Path, seconds: float = 3.0) -> Callable[[int], tuple[Picture, ...]]:
    """Draw some seconds of the form, and show them forwards and backwards as long as is asked for."""
    short = add_clip(dataset, folder, "short", fps=FPS, seconds=seconds)
    row = short.row
    solved = dataset.load(row.clip.id, "retarget", row.fingerprints["retarget"], RetargetResult)
    width, height = PlaybackConfig(height_px=HEIGHT).view_size
    view = ViewConfig(width=width, height=height)
    frames = short.n_frames
    with closing(body_frames(load_body(), form(seconds), view)) as body:
        bodies = [picture.copy() for picture in islice(body, frames)]
    with closing(robot_frames(load_g1("29dof"), solved.motion, view)) as robot:
        robots = [picture.copy() for picture in islice(robot, frames)]
    films = list(zip(_source(folder, frames), bodies, robots, strict=False))
    there_and_back = [*films, *films[-2:0:-1]]
    return lambda frame: there_and_back[frame % len(there_and_back)]


def _source(folder: Path, frames: int) -> list[Picture]:
    """Film the demo's person as `wushu demo` does."""
    whole, path = stage_piece(PIECES["kungfu_form"], load_body(), size=(1280, 720)), folder / "source.mp4"
    motion, camera = whole.motion, whole.camera
    truth = Truth(
        motion=motion.part(0.0, (frames - 1) / motion.fps),
        camera=CameraPath(K=camera.K, R_w2c=camera.R_w2c[:frames], pos_w=camera.pos_w[:frames]),
        image_size=whole.image_size,
    )
    render_clip(path, truth, load_body())
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    size = (round(pictures[0].shape[1] * HEIGHT / pictures[0].shape[0] / 2) * 2, HEIGHT)
    return [np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)) for picture in pictures]


def typical(values: tuple[float, ...]) -> float:
    """Return the middle one."""
    return float(median(values))
