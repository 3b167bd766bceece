"""Errors of training."""

from __future__ import annotations

from pathlib import Path

from pipeline.exceptions import PipelineError


class UnusableTrainingState(PipelineError):
    """A file that should hold a training in progress cannot be gone on with."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}. Begin anew in another folder, or name the right one.")
