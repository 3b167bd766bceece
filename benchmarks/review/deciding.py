"""Two reviewers decide, each in their own browser, while the service is killed again and again."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.review.browser import reviewer, until
from benchmarks.review.service import Service
from pipeline.decisions import read_decisions
from pipeline.store import Dataset

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_UNSENT = """
Object.keys(localStorage).filter((key) => key.startsWith("wushu-review/unsent:"))
  .reduce((sum, key) => sum + JSON.parse(localStorage[key]).length, 0)
"""

_CURRENT = "document.querySelector('.row.current')?.dataset.id ?? null"


_GOES_ON_S = 2.0
"""How long a page takes at most to go on to the next clip once a decision is kept [s]."""


@dataclass(slots=True)
class Decided:
    """What was decided in the pages, and what of it is on the disk."""

    made: int = 0
    lost: int = 0
    doubled: int = 0
    kills: int = 0
    held: int = 0
    """Decisions that a page held back while the service was dead, unsent or unanswered."""
    wrong: list[str] = field(default_factory=list)
    """A sentence for each that is not there once, as it was meant."""


def decide_under_fire(browser: Browser, dataset: Dataset, *, n_each: int, n_kills: int, seed: int) -> Decided:
    """Let two reviewers decide on as many clips each, from both ends of the list.

    The service is killed at once after a key that decides, so that it dies before, while or after it keeps the
    decision; it comes back after some more keys.

    Args:
        browser: Runs the pages.
        dataset: Has twice as many clips that can be decided on.
        n_each: Decisions of each reviewer.
        n_kills: How often the service is killed.
        seed: Of what is accepted and what rejected, and of when it dies.
    """
    chance, told = random.Random(seed), Decided()
    meant: dict[str, tuple[str, str]] = {}
    fatal = set(chance.sample(range(10, 2 * n_each - 20, 7), n_kills))
    with Service(dataset.root) as service:
        pages = {name: _page(browser, service, name, descending=name == "ben") for name in ("ann", "ben")}
        back_at = None
        for turn in range(2 * n_each):
            name = ("ann", "ben")[turn % 2]
            clip_id, ruling = _decide(pages[name], chance.random() < 0.5)
            meant[clip_id] = (name, ruling)
            if turn in fatal and service.process is not None:
                pages[name].wait_for_timeout(chance.choice((0, 2, 5, 10)))
                service.kill()
                told.kills += 1
                back_at = turn + chance.randrange(1, 6)
            if turn == back_at:
                told.held += sum(page.evaluate(_UNSENT) for page in pages.values())
                service.start()
        if service.process is None:
            service.start()
        for page in pages.values():
            until(page, f"({_UNSENT}) === 0", within_s=120)
    told.made = 2 * n_each
    _compare(dataset, meant, told)
    return told


def _page(browser: Browser, service: Service, name: str, *, descending: bool) -> Page:
    page = reviewer(browser, name).new_page()
    page.goto(service.url)
    page.locator(".row").first.wait_for()
    if descending:
        page.get_by_label("Other way round").click()
    page.locator(".rows").focus()
    page.keyboard.press("Home")
    return page


def _decide(page: Page, accepts: bool) -> tuple[str, str]:
    """Decide on the current clip by keys; returns it and the ruling."""
    clip_id = until(page, _CURRENT)
    page.keyboard.press("a" if accepts else "r")
    if not accepts:
        page.locator("dialog .reasons").wait_for()
        page.keyboard.press("1")
    try:
        until(page, f"({_CURRENT}) !== '{clip_id}'", within_s=_GOES_ON_S)
    except TimeoutError:  # without a service the page keeps the decision, and stays where it is
        page.keyboard.press("j")
        until(page, f"({_CURRENT}) !== '{clip_id}'")
    return clip_id, "accept" if accepts else "reject"


def _compare(dataset: Dataset, meant: dict[str, tuple[str, str]], told: Decided) -> None:
    for clip_id in dataset.clip_ids():
        kept: Counter[Any] = Counter((d.by, str(d.ruling)) for d in read_decisions(dataset, clip_id).items)
        wanted = meant.get(clip_id)
        n_right = kept.pop(wanted, 0) if wanted else 0
        told.lost += bool(wanted and n_right == 0)
        told.doubled += max(0, n_right - 1) + kept.total()
        if n_right != bool(wanted) or kept:
            told.wrong.append(f"{clip_id}: meant {wanted}, there {n_right} times; besides {dict(kept)}")
    told.lost += 2 * (told.made // 2) - len(meant)
