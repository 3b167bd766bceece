"""Errors of ``pipeline.body``: facts in, one sentence out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.exceptions import PipelineError


class BodyError(PipelineError):
    """Base of the errors of ``pipeline.body``."""


class WrongBody(BodyError):
    """A motion is to be posed with a body that its betas do not belong to."""

    def __init__(self, motion_body: str, *, body: str) -> None:
        self.motion_body = motion_body
        self.body = body
        super().__init__(
            f"the motion was made with body '{motion_body}', not with '{body}': betas of two models never mix. "
            f"Load '{motion_body}' instead."
        )


class StaleRestJoints(BodyError):
    """A motion carries rest joints that its body does not have for these betas."""

    def __init__(self, body: str, *, worst_m: float) -> None:
        self.body = body
        self.worst_m = worst_m
        super().__init__(
            f"the motion's rest joints are up to {worst_m * 1000:.1f} mm from those of body '{body}' for the same "
            "betas. It was made with another version of that body: make it again, with SkinnedBody.motion."
        )


class UnknownBody(BodyError):
    """No body of that name is stored on this machine."""

    def __init__(self, name: str, *, known: Iterable[str], search_dir: Path | None) -> None:
        self.name = name
        self.known = tuple(known)
        where = f" in {search_dir}" if search_dir is not None else ""
        super().__init__(
            f"no body '{name}'{where}. Known: {', '.join(self.known)}. A licensed SMPL or SMPL-X file is taken in "
            "with `wushu body import FILE`."
        )


class UnreadableBody(BodyError):
    """A stored body (.npz written by this program) cannot be read."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: not a stored body ({problem}). Import the model file again.")


class UnsafeModelFile(BodyError):
    """A model pickle asks for code that no body model needs."""

    def __init__(self, path: Path, *, wanted: str) -> None:
        self.path = path
        self.wanted = wanted
        super().__init__(
            f"{path}: the pickle asks to load '{wanted}', which no SMPL model needs; nothing in it was run. "
            "Take the file from its publisher again."
        )


class NotABodyModel(BodyError):
    """A file is not an SMPL or SMPL-X model, or not a whole one."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: not an SMPL or SMPL-X model ({problem}). Give the publisher's .pkl or .npz file.")
