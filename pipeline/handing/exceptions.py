"""Errors of handing over: nothing to hand over, and folders that must not be written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.exceptions import PipelineError


class NothingToHandOver(PipelineError):
    """No motion of a dataset can be handed over; nothing was written."""

    def __init__(self, dataset: Path, *, to: str, counts: Mapping[str, int], first: str | None) -> None:
        self.dataset = dataset
        self.counts = dict(counts)
        if not counts or first is None:
            super().__init__(f"{dataset}: holds no clip to hand over as {to}. Make some with `wushu run`.")
            return
        told = ", ".join(f"{number} {why}" for why, number in counts.items())
        super().__init__(
            f"{dataset}: nothing can be handed over as {to}: {told}. The first: {first} `wushu dataset show` says "
            "more of a clip, and `wushu decide` lets in what you accept all the same."
        )


class FolderTaken(PipelineError):
    """A folder that was named for the result holds something else, which would be lost."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}. Name a new folder, or one that an earlier hand-over made.")


class HandOverRunning(PipelineError):
    """Another program hands over into the same folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path}: another hand-over is writing there. Wait until it is done, or name another folder.")
