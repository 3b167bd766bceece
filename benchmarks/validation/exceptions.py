"""Errors of the validation benchmark: facts in, one sentence out."""

from __future__ import annotations

from pathlib import Path

from robots.exceptions import WushuError


class ValidationBenchError(WushuError):
    """Base of the errors of the validation benchmark."""


class NoMotions(ValidationBenchError):
    """A folder holds nothing to judge."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder}: holds no motion; name a folder with hand-off files (.pkl, .npz, .csv) or human motion "
            "(.bvh, .bvh.gz, .npz) after --motions."
        )
