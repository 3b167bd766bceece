"""Laws of the pages: they show what failed and where, and text from outside stays text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.clip import Clip, Source
from pipeline.limits import find_limits
from pipeline.manifest import Attempt, ManifestRow, Usable
from pipeline.review import PAGE_FILE, ClipReport, usable_sentence, write_report, write_run_page
from pipeline.store import Dataset
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.verdict import CheckResult, Verdict, judge
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1("29dof")


@pytest.fixture(scope="module")
def standing() -> RobotMotion:
    """Two seconds in the standing pose."""
    qpos = np.tile(ROBOT.default_qpos, (60, 1))
    return RobotMotion.from_qpos(qpos, fps=30.0, joint_names=ROBOT.joint_names, foot_contact=np.ones((60, 2)))


def report_of(motion: RobotMotion, **changes: object) -> ClipReport:
    measured = (measure_robot(motion, ROBOT, ValidationConfig()),)
    verdict = judge(measured, find_limits("clean"))
    return replace(ClipReport(name="a clip", motion=motion, measurements=measured, verdict=verdict), **changes)


def red_pixels(path: Path) -> int:
    """How much of a picture has the colour of refused frames."""
    picture = cv2.imread(str(path))
    assert picture is not None
    return int((picture == (0x28, 0x32, 0xC8)).all(axis=2).sum())  # as OpenCV orders it


def test_a_refused_clip_is_red_where_an_accepted_one_has_thin_limit_lines(standing, tmp_path) -> None:
    """The eye finds the fault before it reads."""
    sunk = standing.root_pos_w - [0, 0, 0.05]
    write_report(tmp_path / "good.png", report_of(standing), ROBOT)
    write_report(tmp_path / "bad.png", report_of(replace(standing, root_pos_w=sunk)), ROBOT)
    assert red_pixels(tmp_path / "bad.png") > 4 * red_pixels(tmp_path / "good.png")


@pytest.mark.parametrize("frames", [1, 2])
def test_a_clip_of_a_frame_or_two_has_a_page(standing, tmp_path, frames) -> None:
    """Short clips are drawn like others."""
    write_report(tmp_path / "short.png", report_of(standing.frames(0, frames)), ROBOT)
    assert (tmp_path / "short.png").stat().st_size > 0


@pytest.fixture
def rows(tmp_path) -> list[ManifestRow]:
    """A broken clip with a hostile name, and one that a repair saved."""
    path = tmp_path / "<script>alert(1)</script>.npz"
    path.parent.mkdir(exist_ok=True)
    path.with_name("a.npz").write_bytes(b"a")
    clip = Clip.of(Source.from_file(path.with_name("a.npz")))
    failed = CheckResult(
        stage="validation",
        measurement="skate_p95",
        value=0.4,
        unit="m/s",
        limit=0.1,
        passed=False,
        severity="reject",
        reason="validation: skate_p95 is 0.4 m/s, clean allows at most 0.1 m/s. Feet slide.",
        spans=((130, 140),),
    )
    refused = Verdict(tier="clean", checks=(failed,), score=0.4)
    odd = replace(clip, source=replace(clip.source, path=str(path)))
    broken = ManifestRow(clip=odd, fingerprints={}, metrics={}, licences=(), error="it is <b>broken</b>")
    mended = ManifestRow(
        clip=clip,
        fingerprints={},
        metrics={"tracking.t1_certified": 1.0},
        licences=("CC0",),
        verdict=refused,
        duration_s=10.0,
        usable_s=4.0,
        pieces=(Usable(frames=(0, 120), edits=("Keep frames 0-119.",), duration_s=4.0, score=0.8),),
        attempts=(
            Attempt(
                edits=("Keep frames 0-119.",), frames=(0, 120), duration_s=4.0, accepted=True, rejections=(), score=0.8
            ),
        ),
    )
    return [broken, mended]


def test_the_page_of_a_run_tells_what_can_be_used_and_quotes_what_comes_from_outside(rows, tmp_path) -> None:
    """A file's name is text, whatever is in it."""
    dataset = Dataset.open_or_create(tmp_path / "set")
    page = write_run_page(dataset, rows)
    assert page == dataset.root / PAGE_FILE
    text = page.read_text(encoding="utf-8")
    assert usable_sentence(rows) in text
    assert "4.0 of 10.0 s" in text
    assert "follows without help" in text
    assert "Keep frames 0-119." in text
    assert "<script>" not in text
    assert "<b>broken" not in text


def test_the_headline_counts_seconds_not_clips(rows) -> None:
    """What was mended is said apart."""
    assert usable_sentence(rows) == "usable: 4.0 s of 10.0 s of motion, 4.0 s of it after a repair"


def test_the_headline_says_where_a_format_got_less(rows) -> None:
    """A trainer of 23 joints must not count seconds that only the robot of 29 was given."""
    less = [*rows[:-1], replace(rows[-1], handed_off_s={"mjlab": 4.0, "pbhc": 1.5})]
    assert usable_sentence(less).endswith("; less in some formats: pbhc 1.5 s")
