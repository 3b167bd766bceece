"""What a reviewer does in the page is on the disk, as they meant it, once."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.review.browser import open_clip, until
from benchmarks.review.service import Service
from pipeline.manifest import read_row
from pipeline.store import Dataset


def decisions_shown(page):
    return page.locator(".clip-side section, .clip-side details").filter(has_text="Decisions").first.inner_text()


def seek(page, frame):
    page.evaluate(f"playhead.seek({frame})")
    until(page, f"playhead.frame === {frame} && playhead.target === null && playhead.due === null")


def state_in_list(page, clip_id):
    """Return what the list says that a person said of a clip."""
    return page.locator(f".row[data-id='{clip_id}'] .said").inner_text()


def test_who_has_said_no_name_is_asked_for_one(open_page, service, clips, decided):
    """Nothing is decided in nobody's name; the name is asked for once."""
    page = open_page(None)
    page.get_by_label("Your name").fill("carla")
    page.get_by_role("button", name="Begin").click()
    open_clip(page, service.url, clips["name"])
    page.keyboard.press("a")
    page.get_by_text("name: accepted").wait_for()
    (decision,) = decided(clips["name"])
    assert decision.by == "carla"
    page.reload()
    page.locator(".clip-head").wait_for()
    assert page.locator("dialog").count() == 0


def test_accepting_is_one_key_and_shows_the_next_clip(open_page, service, dataset, clips, decided):
    """The decision names the motion that was seen."""
    page = open_page()
    open_clip(page, service.url, clips["accept"])
    page.keyboard.press("a")
    page.get_by_text("accept: accepted").wait_for()
    (decision,) = decided(clips["accept"])
    assert (decision.ruling, decision.by, decision.frames) == ("accept", "ann", None)
    assert decision.fingerprint == read_row(dataset, clips["accept"]).fingerprints["retarget"]
    until(page, f"!location.hash.includes('{clips['accept']}') && location.hash.includes('clip')")


def test_rejecting_asks_for_the_reason(open_page, service, clips, decided):
    """A digit answers; Esc decides nothing."""
    page = open_page()
    open_clip(page, service.url, clips["reject"])
    page.keyboard.press("r")
    page.locator("dialog").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    assert decided(clips["reject"]) == ()
    page.keyboard.press("r")
    page.get_by_label("Note").fill("slides at <the end>")
    page.keyboard.press("Enter")
    page.keyboard.press("1")
    page.get_by_text("reject: rejected").wait_for()
    (decision,) = decided(clips["reject"])
    assert (decision.ruling, decision.reason, decision.note) == ("reject", "foot-skate", "slides at <the end>")


def test_a_part_is_accepted_by_its_first_and_last_shown_frame(open_page, service, clips, decided):
    """Both marks count; the list says that it is a part."""
    page = open_page()
    open_clip(page, service.url, clips["trim"])
    seek(page, 10)
    page.keyboard.press("[")
    seek(page, 40)
    page.keyboard.press("]")
    page.keyboard.press("a")
    page.get_by_text("accepted frames 10 to 40").wait_for()
    (decision,) = decided(clips["trim"])
    assert decision.frames == (10, 41)
    page.keyboard.press("Escape")
    assert state_in_list(page, clips["trim"]) == "trimmed"


def test_a_preview_says_what_would_be_handed_over_and_decides_nothing(open_page, service, clips, decided):
    """With the verdict before and after, for the frames between the marks."""
    page = open_page()
    open_clip(page, service.url, clips["preview"])
    seek(page, 12)
    page.keyboard.press("[")
    page.keyboard.press("p")
    told = page.locator(".preview .badge")
    told.nth(1).wait_for()
    assert [told.nth(n).inner_text() for n in range(2)] == ["accepted", "accepted"]
    assert "frames 12\u201360" in page.locator(".preview").inner_text()
    assert decided(clips["preview"]) == ()
    page.keyboard.press("c")
    until(page, "document.querySelector('.preview').textContent === ''")


def test_a_ruling_is_taken_back_by_a_key(open_page, service, clips, decided):
    """On the disk that is one line more, not one less."""
    page = open_page()
    open_clip(page, service.url, clips["undo"])
    page.keyboard.press("a")
    page.get_by_text("undo: accepted").wait_for()
    page.goto(f"{service.url}#/clip/{clips['undo']}")
    until(page, "document.querySelector('.clip-name')?.textContent === 'undo'")
    page.keyboard.press("u")
    page.get_by_text("undo: ruling taken back").wait_for()
    assert [decision.ruling for decision in decided(clips["undo"])] == ["accept", "undo"]
    page.keyboard.press("Escape")
    assert state_in_list(page, clips["undo"]) == "to review"


def test_many_are_decided_at_once_and_taken_back_at_once(open_page, clips, decided):
    """Each has a decision of its own."""
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("batch")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Mark all shown").click()
    page.locator(".rows").focus()
    page.keyboard.press("r")
    page.keyboard.press("2")
    page.get_by_text("3 clips: rejected").wait_for()
    ids = [clips[f"batch {number}"] for number in ("one", "two", "three")]
    assert [[d.reason for d in decided(clip_id)] for clip_id in ids] == [["floating"]] * 3
    page.keyboard.press("u")
    page.get_by_text("3 clips: ruling taken back").wait_for()
    assert [[d.ruling for d in decided(clip_id)] for clip_id in ids] == [["reject", "undo"]] * 3


def test_two_reviewers_see_each_other_and_are_asked_before_they_differ(open_page, service, clips, decided):
    """Leaving theirs writes nothing; deciding anyway is a dispute that both see."""
    ann, ben = open_page("ann"), open_page("ben")
    for page in (ann, ben):
        open_clip(page, service.url, clips["two"])
    ann.keyboard.press("a")
    ann.get_by_text("two: accepted").wait_for()
    until(ben, "document.querySelector('.clip-head .state-accepted') !== null")
    ben.keyboard.press("r")
    ben.keyboard.press("1")
    ben.get_by_text("It was accepted by ann").wait_for()
    ben.get_by_role("button", name="Leave theirs").click()
    assert [d.by for d in decided(clips["two"])] == ["ann"]
    ben.keyboard.press("r")
    ben.keyboard.press("1")
    ben.get_by_role("button", name="Decide anyway").click()
    ben.get_by_text("two: rejected").wait_for()
    assert [(d.by, d.ruling) for d in decided(clips["two"])] == [("ann", "accept"), ("ben", "reject")]
    ann.goto(f"{service.url}#/clip/{clips['two']}")
    ann.locator(".clip-head .mark-disputed").wait_for()


def test_a_ruling_that_was_not_seen_is_not_overruled(open_page, service, clips, decided):
    """Somebody decided within the two seconds between two looks: the service says so, and the page asks."""
    nothing = {"clips": [], "gone": [], "revision": 1}
    ben = open_page("ben", ready=lambda page: page.route("**/api/changes*", lambda route: route.fulfill(json=nothing)))
    open_clip(ben, service.url, clips["meanwhile"])
    ann = open_page("ann")
    open_clip(ann, service.url, clips["meanwhile"])
    ann.keyboard.press("a")
    ann.get_by_text("meanwhile: accepted").wait_for()
    ben.keyboard.press("r")
    ben.keyboard.press("3")
    ben.get_by_text("decided on meanwhile meanwhile").wait_for()
    ben.keyboard.press("Escape")
    ben.get_by_text("theirs stands").wait_for()
    assert [d.by for d in decided(clips["meanwhile"])] == ["ann"]


@pytest.mark.parametrize("kept", [False, True], ids=["before it is kept", "before it is answered"])
def test_a_decision_during_which_the_service_dies_is_kept_once(open_page, dataset, clips, decided, tmp_path, kept):
    """The page holds it, and sends it when the service is back unless it is there already."""
    for name in ("recipes", "settings"):
        shutil.copytree(dataset.root / name, tmp_path / "set" / name)
    shutil.copy(dataset.root / "dataset.json", tmp_path / "set")
    shutil.copytree(dataset.clip_dir(clips["reload"]), tmp_path / "set" / "clips" / clips["reload"])
    own = Dataset.open(tmp_path / "set")
    with Service(own.root) as service:
        page = open_page(at=service)
        open_clip(page, service.url, clips["reload"])
        killed = []

        def die(route):
            if killed:
                route.continue_()
                return
            killed.append(True)
            if kept:
                route.fetch()
            service.kill()
            route.abort()

        page.route("**/decisions", die)
        page.keyboard.press("a")
        page.get_by_text("1 decision is kept in this browser").wait_for()
        assert len(decided(clips["reload"], own)) == kept
        service.start()
        page.get_by_text("reload: accepted").wait_for()
        page.locator(".banner").wait_for(state="detached")
        assert [d.ruling for d in decided(clips["reload"], own)] == ["accept"]
        page.reload()
        page.locator(".clip-head .state-accepted").wait_for()
        assert [d.ruling for d in decided(clips["reload"], own)] == ["accept"]


def test_a_clip_without_a_motion_says_why_and_is_not_decided(open_page, service, clips, decided):
    """In the list and on its page."""
    page = open_page()
    page.goto(f"{service.url}#/clip/{clips['broken']}")
    page.locator(".clip-main").get_by_text("broken: it is torn.").wait_for()
    page.keyboard.press("a")
    page.keyboard.press("r")
    page.keyboard.press("Space")
    page.keyboard.press("p")
    assert page.locator("dialog").count() == 0
    page.get_by_role("button", name="List").click()
    assert "it is torn" in page.locator(f".row[data-id='{clips['broken']}']").inner_text()
    assert decided(clips["broken"]) == ()


def test_where_nothing_can_be_written_the_page_says_so(open_page, dataset, clips, decided):
    """Before anybody tries; all is shown."""
    with Service(dataset.root, "--read-only") as service:
        page = open_page(at=service)
        page.get_by_text("nothing can be decided here").first.wait_for()
        open_clip(page, service.url, clips["seen"])
        assert page.get_by_role("button", name="Accept").first.is_disabled()
        page.keyboard.press("a")
        page.keyboard.press("r")
        assert page.locator("dialog").count() == 0
    assert decided(clips["seen"]) == ()
