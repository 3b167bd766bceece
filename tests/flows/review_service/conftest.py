"""A dataset of made-up outcomes, and the real service on it, on a port of its own."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import pytest

from flows.review_service.desk import ReviewDesk
from flows.review_service.serving import listen, review_server
from pipeline.clip import Clip, Source, SourceFacts
from pipeline.manifest import ManifestRow, write_row
from pipeline.review_desk.journal import why_read_only
from pipeline.review_desk.shelf import Shelf
from pipeline.store import Dataset
from pipeline.verdict import CheckResult, Verdict

HERE = "127.0.0.1"
PAGE = {"X-Wushu-Review": "1"}
SEEN = "f00d"
SCRIPT = "<script>alert(1)<\u2044script> & <img src=x onerror=alert(2)>"


def a_row(name: str, *, fingerprint: str | None = SEEN, score: float = 0.5, accepted: bool = True) -> ManifestRow:
    source = Source(
        path=f"/films/{name}", sha256=hashlib.sha256(name.encode()).hexdigest(), facts=SourceFacts(licence="CC0")
    )
    if fingerprint is None:
        torn = {"broken_stage": "reading", "error": f"{name}: torn."}
        return ManifestRow(clip=Clip.of(source), fingerprints={}, metrics={}, licences=(), **torn)
    check = CheckResult(
        stage="validation",
        measurement="skate_p95",
        value=0.1,
        unit="m/s",
        limit=0.2 if accepted else 0.05,
        passed=accepted,
        severity="reject",
        reason="validation: a foot slides. Look at it.",
    )
    verdict = Verdict(tier="trainable", checks=(check,), score=score)
    fingerprints = {"retarget": fingerprint, "validation": "a1"}
    return ManifestRow(
        clip=Clip.of(source), fingerprints=fingerprints, metrics={}, licences=("CC0",), verdict=verdict, duration_s=3.0
    )


def add_row(dataset: Dataset, row: ManifestRow) -> str:
    dataset.add_clip(row.clip)
    write_row(dataset, row)
    return row.clip.id


@pytest.fixture
def dataset(tmp_path):
    """Three clips: an accepted one, a refused one whose name is a script, and one that never became a motion."""
    made = Dataset.open_or_create(tmp_path / "set")
    add_row(made, a_row("kata.mp4"))
    add_row(made, a_row(f"{SCRIPT}.mp4", accepted=False))
    add_row(made, a_row("torn.mp4", fingerprint=None))
    return made


@pytest.fixture
def ids(dataset):
    """Ids of the three clips, by what is made of them."""
    named = {"kata": a_row("kata.mp4"), "script": a_row(f"{SCRIPT}.mp4"), "torn": a_row("torn.mp4", fingerprint=None)}
    return {name: row.clip.id for name, row in named.items()}


@contextmanager
def serving(
    dataset: Dataset,
    *,
    token: str | None = None,
    read_only: str | None = None,
    patience_s: int = 10,
    add=lambda app: None,
):
    """Run the service as `wushu review` does, but in this process; yield a client that speaks as the page does."""
    sock = listen(HERE, 0)
    shelf = Shelf(dataset, first_revision=time.time_ns() // 1_000_000)
    shelf.refresh()
    desk = ReviewDesk(dataset=dataset, shelf=shelf, reviewer="ann", read_only=read_only or why_read_only(dataset))
    server = review_server(desk, sock, HERE, token, patience_s=patience_s)
    add(server.config.app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        port = sock.getsockname()[1]
        with httpx.Client(base_url=f"http://{HERE}:{port}", headers=PAGE, timeout=60, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)
        desk.close()
        sock.close()
        assert not thread.is_alive()


@pytest.fixture
def client(dataset):
    """The page's side of a service that takes decisions."""
    with serving(dataset) as client:
        yield client


@pytest.fixture
def serve():
    """What runs a service on a dataset."""
    return serving


@pytest.fixture
def make_row():
    """What makes an outcome up, and what puts it into a dataset."""
    return a_row, add_row


@pytest.fixture
def speak():
    """What sends bytes as they are, as no client would: returns the answer's."""

    def sent(client: httpx.Client, content: bytes) -> bytes:
        with socket.create_connection((HERE, client.base_url.port), timeout=10) as sock:
            sock.sendall(content)
            parts = []
            while part := sock.recv(65536):
                parts.append(part)
        return b"".join(parts)

    return sent
