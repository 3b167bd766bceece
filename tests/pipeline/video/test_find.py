"""What a user means by naming files and folders."""

from __future__ import annotations

from pipeline.video import find_videos


def test_folders_are_searched_and_files_taken_as_named(tmp_path):
    for name in ("b.MP4", "a.mov", "notes.txt", ".hidden.mp4", "deep/c.avi", ".trash/d.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    odd = tmp_path / "notes.txt"
    missing = tmp_path / "missing.mp4"
    found = find_videos([odd, tmp_path, missing])
    assert found == [odd, tmp_path / "a.mov", tmp_path / "b.MP4", tmp_path / "deep/c.avi", missing]


def test_an_empty_folder_holds_no_videos(tmp_path):
    assert find_videos([tmp_path]) == []
