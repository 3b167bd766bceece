"""Drives the review page in the system's Chromium, without a screen."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.review.material import READ_NUMBER

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = Path("/usr/bin/chromium")

_OPTIONS = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)

_WATCH = f"""
async () => {{
  const {{ Playhead }} = await import("wushu/clip/playhead.js");
  const tell = EventTarget.prototype.dispatchEvent;
  Playhead.prototype.dispatchEvent = function (event) {{
    globalThis.playhead = this;
    return tell.call(this, event);
  }};
  globalThis.readNumber = {READ_NUMBER.strip()};
  globalThis.numberShown = () => readNumber(document.querySelector("video"));
}}
"""


def why_not() -> str | None:
    """Say what is missing to drive a browser; None if nothing is."""
    if not CHROMIUM.is_file():
        return f"{CHROMIUM} is not there: apt-get install chromium"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install playwright (it downloads no browser)"
    return None


@contextmanager
def browser() -> Iterator[Browser]:
    """Run Chromium for as long as the block does."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=_OPTIONS)
        try:
            yield started
        finally:
            started.close()


def reviewer(browser: Browser, name: str | None = "ann") -> BrowserContext:
    """Return a browser of somebody's own, who has said their name already; None: who has not."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(15_000)
    if name is not None:
        said = json.dumps(json.dumps(name))
        context.add_init_script(f"localStorage.setItem('wushu-review/reviewer', {said});")
    return context


def watch(page: Page) -> None:
    """Let ``globalThis.playhead`` be that of the clip opened last, and ``numberShown()`` what its picture says."""
    page.evaluate(_WATCH)


def until(page: Page, condition: str, within_s: float = 15.0) -> Any:
    """Wait until an expression of JavaScript holds, and return it; the page's policy lets Playwright's own waiting not.

    Raises:
        TimeoutError: It never did.
    """
    deadline = time.monotonic() + within_s
    while not (found := page.evaluate(condition)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"this never came true: {condition}")
        page.wait_for_timeout(20)
    return found


def open_clip(page: Page, url: str, clip_id: str) -> None:
    """Open a clip's page, and wait for its first picture; :func:`watch` it before."""
    page.evaluate("globalThis.playhead = null")
    page.goto(f"{url}#/clip/{clip_id}")
    until(page, "Boolean(globalThis.playhead?.shownOnce && !playhead.closed)")
