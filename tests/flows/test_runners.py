"""Tasks on threads, processes and Dask: each comes back once, whatever dies, and nothing outlives the flow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.exceptions import DaskUnreachable, NoDask, OptionOutOfRange, ProcessKilled

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.prefect, pytest.mark.filterwarnings("ignore")]  # Prefect's own warnings are not ours

FLOW_WITH_LONG_TASKS = """
import os, sys, time
from pathlib import Path
from prefect import flow, task
from flows.runners import Job, open_runner

@task
def sleeps(folder: str) -> None:
    (Path(folder) / f"{os.getpid()}.pid").touch()
    time.sleep(100)

@flow
def sleepers(folder: str) -> None:
    with open_runner("processes", workers=2) as pool:
        list(pool.run(Job(name=str(i), task=sleeps, parameters={"folder": folder}) for i in range(2)))

if __name__ == "__main__":
    sleepers(sys.argv[1])
"""


def in_flow(kind, workers, jobs, *, follow=None):
    """Run jobs, each (function, parameters), as a flow; give what became of them, by key."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE

    from flows.runners import Job, open_runner

    def job(key, function, parameters):
        as_task = task(name=function.__name__, cache_policy=NO_CACHE)(function)
        return Job(name=f"clip {key}", task=as_task, parameters=parameters, key=key)

    @flow(name="jobs")
    def run():
        ended = {}
        with open_runner(kind, workers) as pool:
            for done in pool.run(job(key, *what) for key, what in enumerate(jobs)):
                assert done.job.key not in ended
                ended[done.job.key] = done
                if follow is not None and (what := follow(done)) is not None:
                    pool.add(job(f"after {done.job.key}", *what))
        return list(ended.items())

    return dict(run())


def work():
    """Functions for tasks; local ones, as other processes cannot import this file."""

    def double(k):
        return 2 * k

    def where_is_the_server():
        import scipy.linalg  # noqa: F401
        from prefect.settings import PREFECT_API_URL
        from threadpoolctl import threadpool_info

        return PREFECT_API_URL.value(), os.getpid(), {library["num_threads"] for library in threadpool_info()}

    def fails():
        raise ValueError("no such pose")

    def dies(marks, times):
        n = len(list(Path(marks).iterdir()))
        if n < times:
            (Path(marks) / str(n)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return n

    return double, where_is_the_server, fails, dies


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_every_job_comes_back_once_with_its_own_end(prefect_server, kind):
    """Values are of their jobs; a failure ends its job only; a job added meanwhile is run."""
    double, _, fails, _ = work()
    jobs = [(double, {"k": k}) for k in range(8)] + [(fails, {})]
    ended = in_flow(kind, 2, jobs, follow=lambda done: (double, {"k": 50}) if done.job.key == 3 else None)
    assert {key: done.value for key, done in ended.items()} == {k: 2 * k for k in range(8)} | {8: None, "after 3": 100}
    assert {done.state_name for key, done in ended.items() if key != 8} == {"Completed"}
    with pytest.raises(ValueError, match="no such pose"):
        ended[8].result()


def test_processes_speak_to_the_server_of_the_flow_and_keep_to_one_core(prefect_server, monkeypatch):
    """Settings of the flow's process, which no environment variable holds, reach its members; its threads do not."""
    from prefect.settings import PREFECT_API_URL

    _, where, _, _ = work()
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    ended = in_flow("processes", 1, [(where, {})])
    url, pid, threads = ended[0].result()
    assert url == PREFECT_API_URL.value()
    assert pid != os.getpid()
    assert threads == {1}


def test_jobs_are_drawn_only_as_there_is_room(prefect_server):
    """A generator of a million clips is never a list."""
    double, *_ = work()
    drawn = 0

    def jobs():
        nonlocal drawn
        for k in range(30):
            drawn += 1
            yield double, {"k": k}

    n_done = 0

    def follow(done):
        nonlocal n_done
        n_done += 1
        assert drawn - n_done <= 4  # two threads, and one job waiting for each

    assert len(in_flow("threads", 2, jobs(), follow=follow)) == 30


def test_a_killed_process_costs_its_own_job_a_try_and_the_others_nothing(prefect_server, tmp_path):
    """Killed once, a job is done at the second try; killed every time, it is given up with a sentence."""
    double, _, _, dies = work()
    once, always = tmp_path / "once", tmp_path / "always"
    once.mkdir()
    always.mkdir()
    jobs = [(dies, {"marks": str(always), "times": 99}), (dies, {"marks": str(once), "times": 1})]
    ended = in_flow("processes", 2, jobs + [(double, {"k": k}) for k in range(4)])
    assert {key: done.value for key, done in ended.items()} == {0: None, 1: 1, 2: 0, 3: 2, 4: 4, 5: 6}
    assert len(list(always.iterdir())) == 3
    with pytest.raises(ProcessKilled, match=r"clip 0: its process was killed 3 times \(out of memory\?\)\. Let fewer"):
        ended[0].result()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for(what, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
def test_members_end_with_the_flow_however_it_ends(prefect_server, tmp_path):
    """Killed (SIGKILL), cancelled by a worker (SIGTERM) or by Ctrl-C (SIGINT) in the middle of long tasks."""
    from prefect.settings import PREFECT_API_URL

    env = os.environ | {"PREFECT_API_URL": PREFECT_API_URL.value(), "PYTHONPATH": str(ROOT)}
    script = tmp_path / "sleepers.py"
    script.write_text(FLOW_WITH_LONG_TASKS)
    flows = {}
    for end in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        folder = tmp_path / end.name
        folder.mkdir()
        log = (tmp_path / f"{end.name}.log").open("wb")
        command = [sys.executable, str(script), str(folder)]
        flows[end] = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True), folder
    try:
        for end, (process, folder) in flows.items():
            assert wait_for(lambda folder=folder: len(list(folder.glob("*.pid"))) == 2, 60), end
            members = [int(mark.stem) for mark in folder.glob("*.pid")]
            assert all(map(alive, members))
            process.send_signal(end)
            assert wait_for(lambda members=members: not any(map(alive, members)), 10), end
            process.wait(timeout=20)
    finally:
        for process, _ in flows.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def test_nothing_can_run_on_no_workers():
    """The option is named, with what it may be."""
    from flows.runners import open_runner

    with pytest.raises(OptionOutOfRange, match=r"--workers is 0\. Name one or more"), open_runner("threads", 0):
        pass


def test_dask_that_is_not_installed_is_said_with_the_remedy(monkeypatch):
    """The extra is named, and what does without it."""
    from flows.runners import open_runner

    monkeypatch.setitem(sys.modules, "prefect_dask", None)
    with pytest.raises(NoDask, match=r"pip install 'wushu\[dask\]'.*`processes` or `threads`"), open_runner("dask", 1):
        pass


@pytest.mark.slow
def test_dask_does_the_same_as_processes(prefect_server, tmp_path):
    """Values come back, a killed worker is replaced, a deadly job is given up, a wrong address is told."""
    pytest.importorskip("prefect_dask", reason="the extra [dask] is not installed")
    from flows.runners import open_runner

    double, _, fails, dies = work()
    once, always = tmp_path / "once", tmp_path / "always"
    once.mkdir()
    always.mkdir()
    jobs = [(dies, {"marks": str(once), "times": 1}), (fails, {}), *((double, {"k": k}) for k in range(6))]
    ended = in_flow("dask", 2, jobs)
    assert [ended[k].value for k in range(8)] == [1, None, 0, 2, 4, 6, 8, 10]
    ended = in_flow("dask", 1, [(dies, {"marks": str(always), "times": 99})])
    with pytest.raises(ProcessKilled, match="clip 0: its process was killed"):
        ended[0].result()
    with (
        pytest.raises(DaskUnreachable, match=r"tcp://127\.0\.0\.1:9: no Dask cluster answers"),
        open_runner("dask", 1, "tcp://127.0.0.1:9"),
    ):
        pass
