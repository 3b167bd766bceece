"""Holds the score against the closed loop: who ranks high should need little help at the pelvis."""

from __future__ import annotations

import time
from collections.abc import Sequence

from scipy.stats import spearmanr

from benchmarks.report import Figure
from benchmarks.validation.sweep import Trial
from pipeline.score import score
from pipeline.tracking.measure import TrackingConfig, measure_tracking


def closed_loop_figures(trials: Sequence[Trial]) -> list[Figure]:
    """Follow every motion in simulation, and correlate the help it needs with its score."""
    caps, scores, cpu_s, motion_s = [], [], 0.0, 0.0
    for trial in trials:
        start = time.process_time()
        tracked = measure_tracking(trial.faulty.motion, trial.clip.robot, TrackingConfig())
        cpu_s += time.process_time() - start
        motion_s += trial.faulty.motion.duration_s
        caps.append(tracked["assist_cap"].value)
        scores.append(score((trial.measurements,)))
    figures = []
    if len(set(caps)) > 1 and len(set(scores)) > 1:
        meaning = f"Spearman's, of score and smallest surviving help, sign turned; {len(caps)} motions"
        value = -float(spearmanr(scores, caps).statistic)
        figures.append(Figure(key="score_rank_correlation", value=value, unit="1", meaning=meaning, bar=">= 0.6"))
    meaning = "the whole search for the smallest help, CPU time of one core"
    speed = motion_s / cpu_s
    return [*figures, Figure(key="closed_loop_x_realtime", value=speed, unit="x", meaning=meaning, bar=">= 3")]
