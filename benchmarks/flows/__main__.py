"""What the flows cost, whether they scale, what they survive, and what mjlab says of the hand-off.

    python -m benchmarks.flows [--json FILE] [--only throughput,memory,chaos,mjlab] [--kills 30]

``two_workers_x_bare``: 200 clips of 10 s of recorded motion through retargeting and validation by the flow on two
processes, as a share of the throughput of two bare processes in the same run, starts and ends of processes included.
``overhead_pct``: how much longer the flow takes for each clip, from the difference between 200 and 20 of them. Both by
the default settings, which solve for two variants of the robot, or with ``--one-robot``. ``rss_growth_mb_2000_clips``:
how much more memory the flow and its largest process take at the end of 2,000 clips of 1 s than after 200. ``kills``
and ``rerun_identical``: see ``benchmarks.flows.chaos``. Clips are windows of recorded motion where it lies beside the
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
from benchmarks.flows.throughput import ONE_ROBOT, compare
from benchmarks.report import Figure, parser, report

PARTS = ("throughput", "memory", "chaos", "mjlab")


def main() -> None:
    """Measure and report."""
    options = parser(__doc__)
    options.add_argument("--only", default=",".join(PARTS), help="parts, with commas between them")
    options.add_argument("--kills", type=int, default=30)
    options.add_argument("--one-robot", action="store_true", help="throughput with one variant of the robot, not two")
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    wanted = chosen.only.split(",")
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: dict[str, Callable[[], list[Figure]]] = {
            "throughput": lambda: throughput(folder / "throughput", ONE_ROBOT if chosen.one_robot else ""),
            "memory": lambda: memory(folder / "memory"),
            "chaos": lambda: chaos(folder / "chaos", chosen.kills, chosen.seed),
            "mjlab": mjlab,
        }
        for part in wanted:
            figures += parts[part]()
    report(figures, chosen.json)


def throughput(folder: Path, settings: str, n_clips: int = 200, n_few: int = 20) -> list[Figure]:
    """Clips of ten seconds on two workers; a run of a few tells start and end apart from what each clip costs."""
    clips, origin = write_clips(folder / "clips", n_clips, 10.0)
    with surroundings(folder / "around") as around:
        few = compare(clips[:n_few], folder / "few", around, settings=settings)
        all_ = compare(clips, folder / "all", around, settings=settings)
    for n, both in ((n_few, few), (n_clips, all_)):
        print(f"throughput: {n} clips of 10 s, {origin}; flow {both.flow_s:.1f} s, bare {both.bare_s:.1f} s")
    whole = "throughput of the flow on two processes, against two bare ones"
    each = "what a clip of 10 s takes longer than in bare processes"
    return [
        Figure(key="two_workers_x_bare", value=all_.flow_x_bare, unit="x", meaning=whole, bar=">= 0.9"),
        Figure(key="overhead_pct", value=all_.overhead_pct(few), unit="%", meaning=each, bar="<= 5"),
        Figure(
            key="flow_start_s",
            value=few.flow_s - few.bare_s,
            unit="s",
            meaning=f"what the flow takes longer with {n_few} clips: its start and end",
        ),
    ]


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
