"""Errors of ``pipeline.synthetic``: facts in, one sentence out."""

from __future__ import annotations

from pathlib import Path

from pipeline.exceptions import PipelineError


class SyntheticError(PipelineError):
    """Base of the errors of ``pipeline.synthetic``."""


class InvalidDetectorTables(SyntheticError):
    """A file with a detector's error tables is missing, damaged or does not belong to this program."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(
            f"{path}: holds no error tables of a detector ({problem}). "
            "Measure them anew with `python -m benchmarks.detector_noise --write`."
        )
