"""A watched folder is known by content: what is new is worked on once, and what is still being copied waits."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from benchmarks.bad_inputs import write_good_motion
from flows.exceptions import NoSuchFolder
from flows.inbox import CACHE_FILE, scan
from pipeline.clip import Clip, Source, SourceFacts
from pipeline.exceptions import UnsteadySource
from pipeline.manifest import ManifestRow, read_rows, write_row
from pipeline.measurement import Measurements
from pipeline.process_clip import process_source
from pipeline.stage import Stage
from pipeline.stages import Stages
from pipeline.store import Dataset
from pipeline.video import ClipConfig

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "kata.mp4").write_bytes(b"a film")
    return folder


@pytest.fixture
def dataset(tmp_path):
    return Dataset.open_or_create(tmp_path / "set")


def look(inbox, dataset, *, now_ns=None):
    """Look an hour later, when all files have settled."""
    return scan(inbox, dataset, SourceFacts(), now_ns=now_ns or time.time_ns() + HOUR_NS, settle_s=60.0)


def finish(path, dataset):
    """Leave what a run leaves of a source that is one clip."""
    clip = Clip.of(Source.from_file(path))
    dataset.add_clip(clip)
    dataset.record_clips(clip, [clip])
    write_row(dataset, ManifestRow(clip=clip, fingerprints={}, metrics={}, licences=(), error="no motion"))


def test_new_is_told_by_content_and_not_by_name(inbox, dataset):
    """A finished film under another name is known; another film under its name is new."""
    assert [source.name for source in look(inbox, dataset).new] == ["kata"]
    finish(inbox / "kata.mp4", dataset)
    assert look(inbox, dataset).new == ()
    (inbox / "kata.mp4").rename(inbox / "form.mp4")
    found = look(inbox, dataset)
    assert (found.new, found.n_known) == ((), 1)
    (inbox / "kata.mp4").write_bytes(b"another film")
    (inbox / "copy of kata.mp4").write_bytes(b"another film")
    assert [source.name for source in look(inbox, dataset).new] == ["copy of kata"]


def test_a_source_of_which_a_clip_has_no_outcome_is_not_finished(inbox, dataset):
    """A run that was killed half-way is taken up again."""
    source = Source.from_file(inbox / "kata.mp4")
    finish(inbox / "kata.mp4", dataset)
    dataset.record_clips(Clip.of(source), [Clip.of(source), Clip.of(source, span_s=(0.0, 1.0))])
    assert len(look(inbox, dataset).new) == 1


def test_a_file_that_is_still_being_copied_waits(inbox, dataset):
    """Its size or time moved within the last minute; a copy that keeps the old time of change has a new inode time."""
    os.utime(inbox / "kata.mp4", (1e9, 1e9))
    found = look(inbox, dataset, now_ns=time.time_ns())
    assert (found.new, found.settling) == ((), (inbox / "kata.mp4",))
    assert str(found) == "0 new, 0 known, 1 still being copied"
    assert len(look(inbox, dataset).new) == 1


def test_a_file_that_did_not_change_is_not_read_again(inbox, dataset):
    """Its hash is remembered by path, size and times; a memory that is damaged costs one more reading."""
    look(inbox, dataset)
    memory = dataset.root / CACHE_FILE
    real = Source.from_file(inbox / "kata.mp4").sha256
    memory.write_text(memory.read_text().replace(real, "f" * 64))
    assert look(inbox, dataset).new[0].sha256 == "f" * 64
    memory.write_text("[1, 2")
    assert look(inbox, dataset).new[0].sha256 == real
    (inbox / "kata.mp4").write_bytes(b"longer than it was")
    assert look(inbox, dataset).new[0].sha256 != real
    elsewhere = inbox.parent / "elsewhere"
    elsewhere.mkdir()
    look(elsewhere, dataset)
    assert "kata.mp4" in memory.read_text(), "another folder's files are remembered too"
    (inbox / "kata.mp4").unlink()
    look(inbox, dataset)
    assert memory.read_text() == "{}"


def test_a_time_in_the_future_is_no_copy_at_work(inbox, dataset):
    """A camera's clock may be wrong by years; the inode's time is this machine's."""
    os.utime(inbox / "kata.mp4", (4e9, 4e9))
    assert len(look(inbox, dataset).new) == 1


def test_a_source_that_was_away_when_its_turn_came_is_new_again(inbox, dataset):
    """No outcome is written for it, so that it is taken up when it is back."""
    (source,) = look(inbox, dataset).new
    content = (inbox / "kata.mp4").read_bytes()
    (inbox / "kata.mp4").unlink()
    stage = Stage(name="first", version=1, config=None, reads=(), result=Measurements, run=lambda context: None)
    with pytest.raises(UnsteadySource, match="no such file"):
        process_source(source, Stages(video=(stage,), motion_file=(), cutting=ClipConfig(), settings={}), dataset)
    (inbox / "kata.mp4").write_bytes(content)
    assert len(look(inbox, dataset).new) == 1


@pytest.mark.prefect
@pytest.mark.filterwarnings("ignore")
def test_a_file_that_cannot_be_read_fails_no_watch_and_is_told(prefect_server, tmp_path, monkeypatch):
    """It would fail every ten minutes, and write the whole catalogue anew each time; the nightly run counts it."""
    from flows.watch_folder import watch_folder

    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / os.fsdecode(b"k\xe4ta.mp4")).write_bytes(b"a film")
    options = {"settle_s": 0.0, "runner": "threads", "workers": 1, "return_state": True}
    state = watch_folder(str(folder), str(tmp_path / "set"), **options)
    assert (state.name, state.message) == ("Nothing new", "nothing new: 0 new, 0 known, 1 cannot be read")
    assert not (tmp_path / "set").exists()


@pytest.mark.prefect
@pytest.mark.filterwarnings("ignore")
def test_the_nightly_run_reads_only_what_changed_and_leaves_what_is_being_copied(prefect_server, inbox, dataset):
    """It knows the same hashes as the watched folder, by absolute paths; what was named and is missing is told."""
    from prefect import flow

    from flows.build_dataset import find_sources

    (dataset.root / "clips").mkdir()
    look(inbox, dataset)
    memory = dataset.root / CACHE_FILE
    memory.write_text(memory.read_text().replace(Source.from_file(inbox / "kata.mp4").sha256, "f" * 64))
    missing = str(inbox / "gone.mp4")

    @flow
    def find(before_ns):
        os.chdir(inbox.parent)
        return find_sources(["inbox", missing], SourceFacts(), dataset.root, changed_before_ns=before_ns)

    here = Path.cwd()
    try:
        known, early = find(time.time_ns() + HOUR_NS), find(time.time_ns() - HOUR_NS)
    finally:
        os.chdir(here)
    assert [(s.path, s.sha256) for s in known.sources] == [(str(inbox / "kata.mp4"), "f" * 64)]
    assert known.unreadable == early.unreadable == (f"{missing}: there is no such file. Check the path.",)
    assert not early.sources


def test_a_folder_that_is_not_there_is_a_mistake_and_an_empty_one_is_not(tmp_path, dataset):
    with pytest.raises(NoSuchFolder, match=r"inbx: there is no such folder on the worker's machine"):
        look(tmp_path / "inbx", dataset)
    (tmp_path / "empty").mkdir()
    assert str(look(tmp_path / "empty", None)) == "0 new, 0 known"


@pytest.mark.prefect
@pytest.mark.filterwarnings("ignore")
def test_the_flow_works_on_what_is_new_and_then_says_that_nothing_is(prefect_server, tmp_path, monkeypatch):
    from flows.watch_folder import watch_folder

    monkeypatch.setenv("MUJOCO_GL", "disable")
    folder = tmp_path / "inbox"
    folder.mkdir()
    write_good_motion(folder / "nod.bvh", 31)

    def watch(**parameters):
        options = {"runner": "threads", "workers": 1, "return_state": True} | parameters
        return watch_folder(str(folder), str(tmp_path / "set"), **options)

    assert watch().name == "Nothing new"
    state = watch(settle_s=0.0)
    assert state.is_completed() and "1 accepted" in state.message
    again = watch(settle_s=0.0)
    assert again.name == "Nothing new" and again.message == "nothing new: 0 new, 1 known"
    assert len(read_rows(Dataset.open(tmp_path / "set"))) == 1
    missing = watch_folder(str(tmp_path / "inbx"), return_state=True)
    assert missing.is_failed() and "there is no such folder" in missing.message
