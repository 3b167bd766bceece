"""Laws of the door: any file is read or refused in one sentence that names it."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest

from pipeline.readers import MOTION_SUFFIXES, UnreadableMotion, read_motion

MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(range(256)) * 8


def refusal(path, body, **options):
    with pytest.raises(UnreadableMotion) as caught:
        read_motion(path, body, **options)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text and caught.value.remedy
    return text


@pytest.mark.parametrize("suffix", MOTION_SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"   \n", MP4, b"PK\x03\x04", b"\x1f\x8b", b"\x80\x02}q\x00.", b"\x93NUMPY"])
def test_whatever_is_called_a_motion_is_refused_in_one_sentence(tmp_path, body, suffix, content):
    path = tmp_path / f"odd näme {suffix}"
    path.write_bytes(content)
    refusal(path, body)


def test_a_video_called_npz_is_told_so(tmp_path, body):
    path = tmp_path / "a.npz"
    path.write_bytes(MP4)
    assert "is called .npz but does not hold" in refusal(path, body)


def test_other_motion_formats_are_named(tmp_path, body):
    path = tmp_path / "a.amc"
    path.write_text(":FULLY-SPECIFIED\n:DEGREES\n1\nroot 0 0 0 0 0 0\n")
    assert "ASF/AMC and C3D are not read" in refusal(path, body)


def test_a_folder_a_missing_file_and_a_closed_one_are_told_apart(tmp_path, body):
    assert "is a folder" in refusal(tmp_path, body)
    assert "is not there" in refusal(tmp_path / "a.bvh", body)
    closed = tmp_path / "closed.npz"
    closed.write_bytes(b"PK")
    closed.chmod(0)
    if os.access(closed, os.R_OK):
        pytest.skip("this user may read everything")
    assert "cannot be opened" in refusal(closed, body)


def test_a_zip_of_other_things_is_refused(tmp_path, body):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "has no array 'poses'" in refusal(tmp_path / "a.npz", body)
    (tmp_path / "a.npz").rename(tmp_path / "a.pt")
    assert "holds no tensors" in refusal(tmp_path / "a.pt", body)


def test_content_counts_more_than_the_name(tmp_path, body, squats, write_bvh):
    path = write_bvh(tmp_path / "a.txt", squats(5))
    assert read_motion(path, body).source_format == "bvh"


def test_the_result_is_the_bodys(tmp_path, body, squats, write_bvh):
    """The skin can be posed with it: name and rest joints are this body's."""
    motion = read_motion(write_bvh(tmp_path / "a.bvh", squats(5)), body, height_m=1.8).motion
    assert np.isfinite(body.verts(motion)).all()
