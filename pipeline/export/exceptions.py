"""Errors of the hand-off: files of other projects that cannot be read, motions that cannot be handed off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.exceptions import PipelineError


class UnreadableHandoff(PipelineError):
    """A hand-off file is not what its format promises."""

    def __init__(self, path: Path, *, format_name: str, problem: str) -> None:
        self.path = path
        self.format_name = format_name
        self.problem = problem
        super().__init__(
            f"{path}: not a usable '{format_name}' motion ({problem}). Export it again, or name its format."
        )


class HandoffNotOpened(PipelineError):
    """A hand-off file is missing, a folder, or closed to this user."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: cannot be opened ({problem}). Check its name and its permissions.")


class UnsafePickle(PipelineError):
    """A pickle asks for more than arrays and containers; loading it freely could run anything."""

    def __init__(self, path: Path, *, wanted: str) -> None:
        self.path = path
        self.wanted = wanted
        super().__init__(
            f"{path}: asks for '{wanted}', but only NumPy arrays, numbers and text are read from a pickle; nothing "
            "of it was run. Save the motion again as plain arrays."
        )


class MotionTooShort(PipelineError):
    """A trainer needs at least two frames to see any speed."""

    def __init__(self, path: Path, *, n_frames: int) -> None:
        self.path = path
        self.n_frames = n_frames
        super().__init__(f"{path}: a motion of {n_frames} frame cannot be handed off. Give it at least two.")


class JointsWouldBeLost(PipelineError):
    """A motion moves joints that the format's robot lacks; cut off, links would be elsewhere than they were judged."""

    def __init__(self, path: Path, *, joints: Sequence[str], robot: str) -> None:
        self.path = path
        self.joints = tuple(joints)
        self.robot = robot
        super().__init__(
            f"{path}: the motion moves {', '.join(joints)}, which {robot} does not have; cut off, they would leave the "
            f"hands where nobody asked for them. Retarget the human's motion to {robot}."
        )
