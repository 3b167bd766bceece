"""Errors of the whole product: what a user's input did wrong, and what to do about it.

Every package has one ``exceptions.py``; all of them derive from :class:`WushuError`, so
that the command line can show one sentence for any of them and leave the traceback to real bugs.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


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

    def __init__(self, kind: str, name: str, valid: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.valid = tuple(valid)
        close = get_close_matches(name, self.valid, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        super().__init__(f"unknown {kind} '{name}'.{hint} Known: {', '.join(self.valid)}.")


class RobotsError(WushuError):
    """Base of the errors of ``robots``."""
