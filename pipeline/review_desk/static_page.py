"""Writes one clip as one HTML that plays from a disk or a mail, without a service and without a network.

It is the page of the review service with what the service would answer put into it: film, checks, series, pieces, the
robot and its ghost for the free view. Decisions are shown, and made by a command that the page spells out.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.decisions import REASON_CODES
from pipeline.manifest import read_row
from pipeline.review_desk.as_json import as_json
from pipeline.review_desk.bundle import data_url, html_page, import_map, style_sheet
from pipeline.review_desk.clip_item import PLAYBACK_FILE, POSTER_FILE
from pipeline.review_desk.clip_view import ClipView, clip_view
from pipeline.review_desk.ghost import human_in_film, human_in_robot_world
from pipeline.review_desk.pieces import piece_view, shown_poses
from pipeline.review_desk.scene import robot_item
from pipeline.store import Dataset, write_bytes
from robots.exceptions import WushuError

_STYLES = ("style.css", "clip.css")
_FILES = {
    PLAYBACK_FILE: "video/mp4",
    POSTER_FILE: "image/jpeg",
    "report.png": "image/png",
    "retarget.png": "image/png",
}
_OWN_STYLE = """
.app { height: calc(100% - 24px); }
footer.standalone { position: fixed; left: 0; right: 0; bottom: 0; z-index: 5; min-height: 24px; max-height: 60vh;
  box-sizing: border-box; overflow: auto; padding: 2px 12px; background: #fff; border-top: 1px solid #dde3ea;
  font-size: 12px; }
footer.standalone dl { display: grid; grid-template-columns: auto 1fr; gap: 0 12px; }
footer.standalone dd { margin: 0; font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
"""
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPage:
    """A page that was written."""

    path: Path
    n_bytes: int
    missing: tuple[str, ...]
    """What it had to be made without, a sentence each."""


def write_clip_page(dataset: Dataset, clip_id: str, folder: Path, *, bodies_dir: Path | None = None) -> ClipPage:
    """Write a clip's page into a folder, under the clip's name and id.

    Args:
        dataset: Where the clip is.
        clip_id: The clip, broken ones included.
        folder: Where to.
        bodies_dir: Folder of bodies that the user imported, by which mended humans are measured.

    Raises:
        UnknownClip: There is no such clip.
        OutputNotWritable: The folder cannot be written.
    """
    html, name, missing = _made(dataset, clip_id, bodies_dir)
    content = html.encode("utf-8")
    path = folder / f"{file_stem(name, clip_id)}.html"
    write_bytes(path, content)
    return ClipPage(path=path, n_bytes=len(content), missing=missing)


def clip_page(dataset: Dataset, clip_id: str, *, bodies_dir: Path | None = None) -> str:
    """Return a clip's page; arguments and errors as above."""
    return _made(dataset, clip_id, bodies_dir)[0]


def file_stem(name: str, clip_id: str) -> str:
    """Make a file's name of a clip's: of the name, only what no system and no shell reads as anything else."""
    plain = _PLAIN.sub("_", name).strip("._")[:_LONGEST_NAME]
    return f"{plain}-{clip_id}" if plain else clip_id


def _made(dataset: Dataset, clip_id: str, bodies_dir: Path | None) -> tuple[str, str, tuple[str, ...]]:
    with dataset.being_read():
        view = clip_view(dataset, clip_id)
        answers = _Answers(dataset, view, bodies_dir)
        answers.fill()
        facts = _facts(dataset, view)
    missing = tuple(answers.missing)
    places = dict(_places(dataset, clip_id))
    html = html_page(
        title=f"{view.item.name} · {view.item.outcome}",
        styles=[*(style_sheet(name) for name in _STYLES), _OWN_STYLE],
        imports=import_map(["wushu/main.js"]),
        start=f'if (!location.hash) location.hash = "#/clip/{view.item.id}";\nawait import("wushu/main.js");\n',
        body=without_places(_body(view, facts), {escape(place): escape(short) for place, short in places.items()}),
        answers=answers.document,
    )
    return html, view.item.name, missing


class _Answers:
    """What the service would answer, by path; what cannot be read is left out and told."""

    def __init__(self, dataset: Dataset, view: ClipView, bodies_dir: Path | None) -> None:
        self._dataset, self._view, self._bodies_dir = dataset, view, bodies_dir
        self._path = f"/api/clips/{view.item.id}"
        self.missing = list(view.damaged)
        self._places = dict(_places(dataset, view.item.id))
        self.document: dict[str, Any] = {"json": {}, "binary": {}, "files": {}}

    def fill(self) -> None:
        """Put in all there is."""
        session = {
            "dataset": self._dataset.root.absolute().name,  # of where it lies, nobody else need know
            "reviewer": "",
            "read_only": "This page stands alone: decide with the command that it shows.",
            "reason_codes": [{"code": code, "text": text} for code, text in REASON_CODES.items()],
            "damaged": [],
        }
        self._json("/api/session", session)
        self._json("/api/clips", {"revision": 0, "clips": [self._view.item], "gone": [], "whole": True})
        self._json(self._path, self._view)
        for steps in (self._files, self._robot, self._human, self._pieces):
            for step in steps():
                self._tried(step)

    def _files(self) -> Iterator[Callable[[], None]]:
        folder = self._dataset.clip_dir(self._view.item.id)
        for name, media_type in _FILES.items():
            path = folder / name
            if path.is_file() and not path.is_symlink() and self._dataset.holds(path):
                yield lambda path=path, kind=media_type: self._file(path, kind)

    def _robot(self) -> Iterator[Callable[[], None]]:
        if self._view.n_frames:
            yield lambda: self._json(f"/api/robots/{self._view.variant}", robot_item(self._view.variant))
            yield lambda: self._floats("poses", shown_poses(self._dataset, self._view.item.id))

    def _human(self) -> Iterator[Callable[[], None]]:
        clip_id = self._view.item.id
        if self._view.ghost is not None:
            yield lambda: self._floats("human", human_in_robot_world(self._dataset, clip_id))
            if self._view.video is not None:
                yield lambda: self._floats("ghost", human_in_film(self._dataset, clip_id))

    def _pieces(self) -> Iterator[Callable[[], None]]:
        for piece in self._view.pieces:
            yield lambda number=piece.number: self._piece(number)

    def _piece(self, number: int) -> None:
        clip_id, of = self._view.item.id, f"piece-{number}"
        self._floats(f"poses?of={of}", shown_poses(self._dataset, clip_id, of))
        view = piece_view(self._dataset, clip_id, number, bodies_dir=self._bodies_dir)
        self._json(f"{self._path}/pieces/{number}", view)

    def _tried(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (WushuError, OSError) as error:
            if str(error) not in self.missing:  # a damaged motion is missed by all that show it
                self.missing.append(str(error))

    def _json(self, path: str, value: object) -> None:
        self.document["json"][path] = without_places(as_json(value), self._places)

    def _floats(self, name: str, values: np.ndarray) -> None:
        content = np.ascontiguousarray(values, dtype="<f4").tobytes()
        self.document["binary"][f"{self._path}/{name}"] = base64.b64encode(content).decode("ascii")

    def _file(self, path: Path, media_type: str) -> None:
        self.document["files"][f"{self._path}/files/{path.name}"] = data_url(path.read_bytes(), media_type)


def without_places(value: Any, places: dict[str, str]) -> Any:
    """Return JSON types with paths of this machine shortened: who gets the page need not know them.

    Args:
        value: What is told, sentences within it.
        places: Path -> what stands in its stead.
    """
    if isinstance(value, str):
        for place, short in places.items():
            value = value.replace(place, short)
        return value
    if isinstance(value, list):
        return [without_places(item, places) for item in value]
    if isinstance(value, dict):
        return {key: without_places(item, places) for key, item in value.items()}
    return value


def _places(dataset: Dataset, clip_id: str) -> Iterator[tuple[str, str]]:
    """Return the paths that a clip's sentences may name, the longest first."""
    with suppress(WushuError):
        source = Path(read_row(dataset, clip_id).clip.source.path)
        yield str(source), source.name
        if source.is_absolute() and source.parent.name:  # the root is in every path, and tells nobody anything
            yield f"{source.parent}/", ""
    for root in dict.fromkeys((dataset.root.absolute(), dataset.root)):
        if root.name:
            yield f"{root}/", f"{root.name}/"


def _facts(dataset: Dataset, view: ClipView) -> dict[str, str]:
    """Return what the page was made from, so that it can be told from a later one."""
    facts = {"Clip": view.item.id, "Made by": f"wushu {_version()}"}
    try:
        row = read_row(dataset, view.item.id)
    except WushuError:
        return facts
    facts["Source (sha256)"] = row.clip.source.sha256
    facts.update({f"Result {stage}": fingerprint for stage, fingerprint in sorted(row.fingerprints.items())})
    return facts


def _body(view: ClipView, facts: dict[str, str]) -> str:
    """Return the page's HTML: where the modules draw, and what stands there without them."""
    item = view.item
    sentences = [check.reason for check in view.checks if not check.passed] or [item.reason]
    told = "".join(f"<li>{escape(sentence)}</li>" for sentence in [*sentences, *view.remarks] if sentence)
    licences = "".join(f"<li>{escape(licence)}</li>" for licence in view.licences)
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"""<div id="app"><p class="starting">Opening {escape(item.name)}…</p></div>
<noscript><h1>{escape(item.name)}: {escape(item.outcome)}</h1><ul>{told}</ul>
<p>Film and plots need JavaScript.</p></noscript>
<footer class="standalone"><details><summary>What this page was made from</summary>
<dl>{listed}</dl><ul>{licences}</ul>
<p>It holds all it shows and asks no server. The robot's drawing is by three.js (MIT).</p></details></footer>"""


def _version() -> str:
    try:
        return version("wushu")
    except PackageNotFoundError:
        return "(not installed)"
