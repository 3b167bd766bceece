"""Errors of the tracking room."""

from __future__ import annotations

from pipeline.exceptions import PipelineError


class TrackingError(PipelineError):
    """Base of the errors of ``pipeline.tracking``."""


class WrongDuration(TrackingError):
    """A motion is too short to show whether it can be tracked, or too long to be simulated as one."""

    def __init__(self, duration_s: float, *, shortest_s: float, longest_s: float) -> None:
        self.duration_s = duration_s
        remedy = (
            f"Any controller survives less than {shortest_s:g} s, so that nothing would be learnt; give a longer clip."
            if duration_s < shortest_s
            else f"Cut it into clips of at most {longest_s:g} s."
        )
        super().__init__(f"a motion of {duration_s:.4g} s cannot be tracked. {remedy}")
