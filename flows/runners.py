"""Runs any number of Prefect tasks, a bounded number at a time, on threads, processes or a Dask cluster.

What is in flight is bounded and what is finished is forgotten, so that memory does not grow with the number of jobs.
A process that dies (killed, out of memory) costs its own job one of three tries and the other jobs nothing.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from prefect import Task, get_run_logger
from prefect.context import FlowRunContext
from prefect.events.worker import EventsWorker
from prefect.futures import PrefectFuture
from prefect.states import State
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.exceptions import DaskUnreachable, NoDask, OptionOutOfRange, ProcessKilled
from flows.infrastructure import keep_going_unheard
from flows.process_lanes import Lanes

Runner = Literal["threads", "processes", "dask"]
"""Where tasks run: threads of the flow's process, processes beside it, or workers of a Dask cluster."""

TRIES = 3
"""How often a task may have its process killed under it before it is given up."""

_EVENTS_AHEAD = 1000
"""Events that may wait to be sent to the server, three a task and some 6 kB each, before the flow slows down."""

_EASE_S = 0.05
"""How long each finished task then waits [s]; a server takes some hundred events a second."""

_AHEAD = 2
"""Jobs in flight for each thread or Dask worker: one runs while the next waits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """One task to run."""

    name: str
    """Of the clip, for sentences."""

    task: Task[Any, Any]
    """Its function must be found by name in another process."""

    parameters: Mapping[str, Any]
    """Plain values, as they travel to other processes and machines."""

    key: Any = None
    """What the caller knows the job by; it stays here."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Done:
    """One task that has ended."""

    job: Job
    value: Any = None
    """What the task returned."""

    error: Exception | None = None
    """What it raised instead, or :class:`ProcessKilled`."""

    state_name: str = ""
    """Name of the final state, as the run's page shows it; empty if the process was killed."""

    def result(self) -> Any:
        """Return the task's value.

        Raises:
            Exception: What the task raised.
            ProcessKilled: Its process was killed at every try.
        """
        if self.error is not None:
            raise self.error
        return self.value


class _Backend(Protocol):
    """What runs tasks; futures tell when they are done."""

    def has_room(self, n_in_flight: int) -> bool: ...

    def submit(self, task: Task[Any, Any], parameters: dict[str, Any]) -> PrefectFuture[Any]: ...

    def release(self, future: PrefectFuture[Any], *, killed: bool) -> None:
        """Forget a future that is done; ``killed`` tells that its process died."""
        ...


class TaskPool:
    """Takes jobs as there is room and gives them back as they finish. To be used inside a flow run, by one thread."""

    def __init__(self, backend: _Backend) -> None:
        self._backend = backend
        self._first: deque[Job] = deque()
        self._alone: deque[Job] = deque()
        self._running: dict[PrefectFuture[Any], Job] = {}
        self._kills: dict[int, int] = {}
        self._finished: queue.SimpleQueue[PrefectFuture[Any]] = queue.SimpleQueue()
        self._stopped = False

    def stop(self) -> None:
        """Begin no further job; those in flight are finished, and yielded."""
        self._stopped = True

    def add(self, job: Job) -> None:
        """Put a job that follows from a finished one before those that are not begun, so that clips are completed."""
        self._first.append(job)

    def run(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Run all jobs and those that are added meanwhile; yield each as it ends, in no certain order.

        Args:
            jobs: Drawn only as there is room, so it may be a long generator. Of a job that ended nothing is kept.
        """
        waiting = iter(jobs)
        while True:
            self._fill(waiting)
            if not self._running:
                return
            future = self._finished.get()
            job = self._running.pop(future)
            done = _outcome(job, future)
            killed = isinstance(done.error, ProcessKilled)
            self._backend.release(future, killed=killed)
            del future
            _ease_events()
            if not (killed and self._try_again(job)):
                yield self._settled(job, done)

    def _fill(self, waiting: Iterator[Job]) -> None:
        while not self._stopped and self._backend.has_room(len(self._running)):
            if self._alone and not self._running:
                self._submit(self._alone.popleft())
                return
            if self._alone or (job := self._next(waiting)) is None:
                return
            self._submit(job)

    def _next(self, waiting: Iterator[Job]) -> Job | None:
        return self._first.popleft() if self._first else next(waiting, None)

    def _submit(self, job: Job) -> None:
        future = self._backend.submit(job.task, dict(job.parameters))
        self._running[future] = job
        future.add_done_callback(self._finished.put)

    def _try_again(self, job: Job) -> bool:
        """Queue a job whose process was killed: at once, and the last time alone, with all memory for itself."""
        kills = self._kills[id(job)] = self._kills.get(id(job), 0) + 1
        if kills >= TRIES or self._stopped:
            return False
        last = kills == TRIES - 1
        get_run_logger().warning(
            "%s: its process was killed (out of memory?); it is tried again%s", job.name, ", alone" if last else ""
        )
        (self._alone if last else self._first).append(job)
        return True

    def _settled(self, job: Job, done: Done) -> Done:
        kills = self._kills.pop(id(job), 0)
        return Done(job=job, error=ProcessKilled(job.name, times=kills)) if kills >= TRIES else done


@contextmanager
def open_runner(kind: Runner, workers: int, dask_address: str | None = None) -> Iterator[TaskPool]:
    """Give a pool for the tasks of the flow run at hand; leaving the block by an exception ends its processes at once.

    The flow itself keeps Prefect's default runner: another one would be started again within every task.

    Args:
        kind: Where tasks run.
        workers: How many at a time; with ``dask_address`` the cluster decides.
        dask_address: A running Dask scheduler, as "tcp://host:8786"; None starts workers on this machine.

    Raises:
        OptionOutOfRange: Fewer than one worker.
        NoDask: Dask is asked for and not installed.
        DaskUnreachable: No scheduler answers at the address.
    """
    if workers < 1:
        raise OptionOutOfRange("workers", workers, allowed="one or more")
    keep_going_unheard()
    with ExitStack() as stack:
        if kind == "processes":
            yield TaskPool(stack.enter_context(Lanes(workers)))
        elif kind == "threads":
            yield TaskPool(_Threads(stack.enter_context(ThreadPoolTaskRunner(max_workers=workers)), _AHEAD * workers))
        else:
            yield TaskPool(_Dask(stack.enter_context(_dask_runner(workers, dask_address))))


def _outcome(job: Job, future: PrefectFuture[Any]) -> Done:
    """Read a future that is done."""
    try:
        value = future.result(raise_on_failure=False)
    except Exception as error:  # the future's own: what carries tasks broke, the task did not get to say anything
        return Done(job=job, error=ProcessKilled(job.name, times=1) if _is_death(error) else error)
    state: State[Any] = future.state
    if state.is_completed():
        return Done(job=job, value=value, state_name=state.name or "")
    error = value if isinstance(value, Exception) else RuntimeError(f"task {state.name}: {state.message}")
    return Done(job=job, error=error, state_name=state.name or "")


def _ease_events() -> None:
    """Slow down where tasks, as those of finished clips, end faster than the server can be told of them."""
    waiting = getattr(EventsWorker.instance(), "_queue", None)
    if waiting is not None and waiting.qsize() > _EVENTS_AHEAD:
        time.sleep(_EASE_S)


def _is_death(error: Exception) -> bool:
    return isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"  # the latter is Dask's


# ---------------------------------------------------------------------------------------------------- threads


@dataclass(frozen=True, slots=True)
class _Threads:
    """One Prefect runner with threads; what Prefect remembers of finished tasks is dropped."""

    runner: ThreadPoolTaskRunner[Any]
    room: int

    def has_room(self, n_in_flight: int) -> bool:
        return n_in_flight < self.room

    def submit(self, task: Task[Any, Any], parameters: dict[str, Any]) -> PrefectFuture[Any]:
        return self.runner.submit(task, parameters=parameters)

    def release(self, future: PrefectFuture[Any], *, killed: bool) -> None:
        getattr(self.runner, "_cancel_events", {}).pop(future.task_run_id, None)  # one a task, kept for ever
        if (flow_run := FlowRunContext.get()) is not None:
            flow_run.run_results.clear()  # links results to tasks that take them as parameters; ours take plain values


# ------------------------------------------------------------------------------------------------------- Dask


@contextmanager
def _dask_runner(workers: int, address: str | None) -> Iterator[TaskRunner[Any]]:
    """Start workers on this machine, or join a cluster."""
    try:
        from prefect_dask import DaskTaskRunner
    except ImportError:
        raise NoDask() from None
    if address is not None:
        runner = DaskTaskRunner(address=address)
    else:
        runner = DaskTaskRunner(
            cluster_kwargs={
                "n_workers": workers,
                "threads_per_worker": 1,  # BLAS too: Dask's nanny sets it
                "host": "127.0.0.1",
                "dashboard_address": None,
            }
        )
    with runner:
        try:
            runner.client  # noqa: B018 connects, which submit would do too late for a clear sentence
        except (OSError, ValueError) as error:
            raise DaskUnreachable(address or "this machine", problem=str(error)) from error
        yield runner


@dataclass(frozen=True, slots=True)
class _Dask:
    """One Prefect runner in front of a cluster. Dask itself tries a task again whose worker died, three times."""

    runner: Any

    def has_room(self, n_in_flight: int) -> bool:
        return n_in_flight < _AHEAD * max(1, sum(self.runner.client.nthreads().values()))

    def submit(self, task: Task[Any, Any], parameters: dict[str, Any]) -> PrefectFuture[Any]:
        return self.runner.submit(task, parameters=parameters)

    def release(self, future: PrefectFuture[Any], *, killed: bool) -> None:
        """Nothing: a cluster forgets a task with its future."""
