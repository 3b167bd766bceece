"""A server, a deployment of prefect.yaml, a worker and ``prefect deployment run``, for real."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from pipeline.manifest import read_rows
from pipeline.store import Dataset

ROOT = Path(__file__).parents[2]
PREFECT = Path(sys.executable).parent / "prefect"

pytestmark = [pytest.mark.prefect, pytest.mark.render]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(tmp_path):
    """A Prefect server of its own on the loopback address; gives the environment of its clients."""
    port = free_port()
    env = os.environ | {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "DO_NOT_TRACK": "1",
    }
    with (tmp_path / "server.log").open("wb") as log:
        command = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until_healthy(env["PREFECT_API_URL"], process, tmp_path / "server.log")
            yield env
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_until_healthy(api: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"the server did not start:\n{log.read_text()}")


def prefect(env, *arguments: str) -> None:
    """Run a command of Prefect's from the project's root, as the Makefile does."""
    done = subprocess.run(
        [PREFECT, *arguments], env=env, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_deployment_runs_on_a_worker(server, short_clip, keypoint_models, tmp_path):
    """``prefect deployment run`` on a fresh server ends with a dataset on disk."""
    prefect(server, "work-pool", "create", "wushu", "--type", "process", "--overwrite")
    prefect(server, "--no-prompt", "deploy", "--all")
    parameters = (f'videos=["{short_clip.video}"]', f'dataset="{tmp_path / "set"}"')
    run = ["deployment", "run", "build-dataset/on-demand"]
    for parameter in parameters:
        run += ["--param", parameter]
    prefect(server, *run)
    prefect(server, "worker", "start", "--pool", "wushu", "--run-once")
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and not list((tmp_path / "set").glob("clips/*/row.json")):
        time.sleep(1)
    (row,) = read_rows(Dataset.open(tmp_path / "set"))
    assert row.clip.name == short_clip.video.stem
    assert row.verdict is not None
