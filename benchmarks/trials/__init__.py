"""Rendered trial videos for the front end, each with the truth of what is in it."""

from benchmarks.trials.render import render_trial
from benchmarks.trials.stagings import TRIALS
from benchmarks.trials.truth import PersonTruth, Trial, load_trial

__all__ = ["TRIALS", "PersonTruth", "Trial", "load_trial", "render_trial"]
