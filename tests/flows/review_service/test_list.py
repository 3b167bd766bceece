"""The list is what is on the disk, told again only where it changed, whatever stands in a name or is harmed."""

from __future__ import annotations

import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from pipeline.decisions import Decision, Ruling, add_decision
from pipeline.manifest import ROW_FILE
from pipeline.review_desk.exceptions import UnknownClip
from pipeline.review_desk.shelf import Shelf


def told(client, path="/api/clips"):
    answer = client.get(path)
    assert answer.status_code == 200
    document = answer.json()
    return document, {clip["id"]: clip for clip in document["clips"]}


def test_the_list_tells_every_clip_and_a_script_in_a_name_is_text(client, ids, dataset):
    """As JSON, which no browser runs; a clip that never became a motion is told with its sentence."""
    document, clips = told(client)
    assert set(clips) == set(ids.values())
    assert document["whole"]
    assert "<script>" in clips[ids["script"]]["name"]
    assert client.get("/api/clips").headers["content-type"] == "application/json"
    assert clips[ids["script"]]["kinds"] == ["validation.skate_p95"]
    assert (clips[ids["torn"]]["outcome"], clips[ids["torn"]]["fingerprint"]) == ("broken", None)
    view = client.get(f"/api/clips/{ids['torn']}").json()
    assert (view["n_frames"], view["problem"]) == (0, "torn.mp4: torn.")
    session = client.get("/api/session").json()
    assert session["dataset"] == str(dataset.root)
    assert (session["reviewer"], session["read_only"]) == ("ann", None)
    assert {"code": "foot-skate", "text": "A foot that bears weight slides"} in session["reason_codes"]


def test_a_clip_that_is_not_there_is_told_so(client):
    """By every route that names one, and whatever the name."""
    for clip in ("0123456789abcdef", "nobody", "0123456789ABCDEF", "%F0%9F%A5%8B", "a" * 5000):
        for rest in ("", "/poses", "/human", "/ghost", "/tracks", "/pieces/1", "/page.html", "/files/poster.jpg"):
            answer = client.get(f"/api/clips/{clip}{rest}")
            assert (answer.status_code, answer.json()["kind"]) == (404, "unknown_clip"), (clip[:40], rest)
            assert len(answer.content) < 500


def test_what_changes_on_the_disk_is_told_once(dataset, ids, make_row):
    """A new outcome, a decision of another program, a clip that is gone, one that is harmed, and one that is mended."""
    a_row, add_row = make_row
    shelf = Shelf(dataset, first_revision=1000)
    shelf.refresh()
    before = shelf.clips().revision
    assert shelf.changed_since(before).clips == ()

    new = add_row(dataset, a_row("new.mp4"))
    add_decision(dataset, a_decision(ids["kata"]))
    shutil.rmtree(dataset.clip_dir(ids["torn"]))
    row = dataset.clip_dir(ids["script"]) / ROW_FILE
    sound = row.read_bytes()
    row.write_bytes(sound.replace(b"0.05", b"0.06"))
    shelf.refresh()
    changed = shelf.changed_since(before)
    by_id = {item.id: item for item in changed.clips}
    assert set(by_id) == {new, ids["kata"], ids["script"]}
    assert changed.gone == (ids["torn"],)
    assert not changed.whole
    assert (by_id[ids["kata"]].state, by_id[ids["kata"]].n_decisions) == ("accepted", 1)
    assert by_id[ids["script"]].outcome == "damaged"
    assert ROW_FILE in by_id[ids["script"]].reason

    assert shelf.changed_since(changed.revision).clips == ()
    row.write_bytes(sound)
    shelf.refresh()
    assert [item.outcome for item in shelf.changed_since(changed.revision).clips] == ["rejected"]
    assert {item.id for item in shelf.clips().clips} == {new, ids["kata"], ids["script"]}


def test_a_dataset_that_was_moved_away_is_told_and_never_an_empty_list(client, dataset, ids, tmp_path):
    """Its disk is not mounted, say: no clip is taken for gone, nothing is made in its place, and it comes back."""
    revision = client.get("/api/clips").json()["revision"]
    dataset.root.rename(tmp_path / "elsewhere")
    dataset.root.mkdir()  # where a disk belongs
    clip = f"/api/clips/{ids['kata']}"
    ruling = {"ruling": "accept", "by": "ann", "fingerprint": "f00d", "seen": 0}
    many = {**ruling, "clips": [{"id": ids["kata"], "fingerprint": "f00d", "seen": 0}]}
    table = {"content": "clip", "headers": {"Content-Type": "text/csv"}}
    time.sleep(0.6)
    reads = ("/api/clips", f"/api/changes?since={revision}", clip, f"{clip}/decisions", "/api/decisions.csv")
    answers = [client.get(path) for path in reads]
    answers += [client.post(f"{clip}/decisions", json=ruling), client.post("/api/decisions", json=many)]
    answers += [client.post("/api/decisions.csv", **table)]
    for answer in answers:
        assert (answer.status_code, answer.json()["kind"]) == (503, "not_writable"), answer.url
        assert f"{dataset.root}: the dataset is not there any more" in answer.json()["error"]
    assert not any(dataset.root.iterdir())
    dataset.root.rmdir()
    (tmp_path / "elsewhere").rename(dataset.root)
    back = client.get(f"/api/changes?since={revision}").json()
    assert (back["clips"], back["gone"], back["revision"]) == ([], [], revision)
    assert client.post(f"{clip}/decisions", json=ruling).status_code == 200


def test_a_clip_whose_folder_is_a_link_is_told_and_nothing_behind_it_is_read_or_written(client, dataset, ids, tmp_path):
    """Another dataset's clip, say, whose reviewers know nothing of this one; not even when the files are the same."""
    folder, outside = dataset.clip_dir(ids["kata"]), tmp_path / "outside"
    (folder / "playback.mp4").write_bytes(b"film")
    assert told(client)[1][ids["kata"]]["has_playback"]
    folder.rename(outside)
    folder.symlink_to(outside)
    before = sorted(outside.iterdir())
    time.sleep(0.6)
    item = told(client)[1][ids["kata"]]
    assert (item["outcome"], item["has_playback"], item["fingerprint"]) == ("damaged", False, None)
    assert "is a link, and what lies behind it is no part of the dataset" in item["reason"]
    assert any("is a link" in sentence for sentence in client.get("/api/session").json()["damaged"])
    clip = f"/api/clips/{ids['kata']}"
    assert "is a link" in client.get(clip).json()["problem"]
    assert client.get(f"{clip}/files/playback.mp4").status_code == 403
    assert client.get(f"{clip}/poses").json()["kind"] == "damaged"
    ruling = {"ruling": "accept", "by": "ann", "fingerprint": "f00d"}
    refused = client.post(f"{clip}/decisions", json=ruling)
    assert (refused.status_code, refused.json()["kind"]) == (422, "damaged")
    assert sorted(outside.iterdir()) == before


def test_what_is_no_file_stops_no_list(client, dataset, ids):
    """A pipe in the place of an outcome or of the decisions would be waited for, for ever."""
    for clip, name in (("kata", "row.json"), ("script", "decisions.jsonl")):
        path = dataset.clip_dir(ids[clip]) / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    time.sleep(0.6)
    clips = told(client)[1]
    assert (clips[ids["kata"]]["outcome"], clips[ids["script"]]["doubtful"]) == ("damaged", True)
    assert "row.json: is no file" in clips[ids["kata"]]["reason"]
    assert client.get("/api/decisions.csv").status_code == 200


def test_a_clip_that_comes_and_goes_is_told_or_is_unknown(dataset, ids):
    """Whoever asks for it while another look finds it gone gets what was read, or hears that there is none."""
    shelf, row = Shelf(dataset, first_revision=0), dataset.clip_dir(ids["kata"]) / ROW_FILE
    away, done = row.with_name("away"), threading.Event()

    def work() -> None:
        while not done.is_set():
            row.rename(away)
            shelf.refresh()
            away.rename(row)
            time.sleep(0.002)

    found = set()
    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work)
        for _ in range(1500):
            with suppress(UnknownClip):
                found.add(shelf.look_at(ids["kata"]).outcome)
        done.set()
        worker.result()
    assert found == {"accepted"}


def test_whoever_knows_a_list_from_before_a_restart_is_told_all(dataset, ids):
    """Revisions of an earlier service, or from the future, mean nothing to this one."""
    shelf = Shelf(dataset, first_revision=1000)
    shelf.refresh()
    for revision in (0, 999, shelf.clips().revision + 1):
        assert shelf.changed_since(revision).whole, revision
        assert len(shelf.changed_since(revision).clips) == len(ids)


def test_a_look_that_finds_nothing_new_reads_nothing(dataset, ids):
    """So that a page may ask every two seconds of a dataset of thousands."""
    shelf = Shelf(dataset, first_revision=0)
    shelf.refresh()
    reads = []
    shelf.refresh(lambda done, total: reads.append(total))
    assert reads == [0]
    assert shelf.look_at(ids["kata"]) is shelf.look_at(ids["kata"])


def test_looks_at_once_agree_with_the_disk_in_the_end(dataset, ids):
    """An older look that is slow never puts what it found over what a newer one did."""
    shelf = Shelf(dataset, first_revision=0)

    def work(number: int) -> None:
        if number % 4 == 0:
            add_decision(dataset, a_decision(ids["kata"], note=str(number)))
            assert shelf.look_at(ids["kata"]).n_decisions >= 1
        else:
            shelf.refresh()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    (kata,) = (item for item in shelf.clips().clips if item.id == ids["kata"])
    assert kata.n_decisions == 10


def test_what_is_long_is_packed_for_whoever_can_unpack_it(client, dataset, make_row):
    """And means the same."""
    a_row, add_row = make_row
    for number in range(20):
        add_row(dataset, a_row(f"{number}.mp4"))
    client.get("/api/changes?since=0")
    packed = client.get("/api/clips")
    plain = client.get("/api/clips", headers={"Accept-Encoding": "identity"})
    assert packed.headers.get("content-encoding") == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json()["clips"] == plain.json()["clips"]


def test_since_when_must_be_a_revision(client):
    """Else the page would be told all, and never notice."""
    for since in ("", "x", "-1", "1e3", "9" * 40, "\u0663"):
        assert client.get("/api/changes", params={"since": since}).status_code == 422, since
    assert client.get("/api/changes").status_code == 422


def test_a_film_is_sent_in_the_parts_that_are_asked_for(client, dataset, ids):
    """Which a browser needs to seek; a part beyond its end is refused, and what it has is not sent again."""
    content = bytes(range(256)) * 40
    (dataset.clip_dir(ids["kata"]) / "playback.mp4").write_bytes(content)
    path = f"/api/clips/{ids['kata']}/files/playback.mp4"
    whole = client.get(path)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, content, "video/mp4")
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
    assert client.get(path, headers={"Range": "bytes=-5"}).content == content[-5:]
    assert client.get(path, headers={"Range": f"bytes={len(content)}-"}).status_code == 416
    assert client.get(path, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    missing = client.get(f"/api/clips/{ids['kata']}/files/report.png")
    assert (missing.status_code, missing.json()["kind"]) == (404, "missing_file")
    assert told(client)[1][ids["kata"]]["has_playback"]


def a_decision(clip_id: str, **other) -> Decision:
    words = {"fingerprint": "f00d", "by": "bob", "at": "2026-11-22T08:30:00+00:00", **other}
    return Decision(clip_id=clip_id, ruling=Ruling.ACCEPT, **words)
