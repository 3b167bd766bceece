"""Laws of the review page's own files: what they import, and what may never stand in them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import pipeline.review_desk

PAGE = Path(pipeline.review_desk.__file__).parent / "page"

MODULES = sorted(path for path in PAGE.rglob("*.js") if "vendor" not in path.relative_to(PAGE).parts)

# Ways by which a text becomes markup or code. Names and notes come from strangers; the page's policy forbids styles.
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|document\.write|DOMParser|srcdoc|"
    r"\beval\(|new Function|setAttribute\(\s*[\"'](style|on\w+)|setTimeout\(\s*[\"'`]|https?://(?!www\.w3\.org/)"
)

IMPORTED = re.compile(
    r"""(?:^import\s+(?:[\w\s{},*$]+?\sfrom\s+)?|^export\s+[\w\s{},*$]+?\sfrom\s+|\bimport\(\s*)["']([^"']+)["']""",
    re.MULTILINE,
)

RESOLVE = """
import { register } from "node:module";
const hook = `export const resolve = (name, context, next) =>
  name.startsWith("wushu/") ? next("file://%s/" + name.slice(6), context) : next(name, context);
export const load = (url, context, next) =>
  next(url, { ...context, format: url.endsWith(".js") ? "module" : undefined });`;
register("data:text/javascript," + encodeURIComponent(hook));
"""


def test_every_module_can_be_parsed() -> None:
    files = json.dumps({path.relative_to(PAGE).as_posix(): path.read_text() for path in MODULES})
    script = f"""
        const {{ SourceTextModule }} = await import("node:vm");
        for (const [name, text] of Object.entries({files}))
          try {{ new SourceTextModule(text); }} catch (error) {{ console.log(name, error.stack); }}
        """
    assert _run(_node(), script) == ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PAGE).as_posix())
def test_modules_name_each_other_as_the_import_map_does(path: Path) -> None:
    """So that a page that stands alone can carry them without a server."""
    for name in IMPORTED.findall(path.read_text()):
        assert name == "three" or (name.startswith("wushu/") and (PAGE / name.removeprefix("wushu/")).is_file()), name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PAGE).as_posix())
def test_no_text_becomes_markup_or_code(path: Path) -> None:
    code = re.sub(r"^\s*(//|/?\*).*$", "", path.read_text(), flags=re.MULTILINE)
    assert not (found := FORBIDDEN.search(code)), found


def test_the_page_has_no_inline_code_but_its_import_map() -> None:
    html = (PAGE / "index.html").read_text()
    inline = [body for attributes, body in re.findall(r"<script([^>]*)>(.*?)</script>", html) if body.strip()]
    assert len(inline) == 1
    assert json.loads(inline[0])["imports"]["wushu/"] == "/page/"
    assert not re.search(r"\s(on\w+|style)=|<style|https?://", html)
    for asset in re.findall(r'(?:src|href)="/page/([^"]+)"', html):
        assert (PAGE / asset).is_file(), asset


def test_a_decision_is_found_in_a_history_once_and_after_what_was_there() -> None:
    told = _run(
        _node(),
        """
        const { Outbox, lineOf } = await import("wushu/outbox.js");
        const body = { by: "Anna", ruling: "accept", fingerprint: "f", frames: [3, 9], ground_m: 0.001, seen: 1,
                       contacts: [{ foot: "left", frames: [1, 2], stands: true }], reason: "", note: "x" };
        const line = { ...body, at: "2026-11-22T08:30:00+00:00",
                       contacts: [{ stands: true, foot: "left", frames: [1, 2] }] };
        const entry = { id: "c", after: 1, body };
        const other = { ...line, by: "Ben" };
        console.log(lineOf(entry, [line]), lineOf(entry, [other, line]), lineOf(entry, [other, { ...line, note: "" }]),
                    lineOf(entry, [line, { ...line, frames: null }, line]));
        const box = new Outbox("/data");
        const [first, undo, again] = box.add([entry, { ...entry, body: { ...body, ruling: "undo" } }, entry]);
        box.arrived(first, 2, [other, line]);
        console.log(box.entries.length, box.entries.map((one) => one.after + ":" + one.body.seen).join());
        box.arrived(undo, 4, [other, line, other, { ...line, ruling: "undo" }]);
        console.log(box.has(again.key), box.entries.map((one) => one.after + ":" + one.body.seen).join());
        """,
    )
    assert told.splitlines() == ["-1 1 -1 2", "2 2:2,2:2", "true 4:2"]


def test_what_is_counted_beside_a_choice_is_what_it_would_show() -> None:
    told = _run(
        _node(),
        """
        const { arranged, counted, everything, FACETS, progressOf } = await import("wushu/filters.js");
        const items = [];
        for (let i = 0; i < 60; i += 1) items.push({
          id: String(i), name: `n${i % 7}`, source: "", reason: "", outcome: ["accepted", "rejected", "broken"][i % 3],
          state: ["todo", "accepted"][i % 2], stale: i % 5 === 0, disputed: false, doubtful: false,
          kinds: i % 3 ? [`validation.k${i % 4}`] : [], use: "unknown", score: i % 4 ? i / 60 : null, duration_s: i,
          usable_s: i, fingerprint: i % 3 === 2 ? null : "f", decision: null });
        let wrong = 0;
        for (const chosen of [{}, { outcome: ["rejected"] }, { state: ["todo", "stale"], kind: ["validation.k1"] }]) {
          const query = { ...everything(), text: "n", chosen: { ...everything().chosen, ...chosen } };
          const counts = counted(items, query);
          for (const facet of FACETS) for (const [value, count] of counts[facet]) {
            const alone = { ...query, chosen: { ...query.chosen, [facet]: [value] } };
            wrong += arranged(items, alone).length === count ? 0 : 1;
          }
        }
        console.log(wrong);
        const byScore = arranged(items, { ...everything(), sort: "score", descending: true }).map((item) => item.score);
        console.log(byScore.at(-1), byScore[0] >= byScore[1], progressOf(items).clips);
        """,
    )
    assert told.splitlines() == ["0", "null true 40"]


def test_what_a_full_browser_does_not_keep_is_kept_in_the_page_and_told_once() -> None:
    """Not the older value that the browser still holds: a decision on its way would be lost by it."""
    told = _run(
        _node(),
        """
        const kept = new Map([["k", "1"]]);
        globalThis.localStorage = { full: false,
          getItem: (key) => kept.get(key) ?? null, removeItem: (key) => kept.delete(key),
          setItem(key, text) { if (this.full) throw new Error("full"); kept.set(key, text); } };
        const { recall, remember, whenRefused } = await import("wushu/storage.js");
        let told = 0;
        whenRefused(() => (told += 1));
        console.log(recall("k", 0), remember("k", 2), told, kept.size);
        localStorage.full = true;
        console.log(remember("k", 3), remember("new", [4]), recall("k", 0), recall("new", 0), told);
        localStorage.full = false;
        console.log(remember("k", 5), recall("k", 0), kept.get("k"));
        """,
    )
    assert told.splitlines() == ["1 true 0 1", "false false 3 [ 4 ] 1", "true 5 5"]


def test_rulings_differ_by_their_edits_and_are_told_with_them() -> None:
    told = _run(
        _node(),
        """
        const { isOtherwise } = await import("wushu/decide.js");
        const { confirmed, ruled } = await import("wushu/words.js");
        const plain = { ruling: "accept" };
        const stands = { foot: "left", frames: [40, 53], stands: true };
        const edited = { ruling: "accept", frames: [3, 10], ground_m: -0.0025, contacts: [stands] };
        console.log(isOtherwise(plain, { ...plain, frames: null, ground_m: 0, contacts: [] }),
                    isOtherwise(plain, edited), isOtherwise(edited, { ...edited, contacts: [{ ...stands }] }),
                    isOtherwise(edited, { ...edited, contacts: [] }),
                    isOtherwise({ ruling: "reject", frames: null }, { ruling: "reject", ground_m: 1 }));
        console.log(ruled(edited));
        console.log(ruled({ ...plain, contacts: [stands, stands, { ...stands, frames: [1, 2] }] }));
        const refused = { name: "a", outcome: "rejected", kinds: ["v.k"], short_reason: "k 2 > 1 s" };
        console.log(confirmed(plain, [refused]));
        console.log(confirmed(edited, [{ ...refused, kinds: [1, 2, 3] }]));
        console.log(confirmed(plain, [refused, { name: "b", outcome: "accepted" }]));
        console.log(confirmed({ ruling: "reject" }, [refused]), confirmed(plain, [{ outcome: "mended" }]));
        """,
    )
    edited = "accepted frames 3 to 9, lowered 2.5 mm, left foot stands in 40 to 52"
    assert told.splitlines() == [
        "false true false true false",
        edited,
        "accepted, 3 contacts changed",
        "accepted, though the checks refuse it (k 2 > 1 s)",
        f"{edited}, though 3 checks refuse the clip as it stood (k 2 > 1 s)",
        "accepted, though the checks refuse a",
        "rejected accepted",
    ]


def test_lines_that_cannot_be_read_count_among_what_was_seen() -> None:
    told = _run(
        _node(),
        """
        const { Outbox } = await import("wushu/outbox.js");
        const body = { by: "Anna", ruling: "accept", fingerprint: "f", seen: 3 };
        const other = { ...body, ruling: "reject" };
        const box = new Outbox("/data");
        const [first] = box.add([{ id: "c", after: 3, body }, { id: "c", after: 3, body: other }]);
        const ben = { ...body, by: "Ben" };
        box.arrived(first, 4, [ben, body]); // two of the four lines are harmed
        console.log(box.entries.map((one) => one.after + ":" + one.body.seen).join());
        """,
    )
    assert told == "4:4"


def test_a_held_key_steps_and_does_nothing_else() -> None:
    told = _run(
        _node(),
        """
        globalThis.Element = class {};
        const { press } = await import("wushu/keys.js");
        const done = [];
        const keys = ["a", "r", "u", "Enter", "x", "j", "ArrowLeft"];
        const map = Object.fromEntries(keys.map((key) => [key, () => done.push(key)]));
        let stopped = 0;
        for (const key of [...keys, "5"]) {
          for (const repeat of [false, true, true])
            press({ key, repeat, target: null, preventDefault: () => (stopped += 1) }, [map]);
        }
        console.log(done.join(), stopped >= 21);
        """,
    )
    assert told == "a,r,u,Enter,x,j,j,j,ArrowLeft,ArrowLeft,ArrowLeft true"


def test_a_command_to_copy_is_safe_in_a_shell() -> None:
    decide = """
        const { decideCommand } = await import("wushu/command.js");
        console.log(decideCommand({ dataset: "/data/my set", id: "0a", ruling: "reject", frames: null,
                                    reason: "foot-skate", note: "it's $(rm -rf) `x`\\n--by me" }));
        """
    told = _run(_node(), decide)
    shell = f"for word in {told}; do printf '%s|' \"$word\"; done"
    words = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout.split("|")
    assert words[:6] == ["wushu", "decide", "/data/my set", "0a", "reject", "--reason"]
    assert words[6:] == ["foot-skate", "--note=it's $(rm -rf) `x`\n--by me", ""]


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the page's modules are tried in a browser only")
    return node


def _run(node: str, script: str) -> str:
    done = subprocess.run(
        [node, "--experimental-vm-modules", "--input-type=module", "-"],
        input=(RESOLVE % PAGE.as_posix()) + script,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
