"""What the review page costs in a browser, and whether it keeps what it was told.

    python -m benchmarks.review [--json FILE] [--only film,list,decisions] [--seed 0]

Everything happens in headless Chromium, on the service as `wushu review` runs it, and by the page's own keys. The film
is a minute of the demo's form in the default size (source, body and robot), and carries the number of its frame in
black and white squares, which are read from the screen. Slow and quick: `first_picture_s_60s_clip` and
`list_first_paint_s_1000` are the slowest of five, each in a browser that has nothing in its cache. About five minutes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from benchmarks.report import Figure, parser, report
from benchmarks.review.browser import browser, why_not
from benchmarks.review.deciding import decide_under_fire
from benchmarks.review.film import a_minute, follow, typical
from benchmarks.review.listing import list_many
from benchmarks.review.material import add_clip, add_film, copy_clips, thousand
from benchmarks.review.service import Service
from pipeline.store import Dataset

PARTS = ("film", "list", "decisions")


def main() -> None:
    """Measure and report."""
    options = parser(__doc__)
    options.add_argument("--only", default=",".join(PARTS), help="parts, with commas between them")
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    wanted = chosen.only.split(",")
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if missing := why_not():
        sys.exit(missing)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: dict[str, Callable[[], list[Figure]]] = {
            "film": lambda: film(folder / "film", chosen.seed),
            "list": lambda: listing(folder / "list"),
            "decisions": lambda: decisions(folder / "decisions", chosen.seed),
        }
        for part in wanted:
            (folder / part).mkdir()
            figures += parts[part]()
    report(figures, chosen.json)


def film(folder: Path, seed: int) -> list[Figure]:
    """One clip of a minute."""
    dataset = Dataset.open_or_create(folder / "set")
    made = a_minute(dataset, folder)
    with Service(dataset.root) as service, browser() as chromium:
        print(f"browser   Chromium {chromium.version}, Playwright {version('playwright')}")
        seen = follow(chromium, service, dataset, made, seed)
    firsts = " ".join(f"{value:.2f}" for value in seen.first_picture_s)
    print(f"film: {made.n_frames} frames, {seen.megabytes:.1f} MB; first picture after {firsts} s")
    print(f"film: {seen.n_samples} looks at the screen, {seen.n_unreadable} unreadable")
    return [
        Figure(
            key="first_picture_s_60s_clip",
            value=max(seen.first_picture_s),
            unit="s",
            meaning="from navigation to the first shown picture of a minute's film, slowest of five",
            bar="<= 2",
        ),
        Figure(
            key="first_picture_s_median",
            value=typical(seen.first_picture_s),
            unit="s",
            meaning="the same, the middle one",
        ),
        Figure(
            key="playback_fps",
            value=seen.playback_fps,
            unit="frames/s",
            meaning="pictures that the page followed at speed 1, of a film of 30 frames/s",
            bar=">= 25",
        ),
        Figure(
            key="sync_error_frames_max",
            value=seen.worst_frames,
            unit="frames",
            meaning="between picture and page: 100 looks at the screen while playing, 100 seeks, 100 steps",
            bar="<= 1",
        ),
        Figure(
            key="apart_within_seek",
            value=seen.n_apart_within,
            unit="of 100",
            meaning="looks right after a seek was asked for: new picture, page not told of it yet",
        ),
        Figure(
            key="seeks_missed",
            value=seen.n_missed,
            unit="",
            meaning="of those 200, ended on another frame than asked for",
        ),
    ]


def listing(folder: Path, n_clips: int = 1000) -> list[Figure]:
    """A list of many clips."""
    dataset = Dataset.open_or_create(folder / "set")
    made = add_clip(dataset, folder, "form", fps=30.0, seconds=2.0)
    add_film(dataset, made)
    with browser() as chromium:
        seen = list_many(chromium, thousand(dataset, made.row, folder / "many", n_clips))
    painted, searched = (" ".join(f"{s:.2f}" for s in values) for values in (seen.painted_s, seen.searched_s))
    print(f"list: {n_clips} clips; lines after {painted} s, searched after {searched} s")
    return [
        Figure(
            key="list_first_paint_s_1000",
            value=max(seen.painted_s),
            unit="s",
            meaning="from navigation to the first lines of 1,000 clips, slowest of five",
            bar="<= 2",
        ),
        Figure(
            key="list_searched_s_1000",
            value=max(seen.searched_s),
            unit="s",
            meaning="from navigation to a search through all of them on the screen, slowest of five",
        ),
        Figure(
            key="service_start_s_1000",
            value=seen.service_s,
            unit="s",
            meaning="from the command to the first answer, all of them read",
        ),
    ]


def decisions(folder: Path, seed: int, n_each: int = 100, n_kills: int = 5) -> list[Figure]:
    """Two reviewers, and a service that dies."""
    dataset = Dataset.open_or_create(folder / "set")
    made = add_clip(dataset, folder, "form", fps=30.0, seconds=2.0)
    add_film(dataset, made)
    names = [f"clip_{index:03d}.bvh" for index in range(2 * n_each + 10)]
    for _ in copy_clips(dataset, made.row, names):
        pass
    with browser() as chromium:
        came = decide_under_fire(chromium, dataset, n_each=n_each, n_kills=n_kills, seed=seed)
    print(f"decisions: {came.held} were held by a page while the service was dead")
    for sentence in came.wrong[:20]:
        print(f"  {sentence}")
    return [
        Figure(
            key="decisions_made",
            value=came.made,
            unit="",
            meaning=f"by two reviewers with the page's keys, the service killed {came.kills} times",
        ),
        Figure(key="decisions_lost", value=came.lost, unit="", meaning="of these, not on the disk", bar="0"),
        Figure(key="decisions_doubled", value=came.doubled, unit="", meaning="there twice, or not meant", bar="0"),
    ]


if __name__ == "__main__":
    main()
