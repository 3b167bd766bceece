"""The chain does nothing twice, redoes exactly what changed, and a broken clip ends alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.clip import Clip, Source, SourceFacts
from pipeline.exceptions import OutputNotWritable, PipelineError, UnsteadySource
from pipeline.manifest import Outcome, find_row, read_row, read_rows
from pipeline.measurement import Measurement, Measurements
from pipeline.process_clip import cut_source, fingerprints, prepare_clip, process_clip, process_source, run_stage
from pipeline.stage import Stage, WrittenFiles
from pipeline.stages import Stages
from pipeline.store import Dataset, Recipe, write_bytes
from pipeline.verdict import Verdict
from pipeline.video import ClipConfig, PersonTrack, Recording, Shot
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
            return Verdict(tier="any", checks=(), score=1.0)

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
    return Clip.of(Source.from_file(video))


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


def test_a_harmed_result_that_is_needed_again_is_made_again_first(counted, clip, dataset):
    """What was corrupted between two runs costs its own stage, not the clip."""
    row, _ = process_clip(clip, counted.stages(), dataset)
    counted.ran.clear()
    (dataset.clip_dir(clip.id) / f"second-{row.fingerprints['second']}.json").write_text("{")
    _, files, _ = (stage for stage in counted.stages()[1:])
    heard = []
    with dataset.clip_lock(clip.id):
        (dataset.clip_dir(clip.id) / "out.txt").unlink()
        run_stage(files, clip, counted.stages(), dataset, on_report=heard.append)
    assert counted.ran == ["second", "files"]
    assert [report.stage for report in heard] == ["second", "files"]


def test_what_the_machine_lacks_is_no_fault_of_the_clip(counted, clip, dataset):
    """A full disk leaves the outcome as it was; what was finished before is found when there is room again."""
    before, _ = process_clip(clip, counted.stages(), dataset)

    def full(context):
        raise OutputNotWritable(context.clip_dir, problem="No space left on device")

    first, *others = counted.stages()
    with pytest.raises(OutputNotWritable):
        process_clip(clip, (replace(first, version=2, run=full), *others), dataset)
    assert read_row(dataset, clip.id) == before


def test_results_say_what_they_were_made_from(counted, clip, dataset):
    """Two builds that differ can be compared stage by stage, down to the setting."""
    row, _ = process_clip(clip, counted.stages(scale=3.0), dataset)
    origin = dataset.origin(clip.id, "second", row.fingerprints["second"])
    assert origin is not None
    assert origin.inputs == {"first": row.fingerprints["first"]}
    assert dataset.recipe(origin.recipe) == Recipe(name="second", version=1, config=3.0)


def test_a_clip_can_be_prepared_by_one_program_and_finished_by_another(counted, clip, dataset):
    """Stages of one machine, then of another; the outcome is written when all are done."""
    assert prepare_clip(clip, counted.stages(), dataset, "second") is None
    assert counted.ran == ["first", "second"] and not read_rows(dataset)
    _, reports = process_clip(clip, counted.stages(), dataset)
    assert counted.ran == ["first", "second", "files", "verdict"]
    assert [report.reused for report in reports] == [True, True, False, False]
    broken = prepare_clip(clip, counted.stages(broken=True), dataset, "second")
    assert broken is None, "the first stage is done, whatever it would do now"


def test_a_damaged_outcome_hides_no_other(counted, clip, dataset, tmp_path):
    """It is told, with what to do, and the rest is there."""
    process_clip(clip, counted.stages(), dataset)
    other = tmp_path / "other.mp4"
    other.write_bytes(b"another film")
    row, _ = process_clip(Clip.of(Source.from_file(other)), counted.stages(), dataset)
    (dataset.clip_dir(clip.id) / "row.json").write_text("{}")
    rows = read_rows(dataset)
    assert list(rows) == [row]
    (damaged,) = rows.damaged
    assert clip.id in str(damaged)


def test_a_bug_is_not_taken_for_a_bad_clip(clip, dataset):
    """Only errors written for the user become outcomes; anything else is ours to mend and must be seen."""

    def crash(context):
        raise ZeroDivisionError

    stage = Stage(name="first", version=1, config=None, reads=(), result=Measurements, run=crash)
    with pytest.raises(ZeroDivisionError):
        process_clip(clip, (stage,), dataset)


def test_a_row_is_found_by_name_or_id_or_the_beginning_of_either(counted, clip, dataset):
    """People type the first letters."""
    row, _ = process_clip(clip, counted.stages(), dataset)
    assert find_row(dataset, "kata") == find_row(dataset, clip.id[:4]) == find_row(dataset, clip.id) == row
    assert find_row(dataset, "kat") == row
    with pytest.raises(UnknownName, match=r"unknown clip 'kato'.*kata"):
        find_row(dataset, "kato")


def seen_in(*shots):
    """A recording of shots of four seconds, each with people seen from one second to another."""
    times = np.arange(40 * len(shots)) / 10.0

    def track(first, start, end):
        pictures = first + np.arange(round(10 * start), round(10 * end))
        n = len(pictures)
        return PersonTrack(
            pictures=pictures,
            boxes=np.zeros((n, 4)),
            kp2d=np.zeros((n, 17, 3)),
            foot_kp2d=np.zeros((n, 4, 3)),
            landmarks_w=np.zeros((n, 33, 3)),
            kp_trust=np.ones((n, 21)),
            flags=np.zeros(n),
        )

    return Recording(
        image_size=(64, 48),
        K=np.eye(3),
        K_source="default",
        native_fps=10.0,
        times=times,
        repeated_times=[],
        R_w2c=np.broadcast_to(np.eye(3), (len(times), 3, 3)),
        zoom=np.ones(len(times)),
        camera_flags=np.zeros(len(times)),
        shots=tuple(
            Shot(first=40 * i, end=40 * i + 40, people=tuple(track(40 * i, *span) for span in people))
            for i, people in enumerate(shots)
        ),
    )


def watching(ran, recording, people="main") -> Stages:
    """A chain that begins with a recording and measures each clip."""

    def watch(context):
        ran.append("recording")
        return recording

    def measure(context, recording):
        ran.append(context.clip.name)
        item = Measurement(name="size", value=1.0, unit="m", meaning="A size")
        return Measurements(stage="plausibility", fps=30.0, n_frames=1, items=(item,))

    first = Stage(name="recording", version=1, config=None, reads=(), result=Recording, run=watch, of_whole=True)
    second = Stage(name="plausibility", version=1, config=None, reads=("recording",), result=Measurements, run=measure)
    return Stages(video=(first, second), motion_file=(), cutting=ClipConfig(people=people), settings={})


def test_a_source_is_watched_once_and_each_of_its_shots_becomes_a_clip(clip, dataset):
    """The first stage belongs to all clips of a source; a second run does nothing at all."""
    ran = []
    stages = watching(ran, seen_in([(0, 4)], [(0, 4)]))
    rows = process_source(clip.source, stages, dataset)
    assert ran == ["recording", "kata 0.0-3.9 s", "kata 4.0-7.9 s"]
    assert {row.clip.id for row in rows} == {row.clip.id for row in read_rows(dataset)}
    assert process_source(clip.source, stages, dataset) == rows
    assert len(ran) == 3


def test_clips_that_are_asked_for_no_more_are_taken_back(clip, dataset):
    """A trainer who takes every hand-off of a dataset must get what its last run said, and nothing older."""
    recording = seen_in([(0, 4), (1, 4)])
    both = process_source(clip.source, watching([], recording, "all"), dataset)
    assert [row.clip.person for row in both] == [0, 1]
    handoff = dataset.clip_dir(both[1].clip.id) / "handoff" / "x.csv"
    handoff.parent.mkdir()
    handoff.write_text("1,2")
    process_source(clip.source, watching([], recording), dataset)
    assert [row.clip.id for row in read_rows(dataset)] == [both[0].clip.id]
    assert not handoff.exists()
    ran = []
    process_source(clip.source, watching(ran, recording, "all"), dataset)
    assert (len(read_rows(dataset)), ran) == (2, [])


def test_a_source_without_a_person_is_one_broken_clip(clip, dataset):
    """It has a row, so that the dataset says why nothing came of it; the row goes once something does."""
    (row,) = process_source(clip.source, watching([], seen_in([(0, 0.5)], [])), dataset)
    assert (row.outcome, row.broken_stage) == (Outcome.BROKEN, "plausibility")
    assert "a person was seen for only 0.4 s" in row.error
    later = replace(clip.source, facts=SourceFacts(notes="other"))
    stages = watching([], seen_in([(0, 4)], [(0, 4)]))
    stages = replace(stages, video=(replace(stages.video[0], version=2), *stages.video[1:]))
    process_source(later, stages, dataset)
    assert [r.clip.name for r in read_rows(dataset)] and all(r.error is None for r in read_rows(dataset))


@pytest.mark.parametrize("when", ["before", "meanwhile", "meanwhile, and cannot be read"])
@pytest.mark.parametrize("what", ["gone", "changed"])
def test_a_source_that_is_not_what_was_found_has_no_outcome_and_harms_none(counted, clip, dataset, when, what):
    """Files are found hours before they are read: content goes under its own hash, or nowhere."""
    before, _ = process_clip(clip, counted.stages(), dataset)
    film = Path(clip.source.path)

    def harm():
        film.unlink() if what == "gone" else film.write_bytes(b"a longer film")

    def watch(context):
        if when != "before":
            harm()
        if "cannot be read" in when:
            raise PipelineError("half a film")
        return seen_in([(0, 4)])

    stages = watching([], None)
    first = replace(stages.video[0], version=2, run=watch)
    if when == "before":
        harm()
    says = "no such file" if what == "gone" else "it changed after it was found, or is still being copied"
    with pytest.raises(UnsteadySource, match=rf"kata\.mp4: .*{says}.*\. Run again when it is there, whole\."):
        process_source(clip.source, replace(stages, video=(first, *stages.video[1:])), dataset)
    assert not list(dataset.clip_dir(clip.id).glob("recording-*"))
    assert read_row(dataset, clip.id) == before


def test_a_source_that_is_only_touched_is_what_it_was(clip, dataset):
    """Another name for it, or another time on it, changes nothing of what was read."""
    stages = watching([], None)
    first = replace(stages.video[0], run=lambda context: Path(clip.source.path).touch() or seen_in([(0, 4)]))
    (row,) = process_source(clip.source, replace(stages, video=(first, *stages.video[1:])), dataset)
    assert row.error is None


def test_a_survey_leaves_all_outcomes_as_they_are(clip, dataset):
    """It may cut otherwise, or break: what is finished and handed off stays."""
    (before,) = process_source(clip.source, watching([], seen_in([(0, 4)])), dataset)
    otherwise = watching([], seen_in([(0, 4)], [(0, 4)]))
    otherwise = replace(otherwise, video=(replace(otherwise.video[0], version=2), *otherwise.video[1:]))
    assert len(cut_source(clip, otherwise, dataset, survey=True).clips) == 2
    nobody = watching([], seen_in([(0, 0.5)]))
    nobody = replace(nobody, video=(replace(nobody.video[0], version=3), *nobody.video[1:]))
    cut = cut_source(clip, nobody, dataset, survey=True)
    assert cut.row is not None and cut.row.outcome is Outcome.BROKEN
    first, *others = Counted(ran=[]).stages(broken=True)
    row = prepare_clip(before.clip, (replace(first, version=4), *others), dataset, "second", survey=True)
    assert row is not None and row.outcome is Outcome.BROKEN
    assert list(read_rows(dataset)) == [before]
    assert dataset.record_clips(clip, []) == [before.clip.id]


def test_a_clip_that_breaks_takes_its_handed_off_files_back(counted, clip, dataset):
    """What an earlier run handed off is accepted no more."""
    process_clip(clip, counted.stages(), dataset)
    handoff = dataset.clip_dir(clip.id) / "handoff" / "x.csv"
    handoff.parent.mkdir()
    handoff.write_text("1,2")
    process_clip(clip, counted.stages(), dataset)
    assert handoff.exists()
    first, *others = counted.stages(broken=True)
    process_clip(clip, (replace(first, version=2), *others), dataset)
    assert not handoff.exists()
