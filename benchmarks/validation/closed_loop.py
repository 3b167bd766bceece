"""Holds the score against the closed loop: who ranks high should need little help at the pelvis."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import cycle

from scipy.stats import spearmanr

from benchmarks.report import Figure
from benchmarks.validation.faulty import Fault
from benchmarks.validation.good_motion import spread
from benchmarks.validation.sweep import Trial, try_faults
from pipeline.score import score
from pipeline.tracking.exceptions import TrackingError
from pipeline.tracking.measure import TrackingConfig, measure_tracking
from pipeline.validation import ValidationConfig
from retarget.progress import Progress, silent

MODERATE = (
    "drift_1cms",
    "bobbing_2cm_1hz",
    "bobbing_2cm_2hz",
    "slide_3dms",
    "noise_10mrad",
    "teleport_5cm",
    "tilt_5deg",
    "hip_lean_20deg",
    "mirror",
    "freeze",
    "hover_10cm",
    "smoothing_1hz",
)
"""Faults of the mixed set: none so gross that any figure would tell."""


def mixed_set(trials: Sequence[Trial], faults: Sequence[Fault], count: int) -> list[Trial]:
    """Choose motions of all grades: the released ones, and half each of recorded ones and of recorded ones with faults.

    Recorded clips are sorted by name, so that evenly spaced ones are of all categories; the faults take turns.
    """
    released = [trial for trial in trials if not trial.clip.recorded]
    recorded = {trial.clip.key: trial for trial in trials if trial.clip.recorded}
    chosen = spread([trial.clip for trial in recorded.values()], count)
    clean, spoilt = chosen[::2], chosen[1::2]
    moderate = [fault for fault in faults if fault.key in MODERATE]
    config = ValidationConfig()
    with_fault: list[Trial] = []
    turns = cycle(moderate)
    for clip in spoilt:
        for _ in moderate:  # the first whose turn it is and that the clip has room for
            found = next(try_faults([clip], [next(turns)], config), None)
            if found is not None:
                with_fault.append(found)
                break
    return [*released, *(recorded[clip.key] for clip in clean), *with_fault]


def closed_loop_figures(trials: Sequence[Trial], progress: Progress = silent) -> list[Figure]:
    """Follow every motion in simulation, and correlate the help it needs with its score.

    Where all motions need the same help there is no correlation, and its figure is left out.
    """
    caps, scores, cpu_s, motion_s = [], [], 0.0, 0.0
    for done, (trial, cap, seconds) in enumerate(_followed(trials), start=1):
        caps.append(cap)
        scores.append(score((trial.measurements,)))
        cpu_s += seconds
        motion_s += trial.faulty.motion.duration_s
        progress(done, len(trials))
    if not caps:
        return []
    figures = []
    if len(set(caps)) > 1 and len(set(scores)) > 1:
        spoilt = sum(trial.fault is not None for trial in trials)
        meaning = f"Spearman's, of score and smallest surviving help, sign turned; {len(caps)} motions, {spoilt} spoilt"
        value = -float(spearmanr(scores, caps).statistic)
        figures.append(Figure(key="score_rank_correlation", value=value, unit="1", meaning=meaning, bar=">= 0.6"))
    meaning = "motion followed in CPU time of one core, the whole search for the smallest help included"
    speed = motion_s / cpu_s
    return [*figures, Figure(key="closed_loop_x_realtime", value=speed, unit="x", meaning=meaning, bar=">= 3")]


def _followed(trials: Sequence[Trial]) -> Iterator[tuple[Trial, float, float]]:
    """Yield every motion with the smallest help it survives with and the CPU time of the search [s].

    Those of a length that is not followed are left out.
    """
    for trial in trials:
        start = time.process_time()
        try:
            tracked = measure_tracking(trial.faulty.motion, trial.clip.robot, TrackingConfig())
        except TrackingError:
            continue
        yield trial, tracked["assist_cap"].value, time.process_time() - start
