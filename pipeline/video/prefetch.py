"""Turns an iterator into one that works ahead in a thread of its own, so that stages overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from contextlib import closing
from typing import Any, TypeVar

T = TypeVar("T")

_POLL_S = 0.1


def prefetch(source: Generator[T, None, None], depth: int) -> Generator[T, None, None]:
    """Yield what ``source`` yields, computed up to ``depth`` items ahead in a thread.

    What ``source`` raises is raised here. When the caller stops early, ``source`` is closed and the thread ends before
    this returns. It pays where the work releases the interpreter lock: FFmpeg, OpenCV and LiteRT do.
    """
    items: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def put(kind: str, item: Any) -> bool:
        while not stop.is_set():
            try:
                items.put((kind, item), timeout=_POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            with closing(source):
                for item in source:
                    if not put("item", item):
                        return
        except BaseException as error:
            put("error", error)
        else:
            put("end", None)

    thread = threading.Thread(target=work, daemon=True, name="prefetch")
    thread.start()
    try:
        while True:
            kind, item = items.get()
            if kind == "error":
                raise item
            if kind == "end":
                return
            yield item
    finally:
        stop.set()
        thread.join()
