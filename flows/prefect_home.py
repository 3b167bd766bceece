"""Prefect's surroundings for the demo: a folder of its own, a server in the process, no telemetry.

To be called before Prefect is imported, which reads them once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFECT_DEFAULTS = {
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


def use_project_home(folder: Path) -> None:
    """Let Prefect keep its database and logs below ``folder``; what the user set in the environment stays."""
    os.environ.setdefault("PREFECT_HOME", str(folder.resolve() / ".prefect"))
    for name, value in PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)


@contextmanager
def local_server() -> Iterator[None]:
    """Let the block use a temporary Prefect server, unless the user has named one.

    A flow would start its own, but members of its process pool do not know of that one and would start more.
    """
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import PREFECT_API_URL, temporary_settings

    if PREFECT_API_URL.value():
        yield
        return
    server = SubprocessASGIServer()
    server.start()  # and stops by itself when this process ends, after Prefect's logs are flushed to it
    with temporary_settings({PREFECT_API_URL: server.api_url}):
        yield
