"""Errors of the whole product: what a user's input did wrong, and what to do about it.

Every package has one ``exceptions.py``; all of them derive from :class:`WushuError`, so
that the command line can show one sentence for any of them and leave the traceback to real bugs.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class WushuError(Exception):
    """Base of every error whose message is written for the user, not for the developer."""


class InvalidArray(WushuError):
    """An array between two stages has the wrong shape, or holds NaN or infinity."""

    def __init__(self, name: str, *, problem: str) -> None:
        self.name = name
        self.problem = problem
        super().__init__(f"{name}: {problem}")


class UnknownName(WushuError):
    """A name was asked for that is not among the valid ones."""

    def __init__(self, kind: str, name: str, valid: Iterable[str], *, where: str = "") -> None:
        self.kind = kind
        self.name = name
        self.valid = tuple(valid)
        close = get_close_matches(name, self.valid, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        place = f"{where}: " if where else ""
        super().__init__(f"{place}unknown {kind} '{name}'.{hint} Known: {', '.join(self.valid)}.")


class RobotsError(WushuError):
    """Base of the errors of ``robots``."""


class WheelNotFetched(RobotsError):
    """Files that live inside a published wheel could not be taken from it."""

    def __init__(self, requirement: str, *, problem: str, remedy: str) -> None:
        self.requirement = requirement
        self.problem = problem
        super().__init__(f"{requirement}: {problem}. {remedy}")


class JointsDoNotMatch(RobotsError):
    """A motion moves other joints than the robot it is played on."""

    def __init__(self, robot: str, *, missing: Iterable[str], unknown: Iterable[str]) -> None:
        self.robot = robot
        self.missing = tuple(missing)
        self.unknown = tuple(unknown)
        parts = []
        if self.missing:
            parts.append(f"lacks {', '.join(self.missing)}")
        if self.unknown:
            parts.append(f"moves {', '.join(self.unknown)}, which the robot does not have")
        super().__init__(f"the motion does not fit the robot '{robot}': it {' and '.join(parts)}.")


class MeshesMissing(RobotsError):
    """A robot was asked for with meshes that are not in the given folder."""

    def __init__(self, mesh_dir: Path, *, missing: Iterable[str]) -> None:
        self.mesh_dir = mesh_dir
        self.missing = tuple(missing)
        super().__init__(
            f"{mesh_dir}: {len(self.missing)} mesh files are not there (first: {self.missing[0]}). "
            "Fetch them once with `wushu robot meshes`, or load the robot without meshes."
        )


class UnsupportedShape(RobotsError):
    """A shape that collides is of a kind that has no capsule."""

    def __init__(self, shape: str, *, kind: str) -> None:
        self.shape = shape
        self.kind = kind
        super().__init__(
            f"the shape '{shape}' is a {kind}, which has no capsule. Give the link a capsule, sphere, "
            "ellipsoid, cylinder or box that collides instead."
        )
