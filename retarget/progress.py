"""How long work tells its caller how far it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int | None], None]
"""Called with the number of units done and the number expected (None if unknown)."""


def silent(done: int, total: int | None) -> None:
    """Report to nobody."""
