"""What the repairs save of a folder of motions: usable seconds before and after, clip by clip, and what they cost.

    python -m benchmarks.repairs [FOLDER] [--tier trainable|clean] [--json FILE] [--markdown FILE]

FOLDER holds human motion (BVH, SMPL, GVHMR) or hand-off files (PBHC, mjlab, CSV). Without it, it is estimates of
wushu athletes from videos, where the machine has them. Every clip is judged as it is; where it is refused, repairs are
proposed, run, and judged again, as in a run. Times are CPU times of one core.
"""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.report import Figure, parser, report
from pipeline.export import FORMATS
from pipeline.home import Home
from pipeline.judge_file import judge_file
from pipeline.measurement import Span
from pipeline.readers import MOTION_SUFFIXES
from pipeline.repair import Repairs, mend
from pipeline.settings import Settings
from pipeline.verdict import Verdict
from robots.exceptions import WushuError

ESTIMATES = Path(__file__).parents[1].parent / "shared" / "data" / "smpl" / "kungfuathlete"
"""Another estimator's motions of athletes' videos, with its drifting heights, on machines that have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedClip:
    """A clip before and after its repair."""

    name: str
    verdict: Verdict
    """On the clip as it is."""
    whole_s: float
    """Length of the clip [s]."""
    repairs: Repairs
    judge_s: float
    """CPU time of the first judgement [s]."""
    mend_s: float
    """CPU time of all that was tried [s]."""

    @property
    def before_s(self) -> float:
        """What could be used without a repair [s]."""
        return self.whole_s if self.verdict.accepted else 0.0


def main() -> None:
    """Mend and report."""
    chosen = _options().parse_args()
    with threadpool_limits(1):
        clips, refusals = mended(chosen.folder, chosen.tier)
    for refusal in refusals:
        print(f"unread    {refusal}")
    if not clips:
        sys.exit(f"No motion could be read in '{chosen.folder}'; give a folder with motion files.")
    for clip in clips:
        _print_clip(clip)
    report(figures(clips), chosen.json)
    if chosen.markdown is not None:
        chosen.markdown.write_text(markdown(clips), encoding="utf-8")


def _options() -> ArgumentParser:
    options = parser(__doc__)
    options.add_argument("folder", type=Path, nargs="?", default=ESTIMATES, metavar="FOLDER", help="motion files")
    options.add_argument("--tier", default="trainable", help="limits that decide (default: trainable)")
    options.add_argument("--markdown", type=Path, metavar="FILE", help="also write a table for people")
    return options


def mended(folder: Path, tier: str) -> tuple[list[SavedClip], list[str]]:
    """Judge and mend every motion in a folder; also return the sentences of those that cannot be read."""
    settings, home = replace(Settings(), limits=tier), Home.of_user()
    clips, refusals = [], []
    for path in _motion_files(folder):
        try:
            start = time.process_time()
            judged = judge_file(path, settings, home)
            middle = time.process_time()
            repairs = mend(judged.diagnosis, judged.mender, settings.repair)
        except WushuError as error:
            refusals.append(str(error))
            continue
        motion = judged.diagnosis.robot_motion
        clips.append(
            SavedClip(
                name=path.name.split(".")[0],
                verdict=judged.diagnosis.verdict,
                whole_s=len(motion) / motion.fps,
                repairs=repairs,
                judge_s=middle - start,
                mend_s=time.process_time() - middle,
            )
        )
    return clips, refusals


def _motion_files(folder: Path) -> Iterator[Path]:
    suffixes = (*MOTION_SUFFIXES, *(form.suffix for form in FORMATS.values()))
    yield from sorted(path for path in folder.rglob("*") if path.is_file() and path.name.lower().endswith(suffixes))


def figures(clips: Sequence[SavedClip]) -> list[Figure]:
    """Return the seconds of each clip and of all, and what a repair costs."""
    rows = []
    for clip in clips:
        words = f"of {clip.whole_s:.1f} s, {clip.before_s:.1f} s before; {len(clip.repairs.attempts)} trials"
        rows.append(Figure(key=f"{clip.name}_usable_s", value=clip.repairs.usable_s, unit="s", meaning=words))
    whole, trials = sum(clip.whole_s for clip in clips), sum(len(clip.repairs.attempts) for clip in clips)
    totals = (
        ("total_s", whole, "s", f"length of {len(clips)} clips"),
        ("usable_before_s", sum(clip.before_s for clip in clips), "s", "accepted as they are"),
        ("usable_after_s", sum(clip.repairs.usable_s for clip in clips), "s", "accepted after the repairs"),
        ("mean_trials", trials / len(clips), "1", "motions made and judged for a clip"),
        ("judge_s_per_s", sum(c.judge_s for c in clips) / whole, "s/s", "CPU time to read and judge, a second of clip"),
        ("mend_s_per_s", sum(c.mend_s for c in clips) / whole, "s/s", "CPU time of all trials, a second of clip"),
    )
    return [*rows, *(Figure(key=key, value=value, unit=unit, meaning=text) for key, value, unit, text in totals)]


def markdown(clips: Sequence[SavedClip]) -> str:
    """Write the table for people: why a clip is refused and where, what was done, what is left."""
    lines = ["| clip | length | refused for (frames) | repair | before | after |", "|---|---|---|---|---|---|"]
    for clip in clips:
        reasons = "; ".join(
            f"`{check.measurement}` {check.value:.3g} > {check.limit:.3g}{_where(check.spans)}"
            if check.value > check.limit
            else f"`{check.measurement}` {check.value:.3g} < {check.limit:.3g}{_where(check.spans)}"
            for check in clip.verdict.checks
            if not check.passed and check.severity == "reject"
        )
        done = "<br>".join(" ".join(piece.edits) for piece in clip.repairs.pieces if piece.edits)
        lines.append(
            f"| {clip.name} | {clip.whole_s:.1f} s | {reasons or 'accepted'} | {done or 'none found'} "
            f"| {clip.before_s:.1f} s | {clip.repairs.usable_s:.1f} s |"
        )
    return "\n".join(lines) + "\n"


def _where(spans: Sequence[Span]) -> str:
    """Name the longest spans."""
    longest = sorted(sorted(spans, key=lambda span: span[0] - span[1])[:3])
    named = ", ".join(f"{start}-{stop - 1}" for start, stop in longest)
    more = f" and {len(spans) - 3} more" if len(spans) > 3 else ""
    return f" ({named}{more})" if spans else ""


def _print_clip(clip: SavedClip) -> None:
    print(f"{clip.name}: {clip.before_s:.1f} s of {clip.whole_s:.1f} s usable, {clip.repairs.usable_s:.1f} s repaired")
    for reason in clip.verdict.rejections:
        print(f"  refused   {reason}")
    for attempt in clip.repairs.attempts:
        outcome = "accepted" if attempt.accepted else f"refused for {len(attempt.rejections)} reasons"
        print(f"  tried     {' '.join(attempt.edits)} -> {outcome}")


if __name__ == "__main__":
    main()
