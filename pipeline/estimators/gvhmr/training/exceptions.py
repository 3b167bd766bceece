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


class TrainingDiverged(PipelineError):
    """Nothing is learned any more: gradients stay infinite or undefined."""

    def __init__(self, *, step: int, skipped: int) -> None:
        self.step = step
        self.skipped = skipped
        super().__init__(
            f"at step {step:,} no gradient has been finite for {skipped} steps: the training has diverged. Begin anew "
            "in another folder with a lower learning rate."
        )
