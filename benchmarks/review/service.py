"""The service of the review in a process of its own, to be killed and started again at the same address."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

HEADERS = {"X-Wushu-Review": "1"}

_URL = re.compile(r"http://\S+?/")


class Service:
    """``wushu review`` on a dataset; ends with the block it is used in."""

    def __init__(self, root: Path, *options: str) -> None:
        """Choose a port; nothing runs yet."""
        self.root, self.options = root, options
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Service:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.kill()

    def start(self) -> float:
        """Start it; returns how long it took until it answered [s].

        Raises:
            RuntimeError: It ended by itself.
        """
        begun = time.perf_counter()
        words = [sys.executable, "-m", "flows.cli", "review", str(self.root), "--port", str(self.port), "--no-open"]
        self.process = subprocess.Popen(
            [*words, *self.options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout is not None
        told = []
        while not (told and _URL.search(told[-1])):
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("".join(told))
            told.append(line)
        httpx.get(f"{self.url}api/session", timeout=30, trust_env=False).raise_for_status()
        return time.perf_counter() - begun

    def kill(self) -> None:
        """End it without a warning."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()
        self.process = None
