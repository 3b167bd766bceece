"""A Prefect server and workers of one's own, and the processes that they start, for as long as a block runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

_MARK = "WUSHU_BENCHMARK"
"""Environment variable by which all processes below are found again, whoever their parent is by then."""

_HEALTHY_WITHIN_S = 120.0
_ANSWERS_WITHIN_S = 60.0

Kind = Literal["server", "worker", "flow", "member"]


@dataclass
class Surroundings:
    """Starts, finds and kills what a scheduled flow consists of."""

    folder: Path
    port: int
    mark: str
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Let Prefect keep everything in the folder."""
        self.env = os.environ | {
            _MARK: self.mark,
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "DO_NOT_TRACK": "1",
        }

    def start_server(self) -> None:
        """Start the server and wait until it answers."""
        self._start("server", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        deadline = time.monotonic() + _HEALTHY_WITHIN_S
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.env['PREFECT_API_URL']}/health", timeout=2).status_code == 200:
                    return
            time.sleep(0.3)
        raise TimeoutError(f"the server did not start: {(self.folder / 'server.log').read_text()[-2000:]}")

    def deploy(self) -> None:
        """Do what `make deploy` does."""
        self._run("prefect", "work-pool", "create", "wushu", "--type", "process", "--overwrite")
        self._run("prefect", "--no-prompt", "deploy", "--all")
        self._run("python", "-m", "flows.setup_server")

    def start_worker(self) -> None:
        """Start a worker."""
        self._start("worker", "prefect", "worker", "start", "--pool", "wushu")

    def submit(self, deployment: str, parameters: dict[str, Any]) -> str:
        """Ask for a run of a deployment; return its id."""
        found = self._call("GET", f"deployments/name/{deployment}")
        made = self._call("POST", f"deployments/{found['id']}/create_flow_run", {"parameters": parameters})
        return str(made["id"])

    def state(self, flow_run: str) -> tuple[str, str]:
        """Return the type and the message of a run's state."""
        state = self._call("GET", f"flow_runs/{flow_run}").get("state") or {}
        return state.get("type", "PENDING"), state.get("message") or ""

    def give_up(self, flow_run: str) -> None:
        """Call a run crashed whose process is gone."""
        state = {"type": "CRASHED", "message": "its machine is gone"}
        self._call("POST", f"flow_runs/{flow_run}/set_state", {"state": state, "force": True})

    def processes(self) -> dict[Kind, list[int]]:
        """Find every process that lives, by what it is."""
        found: dict[Kind, list[int]] = {"server": [], "worker": [], "flow": [], "member": []}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with suppress(OSError):
                if f"{_MARK}={self.mark}".encode() not in (entry / "environ").read_bytes():
                    continue
                kind = _kind_of((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                if kind is not None:
                    found[kind].append(int(entry.name))
        return found

    def stop(self) -> None:
        """End everything."""
        for _ in range(3):
            for pids in self.processes().values():
                for pid in pids:
                    kill(pid)
            time.sleep(0.3)

    def _start(self, name: str, program: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            subprocess.Popen([BIN / program, *arguments], env=self.env, cwd=ROOT, stdout=log, stderr=log)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [BIN / program, *arguments], env=self.env, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} {' '.join(arguments)}: {done.stdout}{done.stderr}")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        deadline = time.monotonic() + _ANSWERS_WITHIN_S
        while True:
            try:
                answer = httpx.request(method, f"{self.env['PREFECT_API_URL']}/{path}", json=body, timeout=20)
                answer.raise_for_status()
                return answer.json()
            except httpx.HTTPError:  # a server that has just come back is busy with what it missed
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)


def kill(pid: int) -> bool:
    """End a process at once; false if it was gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
    return True


@contextmanager
def surroundings(folder: Path) -> Iterator[Surroundings]:
    """Give a server of one's own; everything is ended with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Surroundings(folder=folder, port=port, mark=f"{os.getpid()}-{port}")
    try:
        made.start_server()
        yield made
    finally:
        made.stop()


def _kind_of(command: str) -> Kind | None:
    if "resource_tracker" in command or "forkserver" in command:
        return None
    if "multiprocessing.spawn" in command or "multiprocessing-fork" in command:
        return "member"
    if "prefect worker" in command:
        return "worker"
    if "prefect server" in command or "prefect.server" in command:
        return "server"
    if "flow-run execute" in command or "prefect.engine" in command or "benchmarks.flows.run_flow" in command:
        return "flow"
    return None
