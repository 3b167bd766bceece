"""Names the trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.trials.camera_trials import pan, pan_move, shake, zoom
from benchmarks.trials.montage import montage
from benchmarks.trials.people_trials import crossing, crossing_alike, faults, lying, small, upside_down
from benchmarks.trials.staging import Staging

TRIALS: Mapping[str, Callable[[], Staging]] = {
    **{f"small_{height}": partial(small, height) for height in (120, 150, 180, 240)},
    "faults": faults,
    "crossing": crossing,
    "montage": montage,
    "pan": pan,
    "pan_move": pan_move,
    "zoom": zoom,
    "shake": shake,
    "crossing_alike": crossing_alike,
    "lying": lying,
    "upside_down": upside_down,
}
"""How each trial is staged, by name."""
