"""How connections begin and end: nobody keeps one without asking, and none keeps the service from ending."""

from __future__ import annotations

import asyncio
from types import FrameType

import h11
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from flows.review_service.desk import ReviewDesk


class BriskConnection(H11Protocol):
    """A connection that is closed if what it asks is not said in time, which uvicorn itself waits for without end.

    The time is the ``timeout_keep_alive`` of its settings; how long an answer takes, or its reading, is not in it.
    """

    _unasked: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        """Go on waiting if that was not all of a request's head."""
        super().data_received(data)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_request(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._unasked is None:
            self._unasked = self.loop.call_later(self.timeout_keep_alive, self._give_up)

    def _stop_waiting(self) -> None:
        if self._unasked is not None:
            self._unasked.cancel()
            self._unasked = None

    def _give_up(self) -> None:
        self._unasked = None
        if self.conn.their_state is h11.IDLE:
            self.transport.close()


class ReviewServer(Server):
    """A server that, told to end, lets nobody go on waiting for the dataset."""

    def __init__(self, config: Config, desk: ReviewDesk) -> None:
        """Serve the desk."""
        super().__init__(config)
        self._desk = desk

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End on a signal."""
        self._desk.stop_waiting()
        super().handle_exit(sig, frame)
