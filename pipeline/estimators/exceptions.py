"""Errors of the estimators."""

from __future__ import annotations

from pipeline.exceptions import PipelineError


class TooLittleEvidence(PipelineError):
    """There are too few frames with a person to make a motion from."""

    def __init__(self, *, usable: int, total: int, needed: int) -> None:
        self.usable = usable
        self.total = total
        self.needed = needed
        super().__init__(
            f"the person is visible in only {usable} of {total} frames, and a motion needs at least {needed}. "
            "Choose a longer span in which the whole body is in the picture."
        )
