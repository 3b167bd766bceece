"""What the flows cost, whether they scale, what they survive, and what mjlab says of the hand-off.

    python -m benchmarks.flows [--json FILE] [--only throughput,overhead,memory,chaos,mjlab] [--kills 30]

``two_workers_x_bare``: 200 clips of recorded motion through retargeting and validation by the flow on two processes,
as a share of the throughput of two bare processes in the same run; both times hold the start of their processes.
``overhead_pct``: how much longer the flow takes than bare processes on clips of 10 s. ``rss_growth_mb_2000_clips``: how
much more memory the flow and its largest process take at the end of 2,000 clips of 1 s than after 200. ``kills`` and
``rerun_identical``: see ``benchmarks.flows.chaos``. Clips are windows of recorded motion where it lies beside the
checkout, else of the demo's two pieces. About 40 minutes on two cores.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.flows.chaos import survive
from benchmarks.flows.material import write_clips
from benchmarks.flows.memory import watch
from benchmarks.flows.surroundings import surroundings
from benchmarks.flows.throughput import compare
from benchmarks.report import Figure, parser, report

PARTS = ("throughput", "overhead", "memory", "chaos", "mjlab")


def main() -> None:
    """Measure and report."""
    options = parser(__doc__)
    options.add_argument("--only", default=",".join(PARTS), help="parts, with commas between them")
    options.add_argument("--kills", type=int, default=30)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    wanted = chosen.only.split(",")
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: dict[str, Callable[[], list[Figure]]] = {
            "throughput": lambda: throughput(folder / "throughput"),
            "overhead": lambda: overhead(folder / "overhead"),
            "memory": lambda: memory(folder / "memory"),
            "chaos": lambda: chaos(folder / "chaos", chosen.kills, chosen.seed),
            "mjlab": mjlab,
        }
        for part in wanted:
            figures += parts[part]()
    report(figures, chosen.json)


def throughput(folder: Path, n_clips: int = 200, seconds: float = 4.0) -> list[Figure]:
    """Many clips of middle length, on two workers."""
    clips, origin = write_clips(folder / "clips", n_clips, seconds)
    with surroundings(folder / "around") as around:
        both = compare(clips, folder / "built", around)
    print(f"throughput: {n_clips} clips of {seconds:g} s, {origin}; flow {both.flow_s:.1f} s, bare {both.bare_s:.1f} s")
    meaning = "throughput of the flow on two processes, against two bare ones"
    return [Figure(key="two_workers_x_bare", value=both.flow_x_bare, unit="x", meaning=meaning, bar=">= 0.9")]


def overhead(folder: Path, n_clips: int = 60) -> list[Figure]:
    """Clips of ten seconds, on two workers."""
    clips, origin = write_clips(folder / "clips", n_clips, 10.0)
    with surroundings(folder / "around") as around:
        both = compare(clips, folder / "built", around)
    print(f"overhead: {n_clips} clips of 10 s, {origin}; flow {both.flow_s:.1f} s, bare {both.bare_s:.1f} s")
    meaning = "what the flow takes longer than bare processes, clips of 10 s"
    return [Figure(key="overhead_pct", value=both.overhead_pct, unit="%", meaning=meaning, bar="<= 5")]


def memory(folder: Path, n_clips: int = 2000) -> list[Figure]:
    """Small clips in one flow."""
    _, origin = write_clips(folder / "clips", n_clips, 1.0)
    with surroundings(folder / "around") as around:
        watched = watch(folder / "clips", n_clips, folder / "built", around)
    print(f"memory: {n_clips} clips of 1 s, {origin}; {watched.seconds:.0f} s")
    for sample in watched.samples[:: max(1, len(watched.samples) // 12)]:
        print(f"  {sample.done:5d} clips  flow {sample.flow_mb:6.0f} MB  largest process {sample.member_mb:6.0f} MB")
    grown = f"memory of flow and largest process, from 200 clips to {n_clips}"
    largest = "most memory that one process of the pool took"
    return [
        Figure(key="rss_growth_mb_2000_clips", value=watched.growth_mb(200), unit="MB", meaning=grown, bar="none"),
        Figure(key="rss_worker_mb", value=watched.largest_member_mb, unit="MB", meaning=largest),
        Figure(key="clips_per_s", value=n_clips / watched.seconds, unit="1/s", meaning="clips of 1 s, whole run"),
    ]


def chaos(folder: Path, n_kills: int, seed: int, n_clips: int = 48) -> list[Figure]:
    """Disturb a build, and compare it with one that nothing disturbed."""
    came = survive(folder, n_kills, seed, n_clips, print)
    kills = ", ".join(f"{count} {kind}" for kind, count in sorted(came.kills.items()))
    print(f"chaos: killed {kills}; {'; '.join(came.events)}")
    for sentence in (*came.differences[:20], *map(str, came.half_written), *map(str, came.done_twice.items())):
        print(f"  {sentence}")
    return [
        Figure(key="kills", value=came.kills.total(), unit="", meaning="processes ended by SIGKILL", bar=">= 30"),
        Figure(
            key="rerun_identical",
            value=float(came.identical),
            unit="",
            meaning="the dataset equals that of an undisturbed build, and nothing was done twice",
            bar="1",
        ),
    ]


def mjlab() -> list[Figure]:
    """What mjlab itself makes of our files."""
    from benchmarks.mjlab import figures, mjlab_python

    return figures(mjlab_python())


if __name__ == "__main__":
    main()
