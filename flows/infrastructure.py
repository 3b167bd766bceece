"""Tells faults of the infrastructure, which pass by trying again, from bugs and bad input, which do not.

Imports Prefect's HTTP client only inside functions, so that the command line may use it without Prefect.
"""

from __future__ import annotations

import errno
import logging
from concurrent.futures import BrokenExecutor
from typing import TYPE_CHECKING, Any

from rich.console import Console

from flows.exceptions import ProcessKilled, ServerUnreachable
from robots.exceptions import WushuError

if TYPE_CHECKING:
    from prefect import Task
    from prefect.client.schemas.objects import TaskRun
    from prefect.states import State

_PASSING_ERRNO = frozenset(
    getattr(errno, name)
    for name in (
        "EIO",  # a disk or a mount that coughed
        "ESTALE",  # a file handle of a network share that came back
        "ENOTCONN",
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "ENETDOWN",
        "ENETUNREACH",
        "ETIMEDOUT",
    )
    if hasattr(errno, name)
)

_PASSING_STATUS = frozenset({500, 502, 503, 504})
"""What a server answers while it starts, or while its database is locked or away."""

_HEALTH_TIMEOUT_S = 10.0


def is_infrastructure_fault(error: BaseException | None) -> bool:
    """Tell whether trying again may help: lost connections, killed processes, stale file handles.

    What the machine lacks (a full disk, a missing model) is written for the user and does not pass by itself.
    """
    import httpx

    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, WushuError):
            return isinstance(error, ProcessKilled)
        if isinstance(error, BrokenExecutor | ConnectionError | TimeoutError | httpx.TransportError):
            return True
        if isinstance(error, OSError) and error.errno in _PASSING_ERRNO:
            return True
        if isinstance(error, httpx.HTTPStatusError) and error.response.status_code in _PASSING_STATUS:
            return True
        error = error.__cause__
    return False


def retry_on_infrastructure(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Say for Prefect (``retry_condition_fn``) whether a failed task is to be tried again."""
    fault = getattr(state.data, "result", state.data)  # Prefect wraps what a task raised, but not always
    return isinstance(fault, BaseException) and is_infrastructure_fault(fault)


def require_server(api_url: str) -> None:
    """Make sure that a Prefect server answers.

    Args:
        api_url: As in PREFECT_API_URL, "http://127.0.0.1:4200/api".

    Raises:
        ServerUnreachable: Nothing answers there, or something that is no healthy Prefect server.
    """
    import httpx

    try:
        answer = httpx.get(f"{api_url.rstrip('/')}/health", timeout=_HEALTH_TIMEOUT_S)
    except httpx.ConnectError as error:
        raise ServerUnreachable(api_url, problem="the connection was refused") from error
    except httpx.TimeoutException as error:
        raise ServerUnreachable(api_url, problem=f"no answer within {_HEALTH_TIMEOUT_S:g} s") from error
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise ServerUnreachable(api_url, problem=str(error)) from error
    if answer.status_code != httpx.codes.OK:
        raise ServerUnreachable(api_url, problem=f"it answers with status {answer.status_code}")


def keep_going_unheard() -> None:
    """Let this process outlive whoever reads its output: a worker that was killed takes no run along.

    Prefect logs by rich, which ends the thread that prints into a closed pipe, and a run then hangs for ever.
    Prefect's server gets the lines as before.
    """
    for handler in logging.getLogger().handlers:
        console = getattr(handler, "console", None)
        if isinstance(console, Console):
            setattr(console, "on_broken_pipe", lambda silent=console: setattr(silent, "quiet", True))  # noqa: B010
