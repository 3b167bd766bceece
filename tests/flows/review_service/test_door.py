"""Nobody's page but ours reads or changes anything, and nothing outside the dataset is ever served."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import socket
import time

from flows.review_service.answers import LARGEST_BODY

DATA = ("/api/session", "/api/clips", "/api/changes?since=0", "/api/decisions.csv")
RULING = {"ruling": "accept", "by": "ann", "fingerprint": "f00d", "seen": 0}


def test_it_answers_only_by_its_own_names(client):
    """A name that somebody lets lead here (DNS rebinding) is refused, for every path; a tunnel's port is nobody's."""
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8765", "", "a b", "[::1"):
        for path in ("/", "/page/answers.js", *DATA):
            assert client.get(path, headers={"Host": host}).status_code in (400, 403), (host, path)
    for host in ("localhost:9000", "127.0.0.1:9000", "LOCALHOST", "[::1]:8765", "192.168.0.7"):
        assert client.get("/api/session", headers={"Host": host}).status_code == 200, host


OTHER_SITES = (
    {"Origin": "http://[::1"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)


def test_the_page_of_another_site_reads_and_changes_nothing(client, ids):
    """Not even one on another port of this machine; a link to the page itself may stand anywhere."""
    clip = f"/api/clips/{ids['kata']}"
    for said in OTHER_SITES:
        for path in (*DATA, clip, f"{clip}/files/playback.mp4"):
            answer = client.get(path, headers=said)
            assert (answer.status_code, answer.json()["kind"]) == (403, "refused"), (said, path)
        refused = client.post(f"{clip}/decisions", json=RULING, headers=said)
        assert refused.status_code == 403
        assert "pages of other sites" in refused.json()["error"]
        assert client.get("/", headers=said).status_code == (403 if "Origin" in said else 200)
    assert client.get(clip).json()["decisions"] == []


def test_what_a_form_of_another_site_can_send_is_no_decision(client, ids):
    """A form needs no leave, but has neither our header nor our content type; and nobody is given leave."""
    path = f"/api/clips/{ids['kata']}/decisions"
    del client.headers["X-Wushu-Review"]
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/json"):
        answer = client.post(path, content=b'{"ruling": "accept"}', headers={"Content-Type": kind})
        assert answer.status_code == 403
    answer = client.post(path, content=b"{}", headers={"Content-Type": "text/plain", "X-Wushu-Review": "1"})
    assert answer.status_code == 415
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    leave = client.options(path, headers=asked)
    assert leave.status_code == 403
    assert not [name for name in leave.headers if name.startswith("access-control")]


def test_elsewhere_than_on_this_machine_a_token_is_needed_for_everything(dataset, serve):
    """It is brought once in the address, and is a cookie from then on that no script reads and no other site sends."""
    with serve(dataset, token="s3cret") as client:
        for path in ("/", "/?token=wrong", "/page/answers.js", "/api/clips?token=s3cret", *DATA):
            assert client.get(path).status_code == 401, path
        assert client.get("/api/clips", headers={"Cookie": "wushu_review_1=s3cret; x=s3cret"}).status_code == 401
        entered = client.get("/?token=s3cret")
        assert entered.status_code == 200
        assert "s3cret" not in entered.text
        assert 'url=/"' in entered.text
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert client.get("/").status_code == 200
        assert client.get("/api/clips").status_code == 200
        client.cookies.clear()
        assert client.get("/api/clips", headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_our_cookie_is_read_whatever_others_stand_beside_it(dataset, serve):
    """Those of other programs on this machine are sent along, and some are written as no standard says."""
    with serve(dataset, token="s3cret") as client:
        own = f"wushu_review_{client.base_url.port}=s3cret"
        for others in ('foo={"a":1}; ', "x=a b; ", 'x="a,b"; ', "_ga[1]=2; ", "x; ", "\xe9=1; ", "n(1)=q;", "; ;"):
            for cookie in (others + own, f"{own}; {others.strip()}"):
                answer = client.get("/api/session", headers={"Cookie": cookie.encode("latin-1")})
                assert answer.status_code == 200, cookie
        assert client.get("/api/session", headers={"Cookie": f"x{own}; y=s3cret"}).status_code == 401


def test_a_connection_that_asks_nothing_is_closed(dataset, serve):
    """Or hundreds of them would keep everybody out; one that says a little now and then is none the better."""
    with serve(dataset, patience_s=1) as client:
        address = (client.base_url.host, client.base_url.port)
        for words in (b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-a: ", OURS + b"GET / HT"):
            with socket.create_connection(address, timeout=5) as sock:
                sock.sendall(words)
                time.sleep(0.5)
                sock.sendall(b"a" if words else b"")
                while sock.recv(65536):
                    pass
        assert client.get("/api/session").status_code == 200


OURS = b"GET /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def test_every_answer_forbids_the_browser_to_guess_to_frame_and_to_tell(client, ids):
    """Errors and refusals included."""
    for path in ("/", "/page/answers.js", "/api/clips", "/api/clips/nobody", "/nowhere", "/page/nothing.js"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe-eval" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in client.get("/", headers={"Host": "evil"}).headers["content-security-policy"]


def test_the_page_runs_its_own_scripts_and_the_one_import_map_and_no_other(client):
    """The map is named by its hash; a script that got into the page by a clip's name would not run."""
    page = client.get("/")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", page.text, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]
    assert policy["script-src"] == " ".join(["'self'", *(f"'sha256-{text}'" for text in hashes)])
    assert policy["default-src"] == "'none'"
    assert not re.search(r"<[^>]+\s(on\w+|style)=", page.text)
    for source in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert client.get(source).status_code == 200, source
        assert client.get(source, headers={"If-None-Match": client.get(source).headers["etag"]}).status_code == 304


OUTSIDE = (
    "/page/../journal.py",
    "/page/%2e%2e/journal.py",
    "/page//etc/passwd",
    "/page/..%2fjournal.py",
    "/page/",
    "/page",
    "/api/clips/../../dataset.json",
    "/api/clips/..%2f..%2fdataset.json",
    "/api/clips/../files/poster.jpg",
    "/api/clips/CLIP/files/../row.json",
    "/api/clips/CLIP/files/..%2frow.json",
    "/api/clips/CLIP/files/row.json",
    "/api/clips/CLIP/files/%00",
    "/api/clips/CLIP/files/",
    "/api/clips/CLIP%00/files/poster.jpg",
    "/api/clips/CLIP/../CLIP/files/row.json",
    "/docs",
    "/openapi.json",
    "//evil.example/",
)


def test_no_path_leads_anywhere_else(client, ids, speak):
    """Paths are sent as they stand, which no browser does."""
    for path in OUTSIDE:
        line = path.replace("CLIP", ids["kata"])
        answer = speak(client, f"GET {line} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        assert answer.split(b" ", 2)[1] in (b"404", b"400"), (path, answer)
        assert b"layout" not in answer
        assert b"root:" not in answer


def test_a_clips_file_that_is_none_of_its_own_is_not_served(dataset, client, ids, tmp_path):
    """A link out of the dataset, a folder, a pipe that would never end; a link within it is a file like any."""
    folder = dataset.clip_dir(ids["kata"])
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "poster.jpg").symlink_to(tmp_path / "secret")
    (folder / "playback.mp4").symlink_to("/dev/zero")
    (folder / "report.png").mkdir()
    os.mkfifo(folder / "retarget.png")
    for name, status in (("poster.jpg", 403), ("playback.mp4", 403), ("report.png", 404), ("retarget.png", 404)):
        answer = client.get(f"/api/clips/{ids['kata']}/files/{name}")
        assert answer.status_code == status, name
        assert "secret" not in answer.text
    (folder / "poster.jpg").unlink()
    (folder / "other.jpg").write_bytes(b"a picture")
    (folder / "poster.jpg").symlink_to("other.jpg")
    assert client.get(f"/api/clips/{ids['kata']}/files/poster.jpg").content == b"a picture"


def test_a_request_larger_than_any_of_ours_is_not_read(client, ids, speak):
    """Whether it says so beforehand or not."""
    path, kind = f"/api/clips/{ids['kata']}/decisions", {"Content-Type": "application/json"}
    declared = client.post(path, content=b" " * (LARGEST_BODY + 1), headers=kind)
    in_parts = client.post(path, content=(b" " * 2**16 for _ in range(LARGEST_BODY // 2**16 + 2)), headers=kind)
    for answer in (declared, in_parts):
        assert (answer.status_code, answer.json()["kind"]) == (413, "invalid")


NO_DECISIONS = (
    (b"", "is no JSON"),
    (b"[" * 100_000, "is no JSON"),
    (b"\xff\xfe{}", "is no JSON"),
    (b"[]", "a JSON object"),
    (b"{}", "ruling: must be accept, reject or undo"),
    (b'{"ruling": ["accept"]}', "ruling: must be accept"),
    (b'{"ruling": "accept"}', "by: must be a text"),
    (b'{"ruling": "accept", "by": 7, "fingerprint": "f00d"}', "by: must be a text"),
    (b'{"ruling": "accept", "by": "a\\nb", "fingerprint": "f00d"}', "by: must be a name on one line"),
    (b'{"ruling": "accept", "by": "ann", "fingerprint": "f00d", "seen": -1}', "seen: must be"),
    (b'{"ruling": "accept", "by": "ann", "fingerprint": "f00d", "seen": true}', "seen: must be"),
    (b'{"ruling": "accept", "by": "ann", "fingerprint": "f00d", "overrule": "no"}', "overrule: must be"),
    (b'{"ruling": "accept", "by": "ann", "fingerprint": "f00d", "frames": [1]}', "frames: must be"),
    (b'{"ruling": "accept", "by": "ann", "fingerprint": "f00d", "frames": [5, 5]}', "is no span"),
    (b'{"ruling": "accept", "by": "ann", "fingerprint": "f00d", "ground_m": NaN}', "ground_m: must be"),
    (b'{"ruling": "accept", "by": "ann", "fingerprint": "f00d", "ground_m": 1e999}', "ground_m: must be"),
    (b'{"ruling": "accept", "by": "ann", "fingerprint": "f00d", "ground_m": 1%s}' % (b"0" * 400), "ground_m: must be"),
    (b'{"ruling": "accept", "by": "ann", "fingerprint": "f00d", "ground_m": 9}', "the robot is raised by"),
    (b'{"ruling": "accept", "by": "ann", "fingerprint": "f00d", "contacts": [{"foot": "tail"}]}', "contacts: must"),
    (b'{"ruling": "accept", "by": "ann", "fingerprint": "f00d", "note": "\\ud800"}', "half of a character"),
    (b'{"ruling": "reject", "by": "ann", "fingerprint": "f00d", "reason": "Foot Skate"}', "a code in lower case"),
)


def test_what_is_no_decision_is_refused_in_a_sentence(client, ids):
    """And nothing is kept."""
    clip, kind = f"/api/clips/{ids['kata']}", {"Content-Type": "application/json"}
    for content, said in NO_DECISIONS:
        answer = client.post(f"{clip}/decisions", content=content, headers=kind)
        assert (answer.status_code, answer.json()["kind"]) == (422, "invalid"), content[:80]
        assert said in answer.json()["error"]
    assert client.get(clip).json()["decisions"] == []


def test_a_bug_is_told_where_the_service_was_started_and_to_nobody_else(dataset, serve, caplog):
    """Whoever asks learns that there is one; what a trace tells of the machine is not theirs."""

    def add(app):
        def route():
            raise RuntimeError("/home/ann/secret")

        app.add_api_route("/api/bug", route)

    with serve(dataset, add=add) as client:
        answer = client.get("/api/bug?token=hidden")
        assert (answer.status_code, answer.json()["kind"]) == (500, "internal")
        assert "secret" not in answer.text
        assert client.get("/api/session").status_code == 200
    assert "/home/ann/secret" in caplog.text
    assert "hidden" not in caplog.text
