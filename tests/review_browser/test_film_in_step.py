"""What the page says of the film is what the film shows: the picture's own number is read from the screen."""

from __future__ import annotations

import pytest

from benchmarks.review.browser import open_clip, until

SAID = "Number(document.querySelector('.timeline').getAttribute('aria-valuenow'))"

SAMPLE = """
(n) => new Promise((resolve) => {
  const seen = [];
  const look = () => {
    seen.push([numberShown(), playhead.frame]);
    if (seen.length < n) requestAnimationFrame(look);
    else resolve(seen);
  };
  requestAnimationFrame(look);
})
"""


def shown_at(page, frame):
    """Wait until the page says that it shows a frame, and return what the picture says."""
    until(page, f"playhead.aim === {frame} && playhead.target === null && playhead.due === null")
    until(page, f"{SAID} === {frame}")
    return page.evaluate("numberShown()")


def test_playing_moves_the_timeline_with_the_picture(open_page, service, clips):
    """Space plays and stops; the cursor goes on with what is shown, and stops at the very frame."""
    page = open_page()
    open_clip(page, service.url, clips["form_30"])
    before = page.locator(".cursor").first.bounding_box()["x"]
    page.keyboard.press("Space")
    samples = page.evaluate(SAMPLE, 60)
    page.keyboard.press("Space")
    frames = [frame for _, frame in samples]
    assert frames == sorted(frames) and frames[-1] > frames[0] + 5
    apart = [abs(number - frame) for number, frame in samples]
    assert sum(frames > 1 for frames in apart) <= len(apart) / 10  # a busy machine tells the page late, now and then
    until(page, "!playhead.playing && playhead.target === null && playhead.due === null")
    assert page.locator(".cursor").first.bounding_box()["x"] > before + 20
    assert page.evaluate("numberShown()") == page.evaluate("playhead.frame") == page.evaluate(SAID)


def test_at_its_end_the_film_stops_and_begins_anew(open_page, service, clips):
    """Without a key more than the one that plays."""
    page = open_page()
    open_clip(page, service.url, clips["form_30"])
    page.keyboard.press("End")
    assert shown_at(page, 60) == 60
    page.keyboard.press(".")
    page.keyboard.press("Space")
    until(page, "playhead.playing && playhead.frame < 40")
    until(page, "!playhead.playing && playhead.frame === 60")


@pytest.mark.parametrize(("fps", "step", "last"), [(30, 1, 60), (24, 1, 48), (60, 2, 120)])
def test_a_seek_and_a_step_land_on_that_very_frame(open_page, service, clips, chance, fps, step, last):
    """Whatever the rate; at 60 frames/s the film shows every other one."""
    page = open_page()
    open_clip(page, service.url, clips[f"form_{fps}"])
    for frame in [0, last, *(chance.randrange(0, last, step) for _ in range(8))]:
        page.evaluate(f"playhead.seek({frame})")
        assert shown_at(page, frame) == frame
    page.evaluate(f"playhead.seek({10 * step})")
    at = 10 * step
    for key, by in [
        ("ArrowRight", 1),
        ("ArrowRight", 1),
        ("ArrowLeft", -1),
        ("Shift+ArrowRight", 10),
        ("ArrowLeft", -1),
    ]:
        page.keyboard.press(key)
        at += by * step
        assert shown_at(page, at) == at
    for _ in range(6):  # a key that is held
        page.keyboard.press("ArrowRight")
    assert shown_at(page, at + 6 * step) == at + 6 * step


def test_a_click_on_the_timeline_goes_to_its_frame(open_page, service, clips):
    """To the one that the pointer's hint names."""
    page = open_page()
    open_clip(page, service.url, clips["form_30"])
    box = page.locator(".timeline-canvas").bounding_box()
    for share in (0.3, 0.55, 0.9):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 8)
        named = int(page.locator(".timeline .tip").inner_text().split()[0])
        page.mouse.down()
        page.mouse.up()
        assert shown_at(page, named) == named


def test_without_its_film_a_clip_is_shown_by_its_plots(open_page, service, clips):
    """The page says why, and a clock moves the timeline."""
    page = open_page()
    page.goto(f"{service.url}#/clip/{clips['no film']}")
    page.get_by_text("No film:").wait_for()
    assert page.locator("video").count() == 0
    page.keyboard.press("Space")
    until(page, f"{SAID} > 10")
    page.keyboard.press("Space")
    page.keyboard.press("Home")
    until(page, f"{SAID} === 0")
    page.keyboard.press("ArrowRight")
    until(page, f"{SAID} === 1")


def test_the_robot_is_seen_from_anywhere_in_step(open_page, service, clips):
    """3D opens beside the film and closes again, and the page reports no error."""
    page = open_page()
    open_clip(page, service.url, clips["three"])
    page.keyboard.press("d")
    page.locator(".three-box canvas").wait_for()
    page.keyboard.press("ArrowRight")
    assert shown_at(page, 1) == 1
    page.keyboard.press("d")
    until(page, "document.querySelector('.three-box').hidden")
