"""``wushu run --dry-run`` tells what a run would do, and does nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.cli import main
from flows.commands.dry_run import STAGE_COSTS, plan_source
from pipeline.clip import Source
from pipeline.home import Home
from pipeline.process_clip import process_source
from pipeline.settings import Settings
from pipeline.stages import build_stages
from pipeline.store import Dataset


def _stages(**settings):
    return build_stages(replace(Settings(), **settings), Home.of_user())


def test_every_stage_has_its_costs():
    """A stage that is new must be measured, or the plan is short of it."""
    stages = _stages()
    names = {stage.name for stage in stages.video + stages.motion_file}
    assert names == set(STAGE_COSTS)


@pytest.mark.render
def test_a_fresh_video_would_run_through_all_stages_and_nothing_is_written(short_clip, tmp_path, capsys):
    dataset = tmp_path / "set"
    assert main(["run", str(short_clip.video), "--dataset", str(dataset), "--dry-run"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 sources" in printed and "nothing was written" in printed
    assert not dataset.exists()
    plan = plan_source(Source.from_file(short_clip.video), _stages(), None)
    assert plan.stages == tuple(stage.name for stage in _stages().video)


@pytest.mark.render
def test_a_finished_video_would_do_nothing_and_another_rate_only_what_hangs_on_it(
    short_clip, keypoint_models, tmp_path
):
    """The promised disk is what the run took, to within a factor of two."""
    source, dataset = Source.from_file(short_clip.video), Dataset.open_or_create(tmp_path / "set")
    promised = plan_source(source, _stages(), dataset)
    process_source(source, _stages(), dataset)
    taken = sum(path.stat().st_size for path in (tmp_path / "set").rglob("*") if path.is_file()) / 1e6
    assert promised.megabytes / 2 < taken < promised.megabytes * 2
    finished = plan_source(source, _stages(), dataset)
    assert (finished.stages, finished.seconds, finished.megabytes, finished.note) == ((), 0.0, 0.0, "")
    settings = Settings()
    other = _stages(clips=replace(settings.clips, fps=25.0))
    assert plan_source(source, other, dataset).stages == tuple(stage.name for stage in other.video[1:])


def test_a_source_that_cannot_be_used_is_said_and_the_others_are_planned(tmp_path, capsys):
    bad, walk = tmp_path / "bad.mp4", tmp_path / "walk.bvh"
    bad.write_bytes(b"this is no film")
    walk.write_text("HIERARCHY\n", encoding="utf-8")
    assert main(["run", str(bad), str(walk), "--dataset", str(tmp_path / "set"), "--dry-run"]) == 1
    printed = capsys.readouterr()
    text = " ".join((printed.out + printed.err).split())
    assert "bad.mp4: is not a video" in text
    assert "walk" in text and "1 sources" in text
