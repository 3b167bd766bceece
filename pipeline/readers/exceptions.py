"""Errors of ``pipeline.readers``: facts in, one sentence out."""

from __future__ import annotations

from pathlib import Path

from pipeline.exceptions import PipelineError


class ReaderError(PipelineError):
    """Base of the errors of ``pipeline.readers``."""


class UnreadableMotion(ReaderError):
    """A motion file is damaged, of an unknown kind, or lacks what a motion needs."""

    def __init__(self, path: Path, *, problem: str, remedy: str) -> None:
        self.path = path
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{path}: {problem}. {remedy}")
