"""What a page is told to be decided is on the disk; nobody is overruled unseen; a killed service loses nothing."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx

from pipeline.decisions import read_decisions


def ruling(**other):
    return {"ruling": "accept", "by": "ann", "fingerprint": "f00d", "seen": 0, **other}


def post(client, ids, clip="kata", **other):
    return client.post(f"/api/clips/{ids[clip]}/decisions", json=ruling(**other))


def test_a_decision_is_answered_by_what_stands_now(client, dataset, ids):
    """The clip and its whole history; and a script in a note is a note."""
    answer = post(client, ids, note="<script>alert(1)</script>", reason="good")
    assert answer.status_code == 200
    item, history = answer.json()["item"], answer.json()["decisions"]
    assert (item["state"], item["n_decisions"], item["stale"]) == ("accepted", 1, False)
    assert [(d["ruling"], d["by"], d["reason"]) for d in history] == [("accept", "ann", "good")]
    assert history[0]["note"] == "<script>alert(1)</script>"
    assert len(read_decisions(dataset, ids["kata"]).items) == 1
    undone = post(client, ids, ruling="undo", seen=1)
    assert (undone.json()["item"]["state"], len(undone.json()["decisions"])) == ("todo", 2)
    assert post(client, ids, ruling="undo", seen=2).json()["kind"] == "invalid"


def test_sent_again_it_is_kept_once(client, dataset, ids):
    """A page that did not hear the answer sends it again."""
    for _ in range(3):
        assert post(client, ids, note="once").status_code == 200
    assert len(read_decisions(dataset, ids["kata"]).items) == 1


def test_two_reviewers_see_each_other_and_overrule_only_what_they_saw(dataset, serve, ids):
    """Two services on one dataset, as two people may have: the second is told of the first one's, and asked."""
    with serve(dataset) as ann, serve(dataset) as bob:
        revision = bob.get("/api/clips").json()["revision"]
        assert post(ann, ids).status_code == 200
        refused = post(bob, ids, by="bob", ruling="reject", reason="floating")
        assert (refused.status_code, refused.json()["kind"]) == (409, "decided_meanwhile")
        assert "accept by ann" in refused.json()["error"]
        assert refused.json()["clip"]["decision"]["by"] == "ann"
        time.sleep(0.6)
        (seen,) = bob.get(f"/api/changes?since={revision}").json()["clips"]
        assert (seen["id"], seen["state"]) == (ids["kata"], "accepted")
        both = post(bob, ids, by="bob", ruling="reject", reason="floating", seen=1, overrule=True)
        assert (both.status_code, both.json()["item"]["disputed"]) == (200, True)
    assert [d.by for d in read_decisions(dataset, ids["kata"]).items] == ["ann", "bob"]


def test_a_decision_on_a_motion_that_is_no_longer_there_is_refused(client, dataset, ids, make_row):
    """It was solved anew while the page stood open; the page is told what there is now."""
    a_row, add_row = make_row
    add_row(dataset, a_row("kata.mp4", fingerprint="cafe"))
    answer = post(client, ids)
    assert (answer.status_code, answer.json()["kind"]) == (409, "stale")
    assert answer.json()["clip"]["fingerprint"] == "cafe"
    assert post(client, ids, "torn").json()["kind"] == "invalid"


def test_of_many_each_is_kept_or_told_by_itself(client, dataset, ids):
    """One that is stale, or none at all, stops no other."""
    clips = [
        {"id": ids["kata"], "fingerprint": "f00d", "seen": 0},
        {"id": ids["script"], "fingerprint": "old", "seen": 0},
        {"id": "../../etc", "fingerprint": "f00d", "seen": 0},
        {"id": 7},
        {"id": ids["script"], "fingerprint": "f00d", "seen": 0},
    ]
    body = {"by": "ann", "ruling": "reject", "reason": "duplicate", "clips": clips}
    results = client.post("/api/decisions", json=body).json()["results"]
    assert [result["kind"] for result in results] == [None, "stale", "unknown_clip", "invalid", None]
    assert results[0]["item"]["state"] == "rejected"
    assert len(read_decisions(dataset, ids["script"]).items) == 1
    for wrong in ({}, {"clips": "all"}, {"clips": [1]}):
        assert client.post("/api/decisions", json=body | {"clips": None} | wrong).status_code == 422


def test_a_table_goes_out_and_comes_in(dataset, serve, ids, client):
    """What is there already is known; what is wrong is told by its line."""
    post(client, ids, note="=1+1")
    table = client.get("/api/decisions.csv")
    assert "attachment" in table.headers["content-disposition"]
    kind = {"Content-Type": "text/csv"}
    again = client.post("/api/decisions.csv", content=table.content, headers=kind).json()
    assert again == {"imported": 0, "known": 1, "refused": []}
    more = table.content + table.content.splitlines()[1].replace(b"ann", b"bob").replace(b"f00d", b"0ld") + b"\r\n"
    (refused,) = client.post("/api/decisions.csv", content=more, headers=kind).json()["refused"]
    assert refused["line"] == 3
    assert client.post("/api/decisions.csv", content=b"\x00", headers=kind).json()["kind"] == "invalid"
    assert client.post("/api/decisions.csv", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415


def test_where_nothing_may_be_written_all_is_shown_and_nothing_decided(dataset, serve, ids):
    """The page is told why, before anyone tries."""
    with serve(dataset, read_only="it lies on a disc.") as client:
        assert client.get("/api/session").json()["read_only"] == "it lies on a disc."
        assert client.get(f"/api/clips/{ids['kata']}").status_code == 200
        many = {"by": "ann", "ruling": "reject", "clips": []}
        for answer in (post(client, ids), client.post("/api/decisions", json=many)):
            assert (answer.status_code, answer.json()) == (403, {"error": "it lies on a disc.", "kind": "read_only"})
    assert not list(dataset.root.glob("**/decisions.jsonl"))


@contextmanager
def own_process(dataset):
    """Run `wushu review` as a user does; yield the process and its address."""
    words = [sys.executable, "-m", "flows.cli", "review", str(dataset.root), "--port", "0", "--no-open", "--by", "ann"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+/", line)
        assert found, line + process.stdout.read()
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def test_a_service_killed_while_it_is_told_decisions_loses_none_that_it_answered(dataset, ids):
    """Each that was answered is on the disk, those that were not are there or not, and nothing is torn for good."""
    answered: list[str] = []
    sent: list[str] = []

    def decide(url: str, who: int) -> None:
        with httpx.Client(headers={"X-Wushu-Review": "1"}, trust_env=False) as client:
            for number in range(10_000):
                note = f"{who}-{number}"
                sent.append(note)
                body = ruling(by=f"ann{who}", note=note, overrule=True, seen=None)
                try:
                    answer = client.post(f"{url}api/clips/{ids['kata']}/decisions", json=body)
                except httpx.HTTPError:
                    return
                assert answer.status_code == 200, answer.text
                answered.append(note)

    with own_process(dataset) as (process, url):
        writers = [threading.Thread(target=decide, args=(url, who)) for who in range(3)]
        for writer in writers:
            writer.start()
        while len(answered) < 10:
            time.sleep(0.01)
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        for writer in writers:
            writer.join(30)
    kept = [decision.note for decision in read_decisions(dataset, ids["kata"]).items]
    assert len(kept) == len(set(kept))
    assert set(answered) <= set(kept) <= set(sent)
    with own_process(dataset) as (_, url), httpx.Client(headers={"X-Wushu-Review": "1"}, trust_env=False) as client:
        body = ruling(note="after", seen=None, overrule=True)
        history = client.post(f"{url}api/clips/{ids['kata']}/decisions", json=body).json()["decisions"]
    assert [decision["note"] for decision in history] == [*kept, "after"]


def test_it_is_ended_by_ctrl_c_in_a_sentence(dataset, ids):
    """And its port is free again at once."""
    with own_process(dataset) as (process, url):
        assert httpx.get(f"{url}api/session", trust_env=False).json()["reviewer"] == "ann"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "every decision that the page showed is on the disk" in out
        assert "Traceback" not in out


def test_what_stands_is_told_without_the_motion(client, ids):
    """For a page that did not hear what became of what it sent: the clip and its history."""
    post(client, ids, note="sent")
    told = client.get(f"/api/clips/{ids['kata']}/decisions").json()
    assert (told["item"]["state"], [d["note"] for d in told["decisions"]]) == ("accepted", ["sent"])
    assert client.get("/api/clips/nobody/decisions").json()["kind"] == "unknown_clip"


def test_while_a_dataset_is_tidied_nobody_hangs_and_ctrl_c_ends_the_service(dataset, ids):
    """Who asks for a clip, or decides, hears after a moment that it is tidied; the list needs no waiting."""
    with own_process(dataset) as (process, url), httpx.Client(headers={"X-Wushu-Review": "1"}, trust_env=False) as page:
        clip = f"{url}api/clips/{ids['kata']}"
        with dataset.alone():
            begun = time.monotonic()
            assert page.get(f"{url}api/clips").status_code == 200
            assert time.monotonic() - begun < 1
            for answer in (page.get(clip), page.post(f"{clip}/decisions", json=ruling())):
                assert (answer.status_code, answer.json()["kind"]) == (503, "not_writable")
                assert "is being tidied" in answer.json()["error"]
            assert time.monotonic() - begun < 5
            asking = threading.Thread(target=lambda: page.get(clip))
            asking.start()
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            begun = time.monotonic()
            assert process.stdout is not None
            told = process.stdout.readline()
            assert time.monotonic() - begun < 2  # the interpreter's own end comes after that
            assert "every decision that the page showed is on the disk" in told
            assert process.wait(20) == 0
            asking.join()
    assert read_decisions(dataset, ids["kata"]).items == ()
