"""The chain does nothing twice, redoes exactly what changed, and a broken clip ends alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from pipeline.clip import Clip
from pipeline.exceptions import PipelineError
from pipeline.manifest import Outcome, find_row, read_row
from pipeline.measurement import Measurement, Measurements
from pipeline.process_clip import fingerprints, process_clip
from pipeline.stages import Stage, WrittenFiles
from pipeline.store import Dataset, write_bytes
from pipeline.verdict import Verdict
from robots.exceptions import UnknownName


@dataclass(frozen=True)
class Counted:
    """Stages that are real but tiny, and a list of which of them ran."""

    ran: list[str]

    def stages(self, *, scale: float = 2.0, broken: bool = False) -> tuple[Stage, ...]:
        def measure(context):
            self.ran.append("first")
            if broken:
                raise PipelineError("this clip cannot be used")
            item = Measurement(name="size", value=1.0, unit="m", meaning="A size")
            return Measurements(stage="plausibility", fps=30.0, n_frames=1, items=(item,))

        def scaled(context, first):
            self.ran.append("second")
            item = replace(first.items[0], value=first.items[0].value * scale)
            return replace(first, stage="validation", items=(item,))

        def files(context, second):
            self.ran.append("files")
            write_bytes(context.clip_dir / "out.txt", str(second.items[0].value).encode())
            return WrittenFiles.of(context.clip_dir, [context.clip_dir / "out.txt"])

        def verdict(context, second):
            self.ran.append("verdict")
            return Verdict(tier="any", checks=())

        common = {"version": 1}
        return (
            Stage(name="first", config=None, reads=(), result=Measurements, run=measure, **common),
            Stage(name="second", config=scale, reads=("first",), result=Measurements, run=scaled, **common),
            Stage(name="files", config=None, reads=("second",), result=WrittenFiles, run=files, **common),
            Stage(name="verdict", config=None, reads=("second",), result=Verdict, run=verdict, **common),
        )


@pytest.fixture
def counted():
    return Counted(ran=[])


@pytest.fixture
def clip(tmp_path):
    video = tmp_path / "kata.mp4"
    video.write_bytes(b"film")
    return Clip.from_video(video)


@pytest.fixture
def dataset(tmp_path):
    return Dataset.open_or_create(tmp_path / "set")


def test_a_second_run_does_nothing(counted, clip, dataset):
    """What is finished is found by fingerprint."""
    first, _ = process_clip(clip, counted.stages(), dataset)
    ran = len(counted.ran)
    second, reports = process_clip(clip, counted.stages(), dataset)
    assert ran == 4 and len(counted.ran) == 4
    assert all(report.reused for report in reports)
    assert first == second


def test_a_changed_config_redoes_its_stage_and_what_follows(counted, clip, dataset):
    """Nothing before the change is paid for again."""
    process_clip(clip, counted.stages(), dataset)
    counted.ran.clear()
    row, _ = process_clip(clip, counted.stages(scale=3.0), dataset)
    assert counted.ran == ["second", "files", "verdict"]
    assert row.metrics["second.size"] == 3.0


def test_a_raised_version_changes_the_fingerprints_after_it(counted, clip):
    """A stage that gives other results for the same input says so by its version."""
    stages = counted.stages()
    raised = (stages[0], replace(stages[1], version=2), *stages[2:])
    before, after = fingerprints(clip, stages), fingerprints(clip, raised)
    assert before["first"] == after["first"]
    assert all(before[name] != after[name] for name in ("second", "files", "verdict"))


@pytest.mark.parametrize("harm", ["remove the file", "alter the file", "alter the result"])
def test_a_harmed_result_is_made_again(counted, clip, dataset, harm):
    """A damaged cache costs time, never a wrong result."""
    row, _ = process_clip(clip, counted.stages(), dataset)
    counted.ran.clear()
    folder = dataset.clip_dir(clip.id)
    if harm == "remove the file":
        (folder / "out.txt").unlink()
    elif harm == "alter the file":
        (folder / "out.txt").write_text("7")
    else:
        (folder / f"files-{row.fingerprints['files']}.npz").write_bytes(b"PK")
    process_clip(clip, counted.stages(), dataset)
    assert counted.ran == ["files"]
    assert (folder / "out.txt").read_text() == "2.0"


def test_a_broken_clip_is_an_outcome_with_its_sentence(counted, clip, dataset):
    """It says which stage could not go on and why, and later stages are not tried."""
    row, reports = process_clip(clip, counted.stages(broken=True), dataset)
    assert row.outcome is Outcome.BROKEN
    assert row.broken_stage == "first"
    assert row.reasons == ("this clip cannot be used",)
    assert counted.ran == ["first"]
    assert len(reports) == 1
    assert read_row(dataset, clip.id) == row


def test_a_bug_is_not_taken_for_a_bad_clip(clip, dataset):
    """Only errors written for the user become outcomes; anything else is ours to mend and must be seen."""

    def crash(context):
        raise ZeroDivisionError

    stage = Stage(name="first", version=1, config=None, reads=(), result=Measurements, run=crash)
    with pytest.raises(ZeroDivisionError):
        process_clip(clip, (stage,), dataset)


def test_a_row_is_found_by_name_id_and_beginning_of_id(counted, clip, dataset):
    """People type the first letters."""
    row, _ = process_clip(clip, counted.stages(), dataset)
    assert find_row(dataset, "kata") == find_row(dataset, clip.id[:4]) == find_row(dataset, clip.id) == row
    with pytest.raises(UnknownName, match=r"unknown clip 'kato'.*kata"):
        find_row(dataset, "kato")
