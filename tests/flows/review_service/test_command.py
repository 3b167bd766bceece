"""``wushu review``: one sentence for whatever stands in its way, and a token wherever others can reach it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from flows.cli import main
from flows.exceptions import OptionOutOfRange, PortTaken
from flows.review_service.serving import listen, token_for, url_of


def said(capsys):
    out, err = capsys.readouterr()
    return " ".join(f"{out} {err}".split())


def test_what_is_no_dataset_is_told(tmp_path, capsys):
    """Before a port is taken."""
    assert main(["review", str(tmp_path), "--no-open"]) == 1
    assert "holds no readable dataset.json. Name a dataset of `wushu run`" in said(capsys)


def test_a_port_in_use_is_told_with_one_that_is_free(dataset, capsys):
    """And the one that is named is free indeed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["review", str(dataset.root), "--port", str(port), "--no-open"]) == 1
        told = said(capsys)
        assert f"port {port} of 127.0.0.1 is in use" in told
        free = re.search(r"--port (\d+)", told)
        assert free is not None
        listen("127.0.0.1", int(free[1])).close()
        with pytest.raises(PortTaken, match=f"port {port}"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("127.0.0.1", 70000, "--port is 70000. Name a number from 1 to 65535"),
        ("127.0.0.1", -1, "--port is -1"),
        ("203.0.113.7", 0, "--host is 203.0.113.7. Name an address of this machine"),
        ("no.such.host.invalid", 0, "--host is no.such.host.invalid"),
        ("", 0, "--host is . Name an address"),
    ],
)
def test_an_address_that_is_not_ours_is_told(host, port, message):
    """With what may be named."""
    with pytest.raises(OptionOutOfRange, match=re.escape(message)):
        listen(host, port)


def test_a_token_is_made_where_others_can_reach_it_and_only_there():
    """A new one each time, long enough that nobody guesses it."""
    with listen("127.0.0.1", 0) as here:
        assert token_for(here) is None
        assert url_of("127.0.0.1", here, None) == f"http://127.0.0.1:{here.getsockname()[1]}/"
    with listen("0.0.0.0", 0) as everywhere:
        first, second = token_for(everywhere), token_for(everywhere)
        assert first is not None
        assert first != second
        assert len(first) >= 32
        assert url_of("0.0.0.0", everywhere, first).endswith(f":{everywhere.getsockname()[1]}/?token={first}")


def test_its_token_stands_in_the_address_it_prints_and_nowhere_else(dataset):
    """Not in what is told of requests, errors included; and the dataset may be one that nothing is decided on."""
    words = [sys.executable, "-m", "flows.cli", "review", str(dataset.root), "--host", "0.0.0.0", "--port", "0"]
    process = subprocess.Popen(
        [*words, "--no-open", "--read-only"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        found = re.search(r":(\d+)/\?token=(\S+)", "".join(lines))
        assert found, lines
        base, token = f"http://127.0.0.1:{found[1]}", found[2]
        with httpx.Client(base_url=base, headers={"X-Wushu-Review": "1"}, trust_env=False) as client:
            assert client.get("/api/session").status_code == 401
            assert client.get(f"/?token={token}").status_code == 200
            assert "--read-only" in client.get("/api/session").json()["read_only"]
            assert client.get(f"/nowhere?token={token}").status_code == 404
            assert client.post("/api/decisions", json={}).status_code == 403
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        assert process.returncode == 0
        assert token not in out
    finally:
        process.kill()
        process.communicate()


def test_the_command_line_wakes_no_service(tmp_path):
    """`wushu --help` is quick: what serves is imported by who serves."""
    script = "import sys, flows.cli; sys.exit(bool({'fastapi', 'uvicorn', 'starlette'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False, cwd=tmp_path).returncode == 0


def test_a_small_answer_waits_for_no_acknowledgement(client):
    """A socket whose protocol is not said keeps Nagle's algorithm, which costs each answer 40 ms."""
    client.get("/api/session")
    begun = time.perf_counter()
    for _ in range(25):
        client.get("/api/session", headers={"Host": "evil.example"})
    assert time.perf_counter() - begun < 0.9


@pytest.mark.slow
def test_a_dataset_on_a_read_only_disk_is_shown_and_not_decided_on(dataset):
    """The file system refuses, not its modes, which root does not feel; it is said on the terminal and on the page."""
    root = str(dataset.root)
    read_only = f"mount --bind {root} {root} && mount -o remount,ro,bind {root}"
    if subprocess.run(["unshare", "-m", "sh", "-c", read_only], check=False, capture_output=True).returncode:
        pytest.skip("no right to mount here")
    words = f"exec {sys.executable} -m flows.cli review {root} --port 0 --no-open"
    process = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", f"{read_only} && {words}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert "cannot be written, so that nothing can be decided here" in lines[0]
        found = re.search(r"http://\S+/", lines[1])
        assert found, lines
        with httpx.Client(base_url=found[0], headers={"X-Wushu-Review": "1"}, trust_env=False) as client:
            assert "cannot be written" in client.get("/api/session").json()["read_only"]
            (clip, *_) = client.get("/api/clips").json()["clips"]
            assert client.get(f"/api/clips/{clip['id']}").status_code == 200
            body = {"ruling": "reject", "by": "ann", "fingerprint": "f00d"}
            assert client.post(f"/api/clips/{clip['id']}/decisions", json=body).json()["kind"] == "read_only"
    finally:
        process.kill()
        process.communicate()
