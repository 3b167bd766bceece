"""The list: every clip under its name, as text, however many there are."""

from __future__ import annotations

import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from benchmarks.review.browser import until
from benchmarks.review.material import thousand
from benchmarks.review.service import HEADERS, Service
from pipeline.manifest import read_row

N_MANY = 1000


@pytest.fixture(scope="module")
def many(made, tmp_path_factory):
    """A thousand clips of one."""
    dataset, clips = made
    return thousand(dataset, clips[30.0].row, tmp_path_factory.mktemp("many") / "set", N_MANY)


def test_every_clip_is_there_under_its_name(open_page, dataset, clips):
    """Also those that are broken, or have no film."""
    page = open_page()
    names = set()
    for _ in range(20):
        names |= set(page.locator(".row .name").all_inner_texts())
        page.keyboard.press("PageDown")
        page.wait_for_timeout(50)
    assert names == {read_row(dataset, clip_id).clip.name for clip_id in clips.values()}


def test_a_script_in_a_name_or_a_note_is_text(open_page, service, dataset, clips):
    """In the list, in the clip's page and its title, in questions and in messages."""
    script = read_row(dataset, clips["script"]).clip.name
    assert "<script>" in script and "onerror" in script
    fingerprint = read_row(dataset, clips["script"]).fingerprints["retarget"]
    body = {"ruling": "accept", "by": "<img src=x onerror=alert(3)>", "fingerprint": fingerprint, "seen": 0}
    address = f"{service.url}api/clips/{clips['script']}/decisions"
    httpx.post(address, json=body | {"note": script}, headers=HEADERS, trust_env=False).raise_for_status()
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("<script>")
    row = page.locator(f".row[data-id='{clips['script']}']")
    row.wait_for()
    row.locator(".ruling", has_text="onerror=alert(3)").wait_for()
    assert row.locator(".name").inner_text() == script
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.locator(".clip-side").get_by_text("onerror=alert(3)").first.wait_for()
    assert page.title() == script
    page.keyboard.press("r")
    page.locator("dialog").get_by_text(script).wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.querySelectorAll('#app script, #app img[src=x], dialog script').length") == 0


def test_a_thousand_clips_are_listed_at_once_and_only_those_in_sight_are_drawn(open_page, many):
    """Scrolled to the last, searched, and opened."""
    with Service(many.root) as service:
        begun = time.monotonic()
        page = open_page(at=service)
        page.locator(".row").first.wait_for()
        assert time.monotonic() - begun < 10
        assert page.get_by_role("status").get_by_text("1000 clips").count() == 1
        assert page.locator(".row").count() < 60
        page.keyboard.press("End")
        page.get_by_text("turn_0999", exact=True).or_(page.get_by_text("turn_0992", exact=True)).first.wait_for()
        page.evaluate("document.querySelector('.rows').scrollTop = 32000")
        until(page, "[...document.querySelectorAll('.row')].some((row) => row.getAttribute('aria-posinset') === '505')")
        assert page.locator(".row").count() < 60
        page.keyboard.press("/")
        page.keyboard.type("kick_07")
        until(page, "document.querySelectorAll('.row').length < 20")
        assert set(page.locator(".row .name").all_inner_texts()) == {
            f"kick_{n:04d}" for n in range(700, 800) if n % 7 == 0
        }
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.locator(".clip-name").wait_for()


def test_another_site_can_neither_read_nor_decide(open_page, service, chromium, dataset, clips, decided, tmp_path):
    """A page of another port asks in all ways that a browser lets it."""
    fingerprint = read_row(dataset, clips["foreign"]).fingerprints["retarget"]
    body = f'{{"ruling": "reject", "by": "eve", "fingerprint": "{fingerprint}", "seen": 0}}'
    (tmp_path / "index.html").write_text("<title>elsewhere</title><form method=post enctype=text/plain></form>")
    handler = partial(_Silent, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{elsewhere.server_port}/index.html")
        target = f"{service.url}api/clips/{clips['foreign']}/decisions"
        for init in (
            {"method": "POST", "body": body, "mode": "no-cors"},
            {"method": "POST", "body": body, "mode": "no-cors", "headers": {"Content-Type": "text/plain"}},
            {"method": "POST", "body": body, "headers": {"Content-Type": "application/json"} | HEADERS},
            {"method": "POST", "body": body, "credentials": "include", "headers": HEADERS},
        ):
            page.evaluate("([url, init]) => fetch(url, init).catch(() => null)", [target, init])
        read = "(url) => fetch(url).then((answer) => answer.text()).catch(() => null)"
        assert page.evaluate(read, f"{service.url}api/clips") is None
        page.evaluate(
            "([url, body]) => { const form = document.forms[0]; form.action = url;"
            " const field = document.createElement('input'); field.name = body; form.append(field); form.submit(); }",
            [target, body],
        )
        page.wait_for_url("**/decisions")
        assert decided(clips["foreign"]) == ()
        page.goto(f"http://127.0.0.1:{elsewhere.server_port}/index.html")
        page.evaluate(
            "(url) => new Promise((loaded) => { const frame = document.createElement('iframe'); frame.onload = loaded;"
            " frame.src = url; document.body.append(frame); })",
            service.url,
        )
        assert not any(frame.query_selector("#app") for frame in page.frames)
        context.close()
        elsewhere.shutdown()
    assert decided(clips["foreign"]) == ()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing of requests."""
