"""The filter and the validator, calibrated in public: good motion in, faults put into it, and what the checks say.

    python -m benchmarks.validate [--motions DIR] [--json FILE] [--markdown FILE] [--split even|odd|all] [--quick]
                                  [--skip-faults] [--skip-repair] [--skip-tracking] [--calibrate]

Good motion is what DIR holds: hand-off files (PBHC's pickles through the restricted reader, mjlab's npz, Unitree's
CSV) and human motion (BVH, npz), which is retargeted first. Without DIR it is recorded human motion where the machine
has it, else the demo's performances, beside PBHC's released motions where they lie. Faults (``benchmarks/validation``)
are put into the human motion that tier `clean` accepts, so that a rejection is the fault's; where DIR has none, into
the built-in set. A fault's IoU holds the frames that the failed rejecting checks name against those that are wrong,
both widened by 0.1 s. Limits were chosen on the even clips; the odd ones, the default here, had no say.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.report import Figure, parser, report
from benchmarks.validation.calibration import print_calibration
from benchmarks.validation.closed_loop import closed_loop_figures
from benchmarks.validation.exact import flight_checks_failed, slow_jump_speed_err_pct, static_residual_n
from benchmarks.validation.exceptions import ValidationBenchError
from benchmarks.validation.fault_table import FaultRow, fault_figures, fault_rows, markdown
from benchmarks.validation.faults import FAULTS
from benchmarks.validation.good_motion import Split, anchors, built_in, clips_of, spread
from benchmarks.validation.repairs import mend_trials, mendable, repair_figures
from benchmarks.validation.sweep import GoodClip, Outcome, Trial, try_clean, try_faults
from benchmarks.validation.time_faults import flights
from pipeline.limits import find_limits
from pipeline.validation import ValidationConfig
from robots.g1 import load_g1

SWEPT, SWEPT_QUICK = 30, 6
"""Clips that faults are put into."""

MENDED, MENDED_QUICK = 4, 1
"""Clips whose faults are mended."""


def main() -> None:
    """Measure and report."""
    chosen = _options().parse_args()
    try:
        with threadpool_limits(1):  # CPU time would count the threads that wait as well
            good = _good_motion(chosen.motions, chosen.split)
            trials = list(try_clean(good.judged, ValidationConfig()))
            figures = _exact_figures() + _acceptance_figures(trials)
            if chosen.calibrate:
                print_calibration([trial for trial in trials if trial.clip.recorded], find_limits("clean"))
            rows: list[FaultRow] = []
            if not chosen.skip_faults:
                rows = _sweep(trials, good.spare, SWEPT_QUICK if chosen.quick else SWEPT)
                figures += fault_figures(rows)
            if not chosen.skip_repair:
                figures += _repair_figures(trials, chosen.quick)
            if not chosen.skip_tracking:
                figures += closed_loop_figures(trials[: SWEPT_QUICK if chosen.quick else SWEPT])
    except ValidationBenchError as error:
        sys.exit(str(error))
    for line in good.told:
        print(line)
    _print_refused(trials)
    report(figures, chosen.json)
    if chosen.markdown is not None and rows:
        chosen.markdown.write_text(markdown(rows), encoding="utf-8")


def _options() -> ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--motions", type=Path, metavar="DIR", help="folder of hand-off files and of human motion")
    options.add_argument("--split", choices=("even", "odd", "all"), default="odd", help="which recorded clips to take")
    options.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table of faults for people")
    options.add_argument("--quick", action="store_true", help=f"put faults into {SWEPT_QUICK} clips only")
    options.add_argument("--skip-faults", action="store_true", help="judge good motion only")
    options.add_argument("--skip-repair", action="store_true", help="leave out the repairs")
    options.add_argument("--skip-tracking", action="store_true", help="leave out the closed loop")
    options.add_argument("--calibrate", action="store_true", help="print what good motion measures beside its limits")
    return options


@dataclass(frozen=True, slots=True, kw_only=True)
class _GoodMotion:
    """What is judged, and what faults are put into if nothing of it serves."""

    judged: list[GoodClip]
    told: list[str]
    """Lines about where it comes from."""

    @property
    def spare(self) -> list[GoodClip]:
        """The built-in set, for folders without human motion that `clean` accepts."""
        return built_in("odd")


def _good_motion(folder: Path | None, split: Split) -> _GoodMotion:
    if folder is not None:
        clips, refusals = clips_of(folder, _progress("reading"))
        told = [f"motion    {len(clips)} of {folder}", *(f"unread    {refusal}" for refusal in refusals)]
        return _GoodMotion(judged=clips, told=told)
    recorded, released = built_in(split, progress=_progress("retargeting")), anchors()
    sources = ", ".join(sorted({clip.source for clip in recorded}))
    told = [f"motion    {len(recorded)} clips of {sources}; {len(released)} released by PBHC"]
    return _GoodMotion(judged=[*released, *recorded], told=told)


def _exact_figures() -> list[Figure]:
    """What the checks say of motions whose answer is known."""
    robot, clean = load_g1(), find_limits("clean")
    failed = {speed: flight_checks_failed(robot, clean, speed=speed) for speed in (1.0, 0.7)}
    apart = float(not failed[1.0] and bool(failed[0.7]))
    force, error = static_residual_n(robot), slow_jump_speed_err_pct(robot)
    rows = (
        ("static_residual_n", force, "N", "force that no contact explains of the default pose", "< 1e-3"),
        ("slow_jump_speed_err_pct", error, "%", "error of the speed told of a jump played at 0.7x", "<= 5"),
        ("slow_jump_told_apart", apart, "1", "the jump passes the flight checks, at 0.7x it fails one", "1"),
    )
    return [Figure(key=key, value=value, unit=unit, meaning=text, bar=bar) for key, value, unit, text, bar in rows]


def _acceptance_figures(trials: Sequence[Trial]) -> list[Figure]:
    """What the tiers make of good motion, and how fast it is measured."""

    def accepted(tier: str, among: Sequence[Trial]) -> float:
        limits = find_limits(tier)
        return 100.0 * float(np.mean([trial.verdict(limits).accepted for trial in among])) if among else float("nan")

    recorded = [trial for trial in trials if trial.clip.recorded]
    figures = [
        Figure(
            key=f"accepted_{tier}_pct",
            value=accepted(tier, trials),
            unit="%",
            meaning=f"of {len(trials)} good motions",
        )
        for tier in ("trainable", "clean")
    ]
    if recorded:
        false_alarms = 100.0 - accepted("clean", recorded)
        meaning = f"of {len(recorded)} human motions on the robot, refused by tier clean"
        figures.append(Figure(key="false_alarm_pct", value=false_alarms, unit="%", meaning=meaning, bar="<= 5"))
    released = [trial for trial in trials if trial.clip.source == "pbhc"]
    if released:
        meaning = f"of {len(released)} motions in PBHC's format"
        value = accepted("trainable", released)
        figures.append(
            Figure(
                key="accepted_trainable_pbhc_pct", value=value, unit="%", meaning=meaning, bar="100 of released ones"
            )
        )
    fps = sum(len(trial.clip.motion) for trial in trials) / sum(trial.cpu_s for trial in trials)
    meaning = "all checks of the robot without closed loop, CPU time of one core"
    return [*figures, Figure(key="checks_fps", value=fps, unit="frames/s", meaning=meaning, bar=">= 300")]


def _sweep(trials: Sequence[Trial], spare: list[GoodClip], count: int) -> list[FaultRow]:
    """Put all faults into clips that tier `clean` accepts, those with a flight first."""
    clean = find_limits("clean")
    config = ValidationConfig()
    sound = [trial.clip for trial in trials if trial.clip.recorded and trial.verdict(clean).accepted]
    if not sound:
        sound = [trial.clip for trial in try_clean(spare, config) if trial.verdict(clean).accepted]
    flying = [clip.name for clip in sound if flights(clip.motion, clip.robot)]
    clips = spread(sound, count, flying)
    outcomes = [Outcome.of(trial, clean) for trial in try_faults(clips, FAULTS, config, progress=_progress("faults"))]
    return fault_rows(FAULTS, outcomes)


def _repair_figures(trials: Sequence[Trial], quick: bool) -> list[Figure]:
    """Put the faults into a few accepted clips and let the product mend what is refused."""
    clean, config = find_limits("clean"), ValidationConfig()
    sound = [trial.clip for trial in trials if trial.clip.recorded and trial.verdict(clean).accepted]
    clips = spread(sound, MENDED_QUICK if quick else MENDED)
    spoilt = (trial for trial in try_faults(clips, FAULTS, config, progress=_progress("repairs")) if mendable(trial))
    refused = (trial for trial in spoilt if not trial.verdict(clean).accepted)
    return repair_figures(mend_trials(refused, clean, config))


def _print_refused(trials: Sequence[Trial]) -> None:
    """Name the good motions that a tier refuses, and by which measurements."""
    for tier in ("trainable", "clean"):
        limits = find_limits(tier)
        for trial in trials:
            outcome = Outcome.of(trial, limits)
            if not outcome.accepted:
                print(f"{tier:<9} refuses {trial.clip.source}/{trial.clip.name}: {', '.join(outcome.rejected_by)}")


def _progress(what: str):
    """Count on the terminal, where there is one."""

    def tell(done: int, total: int | None) -> None:
        if sys.stderr.isatty():
            print(f"\r{what} {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    main()
