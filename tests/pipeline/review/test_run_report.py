"""Laws of a run's page: where seconds are lost, what moved since the build before, and that it opens however large."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.builds import add_build
from pipeline.clip import Clip, Source
from pipeline.decisions import Decision, Ruling, Standing
from pipeline.manifest import ManifestRow, Rows, Usable
from pipeline.review import write_run_page
from pipeline.review.run_report.clips import SHOWN_LINES, SHOWN_SECTIONS
from pipeline.review.run_report.funnel import funnel
from pipeline.store import Dataset
from pipeline.verdict import CheckResult, Verdict


def check(stage: str, name: str, passed: bool) -> CheckResult:
    return CheckResult(
        stage=stage,
        measurement=name,
        value=1.0,
        unit="m",
        limit=0.5,
        passed=passed,
        severity="reject",
        reason=f"{stage}: {name} is 1 m. <i>Film</i> it again.",
    )


def clip_of(name: str, span: tuple[float, float] | None = None) -> Clip:
    return Clip.of(Source(path=f"{name}.mp4", sha256=name), span_s=span)


def judged(name: str, *failed: str, usable_s: float = 0.0, score: float = 0.5) -> ManifestRow:
    """A clip of ten seconds that these checks refused."""
    checks = tuple(check(*kind.split("."), passed=False) for kind in failed) or (check("validation", "jerk", True),)
    mended = (Usable(frames=(0, 9), edits=("Keep a part.",), duration_s=usable_s, score=0.9),) if usable_s else ()
    return ManifestRow(
        clip=clip_of(name, (0.0, 10.0)),
        fingerprints={"motion": "0" * 16},
        metrics={},
        licences=("CC0",),
        verdict=Verdict(tier="any", checks=checks, score=score),
        duration_s=10.0,
        usable_s=usable_s if failed else 10.0,
        pieces=mended,
    )


def broken(name: str, stage: str, span: tuple[float, float] | None = None) -> ManifestRow:
    clip = clip_of(name, span)
    return ManifestRow(
        clip=clip, fingerprints={}, metrics={}, licences=(), broken_stage=stage, error="it cannot be used"
    )


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset.open_or_create(tmp_path / "set")


def test_the_funnel_says_where_each_clip_was_lost_and_by_what():
    """Each clip at one step only, the first that it does not pass; seconds, too."""
    rows = [
        broken("no video", "recording"),
        broken("nobody seen", "evidence", (0.0, 6.0)),
        judged("odd", "plausibility.float_p95", "validation.jerk"),
        judged("odd and mended", "plausibility.float_p95", "plausibility.hover_max", usable_s=4.0),
        judged("bad robot", "validation.jerk"),
        judged("good"),
    ]
    told = [(step.left, step.left_s, step.lost, step.lost_s, step.kinds) for step in funnel(rows)]
    assert told == [
        (6, None, 0, 0.0, ()),
        (5, None, 1, 0.0, (("broken at recording", 1),)),
        (5, 46.0, 0, 0.0, ()),
        (4, 40.0, 1, 6.0, (("broken at evidence", 1),)),
        (2, 20.0, 2, 20.0, (("plausibility.float_p95", 2), ("plausibility.hover_max", 1))),
        (1, 10.0, 1, 10.0, (("validation.jerk", 1),)),
        (2, 14.0, 0, 0.0, ()),
    ]


def test_a_source_that_gives_some_clips_is_no_lost_file():
    """Only the clip is lost."""
    some = [broken("two people", "evidence", (0.0, 5.0)), replace(judged("x"), clip=clip_of("two people", (5.0, 9.0)))]
    assert [(step.left, step.lost) for step in funnel(some)[:4]] == [(1, 0), (1, 0), (2, 0), (1, 1)]


def test_the_page_of_nothing_is_a_page(dataset):
    """Nothing was found, or all of it is broken."""
    for rows in ([], [broken("no video", "recording")]):
        assert "</html>" in write_run_page(dataset, rows).read_text(encoding="utf-8")


def test_the_page_says_what_moved_and_by_how_much(dataset):
    """From accepted to rejected, with the check; settings; what is new and what is gone."""
    settings = [dataset.add_settings({"limits": name}) for name in ("<loose>", "strict")]
    was = [replace(judged(name), settings=settings[0]) for name in ("worse", "gone")]
    now = [replace(judged("worse", "validation.jerk"), settings=settings[1]), judged("<b>new")]
    add_build(dataset, Rows(tuple(was)))
    text = write_run_page(dataset, was).read_text(encoding="utf-8")
    assert "no build before this one" in text
    add_build(dataset, Rows(tuple(now)))
    text = write_run_page(dataset, now).read_text(encoding="utf-8")
    part = text[text.index('id="moved"') : text.index("Best clips")]
    assert "What moved since build 1" in part and "This is build 2" in part
    assert "20.0 s</td><td class=n>10.0 s</td><td class=n>-10.0 s" in part
    assert "limits: &#x27;&lt;loose&gt;&#x27; -&gt; &#x27;strict&#x27;" in part and "fails validation.jerk" in part
    assert "New clips: 1, 10.0 s" in part and "&lt;b&gt;new" in part and "Clips that are gone: 1, 10.0 s" in part
    assert "<b>" not in text and "<i>Film" not in text and "<loose>" not in text
    now[0] = judged("worse", "validation.jerk", usable_s=2.0)
    text = write_run_page(dataset, now).read_text(encoding="utf-8")
    assert "What moved since build 2" in text and "a build that did not, or was changed since" in text


def test_equal_outcomes_give_equal_bytes(dataset):
    """In whatever order: nothing in it tells when it was made."""
    rows = [judged("a"), judged("b", "validation.jerk"), judged("c", usable_s=3.0)]
    add_build(dataset, Rows(tuple(rows)))
    first = write_run_page(dataset, rows).read_bytes()
    assert write_run_page(dataset, rows).read_bytes() == first


def test_the_page_needs_no_network_and_runs_nothing(dataset):
    """Pictures are named by where they lie beside it."""
    row = judged("a")
    dataset.add_clip(row.clip)
    for name in ("poster.jpg", "playback.mp4", "report.png"):
        (dataset.clip_dir(row.clip.id) / name).write_bytes(b"x")
    text = write_run_page(dataset, [row]).read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href|poster)="([^"]*)"', text)
    assert named and all(name.startswith(("clips/", "#")) for name in named)
    assert all((dataset.root / name).exists() for name in named if name.startswith("clips/"))
    assert {name for name in named if name.startswith("#")} <= {f"#{i}" for i in re.findall(r'id="([^"]*)"', text)}
    assert "<script" not in text and "http" not in text and "url(" not in text


def test_what_people_decided_is_told(dataset):
    """In numbers, and at each clip; a name is text."""
    rows = [judged("a"), judged("b", "validation.jerk"), judged("c")]
    assert "What people decided" not in write_run_page(dataset, rows).read_text(encoding="utf-8")

    def held(row: ManifestRow, ruling: Ruling, **more: object) -> Standing:
        decision = Decision(
            clip_id=row.clip.id, fingerprint="f", ruling=ruling, by="<u>Ann</u>", at="2026-11-22T08:30:00+00:00", **more
        )
        return Standing(decision=decision, stale=ruling is Ruling.REJECT)

    standing = {
        rows[0].clip.id: held(rows[0], Ruling.ACCEPT, frames=(3, 9)),
        rows[1].clip.id: held(rows[1], Ruling.REJECT, reason="foot-skate"),
        rows[2].clip.id: Standing(),
    }
    text = write_run_page(dataset, rows, standing).read_text(encoding="utf-8")
    assert (
        "2 of 3 clips: 1 accepted (1 of them trimmed or edited), 1 rejected; 1 on a motion that was solved anew" in text
    )
    assert "reject (stale)" in text and "&lt;u&gt;Ann" in text and "<u>" not in text


def test_the_worst_clips_are_never_accepted_ones(dataset):
    """And no clip is both."""
    rows = [judged("good", score=0.1), judged("fine", score=0.9), judged("bad", "validation.jerk", score=0.8)]
    text = write_run_page(dataset, rows).read_text(encoding="utf-8")
    best, worst = text[text.index("Best clips") : text.index("Worst clips")], text[text.index("Worst clips") :]
    worst = worst[: worst.index('id="clips"')]
    assert ">fine " in best and ">good " in best and ">bad " in worst and ">good " not in worst


def test_a_page_of_very_many_clips_stays_small_and_says_what_it_leaves_out(dataset):
    """Ten thousand clips are a page of a megabyte, not of a hundred."""
    rows = [judged(f"clip {i:05}", *(["validation.jerk"] if i % 3 else []), score=i / 10_000) for i in range(10_000)]
    page = write_run_page(dataset, rows)
    text = page.read_text(encoding="utf-8")
    assert (
        text.count("<section") == SHOWN_SECTIONS
        and text.count("<tr><td><a href") + text.count("<tr><td>clip 0") == SHOWN_LINES
    )
    assert f"{10_000 - SHOWN_LINES} clips between the best and the worst are left out" in text
    assert page.stat().st_size < 2_000_000 and "wushu review DATASET" in text
    linked = {name[1:] for name in re.findall(r'href="(#[0-9a-f]{16})"', text)}
    assert linked <= set(re.findall(r'<section id="([0-9a-f]{16})"', text))
