"""The filter and the validator, calibrated in public: good motion in, faults put into it, and what the checks say.

    python -m benchmarks.validate [--motions DIR] [--json FILE] [--markdown FILE] [--split even|odd|all] [--quick]
                                  [--physics] [--skip-faults] [--skip-repair] [--skip-tracking] [--calibrate]

Good motion is what DIR holds: hand-off files (PBHC's pickles through the restricted reader, mjlab's npz, Unitree's
CSV) and human motion (BVH, npz), which is retargeted first. Without DIR it is recorded human motion where the machine
has it, else the demo's performances, beside PBHC's released motions where they lie. Faults (``benchmarks/validation``)
are put into the human motion that tier `clean` accepts, and into what the robot made of it, so that a rejection is the
fault's; where DIR has none, into the built-in set. A fault's IoU holds the frames that the failed rejecting checks name
against those that are wrong, both widened by 0.1 s. Limits were chosen on the even clips; the odd ones, the default
here, had no say. A file that cannot be read costs one sentence, and the exit status at the end.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.report import Figure, parser, report
from benchmarks.validation.acceptance import acceptance_figures, exact_figures, refusals_of
from benchmarks.validation.calibration import print_calibration
from benchmarks.validation.closed_loop import closed_loop_figures, mixed_set
from benchmarks.validation.exceptions import ValidationBenchError
from benchmarks.validation.fault_table import FaultRow, fault_figures, fault_rows
from benchmarks.validation.faults import FAULTS
from benchmarks.validation.good_motion import Split, anchors, built_in, clips_of, spread
from benchmarks.validation.human_faults import HUMAN_FAULTS
from benchmarks.validation.human_sweep import HumanTrial, chain_figures, try_human_faults, try_humans
from benchmarks.validation.page import write_page
from benchmarks.validation.repairs import mend_trials, mendable, repair_figures
from benchmarks.validation.sweep import GoodClip, Outcome, Trial, try_clean, try_faults
from benchmarks.validation.time_faults import flights
from benchmarks.validation.unassisted import certificate_figures, certify_clips, follow_clips, sampling_figures
from pipeline.body import load_body
from pipeline.limits import find_limits
from pipeline.plausibility import PlausibilityConfig
from pipeline.validation import ValidationConfig
from retarget.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How many clips each part of the benchmark takes."""

    every: int = 1
    """Of the recorded clips, every n-th is taken."""
    swept: int = 30
    """Faults are put into them."""
    mended: int = 4
    """Their faults are mended."""
    followed: int = 48
    """Followed with help at the root, half of them spoilt; released ones come on top."""
    certified: int = 12
    """Followed without help; released ones come on top."""
    sampled: int = 3
    """Followed by sampling control."""


QUICK = Effort(every=8, swept=6, mended=1, followed=12, certified=3, sampled=1)


def main() -> None:
    """Measure and report."""
    chosen = _options().parse_args()
    try:
        with threadpool_limits(1):  # CPU time would count the threads that wait as well
            unread = _run(chosen, QUICK if chosen.quick else Effort())
    except ValidationBenchError as error:
        sys.exit(str(error))
    if unread:
        sys.exit(f"{unread} file{'s' * (unread > 1)} could not be read; the figures are those of the others.")


def _options() -> ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--motions", type=Path, metavar="DIR", help="folder of hand-off files and of human motion")
    options.add_argument("--split", choices=("even", "odd", "all"), default="odd", help="which recorded clips to take")
    options.add_argument("--markdown", type=Path, metavar="FILE", help="also write, or update, a page for people")
    options.add_argument(
        "--quick", action="store_true", help=f"every {QUICK.every}th recorded clip, faults into {QUICK.swept}"
    )
    options.add_argument("--physics", action="store_true", help="also follow motions by sampling control: minutes")
    options.add_argument("--skip-faults", action="store_true", help="judge good motion only")
    options.add_argument("--skip-repair", action="store_true", help="leave out the repairs")
    options.add_argument("--skip-tracking", action="store_true", help="leave out all simulation")
    options.add_argument("--calibrate", action="store_true", help="print what good motion measures beside its limits")
    return options


def _run(chosen: Namespace, effort: Effort) -> int:
    """Do what was chosen; returns how many files could not be read."""
    good = _good_motion(chosen.motions, chosen.split, effort.every)
    for line in good.told:
        print(line, flush=True)
    clean, body = find_limits("clean"), load_body()
    unread = list(good.unread)
    tell = _progress("checks of the robot")
    trials = list(try_clean(good.judged, ValidationConfig(), refusals=unread, progress=tell))
    tell = _progress("checks of the human")
    humans = list(try_humans(good.judged, body, PlausibilityConfig(), refusals=unread, progress=tell))
    for sentence in unread:
        print(f"unread    {sentence}", flush=True)
    chain, refused = chain_figures(trials, humans, clean)
    figures = exact_figures() + acceptance_figures(trials) + chain
    if chosen.calibrate:
        print_calibration([t.measurements for t in trials if t.clip.recorded], clean)
        print_calibration([trial.measurements for trial in humans], clean)
    rows: list[FaultRow] = []
    if not chosen.skip_faults:
        rows = _sweep(trials, good.spare, effort) + _human_sweep(humans, trials, good.spare, effort)
        figures += fault_figures(rows)
    if not chosen.skip_repair:
        figures += _repair_figures(trials, effort)
    if not chosen.skip_tracking:
        mixed = mixed_set(trials, FAULTS, effort.followed)
        figures += closed_loop_figures(mixed, _progress("closed loop"))
        clips = _to_certify(trials, effort)
        figures += certificate_figures(list(certify_clips(clips, _progress("unassisted"))))
    if chosen.physics:
        released = [trial.clip for trial in trials if not trial.clip.recorded]
        clips = spread(released or _sound(trials), effort.sampled)
        figures += sampling_figures(follow_clips(clips, _progress("sampling")))
    for line in refusals_of(trials):
        print(line)
    for clip, names in refused.items():
        print(f"the chain refuses {clip}: {', '.join(names)}")
    report(figures, chosen.json)
    if chosen.markdown is not None:
        write_page(chosen.markdown, figures, rows, good.told)
    return len(unread)


@dataclass(frozen=True, slots=True, kw_only=True)
class _GoodMotion:
    """What is judged, and what faults are put into if nothing of it serves."""

    judged: list[GoodClip]
    told: list[str]
    """Lines about where it comes from."""
    unread: list[str]
    """A sentence for each file that could not be read."""

    @property
    def spare(self) -> list[GoodClip]:
        """The built-in set, for folders without human motion that `clean` accepts."""
        return built_in("odd", every=QUICK.every)


def _good_motion(folder: Path | None, split: Split, every: int) -> _GoodMotion:
    if folder is not None:
        clips, unread = clips_of(folder, _progress("reading"))
        told = [f"motion    {len(clips)} of {folder}"]
        return _GoodMotion(judged=clips, told=told, unread=unread)
    recorded, released = built_in(split, every=every, progress=_progress("retargeting")), anchors()
    sources = ", ".join(sorted({clip.source for clip in recorded}))
    told = [f"motion    {len(recorded)} clips of {sources}, split '{split}'; {len(released)} released by PBHC"]
    return _GoodMotion(judged=[*released, *recorded], told=told, unread=[])


def _sound(trials: Sequence[Trial]) -> list[GoodClip]:
    """Recorded clips that tier `clean` accepts on the robot."""
    clean = find_limits("clean")
    return [trial.clip for trial in trials if trial.clip.recorded and trial.verdict(clean).accepted]


def _swept(sound: list[GoodClip], count: int) -> list[GoodClip]:
    """Choose clips to put faults into, those with a flight first."""
    return spread(sound, count, [clip.name for clip in sound if flights(clip.motion, clip.robot)])


def _sweep(trials: Sequence[Trial], spare: list[GoodClip], effort: Effort) -> list[FaultRow]:
    """Put all faults of the robot's motion into clips that tier `clean` accepts."""
    clean, config = find_limits("clean"), ValidationConfig()
    clips = _swept(_sound(trials) or _sound(list(try_clean(spare, config))), effort.swept)
    spoilt = try_faults(clips, FAULTS, config, progress=_progress("faults"))
    return fault_rows(FAULTS, [Outcome.of(trial, clean) for trial in spoilt])


def _human_sweep(
    humans: Sequence[HumanTrial], trials: Sequence[Trial], spare: list[GoodClip], effort: Effort
) -> list[FaultRow]:
    """Put all faults of the human's motion into clips whose human the tier `clean` accepts."""
    clean, body, config = find_limits("clean"), load_body(), PlausibilityConfig()
    clips = [trial.clip for trial in trials]
    if not any(trial.verdict(clean).accepted for trial in humans):
        clips, humans = spare, list(try_humans(spare, body, config))
    accepted = {trial.clip for trial in humans if trial.verdict(clean).accepted}
    chosen = _swept([clip for clip in clips if clip.key in accepted], effort.swept)
    spoilt = try_human_faults(chosen, HUMAN_FAULTS, body, config, progress=_progress("human faults"))
    return fault_rows(HUMAN_FAULTS, [trial.outcome(clean) for trial in spoilt])


def _repair_figures(trials: Sequence[Trial], effort: Effort) -> list[Figure]:
    """Put the faults into a few accepted clips and let the product mend what is refused."""
    clean, config = find_limits("clean"), ValidationConfig()
    clips = spread(_sound(trials), effort.mended)
    spoilt = (trial for trial in try_faults(clips, FAULTS, config, progress=_progress("repairs")) if mendable(trial))
    refused = (trial for trial in spoilt if not trial.verdict(clean).accepted)
    return repair_figures(mend_trials(refused, clean, config))


def _to_certify(trials: Sequence[Trial], effort: Effort) -> list[GoodClip]:
    """All hand-off files up to a number, and as many sound recorded clips."""
    handed = spread([trial.clip for trial in trials if not trial.clip.recorded], effort.certified)
    return [*handed, *spread(_sound(trials), effort.certified)]


def _progress(what: str) -> Progress:
    """Count on the terminal; elsewhere tell every tenth."""
    told = -1

    def tell(done: int, total: int | None) -> None:
        nonlocal told
        if sys.stderr.isatty():
            print(f"\r{what} {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
        elif total and (tenth := 10 * done // total) != told:
            told = tenth
            print(f"{what} {done} of {total}", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    main()
