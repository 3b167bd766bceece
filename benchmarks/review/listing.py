"""A list of a thousand clips: how long until it is there, and until it can be searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.review.browser import reviewer, until
from benchmarks.review.service import Service
from pipeline.store import Dataset

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_WATCH = """
(() => {
  const later = (then) => requestAnimationFrame(() => setTimeout(then, 0)); // after what was drawn is on the screen
  const searched = () => {
    const names = [...document.querySelectorAll(".row .name")].map((name) => name.textContent);
    if (names.length === 0 || !names.every((name) => name.includes("_099"))) return requestAnimationFrame(searched);
    later(() => { globalThis.searchedMs = performance.now(); });
  };
  const painted = () => {
    if (!document.querySelector(".row .name")?.textContent) return requestAnimationFrame(painted);
    later(() => {
      globalThis.paintedMs = performance.now();
      const field = document.querySelector("input[type=search]");
      field.value = "_099";
      field.dispatchEvent(new Event("input"));
      searched();
    });
  };
  requestAnimationFrame(painted);
})();
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Times of a long list [s]."""

    service_s: float
    """From the command to the first answer, every clip read."""
    painted_s: tuple[float, ...]
    """From navigation to the first lines on the screen, by run."""
    searched_s: tuple[float, ...]
    """From navigation to a search through all of them on the screen, by run."""


def list_many(browser: Browser, dataset: Dataset, n_runs: int = 5) -> Listed:
    """Start a service, and open the list in a browser without a cache a few times."""
    service, painted, searched = Service(dataset.root), [], []
    try:
        service_s = service.start()
        for _ in range(n_runs):
            context = reviewer(browser)
            page = context.new_page()
            page.add_init_script(_WATCH)
            page.goto(service.url)
            searched.append(until(page, "globalThis.searchedMs", within_s=60) / 1e3)
            painted.append(page.evaluate("globalThis.paintedMs") / 1e3)
            context.close()
    finally:
        service.kill()
    return Listed(service_s=service_s, painted_s=tuple(painted), searched_s=tuple(searched))
