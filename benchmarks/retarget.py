"""Retargeting on clips of known stances: our modes beside mink + daqp loops, and GMR's stored output.

    python -m benchmarks.retarget [--clips DIR] [--json FILE] [--repetitions N] [--real [DATA] [--sample N]]
                                  [--trade-off PNG]

Every contender is given the same human and follows GMR's targets, on the product's own G1. Quality is scored by
``benchmarks/retargeting/metrics.py``, where each formula stands under its name. Speed is CPU time on one core, from the
human's poses to the robot's, taken by turns in one process, medians of the repetitions. ``peer`` keeps GMR's rules:
two stages, up to ten QPs each, limits built anew for each. ``peer_two_qp`` has one QP a stage and limits built once;
``peer_fast`` is the best that a user of mink could make of them: it also builds all targets of a frame at once.
``--real`` runs the product's default on recorded motion, which has no labels: see ``benchmarks/retargeting/real.py``.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.report import Figure, parser, report
from benchmarks.retargeting.bars import METRICS, Metric
from benchmarks.retargeting.clips import BENCH_DIR, BenchClip, load_clips
from benchmarks.retargeting.cold_start import cold_starts, draw_starts, warm_costs
from benchmarks.retargeting.contacts import contact_accuracy, whole_clip_stances
from benchmarks.retargeting.exceptions import BenchError
from benchmarks.retargeting.metrics import mean_score
from benchmarks.retargeting.real import DATA_DIR, RealRow, measure_real, print_real, real_figures
from benchmarks.retargeting.scoring import Qpos, score_motions
from benchmarks.retargeting.solvers import (
    CONTENDERS,
    Prepare,
    Solve,
    ik_only,
    online_stances,
    online_steps,
    pinocchio_only,
)
from benchmarks.retargeting.timing import cpu_seconds, frames_per_second, step_p99_ms, times_faster
from benchmarks.retargeting.trade_off import draw_trade_off
from robots.g1 import load_g1
from robots.model import RobotModel

IK_ROTATION_WEIGHT = 8.0
"""At which the IK alone is asked for its orientation [1/rad]."""

Rows = dict[str, dict[str, float]]
"""Contender -> metric -> value."""


def main() -> None:
    """Measure and report."""
    chosen = _options().parse_args()
    try:
        clips = load_clips(chosen.clips)
        if chosen.trade_off is not None:
            draw_trade_off(load_g1(), clips, chosen.trade_off)
        with threadpool_limits(1):  # CPU time would count the threads that wait as well
            figures = measure(load_g1(), clips, repetitions=chosen.repetitions)
        table: list[RealRow] = (
            [] if chosen.real is None else measure_real(load_g1(), chosen.real, per_source=chosen.sample)
        )
    except BenchError as error:
        sys.exit(str(error))
    print(f"clips     {', '.join(f'{clip.name} ({len(clip)} frames)' for clip in clips)}")
    print(f"solvers   {', '.join(f'{name} {version(name)}' for name in ('mink', 'daqp', 'numba'))}")
    report([*figures, *real_figures(table)], chosen.json)
    print_real(table)


def _options() -> ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--clips", type=Path, metavar="DIR", default=BENCH_DIR, help="folder of bench clips (*.npz)")
    options.add_argument("--repetitions", type=int, default=5, metavar="N", help="times that speeds are measured")
    options.add_argument("--real", type=Path, nargs="?", const=DATA_DIR, metavar="DATA", help="recorded motion as well")
    options.add_argument("--sample", type=int, default=8, metavar="N", help="files of each source of recorded motion")
    options.add_argument("--trade-off", type=Path, metavar="PNG", help="draw contacts against orientation")
    return options


def measure(robot: RobotModel, clips: Sequence[BenchClip], *, repetitions: int) -> list[Figure]:
    """Run everybody on all clips: all figures that the clips' labels allow."""
    solvers = {name: _prepared(robot, clips, prepare) for name, prepare in CONTENDERS.items()}
    motions = {name: _solved(solve, clips) for name, solve in solvers.items()}
    rows = {name: mean_score(score_motions(robot, clips, motion)) for name, motion in motions.items()}
    gmr_motions = [clip.gmr_qpos for clip in clips]
    rows["gmr"] = mean_score(score_motions(robot, clips, gmr_motions))
    speeds = _speeds(solvers, clips, repetitions)
    steps = [online_steps(robot, clip) for clip in clips]
    rows["online"]["step_p99_ms"] = step_p99_ms(steps, repetitions=repetitions)
    for name, speed in speeds.items():
        rows[name].update(speed)
    figures = _table(rows)
    figures += _ik_figures(robot, clips, rows["gmr"])
    figures += _cold_figures(robot, clips, solvers, motions)
    figures += _pinocchio_figures(robot, clips, solvers["peer"])
    return figures + _contact_figures(robot, clips)


def _prepared(robot: RobotModel, clips: Sequence[BenchClip], prepare: Prepare) -> list[Solve]:
    """Prepare a contender for every clip, told the others."""
    return [prepare(robot, clip, [other for other in clips if other is not clip]) for clip in clips]


def _solved(solve: Sequence[Solve], clips: Sequence[BenchClip]) -> list[Qpos]:
    return [solve_clip(clip) for solve_clip, clip in zip(solve, clips, strict=True)]


def _speeds(solvers: dict[str, list[Solve]], clips: Sequence[BenchClip], repetitions: int) -> Rows:
    """Frames/s of everybody, and how many times as fast as the peers."""
    calls = {
        name: [lambda s=s, c=c: s(c) for s, c in zip(solve, clips, strict=True)] for name, solve in solvers.items()
    }
    seconds = cpu_seconds(calls, repetitions=repetitions)
    frames = [len(clip) for clip in clips]
    return {
        name: {
            "fps": frames_per_second(own, frames),
            "x_peer": times_faster(own, seconds["peer"]),
            "x_peer_fast": times_faster(own, seconds["peer_fast"]),
            "x_peer_two_qp": times_faster(own, seconds["peer_two_qp"]),
        }
        for name, own in seconds.items()
    }


def _table(rows: Rows) -> list[Figure]:
    """One figure for each contender and metric."""
    return [
        Figure(
            key=f"{name}_{metric.key}",
            value=row[metric.key],
            unit=metric.unit,
            meaning=metric.meaning,
            bar=_bar(metric, name, rows["gmr"]),
        )
        for name, row in rows.items()
        for metric in METRICS
        if metric.key in row
    ]


def _bar(metric: Metric, name: str, gmr: dict[str, float]) -> str:
    """What is asked for, with the number where it is relative to GMR's on these clips."""
    if name == "online":
        return metric.online_bar
    if name != "clip":
        return ""
    if metric.clip_times_gmr is None:
        return metric.clip_bar
    return f"<= {metric.clip_times_gmr:g}x GMR = {metric.clip_times_gmr * gmr[metric.key]:.4g}"


def _ik_figures(robot: RobotModel, clips: Sequence[BenchClip], gmr: dict[str, float]) -> list[Figure]:
    """The IK alone: what contacts cost is not in it."""
    plain, turned = (
        mean_score(score_motions(robot, clips, _solved(_prepared(robot, clips, ik_only(weight)), clips)))
        for weight in (0.0, IK_ROTATION_WEIGHT)
    )
    ratio = plain["cost"] / gmr["cost"]
    meaning = f"rotation weights at least {IK_ROTATION_WEIGHT:g}, cost {turned['cost']:.3g}; GMR {gmr['ori_deg']:.3g}"
    return [
        Figure(key="ik_only_cost_x_gmr", value=ratio, unit="x", meaning="GMR's stage-2 cost", bar="<= 0.88"),
        Figure(key="ik_only_ori_deg", value=turned["ori_deg"], unit="deg", meaning=meaning, bar="<= 6.6"),
    ]


def _cold_figures(
    robot: RobotModel,
    clips: Sequence[BenchClip],
    solvers: dict[str, list[Solve]],
    motions: dict[str, list[Qpos]],
) -> list[Figure]:
    """How the online mode and the peer begin in the middle of a clip, facing anywhere.

    Warm is the better of GMR's stored run and the contender's own run over the whole clip.
    """
    starts, figures = draw_starts(clips), []
    for name, key, bar in (("online", "cold_start_bad_pct", "0"), ("peer", "peer_cold_start_bad_pct", "")):
        warm = warm_costs(robot, clips, [motions[name], [clip.gmr_qpos for clip in clips]])
        solve = solvers[name]
        result = cold_starts(robot, clips, starts, lambda index, part, solve=solve: solve[index](part), warm)
        meaning = f"of {len(starts)}; after 12 frames {result.unrecovered_pct:.3g} %, worst {result.worst_ratio:.3g}x"
        figures.append(Figure(key=key, value=result.bad_pct, unit="%", meaning=meaning, bar=bar))
    return figures


def _pinocchio_figures(robot: RobotModel, clips: Sequence[BenchClip], peer: Sequence[Solve]) -> list[Figure]:
    """The slow fallback, on the shortest clip."""
    index = min(range(len(clips)), key=lambda i: len(clips[i]))
    clip, slow = clips[index], pinocchio_only(robot, clips[index], [])
    seconds = cpu_seconds({"ours": [lambda: slow(clip)], "peer": [lambda: peer[index](clip)]}, repetitions=3)
    (score,) = score_motions(robot, [clip], [slow(clip)])
    meaning = f"clip mode on Pinocchio and LAPACK, contacts off, {clip.name}, cost {score.tracking.cost:.3g}"
    value = times_faster(seconds["ours"], seconds["peer"])
    return [Figure(key="pinocchio_only_x_peer", value=value, unit="x", meaning=meaning)]


def _contact_figures(robot: RobotModel, clips: Sequence[BenchClip]) -> list[Figure]:
    """Stances told, against the labels."""
    figures = []
    for key, told in (
        ("contact_accuracy_pct", [whole_clip_stances(clip) for clip in clips]),
        ("contact_accuracy_causal_pct", [online_stances(robot, clip) for clip in clips]),
    ):
        result = contact_accuracy(clips, told)
        meaning = f"of (frame, foot); {result.missed_pct:.2g} % missed, {result.made_up_pct:.2g} % made up"
        figures.append(Figure(key=key, value=result.right_pct, unit="%", meaning=meaning))
    return figures


if __name__ == "__main__":
    main()
