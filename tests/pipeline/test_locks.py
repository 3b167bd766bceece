"""Locks keep programs out of each other's way, and none outlives the program that holds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from pipeline.exceptions import BeingTidied, DatasetGone, InUse, OutputNotWritable
from pipeline.locks import locked
from pipeline.store import Dataset

HOLDER = """
import sys, time
from pathlib import Path
from pipeline.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def dataset(tmp_path):
    return Dataset.open_or_create(tmp_path / "set")


def test_a_killed_program_holds_nothing(tmp_path):
    """SIGKILL leaves no lock behind that somebody must find and delete."""
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    with pytest.raises(BlockingIOError), locked(path, wait=False):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with locked(path, wait=False):
        pass


def test_who_has_to_wait_for_a_tidied_dataset_hears_of_it_first(dataset):
    """And who has not, hears nothing."""
    told = []
    with dataset.in_use(on_wait=lambda: told.append("early")):
        pass
    with ExitStack() as tidying:
        tidying.enter_context(dataset.alone())
        with dataset.in_use(on_wait=lambda: (told.append("waits"), tidying.close())):
            assert told == ["waits"]


def test_two_threads_are_never_in_one_clip(dataset):
    """What two of them would do to a folder at once, they do one after the other."""
    inside, most = [], []

    def work():
        for _ in range(20):
            with dataset.clip_lock("c"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and len(most) == 80


def test_builds_share_a_dataset_and_tidying_does_not(dataset):
    """Results that one program is about to use are not taken away by another."""
    refused = pytest.raises(InUse, match="a build is running on it")
    with dataset.in_use(), dataset.in_use(), refused, dataset.alone():
        pass
    with dataset.alone():
        pass


def test_whoever_takes_a_clip_sweeps_what_was_left_half_written(dataset):
    """A run that was killed leaves temporary files; the next one does not."""
    left = [dataset.clip_dir("c") / ".part-abc.npz", dataset.clip_dir("c") / "handoff" / ".part-x.csv"]
    kept = dataset.clip_dir("c") / "motion-1.npz"
    for path in (*left, kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    with dataset.clip_lock("c"):
        assert not any(path.exists() for path in left)
        assert kept.exists()


def test_no_lock_brings_a_dataset_back_that_was_moved_away(dataset, tmp_path):
    """Else an empty one would stand in its place, and the disk that it lies on would be mounted over it."""
    dataset.root.rename(tmp_path / "elsewhere")
    for take in (dataset.in_use, dataset.being_read, dataset.alone, dataset.index_lock, lambda: dataset.clip_lock("c")):
        with pytest.raises(DatasetGone, match="the dataset is not there any more"), take():
            pass
    assert not dataset.root.exists()
    dataset.root.mkdir()  # a disk's place, with no disk there
    with pytest.raises(DatasetGone, match="not mounted"), dataset.being_read():
        pass
    assert not any(dataset.root.iterdir())


def test_a_lock_makes_no_folder_and_follows_no_link(tmp_path):
    """A clip that was taken away does not come back as an empty folder, and nothing outside is made or locked."""
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(tmp_path / "pipe")
    for name in ("none/lock", "link", "pipe"):
        with pytest.raises(OutputNotWritable, match="cannot be written"), locked(tmp_path / name):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]


def test_whoever_waits_no_longer_for_a_tidied_dataset_is_told(dataset):
    """They are asked how long; a dataset that can be had is had without asking."""
    asked = []
    with dataset.being_read(keep_waiting=lambda: asked.append("early")):
        pass
    told = pytest.raises(BeingTidied, match="is being tidied")
    with dataset.alone(), told, dataset.being_read(lambda: asked.append("again") or len(asked) < 3):
        pass
    assert asked == ["again"] * 3
