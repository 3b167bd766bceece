"""What is tried again, and what is told to the user instead."""

from __future__ import annotations

import errno
import socket
import threading
from concurrent.futures.process import BrokenProcessPool
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from flows.exceptions import ProcessKilled, ServerUnreachable
from flows.infrastructure import is_infrastructure_fault, require_server, retry_on_infrastructure
from pipeline.exceptions import CorruptArtefact, MissingModelFile, PipelineError


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


def status(code: int) -> httpx.HTTPStatusError:
    request = httpx.Request("GET", "http://127.0.0.1/api")
    return httpx.HTTPStatusError("", request=request, response=httpx.Response(code, request=request))


@pytest.mark.parametrize(
    "error",
    [
        BrokenProcessPool("a child process terminated abruptly"),
        ProcessKilled("kata", times=3),
        ConnectionResetError(),
        BrokenPipeError(),
        TimeoutError(),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        status(503),
        OSError(errno.ESTALE, "stale file handle"),
        OSError(errno.EIO, "input/output error"),
        caused(RuntimeError("could not report"), by=ConnectionRefusedError()),
    ],
    ids=repr,
)
def test_faults_that_pass_are_tried_again(error):
    """Connections, processes and mounts come back."""
    assert is_infrastructure_fault(error)


@pytest.mark.parametrize(
    "error",
    [
        None,
        TypeError("a bug"),
        ValueError("another"),
        FileNotFoundError(errno.ENOENT, "gone"),
        PermissionError(errno.EACCES, "not yours"),
        OSError(errno.ENOSPC, "no space left on device"),
        status(404),
        status(422),
        MissingModelFile(Path("detector.tflite"), what="the detector", command="wushu models fetch"),
        caused(CorruptArtefact(Path("a.npz"), problem="cut short"), by=ConnectionResetError()),
        caused(PipelineError("the disk is full"), by=OSError(errno.ENOSPC, "no space left on device")),
    ],
    ids=repr,
)
def test_bugs_bad_input_and_full_disks_are_not_tried_again(error):
    """A second try would fail the same way and cost the same time."""
    assert not is_infrastructure_fault(error)


@pytest.mark.prefect
@pytest.mark.filterwarnings("ignore")
def test_prefect_retries_a_task_for_a_lost_connection_and_not_for_a_bug(prefect_server):
    """The condition sees what a real task raised."""
    from prefect import flow, task

    tries = {"connection": 0, "bug": 0}

    @task(retries=2, retry_condition_fn=retry_on_infrastructure)
    def fragile(kind):
        tries[kind] += 1
        if tries[kind] < 3:
            raise ConnectionResetError if kind == "connection" else TypeError("a bug")

    @flow
    def both():
        fragile("connection", return_state=True)
        fragile("bug", return_state=True)
        return 0

    both()
    assert tries == {"connection": 3, "bug": 1}


def test_a_server_that_is_not_there_is_said_with_the_remedy():
    """Connection refused at PREFECT_API_URL is one sentence, not a traceback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/api"
    with pytest.raises(
        ServerUnreachable, match=r"no Prefect server answers \(the connection was refused\).*`make server`"
    ):
        require_server(url)


def test_something_else_at_the_address_is_said():
    """Another web server on the port is not taken for Prefect's."""

    class NotPrefect(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), NotPrefect) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(ServerUnreachable, match=r"it answers with status 404"):
            require_server(f"http://127.0.0.1:{server.server_port}/api")
