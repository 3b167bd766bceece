"""``wushu validate MOTION``: one file judged, with reasons, a score and the repair that would save it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro
from rich.markup import escape
from rich.padding import Padding
from threadpoolctl import threadpool_limits

from flows.console import bar, console, progress_bars, show_warning
from flows.solver import ready_solver
from pipeline.home import Home
from pipeline.judge_file import JudgedFile, judge_file
from pipeline.readers.recognise import holds_motion
from pipeline.record_codec import plain
from pipeline.repair import Repairs, mend
from pipeline.review import ClipReport, write_report
from pipeline.settings import Settings, load_settings
from pipeline.store import atomic_path
from robots.g1 import load_g1


@dataclass(frozen=True, slots=True, kw_only=True)
class Validate:
    """Judge one motion: a hand-off file (.pkl of PBHC, .npz of mjlab, .csv), or a human's (.bvh, SMPL .npz).

    The exit code is 0 only if it is accepted as it stands.
    """

    motion: tyro.conf.Positional[Path]
    """The file."""
    tier: str | None = None
    """`trainable` (what PBHC trained; the default), `clean` (our own bar), or the path of a TOML file of your own."""
    json: bool = False
    """Print one JSON document with every measurement and check instead of text."""
    repair: bool = True
    """Look for the cheapest repair of a refused motion, and judge it."""
    page: Path | None = None
    """Draw what was found into this PNG: bad spans, quantities with their limits, the feet."""
    preset: Path | None = None
    """TOML file with settings, as `wushu run` takes it."""

    def __call__(self) -> int:
        """Judge the file; 1 if it is refused."""
        settings = Settings() if self.preset is None else load_settings(self.preset)
        settings = settings if self.tier is None else replace(settings, limits=self.tier)
        if holds_motion(self.motion):  # a human's motion is put on the robot first
            ready_solver()
        with threadpool_limits(limits=1), progress_bars() as bars:
            report = bar(bars, self.motion.name)
            judged = judge_file(self.motion, settings, Home.of_user())
            repairs = mend(judged.diagnosis, judged.mender, settings.repair, report) if self.repair else None
        if self.page is not None:
            _draw(self.page, self.motion.name, judged, repairs)
        if self.json:
            console.print_json(json.dumps(_document(self.motion, judged, repairs)))
        else:
            _show(self.motion, judged, repairs)
        return int(not judged.diagnosis.verdict.accepted)


def _draw(page: Path, name: str, judged: JudgedFile, repairs: Repairs | None) -> None:
    found = judged.diagnosis
    report = ClipReport(
        name=name,
        motion=found.robot_motion,
        measurements=found.measurements,
        verdict=found.verdict,
        pieces=repairs.usable if repairs else (),
    )
    with atomic_path(page) as temporary:
        write_report(temporary, report, load_g1(judged.variant))


def _document(path: Path, judged: JudgedFile, repairs: Repairs | None) -> dict[str, Any]:
    """Everything that was found, as JSON types."""
    return {
        "motion": str(path),
        "robot": judged.variant,
        "verdict": plain(judged.diagnosis.verdict),
        "accepted": judged.diagnosis.verdict.accepted,
        "measurements": {
            f"{group.stage}.{item.name}": {"value": item.value, "unit": item.unit}
            for group in judged.diagnosis.measurements
            for item in group.items
        },
        "repairs": None
        if repairs is None
        else {
            "usable_s": repairs.usable_s,
            "pieces": [plain(usable) for usable in repairs.usable],
            "attempts": [plain(attempt) for attempt in repairs.attempts],
        },
        "notes": list(judged.notes),
    }


def _show(path: Path, judged: JudgedFile, repairs: Repairs | None) -> None:
    verdict, motion = judged.diagnosis.verdict, judged.diagnosis.robot_motion
    word = "[bold green]accepted[/]" if verdict.accepted else "[bold yellow]rejected[/]"
    duration = len(motion) / motion.fps
    console.print(
        f"{word}  {escape(str(path))}  {duration:.1f} s, tier {escape(verdict.tier)}, score {verdict.score:.2f}",
        soft_wrap=True,
    )
    for reason in verdict.reasons:
        console.print(Padding(f"- {escape(reason)}", (0, 0, 0, 4)), highlight=False)
    if repairs is not None and not verdict.accepted:
        _show_repairs(repairs, duration)
    for note in judged.notes:
        show_warning(note)


def _show_repairs(repairs: Repairs, duration: float) -> None:
    """Say what would save the motion, or how near the best attempt came."""
    console.print(f"usable after a repair: {repairs.usable_s:.1f} s of {duration:.1f} s", highlight=False)
    sentences = [f"+ {piece.duration_s:.1f} s: {' '.join(piece.edits)}" for piece in repairs.pieces]
    if not sentences and repairs.attempts:
        best = min(repairs.attempts, key=lambda attempt: len(attempt.rejections))
        left = f"the best of {len(repairs.attempts)} leaves {len(best.rejections)} reasons to refuse"
        sentences = [f"{left}: {' '.join(best.edits)}"]
    for sentence in sentences:
        console.print(Padding(escape(sentence), (0, 0, 0, 4)), highlight=False)
