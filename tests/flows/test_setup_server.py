"""What `make deploy` puts on a server is there once, and ends the runs of machines that are gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PREFECT = Path(sys.executable).parent / "prefect"

pytestmark = [pytest.mark.prefect, pytest.mark.filterwarnings("ignore")]  # Prefect's own warnings are not ours

SLEEPERS = """
import os, time
from contextlib import nullcontext
from pathlib import Path
from prefect import flow, task
from flows.runners import Job, open_runner
from flows.tasks import gpu_slot

@task
def sleeps(folder: str, seconds: float, gpu: bool) -> None:
    with gpu_slot() if gpu else nullcontext():
        (Path(folder) / f"{os.getpid()}.member").touch()
        time.sleep(seconds)

@flow(name="sleepers")
def sleepers(folder: str, seconds: float, gpu: bool = False) -> None:
    (Path(folder) / f"{os.getpid()}.flow").touch()
    parameters = {"folder": folder, "seconds": seconds, "gpu": gpu}
    with open_runner("processes", workers=1) as pool:
        for done in pool.run([Job(name="clip", task=sleeps, parameters=parameters)]):
            done.result()
"""


@pytest.fixture
def client(prefect_server):
    """Speaks to the session's server, which is as if never set up, before and after."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        forget_all(client)
        yield client
        forget_all(client)


def forget_all(client) -> None:
    from prefect.exceptions import ObjectNotFound

    from flows.setup_server import MACHINE_GONE

    for delete, name in ((client.delete_work_pool, "wushu"), (client.delete_global_concurrency_limit_by_name, "gpu")):
        with suppress(ObjectNotFound):
            delete(name)
    for automation in client.read_automations_by_name(MACHINE_GONE):
        client.delete_automation(automation.id)


def test_setting_up_twice_makes_everything_once(client):
    """`make deploy` is run again at every upgrade."""
    from flows.setup_server import MACHINE_GONE, set_up

    first = list(set_up(client))
    assert [sentence.split(": ")[-1].split(",")[0] for sentence in first] == ["created"] * 3
    assert "replaced" in " ".join(set_up(client))
    assert len(client.read_automations_by_name(MACHINE_GONE)) == 1
    pool = client.read_work_pool("wushu")
    assert pool.type == "process"
    assert "working_dir" in pool.base_job_template["variables"]["properties"]
    assert client.read_global_concurrency_limit_by_name("gpu").limit == 1


def test_what_a_user_changed_stays(client):
    """Two GPUs, a paused pool, a switched-off automation: setting up again does not turn them back; doubles go."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate, WorkPoolUpdate

    from flows.setup_server import MACHINE_GONE, machine_gone, set_up

    list(set_up(client))
    client.update_global_concurrency_limit("gpu", GlobalConcurrencyLimitUpdate(limit=2))
    client.update_work_pool("wushu", WorkPoolUpdate(is_paused=True))
    (automation,) = client.read_automations_by_name(MACHINE_GONE)
    client.update_automation(automation.id, machine_gone().model_copy(update={"enabled": False}))
    client.create_automation(machine_gone().model_copy(update={"enabled": False}))
    said = " ".join(set_up(client))
    assert "2 at a time" in said
    assert "paused as it was" in said
    assert "switched off as it was" in said
    (automation,) = client.read_automations_by_name(MACHINE_GONE)
    assert not automation.enabled


def test_heartbeats_are_on_and_leases_outlive_a_server_that_is_started_here():
    """prefect.toml is read in the project's folder; three signs of life fit into the silence that ends a run."""
    from flows.setup_server import SILENCE_S

    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    code = (
        "from prefect.settings import get_current_settings as now\n"
        "from prefect.server.concurrency.lease_storage import get_concurrency_lease_storage as leases\n"
        "print(now().flows.heartbeat_frequency, leases().storage_path.is_relative_to(now().home))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    heartbeat_s, on_disk = done.stdout.split()
    assert (3 * int(heartbeat_s), on_disk) == (SILENCE_S, "True")


# ------------------------------------------------------------------------------ a server and workers of its own


def wait_for(what, seconds: float):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.5)
    return None


def started(arguments, env, log: Path) -> subprocess.Popen:
    with log.open("ab") as out:
        return subprocess.Popen(arguments, env=env, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)


def healthy(api: str) -> bool:
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=2):
            return True
    except OSError:
        return False


@pytest.fixture
def deployed(tmp_path):
    """A server with deployments of sleepers; gives its environment, starts workers, and the server anew."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    env = os.environ | {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": f"{ROOT}:{tmp_path}",
    }
    (tmp_path / "sleepers_flow.py").write_text(SLEEPERS)
    (tmp_path / "prefect.yaml").write_text(
        "definitions:\n  sleepers: &sleepers\n"
        "    {name: long, entrypoint: sleepers_flow.sleepers, work_pool: {name: wushu}, tags: [wushu]}\n"
        "deployments:\n  - *sleepers\n  - {<<: *sleepers, name: limited, concurrency_limit: 1}\n"
        f"pull:\n  - prefect.deployments.steps.set_working_directory: {{directory: {ROOT}}}\n"
    )
    processes = []

    def start(*arguments):
        processes.append(started(arguments, env, tmp_path / "log.txt"))
        return processes[-1]

    def start_server():
        for server in processes[:1]:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        start(PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port))
        processes.insert(0, processes.pop())
        assert wait_for(lambda: healthy(api), 120), (tmp_path / "log.txt").read_text()

    try:
        start_server()
        for command in (
            [sys.executable, "-m", "flows.setup_server"],
            [PREFECT, "--no-prompt", "deploy", "--all", "--prefect-file", tmp_path / "prefect.yaml"],
        ):
            done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        yield env, lambda: start(PREFECT, "worker", "start", "--pool", "wushu"), start_server
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()
        for process in processes:
            process.wait(timeout=60)


def run_sleepers(client, folder: Path, seconds: float, name: str = "long", **more):
    """Start a run; give its id and, when its task is at work, the processes of flow and member."""
    folder.mkdir()
    deployment = client.read_deployment_by_name(f"sleepers/{name}")
    run = client.create_flow_run_from_deployment(
        deployment.id, parameters={"folder": str(folder), "seconds": seconds, **more}, tags=["wushu"]
    )
    assert wait_for(lambda: list(folder.glob("*.member")), 90), client.read_flow_run(run.id).state
    (flow,), (member,) = (list(folder.glob(f"*.{what}")) for what in ("flow", "member"))
    return run.id, int(flow.stem), int(member.stem)


def client_of(env):
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: env["PREFECT_API_URL"]}):
        return get_client(sync_client=True)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_whose_machine_is_gone_crashes_and_one_that_lives_does_not(deployed, tmp_path):
    """SIGKILL of worker and flow, as by a power cut: Crashed within 150 s. A long task beside it completes."""
    from flows.setup_server import GONE_MESSAGE

    env, start_worker, _ = deployed
    worker = start_worker()
    with client_of(env) as client:
        living, *_ = run_sleepers(client, tmp_path / "living", 170.0)
        lost, flow, member = run_sleepers(client, tmp_path / "lost", 600.0)
        os.kill(worker.pid, signal.SIGKILL)
        os.kill(flow, signal.SIGKILL)
        begun = time.monotonic()
        assert wait_for(lambda: gone(member), 10), "a member outlived its flow"
        assert wait_for(lambda: client.read_flow_run(lost).state.is_final(), 150)
        took = time.monotonic() - begun
        state = client.read_flow_run(lost).state
        assert (state.is_crashed(), state.message) == (True, GONE_MESSAGE), f"{state!r} after {took:.0f} s"
        assert wait_for(lambda: client.read_flow_run(living).state.is_final(), 200)
        assert client.read_flow_run(living).state.is_completed(), client.read_flow_run(living).state


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_cancelling_a_run_on_its_page_ends_its_processes(deployed, tmp_path):
    """The page proposes the state Cancelling; the worker ends the flow, and the flow its members."""
    from prefect.states import Cancelling

    env, start_worker, _ = deployed
    start_worker()
    with client_of(env) as client:
        run, flow, member = run_sleepers(client, tmp_path / "long", 600.0)
        client.set_flow_run_state(run, Cancelling())
        assert wait_for(lambda: gone(flow) and gone(member), 60)
        assert wait_for(lambda: client.read_flow_run(run).state.is_cancelled(), 30), client.read_flow_run(run).state


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_that_is_started_anew_ends_no_run_and_keeps_no_slot(deployed, tmp_path):
    """The run's limit and the GPU's are leased, and renewed after 225 s, at a server that must know of them."""
    env, start_worker, start_server = deployed
    start_worker()
    with client_of(env) as client:
        run, *_ = run_sleepers(client, tmp_path / "limited", 240.0, "limited", gpu=True)
        assert client.read_global_concurrency_limit_by_name("gpu").active_slots == 1
        start_server()
        assert wait_for(lambda: client.read_flow_run(run).state.is_final(), 330)
        assert client.read_flow_run(run).state.is_completed(), client.read_flow_run(run).state
        limits = client.read_global_concurrency_limits(limit=10)
        assert [limit.active_slots for limit in limits] == [0, 0], limits
