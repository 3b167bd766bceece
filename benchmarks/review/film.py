"""A minute of film of real size, and how the page follows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np

from benchmarks.review.browser import open_clip, reviewer, until, watch
from benchmarks.review.material import BITS, SIDES, Made, Picture, add_clip, add_film, form
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

_TELL = """
([left, top]) => {
  const canvas = document.createElement("canvas");
  canvas.className = "told-number";
  Object.assign(canvas, { width: BITS * 8, height: 16 });
  Object.assign(canvas.style, { position: "fixed", left: `${left}px`, top: `${top}px`, zIndex: 1000 });
  const context = canvas.getContext("2d");
  const draw = () => {
    for (let bit = 0; bit < BITS; bit += 1) {
      const on = (playhead.frame >> bit) & 1;
      context.fillStyle = on ? "#fff" : "#000";
      context.fillRect(bit * 8, 0, 8, 8);
      context.fillStyle = on ? "#000" : "#fff";
      context.fillRect(bit * 8, 8, 8, 8);
    }
  };
  document.body.append(canvas);
  playhead.addEventListener("frame", draw); // with everything else of the page that follows the film
  draw();
}
""".replace("BITS", str(BITS))

_SETTLED = """
async () => {
  const later = (ms) => new Promise((done) => setTimeout(done, ms));
  while (playhead.target !== null || playhead.queued !== null || playhead.due !== null) await later(5);
  return [numberShown(), playhead.frame];
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
    n_apart_within: int
    """Of 100 looks right after a seek was asked for, how many saw the new picture and were still told of the old: a
    browser tells a page of a picture when it is on the screen already."""
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
    looks, within, n_missed = _looks(page, made.n_frames, np.random.default_rng(seed))
    context.close()
    apart = [abs(picture - told) for picture, told in looks if picture is not None and told is not None]
    return Followed(
        first_picture_s=tuple(firsts),
        playback_fps=fps,
        worst_frames=max(apart),
        n_samples=len(looks),
        n_unreadable=len(looks) - len(apart),
        n_missed=n_missed,
        n_apart_within=sum(picture != told for picture, told in within),
        megabytes=(dataset.clip_dir(made.row.clip.id) / "playback.mp4").stat().st_size / 1e6,
    )


Look = tuple[int | None, int | None]
"""Number on the picture, and number that the page tells; None where one cannot be read."""


def _looks(page: Page, n_frames: int, chance: np.random.Generator, n: int = 100) -> tuple[list[Look], list[Look], int]:
    """Look at the screen while the film plays, and at picture and page after seeks and steps.

    Also returns looks at the screen within seeks, and how many seeks and steps ended beside where they aimed.
    """
    screen = _Screen(page)
    page.evaluate("playhead.seek(0)")
    page.evaluate(_SETTLED)
    page.evaluate("playhead.play()")
    looks = [screen.look() for _ in range(n)]
    page.evaluate("playhead.pause()")
    page.evaluate(_SETTLED)
    missed, within = 0, []
    for frame in chance.integers(0, n_frames, n).tolist():
        page.evaluate(f"playhead.seek({frame})")
        within.append(screen.look())
        looks.append(tuple(page.evaluate(_SETTLED)))
        missed += looks[-1] != (frame, frame)
    for step in chance.choice([1, -1, 10, -10], n).tolist():
        wanted = page.evaluate(f"Math.max(0, Math.min(playhead.lastFrame, playhead.frame + {step}))")
        page.evaluate(f"playhead.step({step})")
        looks.append(tuple(page.evaluate(_SETTLED)))
        missed += looks[-1] != (wanted, wanted)
    return looks, within, missed


class _Screen:
    """Reads both numbers from one picture of the window, as a person sees them."""

    def __init__(self, page: Page) -> None:
        video = page.locator("video").bounding_box()
        assert video is not None
        scale = video["height"] / HEIGHT
        self._page, self._side = page, HEIGHT // SIDES * scale
        left, top = round(video["x"] + HEIGHT // SIDES // 2 * scale), round(video["y"] + video["height"] / 2)
        self._told_at = round(2 * self._side) + 2
        self._clip: Any = {"x": left, "y": top, "width": BITS * max(self._side, 8.0), "height": self._told_at + 16}
        page.evaluate(_TELL, [left, top + self._told_at])

    def look(self) -> Look:
        data = np.frombuffer(self._page.screenshot(clip=self._clip), dtype=np.uint8)
        window = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        assert window is not None
        return _number(window, 0.0, self._side), _number(window, self._told_at, 8.0)


def _number(window: np.ndarray, top: float, side: float) -> int | None:
    """Read squares of a side, white for 1, with their negative below."""
    columns = np.rint((np.arange(BITS) + 0.5) * side).astype(int)
    upper, lower = (window[round(top + row * side), columns].astype(int) for row in (0.5, 1.5))
    if np.abs(upper - lower).min() < 100:
        return None
    return int((upper > lower) @ (1 << np.arange(BITS)))


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
