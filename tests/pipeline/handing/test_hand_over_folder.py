"""A folder is the same each time, never half of one, and never in the place of what somebody else put there."""

from __future__ import annotations

import re
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pipeline.exceptions import OutputNotWritable
from pipeline.handing import HandoffOptions, hand_over
from pipeline.handing.exceptions import FolderTaken, HandOverRunning

REPOSITORY = Path(__file__).parents[3]


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def beside(folder):
    """What lies in a folder's parent besides it and the dataset."""
    return sorted(p.name for p in folder.parent.iterdir() if p.name not in (folder.name, "set"))


def test_the_same_dataset_gives_the_same_folder(five, tmp_path):
    """To the last byte, into another folder or into the same; a folder that was harmed is made whole."""
    options = HandoffOptions(to="pbhc", val_share=0.3)
    out, other = tmp_path / "out", tmp_path / "deep" / "other"
    assert hand_over(five.dataset, out, options).changed
    first = contents(out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert not hand_over(five.dataset, out, options).changed
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    hand_over(five.dataset, other, options)
    assert contents(other) == first
    victim = next((out / "train").iterdir())
    victim.write_bytes(victim.read_bytes()[:-1])
    assert hand_over(five.dataset, out, options).changed
    assert contents(out) == first
    assert beside(out) == ["deep"]


def test_a_later_hand_over_takes_the_place_of_the_former(five, tmp_path):
    """What is no longer accepted is gone, whatever format it was in."""
    out = tmp_path / "out"
    hand_over(five.dataset, out, HandoffOptions(to="pbhc"))
    bundle = hand_over(five.dataset, out, HandoffOptions(to="unitree-csv"))
    assert {p.suffix for p in out.rglob("*") if p.parent.name in ("train", "val")} == {".csv"}
    assert bundle.changed
    assert beside(out) == []


@pytest.mark.parametrize(
    ("strange", "said"),
    [
        ("notes.txt", "is not empty, and no earlier hand-over made it"),
        ("train/mine.csv", "no earlier hand-over made it"),
        ("file", "is no folder"),
        ("former/logs/model.pt", "holds 'logs/model.pt', which no hand-over wrote and this one would remove"),
        ("former/train/mine.csv", "holds 'train/mine.csv'"),
        ("former/link", "holds 'link'"),
        ("in the dataset", "lies within the dataset"),
    ],
)
def test_a_folder_that_holds_something_else_is_refused_and_untouched(five, tmp_path, strange, said):
    """Results of training lie there, perhaps: they would be lost."""
    out, options = tmp_path / "out", HandoffOptions(to="unitree-csv")
    if strange == "file":
        out.write_text("mine")
    elif strange == "in the dataset":
        out = five.dataset.root / "clips" / "out"
    else:
        if strange.startswith("former/"):
            hand_over(five.dataset, out, options)
        path = out / strange.removeprefix("former/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(tmp_path) if path.name == "link" else path.write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(FolderTaken, match=re.escape(said)):
        hand_over(five.dataset, out, options)
    after = contents(tmp_path)
    assert {name for name in before.keys() ^ after.keys() if ".locks" not in name} == set()


def test_a_full_disk_leaves_the_former_folder_as_it_was(five, tmp_path):
    """And nothing half-written beside it."""
    out = tmp_path / "out"
    hand_over(five.dataset, out, HandoffOptions(to="unitree-csv"))
    before = contents(out)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limit[1]))
    try:
        with pytest.raises(OutputNotWritable, match="cannot be written"):
            hand_over(five.dataset, out, HandoffOptions(to="mjlab"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert contents(out) == before
    assert beside(out) == []


def test_a_kill_leaves_nothing_half_written_and_the_next_run_ends_it(five, tmp_path):
    """Killed while the last motion is written: the place is empty; what lay beside it is taken up and swept."""
    out = tmp_path / "out"
    program = f"""
        import os, signal
        from pathlib import Path
        from pipeline.handing import HandoffOptions, hand_over
        from pipeline.store import Dataset

        def kill(done, total):
            if done == total - 1:
                os.kill(os.getpid(), signal.SIGKILL)

        hand_over(Dataset.open(Path({str(five.dataset.root)!r})), Path({str(out)!r}), HandoffOptions(to="pbhc"), kill)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=REPOSITORY)
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    assert beside(out) == [".out.part"]
    hand_over(five.dataset, out, HandoffOptions(to="pbhc"))
    assert beside(out) == []


def test_an_exchange_that_was_cut_short_is_undone(five, tmp_path):
    """Killed between two renames, the former folder is under another name; it comes back, and is then replaced."""
    out = tmp_path / "out"
    hand_over(five.dataset, out, HandoffOptions(to="pbhc"))
    before = contents(out)
    former = tmp_path / ".out.part" / "former"
    former.parent.mkdir()
    out.rename(former)
    assert not hand_over(five.dataset, out, HandoffOptions(to="pbhc")).changed
    assert contents(out) == before
    shutil.copytree(out, former)
    hand_over(five.dataset, out, HandoffOptions(to="pbhc"))
    assert beside(out) == []


@pytest.mark.parametrize("last", [False, True])
def test_two_at_once_do_not_mix(five, tmp_path, last):
    """The second is told, whenever it comes, and takes nothing from the first."""
    out = tmp_path / "out"
    told = []

    def again(done, total):
        if done == (total if last else 0) and not told:
            with pytest.raises(HandOverRunning, match="another hand-over is writing there") as error:
                hand_over(five.dataset, out, HandoffOptions(to="pbhc"))
            told.append(error)

    bundle = hand_over(five.dataset, out, HandoffOptions(to="pbhc"), again)
    assert told
    assert len(bundle.files) == len(list(out.rglob("*.pkl"))) == 6
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=out, check=True)
    assert beside(out) == []


@pytest.mark.parametrize("way", ["link", "folder", "link within"])
def test_what_lies_where_it_would_be_written_is_left_alone(build, tmp_path, way):
    """The place beside the folder has a plain name: somebody may have put something of that name there."""
    build.add("kick")
    (victim := tmp_path / "victim").mkdir()
    (victim / "mine.txt").write_text("mine")
    part = tmp_path / ".out.part"
    if way == "folder":
        victim.rename(part)
    elif way == "link":
        part.symlink_to(victim)
    else:
        part.mkdir()
        (part / "former").symlink_to(victim)
    with pytest.raises(FolderTaken, match=r"\.out\.part: is in the way, and no hand-over made it"):
        hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv"))
    assert ((part if way == "folder" else victim) / "mine.txt").read_text() == "mine"


def test_a_folder_whose_metadata_was_harmed_is_made_whole(build, tmp_path):
    """Its sums still say what a hand-over wrote there; what else lies there is refused as ever."""
    build.add("kick")
    out, options = tmp_path / "out", HandoffOptions(to="unitree-csv")
    hand_over(build.dataset, out, options)
    first = contents(out)
    (out / "metadata.json").write_bytes(first["metadata.json"][:100])
    (out / "train" / "mine.csv").write_text("mine")
    with pytest.raises(FolderTaken, match=r"holds 'train/mine.csv'"):
        hand_over(build.dataset, out, options)
    (out / "train" / "mine.csv").unlink()
    assert hand_over(build.dataset, out, options).changed
    assert contents(out) == first


def test_a_dataset_that_cannot_be_written_is_handed_over(build, tmp_path):
    """Nothing in it is changed; where nobody can lock, nobody can tidy either."""
    build.add("kick")
    (build.dataset.root / ".locks").write_text("no folder can be made here")
    assert len(hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv")).files) == 1
