"""What a run shows on its page, which is not worth a night's work: a server that is away ends no run.

Nor does it hold one up: a request to it is tried for more than a minute before it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

_PROGRESS_EVERY_S = 2.0
"""The bar is moved no more often: each move is a request to the server."""

_LAST_MOVE_S = 10.0
"""How long the end of a run waits for the bar to arrive at its end."""


def put_on_page(make: Callable[..., Any], **parameters: Any) -> Any:
    """Make an artifact; if the server does not take it, log why and give None.

    Args:
        make: One of ``prefect.artifacts``.
        parameters: Of it, ``key`` among them.
    """
    try:
        return make(**parameters)
    except Exception as error:  # whatever a server answers, or not
        get_run_logger().warning("not on the run's page: %s (%s: %s)", parameters["key"], type(error).__name__, error)
        return None


@dataclass(slots=True, kw_only=True)
class ProgressBar:
    """How far the run is, moved by a thread of its own."""

    total: float
    _done: float = 0.0
    _ended: Event = field(default_factory=Event)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it while the block runs."""
        artifact = put_on_page(create_progress_artifact, progress=0.0, key="sources", description="sources finished")
        if artifact is None:
            yield
            return
        mover = Thread(target=copy_context().run, args=(self._keep_moving, artifact), daemon=True)
        mover.start()
        try:
            yield
        finally:
            self._ended.set()
        mover.join(_LAST_MOVE_S)

    def advance(self, share: float) -> None:
        """Add what is done."""
        self._done += share

    def _keep_moving(self, artifact: UUID) -> None:
        shown, ended = 0.0, False
        while not ended:
            ended = self._ended.wait(_PROGRESS_EVERY_S)
            percent = min(100.0, 100.0 * self._done / self.total) if self.total else 100.0
            if percent == shown:
                continue
            try:
                update_progress_artifact(artifact_id=artifact, progress=percent)
                shown = percent
            except Exception:  # the next move may be heard
                continue
