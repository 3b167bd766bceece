"""Errors of the retargeting benchmark: facts in, one sentence out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from robots.exceptions import WushuError


class BenchError(WushuError):
    """Base of the errors of the retargeting benchmark."""


class NoBenchClips(BenchError):
    """There is nothing to measure on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"{folder}: holds no bench clip (*.npz); name the folder that has them with --clips.")


class InvalidBenchFile(BenchError):
    """A bench file is damaged or of another make."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: not a bench clip: {problem}; copy it again, or take it out of the folder.")


class NotOurRobot(BenchError):
    """A clip asks for links or joints that the robot of this benchmark lacks."""

    def __init__(self, clip: str, *, unknown: Iterable[str]) -> None:
        self.clip = clip
        self.unknown = tuple(unknown)
        super().__init__(
            f"{clip}: was made for another robot, ours lacks {', '.join(self.unknown)}; take it out of the folder."
        )


class NotGmrTargets(BenchError):
    """A clip's targets do not follow from its human by GMR's rule."""

    def __init__(self, clip: str, *, body: str, error: float) -> None:
        self.clip = clip
        self.body = body
        self.error = error
        super().__init__(
            f"{clip}: the targets of '{body}' are not one scale and one turn of the human's (off by {error:.2g}): "
            "the peers cannot be run on it."
        )


class NoRealMotion(BenchError):
    """There is no recorded motion."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder}: holds no recorded motion (mocap/*/*.bvh.gz, smpl/kungfuathlete/*.npz); "
            "name the folder that does after --real."
        )
