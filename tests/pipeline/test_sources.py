"""What a user names becomes a list of files with what is known of each; equal content is one source."""

from __future__ import annotations

import gzip
import os

import pytest

from pipeline.clip import SourceFacts
from pipeline.exceptions import InvalidSources
from pipeline.sources import find_files, identify
from pipeline.store import Dataset


@pytest.fixture
def folder(tmp_path):
    inbox = tmp_path / "in box"
    for name in ("b.mp4", "a.MOV", "sub/kata ü.webm", ".hidden.mp4", ".cache/x.mp4", "notes.txt", "walk.bvh"):
        path = inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"HIERARCHY\n" + name.encode())
    return inbox


def names(files, folder):
    return [str(file.path.relative_to(folder)) for file in files]


def test_a_folder_stands_for_all_below_it(folder):
    """Hidden files and what is neither video nor motion are passed over; the order is that of names."""
    assert names(find_files([folder]), folder) == ["a.MOV", "b.mp4", "sub/kata ü.webm", "walk.bvh"]
    packed = folder / "walk2.bvh.gz"
    packed.write_bytes(gzip.compress(b"HIERARCHY"))
    assert "walk2.bvh.gz" in names(find_files([folder]), folder)


def test_a_file_named_by_itself_may_have_any_ending_and_may_be_missing(folder, tmp_path):
    odd, missing = folder / "notes.txt", tmp_path / "missing.mp4"
    assert [file.path for file in find_files([odd, missing])] == [odd, missing]


def test_results_of_a_dataset_are_no_sources(folder):
    """Its playback videos lie below the folder that a user may well name again."""
    dataset = Dataset.open_or_create(folder / "motions")
    (dataset.root / "clips" / "x").mkdir(parents=True)
    (dataset.root / "clips" / "x" / "playback.mp4").write_bytes(b"film")
    assert "playback.mp4" not in "".join(names(find_files([folder]), folder))


def test_arrays_that_are_no_motion_are_passed_over_in_a_folder(folder):
    """Next to videos lie npz files of all kinds; only who names one by itself hears what is wrong with it."""
    import numpy as np

    np.savez(folder / "truth.npz", something=np.zeros(3))
    assert "truth.npz" not in names(find_files([folder]), folder)
    assert [f.path for f in find_files([folder / "truth.npz"])] == [folder / "truth.npz"]


def test_equal_content_is_one_source_and_is_said(folder):
    (folder / "copy.mp4").write_bytes((folder / "b.mp4").read_bytes())
    known = identify(find_files([folder, folder / "b.mp4", folder / "gone.mp4"]))
    assert len(known.sources) == 4
    (sentence,) = known.duplicates
    assert "copy.mp4 has the same content as" in sentence and "b.mp4" in sentence
    (missing,) = known.unreadable
    assert "gone.mp4: there is no such file" in missing


def write_sources(folder, text):
    (folder / "sources.toml").write_text(text, encoding="utf-8")


def test_a_sources_file_speaks_of_all_and_of_each(folder):
    """What it says of one file goes before its defaults, and these before the command line."""
    write_sources(
        folder,
        """
        [defaults]
        licence = "CC0"
        height_m = 1.6
        [files."sub/kata ü.webm"]
        height_m = 1.8
        static_camera = true
        use_s = [[2, 14.5], [20.0, 30.0]]
        people = "all"
        """,
    )
    found = {f.path.name: f.facts for f in find_files([folder], SourceFacts(licence="mine", people="main"))}
    assert found["b.mp4"] == SourceFacts(licence="CC0", height_m=1.6, people="main")
    special = found["kata ü.webm"]
    assert (special.licence, special.height_m, special.static_camera, special.people) == ("CC0", 1.8, True, "all")
    assert special.use_s == ((2.0, 14.5), (20.0, 30.0))
    (alone,) = find_files([folder / "b.mp4"])
    assert alone.facts.licence == "CC0"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[defaults\n", r"sources\.toml: .*line 1"),
        ("[defaults]\nhight_m = 1.7\n", r"sources\.toml: .*hight_m"),
        ("[defaults]\nheight_m = 17.0\n", r"sources\.toml: .*between 0.5 and 2.6 m"),
        ("[defaults]\npeople = 'some'\n", r"sources\.toml: .*some"),
        ("[defaults]\nuse_s = [[5.0, 2.0]]\n", r"sources\.toml: .*\[5\.0, 2\.0\] is no span"),
        ('[files."gone.mp4"]\n', r"speaks of 'gone\.mp4', which is not there"),
        ('[files."../b.mp4"]\n', r"'\.\./b\.mp4' leads out of the folder"),
        ('[files."/etc/passwd"]\n', r"'/etc/passwd' leads out of the folder"),
        ("[videos]\n", r"sources\.toml: .*videos"),
    ],
)
def test_a_wrong_sources_file_is_refused_with_its_place(folder, text, match):
    write_sources(folder, text)
    with pytest.raises(InvalidSources, match=match):
        find_files([folder])


def test_a_file_whose_name_is_no_text_is_refused_and_the_others_go_on(folder):
    """No page, table or picture could name it."""
    (folder / os.fsdecode(b"bad\xff.mp4")).write_bytes(b"bad")
    known = identify(find_files([folder]))
    assert len(known.sources) == 4
    (sentence,) = known.unreadable
    assert "bad\\xff.mp4: its name is not UTF-8. Rename it" in sentence and sentence.isprintable()
