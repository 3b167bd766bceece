"""What is decided from the list is what the reviewer saw there when the key went down, and no more."""

from __future__ import annotations

import json
import shutil

import pytest

from benchmarks.review.browser import open_clip, until
from benchmarks.review.service import Service
from pipeline.store import Dataset

FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };"


def search(page, text):
    page.keyboard.press("/")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    until(page, f"document.querySelector('.row .name')?.textContent.includes({json.dumps(text)})")


def row(page, clip_id):
    return page.locator(f".row[data-id='{clip_id}']")


@pytest.fixture
def own(dataset, clips, tmp_path):
    """Return a dataset of one clip, whose service may be killed."""

    def made(clip_id):
        for name in ("recipes", "settings"):
            shutil.copytree(dataset.root / name, tmp_path / "set" / name)
        shutil.copy(dataset.root / "dataset.json", tmp_path / "set")
        for copied in (clip_id, clips["name"]):
            shutil.copytree(dataset.clip_dir(copied), tmp_path / "set" / "clips" / copied)
        return Dataset.open(tmp_path / "set")

    return made


def test_holding_a_key_decides_one_clip(open_page, clips, decided):
    """A keyboard repeats what is held; only steps are meant so. A window that opens is not answered by it either."""
    page = open_page()
    search(page, "held")
    page.keyboard.down("a")
    for _ in range(8):
        page.keyboard.down("a")
        page.wait_for_timeout(60)
    page.keyboard.up("a")
    ids = [clips[f"held {number}"] for number in ("one", "two")]
    assert [len(decided(clip_id)) for clip_id in ids] == [1, 0]
    page.keyboard.press("x")
    page.keyboard.press("r")
    page.locator("dialog").wait_for()
    for _ in range(4):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    page.get_by_text("1 clip: rejected").wait_for()
    page.wait_for_timeout(300)
    assert "/clip/" not in page.url
    assert [len(decided(clip_id)) for clip_id in ids] == [1, 1]


def test_edits_are_not_left_behind_by_a_key_in_the_list(open_page, service, clips, decided):
    """A row with edits says so; its key shows them, and the next one accepts them."""
    page = open_page()
    open_clip(page, service.url, clips["drafted"])
    page.evaluate("playhead.seek(10)")
    until(page, "playhead.frame === 10 && playhead.target === null && playhead.due === null")
    page.keyboard.press("[")
    page.keyboard.press("Escape")
    row(page, clips["drafted"]).get_by_text("edits").wait_for()
    row(page, clips["drafted"]).locator(".score, .number").first.click()
    page.keyboard.press("a")
    page.get_by_text("has edits that are not decided yet").wait_for()
    until(page, f"location.hash.includes('{clips['drafted']}') && document.querySelector('.edit-value') !== null")
    assert decided(clips["drafted"]) == ()
    page.keyboard.press("a")
    page.get_by_text("drafted: accepted frames 10 to").wait_for()
    assert [d.frames for d in decided(clips["drafted"])] == [(10, 61)]
    page.keyboard.press("Escape")
    until(page, f"document.querySelector('.row[data-id=\"{clips['drafted']}\"]') !== null")
    assert "edits" not in row(page, clips["drafted"]).inner_text()


def test_many_keep_their_own_notes_and_those_with_a_ruling_are_not_marked_again(open_page, clips, decided):
    """The batch window says which have a note."""
    page = open_page()
    search(page, "many one")
    page.keyboard.press("a")
    page.get_by_text("many one: accepted").wait_for()
    search(page, "many")
    row(page, clips["many two"]).locator(".number").first.click()
    page.keyboard.press("n")
    page.keyboard.type("its own")
    page.keyboard.press("Enter")
    row(page, clips["many two"]).get_by_text("note").wait_for()
    page.get_by_role("button", name="Mark all shown").click()
    page.get_by_text("1 clip with a decision left out").wait_for()
    page.locator(".rows").focus()
    page.keyboard.press("r")
    page.get_by_text("Kept with its own note: many two").wait_for()
    page.keyboard.press("1")
    until(page, "document.querySelectorAll('.row .said.rejected').length === 2")
    assert [d.ruling for d in decided(clips["many one"])] == ["accept"]
    assert [d.note for d in decided(clips["many two"])] == ["its own"]
    assert [d.note for d in decided(clips["many three"])] == [""]
    assert "note" not in row(page, clips["many two"]).locator(".state").inner_text()


def test_a_ruling_that_came_while_the_reason_was_asked_is_told(open_page, service, clips, decided):
    """It was on the disk before the answer, and after the look."""
    ben, ann = open_page("ben"), open_page("ann")
    search(ben, "asked")
    ben.keyboard.press("r")
    ben.locator("dialog").wait_for()
    open_clip(ann, service.url, clips["asked"])
    ann.evaluate("playhead.seek(5)")
    until(ann, "playhead.frame === 5 && playhead.target === null && playhead.due === null")
    ann.get_by_role("button", name="+5", exact=True).click()
    ann.keyboard.press("a")
    ann.get_by_text("asked: accepted, raised 5 mm").wait_for()
    until(ben, f"document.querySelector('.row[data-id=\"{clips['asked']}\"] .said.accepted') !== null")
    ben.keyboard.press("1")
    ben.get_by_text("Someone else decided on asked meanwhile").wait_for()
    ben.get_by_text("It was accepted, raised 5 mm by ann").wait_for()
    ben.get_by_role("button", name="Leave theirs").click()
    assert [d.by for d in decided(clips["asked"])] == ["ann"]


def test_a_motion_that_was_solved_anew_while_the_reason_was_asked_is_not_decided_on(open_page, service, clips):
    """What is sent names the motion of the row when the key went down."""
    sent, items = [], []
    page = open_page()
    search(page, "solved anew")
    item = next(
        one for one in page.request.get(f"{service.url}api/clips").json()["clips"] if one["id"] == clips["solved anew"]
    )
    page.keyboard.press("r")
    page.locator("dialog").wait_for()
    items.append({**item, "fingerprint": "0123456789abcdef"})
    page.route("**/api/changes*", lambda route: route.fulfill(json={"clips": items, "gone": [], "revision": 1}))
    page.on("request", lambda asked: sent.append(asked.post_data_json) if asked.method == "POST" else None)
    page.wait_for_timeout(2500)
    page.keyboard.press("1")
    until(page, "document.querySelector('.toast') !== null")
    assert [body["fingerprint"] for body in sent] == [item["fingerprint"]]


def test_without_a_service_the_page_stays_where_it_is_and_the_edits_go_when_they_have_arrived(
    open_page, own, clips, decided
):
    """The next clip could not be shown; the same key twice is one decision."""
    kept = own(clips["lost"])
    with Service(kept.root) as service:
        page = open_page(at=service)
        open_clip(page, service.url, clips["lost"])
        page.evaluate("playhead.seek(10)")
        until(page, "playhead.frame === 10 && playhead.target === null && playhead.due === null")
        page.keyboard.press("[")
        service.kill()
        page.keyboard.press("a")
        page.get_by_text("1 decision is kept in this browser").wait_for()
        page.keyboard.press("a")
        page.get_by_text("this is not confirmed yet").wait_for()
        assert clips["lost"] in page.url
        assert page.evaluate("sessionStorage.length") == 1
        service.start()
        page.get_by_text("lost: accepted frames 10 to").wait_for()
        assert [d.frames for d in decided(clips["lost"], kept)] == [(10, 61)]
        assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.includes('draft')).length") == 0


def test_what_the_checks_refuse_is_told_when_a_person_accepts_it(open_page, clips, decided):
    """And its checks stay in the row, beside the ruling."""
    page = open_page()
    search(page, "turned down")
    page.keyboard.press("a")
    page.get_by_text("turned down: accepted, though the checks refuse it (").wait_for()
    told = row(page, clips["turned down"]).locator(".why")
    assert " > " in told.nth(0).inner_text() or " < " in told.nth(0).inner_text()
    assert "accepted by ann" in told.nth(1).inner_text()
    assert [d.ruling for d in decided(clips["turned down"])] == ["accept"]


def test_a_failure_of_the_service_may_have_kept_the_decision(open_page, clips, decided):
    """It waits, and is asked for before it is sent again."""
    page = open_page()
    failed = []

    def fail(route):
        if failed or route.request.method != "POST":
            route.continue_()
            return
        failed.append(route.fetch())  # it is on the disk
        route.fulfill(status=500, json={"error": "An error of ours.", "kind": "internal"})

    page.route("**/decisions", fail)
    search(page, "failing")
    page.keyboard.press("a")
    page.get_by_text("1 decision is kept in this browser").wait_for()
    page.get_by_role("button", name="Send again").click()
    page.locator(".banner").wait_for(state="detached")
    assert [d.ruling for d in decided(clips["failing"])] == ["accept"]


def test_a_browser_that_remembers_nothing_says_so_once_and_decides_all_the_same(open_page, clips, decided):
    """Decisions on their way last as long as the page."""
    page = open_page(ready=lambda page: page.add_init_script(FULL))
    page.get_by_text("This browser remembers nothing for this page").wait_for()
    search(page, "forgotten")
    page.keyboard.press("a")
    page.get_by_text("forgotten: accepted").wait_for()
    assert page.get_by_text("This browser remembers nothing").count() == 1
    assert [d.ruling for d in decided(clips["forgotten"])] == ["accept"]
