"""Errors of ``flows``: facts in, one sentence out."""

from __future__ import annotations

from pathlib import Path

from robots.exceptions import WushuError


class FlowsError(WushuError):
    """Base of the errors of ``flows``."""


class NoMotion(FlowsError):
    """A clip was asked for that never became a motion."""

    def __init__(self, clip: str, *, reason: str | None) -> None:
        self.clip = clip
        super().__init__(f"{clip} has no robot motion: {reason or 'it was not processed to the end; run it again'}")


class DemoFailed(FlowsError):
    """The demo's own clips did not go through the chain."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(f"the demo did not finish: {problem}. Run `wushu doctor` to see what is missing.")


class CannotWrite(FlowsError):
    """A result was to be written where it must not be, or cannot be."""

    def __init__(self, path: Path, *, problem: str, remedy: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}. {remedy}.")
