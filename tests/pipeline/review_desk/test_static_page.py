"""A clip's page stands alone: it asks nobody for anything, plays, draws, and reads names as text."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
from contextlib import contextmanager
from fractions import Fraction
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.review_desk.bundle import import_map
from pipeline.review_desk.static_page import clip_page, file_stem, without_places, write_clip_page

CHROMIUM = Path(shutil.which("chromium") or "/usr/bin/chromium")
HOSTILE = "kick </script><script>alert(1)</script><img src=x onerror=alert(2)>"
FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


class Elements(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.texts: dict[str, str] = {}
        self._within = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        facts = dict(attrs)
        self.tags.append((tag, facts))
        self._within = facts.get("id") or facts.get("type") or tag

    def handle_endtag(self, tag):
        self._within = ""

    def handle_data(self, data):
        self.texts[self._within] = self.texts.get(self._within, "") + data


def write_film(path, *, frames=60, fps=30) -> None:
    """Write a film whose grey grows with the frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 480, 160, "yuv420p"
        stream.time_base = Fraction(1, fps)
        for number in range(frames):
            picture = np.full((160, 480, 3), 20 + 3 * number, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture
def filmed(build):
    """Return a dataset with a clip of a hostile name, and the clip."""
    clip = build.add(HOSTILE.replace("/", "_"), licences=("CC BY 4.0, <b>J. Doe</b>",))
    build.decide(clip, "reject", reason="other", note=f"seen: {HOSTILE} <!-- ]]>")
    write_film(build.dataset.clip_dir(clip.id) / "playback.mp4")
    return build.dataset, clip


def answers_of(html: str) -> dict:
    return json.loads(Elements(html).texts["answers"])


def test_a_page_holds_what_the_service_would_answer(filmed):
    dataset, clip = filmed
    kept = answers_of(clip_page(dataset, clip.id))
    path = f"/api/clips/{clip.id}"
    view = kept["json"][path]
    assert view["item"]["id"] == clip.id
    assert view["decisions"][0]["note"].startswith(f"seen: {HOSTILE}")
    poses = np.frombuffer(base64.b64decode(kept["binary"][f"{path}/poses"]), dtype="<f4")
    assert poses.size == view["n_frames"] * len(kept["json"]["/api/robots/29dof"]["bodies"]) * 7
    film = base64.b64decode(kept["files"][f"{path}/files/playback.mp4"].partition("base64,")[2])
    assert film == (dataset.clip_dir(clip.id) / "playback.mp4").read_bytes()


def test_names_and_notes_add_no_element(filmed, build):
    dataset, clip = filmed
    plain = build.add("kick")
    build.decide(plain, "reject", reason="other", note="seen")
    write_film(dataset.clip_dir(plain.id) / "playback.mp4")
    hostile, usual = (Elements(clip_page(dataset, one.id)) for one in (clip, plain))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in usual.tags]
    assert not any(name.startswith("on") for _, facts in hostile.tags for name in facts)


def test_the_policy_lets_the_page_run_only_what_it_carries(filmed):
    dataset, clip = filmed
    html = clip_page(dataset, clip.id)
    page = Elements(html)
    policy = next(facts["content"] for tag, facts in page.tags if tag == "meta" and "http-equiv" in facts)
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert "unsafe" not in policy
    for kind in ("importmap", "module", "style"):
        digest = base64.b64encode(hashlib.sha256(page.texts[kind].encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    addresses = [facts[name] for _, facts in page.tags for name in ("src", "href") if name in facts]
    assert all(address.startswith("data:") for address in addresses)


def test_every_module_of_the_page_is_found_under_its_bare_name():
    imports = import_map(["wushu/main.js"])
    assert {"wushu/answers.js", "wushu/clip/page.js", "wushu/three/view.js", "three", "three/core"} <= set(imports)
    for name, url in imports.items():
        source = base64.b64decode(url.partition("base64,")[2]).decode()
        assert not re.search(r"""(?:from|import)\s*\(?\s*["']\.""", source), name


def test_a_broken_clip_has_a_page_that_says_why(build):
    clip = build.add("lost", outcome="broken")
    page = Elements(clip_page(build.dataset, clip.id))
    view = json.loads(page.texts["answers"])["json"][f"/api/clips/{clip.id}"]
    assert view["n_frames"] == 0
    assert view["problem"] == "nobody is seen."


def test_a_clip_without_film_has_a_page_without_film(build):
    clip = build.add("unseen")
    kept = answers_of(clip_page(build.dataset, clip.id))
    assert kept["files"] == {}
    assert kept["json"][f"/api/clips/{clip.id}"]["video"] is None


def test_a_film_that_is_a_link_to_elsewhere_stays_out(build, tmp_path):
    clip = build.add("linked")
    (tmp_path / "secret").write_bytes(b"secret")
    (build.dataset.clip_dir(clip.id) / "report.png").symlink_to(tmp_path / "secret")
    assert answers_of(clip_page(build.dataset, clip.id))["files"] == {}


def test_a_page_says_what_it_was_made_from_and_not_where(filmed):
    dataset, clip = filmed
    html = clip_page(dataset, clip.id)
    assert clip.source.sha256 in html
    assert "CC BY 4.0, &lt;b&gt;J. Doe&lt;/b&gt;" in html
    assert str(dataset.root.parent) not in unescape(html)
    assert "/films/" not in unescape(html)


def test_what_is_damaged_is_told_once(build, tmp_path):
    """However many parts of the page are missed for it."""
    clip = build.add("harmed")
    for path in build.dataset.clip_dir(clip.id).glob("retarget-*.npz"):
        path.write_bytes(b"harmed")
    missing = write_clip_page(build.dataset, clip.id, tmp_path).missing
    assert len([sentence for sentence in missing if "retarget-" in sentence]) == 1
    assert len(set(missing)) == len(missing)


def test_paths_give_way_to_names_wherever_they_stand():
    told = {"a": ["/home/ann/films/kick.mp4: is no video."], "b": None, "c": 3}
    assert without_places(told, {"/home/ann/films/kick.mp4": "kick.mp4"})["a"] == ["kick.mp4: is no video."]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("kick 1", "kick_1-0123"),
        ("../../etc/passwd", "etc_passwd-0123"),
        ("少林", "0123"),
        ("", "0123"),
        ("-rf <b>", "-rf_b-0123"),
        ("a" * 300, "a" * 60 + "-0123"),
    ],
)
def test_the_name_of_a_page_is_plain(name, stem):
    assert file_stem(name, "0123") == stem


@pytest.mark.browser
def test_a_page_plays_seeks_and_draws_without_a_network(filmed, tmp_path):
    """From a file, offline, as whoever gets it by mail opens it."""
    dataset, clip = filmed
    page_file = write_clip_page(dataset, clip.id, tmp_path / "pages")
    assert page_file.n_bytes == page_file.path.stat().st_size
    with _chromium() as (page, asked, errors):
        page.goto(page_file.path.as_uri())
        page.wait_for_selector("video")
        _wait(page, "document.querySelector('video').readyState >= 2")
        assert page.title().startswith("kick <")
        assert page.locator("text=alert(1)").count() > 0
        page.keyboard.press("Shift+ArrowRight")
        _wait(page, "Math.abs(document.querySelector('video').currentTime - 10.5 / 30) < 0.01")
        page.keyboard.press("d")
        page.wait_for_selector("canvas[data-frame='10']")
        colours = _colours(page.locator("canvas[data-frame]").screenshot())
        assert colours > 200, "an empty picture has few colours"
        page.keyboard.press("Space")
        _wait(page, "Number(document.querySelector('canvas[data-frame]').dataset.frame) > 15")
    assert [address for address in asked if not address.startswith(("data:", "blob:"))] == [page_file.path.as_uri()]
    assert errors == []


def _wait(page, condition):
    """Wait until it holds; the browser's own waiting compiles text, which the page forbids."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never came true: {condition}")


@contextmanager
def _chromium():
    """Open a page in Chromium with its network off; collect what it asks for and what goes wrong."""
    if not CHROMIUM.exists():
        pytest.skip("there is no Chromium on this machine: apt install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    asked: list[str] = []
    errors: list[str] = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True).new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        yield page, asked, errors
        browser.close()


def _colours(png: bytes) -> int:
    with av.open(io.BytesIO(png)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return len(np.unique(picture.reshape(-1, 3), axis=0))
