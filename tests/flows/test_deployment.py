"""A server, a deployment of prefect.yaml, a worker and ``prefect deployment run``, for real."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from benchmarks.bad_inputs import write_good_motion
from pipeline.manifest import Outcome, read_rows
from pipeline.store import Dataset

ROOT = Path(__file__).parents[2]
PREFECT = Path(sys.executable).parent / "prefect"

pytestmark = pytest.mark.prefect


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
        "MUJOCO_GL": "disable",
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


DEPLOYMENTS = {
    "build-dataset/on-demand",
    "build-dataset/nightly",
    "watch-folder/inbox",
    "revalidate/on-demand",
    "handoff/on-demand",
    "benchmark/weekly",
}


def deployed(env) -> dict[str, dict]:
    """All deployments of the server by name, as it knows them."""
    request = urllib.request.Request(
        f"{env['PREFECT_API_URL']}/deployments/filter", data=b"{}", headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        found = json.load(answer)
    flows = {}
    for item in found:
        with urllib.request.urlopen(f"{env['PREFECT_API_URL']}/flows/{item['flow_id']}", timeout=20) as answer:
            flows[f"{json.load(answer)['name']}/{item['name']}"] = item
    return flows


def test_a_newcomer_s_path_ends_with_a_dataset(server, tmp_path):
    """A fresh server, what ``make deploy`` does, a worker, and ``prefect deployment run``: a dataset is on disk.

    All deployments are there, with one run at a time, a description, a tag and help for every parameter.
    """
    setup = [sys.executable, "-m", "flows.setup_server"]
    done = subprocess.run(setup, env=server, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    prefect(server, "--no-prompt", "deploy", "--all")
    there = deployed(server)
    assert set(there) == DEPLOYMENTS
    for name, item in there.items():
        assert item["work_pool_name"] == "wushu" and "wushu" in item["tags"], name
        assert item["description"], name
        assert item["global_concurrency_limit"]["limit"] == 1, name
        assert item["concurrency_options"]["collision_strategy"] in ("ENQUEUE", "CANCEL_NEW"), name
        assert all("description" in known for known in item["parameter_openapi_schema"]["properties"].values()), name
    assert {name for name, item in there.items() if item["schedules"]} == {
        "build-dataset/nightly", "watch-folder/inbox", "benchmark/weekly",
    }  # fmt: skip
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    write_good_motion(inbox / "nod.bvh", 31)
    run = ["deployment", "run", "build-dataset/nightly"]
    for parameter in (f'videos=["{inbox}"]', f'dataset="{tmp_path / "set"}"', "workers=1"):
        run += ["--param", parameter]
    prefect(server, *run)
    prefect(server, "worker", "start", "--pool", "wushu", "--run-once")
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and not (tmp_path / "set" / "manifest.parquet").exists():
        time.sleep(1)
    (row,) = read_rows(Dataset.open(tmp_path / "set"))
    assert row.outcome is Outcome.ACCEPTED
    assert (tmp_path / "set" / "README.md").exists() and (tmp_path / "set" / "report.html").exists()
