"""Processes for tasks, each behind a Prefect runner of its own: a lane.

The death of one leaves the others at work, where Prefect's pool of processes would end them all. No process outlives
the one that started it, and what all tasks share does not travel with each.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from prefect import Task
from prefect.context import SettingsContext, SyncClientContext
from prefect.futures import PrefectFuture
from prefect.logging.configuration import ensure_logging_setup
from prefect.task_runners import ProcessPoolTaskRunner
from threadpoolctl import threadpool_limits

from flows.infrastructure import keep_going_unheard

_ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""For algebra in a process: those that all want all cores wait for each other."""


class _LeanRunner(ProcessPoolTaskRunner):
    """Prefect's runner, but what all tasks share does not travel with each (measured with Prefect 3.8.8).

    The settings cost 45 ms a task to read anew, two clients of the server 40 ms (:func:`_begin_member` makes one a
    process), a flow's parameter of 5,000 names 8 ms.
    """

    def _resolve_futures_and_submit(self, *args: Any, **kwargs: Any) -> Any:
        if "context" in kwargs:
            kwargs["context"] = _lean(kwargs["context"])
        if "env" in kwargs:
            kwargs["env"] = kwargs["env"] | _ONE_CORE
        return super()._resolve_futures_and_submit(*args, **kwargs)

    def give_up_messages(self) -> None:
        """Let this process end although a killed one may have died holding the lock of their common queue."""
        if (messages := getattr(self, "_subprocess_message_queue", None)) is not None:
            messages.cancel_join_thread()


def _lean(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context of a task without the settings and without the parameters of the flow."""
    flow = dict(context.get("flow_run_context") or {})
    if "parameters" in flow:
        flow["parameters"] = {}
    if isinstance(run := flow.get("flow_run"), Mapping):
        flow["flow_run"] = {**run, "parameters": {}}
    return {**context, "settings_context": {}, "flow_run_context": flow}


def _begin_member(leash: Connection, settings: dict[str, Any]) -> None:
    """Prepare a process for tasks: the flow's settings, one core for algebra, and the same end as its parent's."""
    threading.Thread(target=_end_with_parent, args=(leash,), name="leash", daemon=True).start()
    os.environ.update(_ONE_CORE)  # read by libraries that are not loaded yet
    threadpool_limits(limits=1)  # for those that are
    _leave_extras_asleep()
    SettingsContext(**settings).__enter__()  # both for the life of the process
    SyncClientContext().__enter__()
    ensure_logging_setup()
    keep_going_unheard()


def _leave_extras_asleep() -> None:
    """Let the first task not import all of Prefect's extras, of which Dask takes a second; none is used in a member."""
    with suppress(ImportError):  # a place of Prefect 3.8's own; elsewhere they are imported, and nothing is lost
        collections = importlib.import_module("prefect._internal.plugins.collections")
        setattr(collections, "_collections", {})  # noqa: B010


def _end_with_parent(leash: Connection) -> None:
    """Wait until the other end is closed, by its holder or by the holder's death, and end without further ado."""
    try:
        leash.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


@dataclass(slots=True, kw_only=True)
class _Lane:
    """One process behind a runner of its own."""

    runner: _LeanRunner
    leash: Connection
    """Closed, it ends the process; so does the death of this one."""

    @classmethod
    def open(cls) -> _Lane:
        ours, theirs = multiprocessing.Pipe()
        context = SettingsContext.get()
        settings = {} if context is None else context.serialize()
        runner = _LeanRunner(max_workers=1, initializer=_begin_member, initargs=(theirs, settings))
        return cls(runner=runner.__enter__(), leash=ours)

    def close(self, *, now: bool) -> None:
        """End the process; ``now`` does not wait for the task it may be at."""
        if now:
            self.leash.close()
            self.runner.give_up_messages()
        self.runner.__exit__(None, None, None)
        self.leash.close()


@dataclass(slots=True)
class Lanes:
    """Processes that do not share a pool, so that the death of one leaves the others at work."""

    workers: int
    _idle: list[_Lane] = field(default_factory=list)
    _busy: dict[PrefectFuture[Any], _Lane] = field(default_factory=dict)

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        lanes = [*self._idle, *self._busy.values()]
        if kind is not None:
            for lane in lanes:
                lane.leash.close()
        with ThreadPoolExecutor(max(1, len(lanes))) as closers:  # each takes a second to send its last lines
            for closed in [closers.submit(lane.close, now=kind is not None) for lane in lanes]:
                closed.result()

    def has_room(self, n_in_flight: int) -> bool:
        """Tell whether another task would run at once: none waits behind another, as it could not change lanes."""
        return n_in_flight < self.workers

    def submit(self, task: Task[Any, Any], parameters: dict[str, Any]) -> PrefectFuture[Any]:
        """Give a task to a process that is free, or to a new one."""
        lane = self._idle.pop() if self._idle else _Lane.open()
        future = lane.runner.submit(task, parameters=parameters)
        self._busy[future] = lane
        return future

    def release(self, future: PrefectFuture[Any], *, killed: bool) -> None:
        """Take a process back whose task is done; a killed one is not replaced before it is needed."""
        lane = self._busy.pop(future)
        if killed:
            lane.close(now=True)
        else:
            self._idle.append(lane)
