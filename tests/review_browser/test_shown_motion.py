"""The clip's page decides on the motion that is on the screen, and says what that comes to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.review.browser import open_clip, until
from benchmarks.review.material import as_refused, copy_clip
from pipeline.manifest import read_row, write_row

ANEW = "abcdefabcdefabcd"


@pytest.fixture
def own(made):
    """Return a clip of the test's own, as it is to be."""
    dataset, clips = made

    def add(name, **how):
        return copy_clip(dataset, clips[30.0].row, f"{name}.bvh", **how).clip.id

    return add


def solve_anew(dataset, clip_id):
    row = read_row(dataset, clip_id)
    write_row(dataset, replace(row, fingerprints={**row.fingerprints, "retarget": ANEW}))


def test_nothing_is_decided_on_a_motion_that_is_not_the_one_on_the_screen(open_page, service, dataset, own, decided):
    """Solved anew while it was open: accept, reject and preview are off until the page has loaded it."""
    clip_id = own("solved while open")
    page = open_page()
    open_clip(page, service.url, clip_id)
    solve_anew(dataset, clip_id)
    page.get_by_role("button", name="Load it").wait_for()
    for name in ("Accept", "Reject", "Preview"):
        assert page.get_by_role("button", name=name, exact=True).is_disabled()
    for key in ("a", "r", "p"):
        page.keyboard.press(key)
    page.wait_for_timeout(600)
    assert decided(clip_id) == ()
    assert page.locator("dialog").count() == 0
    page.keyboard.press("l")
    until(page, "document.querySelector('.anew')?.hidden === true")
    page.keyboard.press("a")
    page.get_by_text("solved while open: accepted").wait_for()
    assert [decision.fingerprint for decision in decided(clip_id)] == [ANEW]


def test_accepting_again_repeats_the_part_that_was_accepted(open_page, service, own, decided):
    """The marks of an own decision are on the timeline when the clip is opened again, and are no open draft."""
    clip_id = own("again")
    page = open_page()
    open_clip(page, service.url, clip_id)
    page.evaluate("playhead.seek(12)")
    until(page, "playhead.frame === 12 && playhead.target === null && playhead.due === null")
    page.keyboard.press("[")
    page.keyboard.press("a")
    page.get_by_text("again: accepted").first.wait_for()
    open_clip(page, service.url, clip_id)
    assert page.locator(".edit-value").first.inner_text().startswith("12\u2013")
    assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.includes('draft'))") == []
    page.keyboard.press("a")
    page.wait_for_timeout(800)
    assert {decision.frames for decision in decided(clip_id)} == {decided(clip_id)[0].frames}
    assert decided(clip_id)[0].frames[0] == 12


def test_the_page_says_what_accepting_hands_over(open_page, service, own):
    """A clip that the checks refuse is not accepted unawares."""
    clip_id = own("refused, told", change=as_refused)
    page = open_page()
    open_clip(page, service.url, clip_id)
    page.get_by_role("button", name="Accept though refused").wait_for()
    assert page.locator(".takes").inner_text().startswith("Accept hands over ")


def test_a_clip_is_read_again_once_the_service_answers(open_page, service, own):
    """Nobody has to load the page by hand."""
    clip_id = own("away")
    page = open_page()
    address = f"**/api/clips/{clip_id}"
    page.route(address, lambda route: route.abort())
    page.goto(f"{service.url}#/clip/{clip_id}")
    page.locator(".clip-main .problem").wait_for()
    page.unroute(address)
    page.get_by_role("button", name="Accept", exact=True).wait_for()


def test_a_broken_clip_is_called_broken(open_page, service, clips):
    """It has not been "not reviewed": there is nothing to review."""
    page = open_page()
    page.goto(f"{service.url}#/clip/{clips['broken']}")
    page.get_by_text("This clip is broken").wait_for()
    assert "not reviewed" not in page.locator(".clip-head").inner_text()


def test_measurements_have_short_plain_names(open_page, service):
    """All that limits speak of; what is nearly nothing is not written with seven zeros."""
    page = open_page()
    names = page.evaluate("""async () => {
      const { measurementName } = await import("wushu/clip/measurements.js");
      const { quantity } = await import("wushu/clip/words.js");
      return [measurementName("plausibility.com_cop_end"), measurementName("skate_p95"), quantity(8.01e-7, "1")];
    }""")
    assert names == ["off balance at the end", "feet slide", "≈ 0 %"]
