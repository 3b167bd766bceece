"""The page's frame is the frame on the screen: a film whose pictures bear their own number tells."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "pipeline" / "review_desk" / "page"
CHROMIUM = Path(shutil.which("chromium") or "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run"]
ORIGIN = "http://wushu.test"
N_PICTURES, FPS, BITS, SQUARE = 120, 30, 8, 32

TOOLS = """async ({film, nPictures, step}) => {
  const { Playhead } = await import("wushu/clip/playhead.js");
  const video = document.createElement("video");
  video.muted = true;
  const bytes = Uint8Array.from(atob(film), (letter) => letter.charCodeAt(0));
  video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
  document.body.append(video);
  const facts = { n_frames: nPictures, fps: 30, step };
  const head = new Playhead({ nFrames: nPictures * step, fps: 30 * step, video, film: facts });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [256, 64];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const onScreen = () => {
    context.drawImage(video, 0, 0);
    let number = 0;
    for (let bit = 0; bit < 8; bit += 1) {
      if (context.getImageData(bit * 32 + 16, 32, 1, 1).data[0] > 128) number |= 1 << bit;
    }
    return number * step;
  };
  const settled = async () => {
    do await wait(30); while (head.target !== null || head.queued !== null || head.due !== null);
    await wait(60);
    return [head.frame, onScreen()];
  };
  for (let i = 0; i < 200 && video.readyState < 2 && !head.problem; i += 1) await wait(20);
  await wait(100);
  window.sync = { head, wait, onScreen, settled };
}"""


@pytest.mark.browser
@pytest.mark.parametrize("step", [1, 2])
def test_the_shown_frame_is_the_one_on_the_screen_after_seeks_and_held_steps_and_while_playing(step: int) -> None:
    """Seeks and steps agree exactly, no held step is lost; while playing, one picture of delay is the most."""
    with _page() as page:
        page.evaluate(TOOLS, {"film": _numbered_film(), "nPictures": N_PICTURES, "step": step})
        seeks = page.evaluate(
            """async (frames) => { const found = [];
            for (const frame of frames) { sync.head.seek(frame); found.push(await sync.settled()); } return found; }""",
            wanted := [n * step for n in (0, 1, 119, 60, 61, 59, 7, 118)],
        )
        assert seeks == [[frame, frame] for frame in wanted]
        held = page.evaluate(
            """async () => { sync.head.seek(20 * sync.head.stride); await sync.settled();
            for (let i = 0; i < 25; i += 1) { sync.head.step(1); await sync.wait(8); } const on = await sync.settled();
            for (let i = 0; i < 3; i += 1) sync.head.step(-10); return [on, await sync.settled()]; }"""
        )
        assert held == [[45 * step, 45 * step], [15 * step, 15 * step]]
        played: dict[str, Any] = page.evaluate(
            """async () => { const errors = [];
            const watch = () => errors.push(Math.abs(sync.onScreen() - sync.head.frame));
            sync.head.addEventListener("frame", watch); sync.head.play(); await sync.wait(1500); sync.head.pause();
            sync.head.removeEventListener("frame", watch); const paused = await sync.settled();
            return { most: Math.max(...errors), count: errors.length, paused }; }"""
        )
        assert played["count"] > 5
        assert played["most"] <= step
        assert played["paused"][0] == played["paused"][1]


@pytest.mark.browser
def test_a_film_that_cannot_be_read_gives_way_to_a_clock_and_says_so() -> None:
    """What was asked for before is still reached, and playing goes on to the last frame."""
    with _page() as page:
        film = base64.b64encode(b"no film").decode()
        page.evaluate(TOOLS, {"film": film, "nPictures": 40, "step": 1})
        found = page.evaluate(
            """async () => { sync.head.seek(10); const at = sync.head.frame; sync.head.setSpeed(4); sync.head.play();
            for (let i = 0; i < 100 && sync.head.playing; i += 1) await sync.wait(30);
            return [sync.head.problem, at, sync.head.frame, sync.head.playing]; }"""
        )
        assert found[0].startswith("the film cannot be shown")
        assert found[1:] == [10, 39, False]


@contextmanager
def _page() -> Iterator[Any]:
    """Open an empty page in Chromium that finds the page's modules; nothing else is answered."""
    if not CHROMIUM.exists():
        pytest.skip("there is no Chromium on this machine: apt install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    import_map = json.dumps({"imports": {"wushu/": f"{ORIGIN}/page/"}})
    start = f'<!doctype html><script type="importmap">{import_map}</script><body></body>'

    def answer(route: Any) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        if path == "/":
            route.fulfill(body=start, content_type="text/html")
        elif path.startswith("/page/clip/"):
            route.fulfill(
                body=(PAGE / path.removeprefix("/page/")).read_text(encoding="utf-8"), content_type="text/javascript"
            )
        else:
            route.abort()

    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page()
        page.route("**/*", answer)
        page.goto(f"{ORIGIN}/")
        yield page
        browser.close()


def _numbered_film() -> str:
    """Return an MP4 whose every picture shows its number as black and white squares, lowest bit first; base64."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS))
        stream.width, stream.height, stream.pix_fmt = BITS * SQUARE, 64, "yuv420p"
        stream.options = {"preset": "veryfast"}
        for number in range(N_PICTURES):
            bits = [255 * (number >> bit & 1) for bit in range(BITS)]
            row = np.repeat(np.array(bits, dtype=np.uint8), SQUARE)
            picture = np.broadcast_to(row[None, :, None], (64, BITS * SQUARE, 3))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode())
    return base64.b64encode(file.getvalue()).decode()
