"""One dataset, one service and one browser for all tests of the page: each test has clips of its own."""

from __future__ import annotations

import random

import pytest

from benchmarks.review.browser import browser as started_browser
from benchmarks.review.browser import reviewer, watch, why_not
from benchmarks.review.material import add_clip, add_film, as_broken, as_refused, copy_clip
from benchmarks.review.service import Service
from pipeline.decisions import read_decisions
from pipeline.store import Dataset

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
"""What a clip is called, and what a note says."""

PLAIN = (
    "accept", "reject", "trim", "preview", "undo", "two", "meanwhile", "seen", "noted", "foreign", "reload", "three",
    "batch one", "batch two", "batch three", "name", "held one", "held two", "drafted",
    "many one", "many two", "many three", "asked", "solved anew", "lost", "failing", "forgotten",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Mark all of these, and skip them where there is no browser."""
    missing = why_not()
    for item in items:
        if "review_browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)
            if missing:
                item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Two seconds of the form at three rates, with films whose pictures carry the frame's number."""
    folder = tmp_path_factory.mktemp("review")
    dataset = Dataset.open_or_create(folder / "set")
    clips = {}
    for fps in (30.0, 24.0, 60.0):
        clips[fps] = add_clip(dataset, folder, f"form_{fps:.0f}", fps=fps, seconds=2.0)
        add_film(dataset, clips[fps])
    return dataset, clips


@pytest.fixture(scope="session")
def clips(made):
    """Ids of the clips by what they are called."""
    dataset, clips = made
    template = clips[30.0].row
    ids = {f"form_{fps:.0f}": made.row.clip.id for fps, made in clips.items()}
    for name in PLAIN:
        ids[name] = copy_clip(dataset, template, f"{name}.bvh").clip.id
    ids["script"] = copy_clip(dataset, template, f"{SCRIPT.replace('/', '_')}.bvh").clip.id
    ids["refused"] = copy_clip(dataset, template, "refused.bvh", change=as_refused).clip.id
    ids["turned down"] = copy_clip(dataset, template, "turned down.bvh", change=as_refused).clip.id
    ids["broken"] = copy_clip(
        dataset, template, "broken.bvh", change=lambda row: as_broken(row, f"{row.clip.name}: it is torn.")
    ).clip.id
    ids["no film"] = copy_clip(dataset, template, "no film.bvh").clip.id
    (dataset.clip_dir(ids["no film"]) / "playback.mp4").unlink()
    return ids


@pytest.fixture(scope="session")
def dataset(made, clips):
    """What is served, with all clips in it."""
    return made[0]


@pytest.fixture(scope="session")
def service(dataset):
    """The service, in a process of its own as a user runs it."""
    with Service(dataset.root) as running:
        yield running


@pytest.fixture(scope="module")
def chromium():
    """The browser; it ends before tests elsewhere start one of their own."""
    with started_browser() as running:
        yield running


@pytest.fixture
def open_page(chromium, service):
    """Open the review as somebody; what a page logs as an error, or asks in a window of its own, fails the test."""
    contexts, wrong = [], []

    def opened(name="ann", *, at=service, hash="#/", ready=lambda page: None):
        context = reviewer(chromium, name)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda said: wrong.append(said.text) if is_wrong(said) else None)
        ready(page)
        page.goto(at.url + hash)
        page.locator(".app").wait_for()
        watch(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def is_wrong(said) -> bool:
    """Tell what a page may not say: a service that is gone, or that refuses, is logged by the browser itself."""
    return said.type == "error" and not said.text.startswith("Failed to load resource")


@pytest.fixture
def decided(dataset):
    """Return what is on the disk of a clip's decisions."""
    return lambda clip_id, of=dataset: read_decisions(of, clip_id).items


@pytest.fixture
def chance():
    """The same choices in every run."""
    return random.Random(8)
