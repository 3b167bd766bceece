from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from pipeline.body import body_names, load_body
from pipeline.body.body_file import read_body, write_body
from pipeline.body.exceptions import UnknownBody, UnreadableBody


@pytest.fixture
def stored(made_up_body, tmp_path):
    path = tmp_path / "made-up.npz"
    write_body(made_up_body, path)
    return path


def rewritten(path, drop=(), **changes):
    """The same file with some arrays changed or left out."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if name not in drop} | changes
    np.savez(path, allow_pickle=False, **arrays)
    return path


def test_a_body_comes_back_as_it_was_stored(made_up_body, stored, random_motion):
    back = load_body(stored)
    motion = random_motion(made_up_body)
    assert (back.name, back.licence, back.material_names) == ("made-up", "none", made_up_body.material_names)
    assert np.abs(back.verts(motion) - made_up_body.verts(motion)).max() < 1e-5
    assert np.abs(back.motion_keypoints(motion) - made_up_body.motion_keypoints(motion)).max() < 1e-5
    assert (back.faces == made_up_body.faces).all()


def test_sixteen_bits_are_enough_for_shape(made_up_body, tmp_path, random_motion):
    """The open body is stored so; its rounding must stay below anything that is measured."""
    write_body(made_up_body, tmp_path / "small.npz", compact=True)
    motion = random_motion(made_up_body)
    gap = read_body(tmp_path / "small.npz").rest_verts(motion.betas) - made_up_body.rest_verts(motion.betas)
    assert np.abs(gap).max() < 2e-5


def test_equal_bodies_give_equal_bytes(made_up_body, tmp_path):
    """Or a rebuilt open body could not be told from a changed one."""
    for name in ("a.npz", "b.npz"):
        write_body(made_up_body, tmp_path / name, compact=True)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_bodies_are_found_by_name_next_to_the_open_one(stored):
    folder = stored.parent
    (folder / ".part-1.npz").write_bytes(b"half")
    assert body_names() == ("open",)
    assert body_names(folder) == ("open", "made-up")
    assert load_body("made-up", search_dir=folder).name == "made-up"
    assert load_body("open") is load_body("open")


@pytest.mark.parametrize("name", ["smpl", "../made-up", ""])
def test_an_unknown_name_is_refused_with_the_known_ones(stored, name):
    with pytest.raises(UnknownBody, match=r"Known: open, made-up\. .* `wushu body import FILE`"):
        load_body(name, search_dir=stored.parent)


def test_without_a_folder_only_the_open_body_is_known():
    with pytest.raises(UnknownBody, match=r"no body 'smpl'\. Known: open\."):
        load_body("smpl")


def test_damaged_files_are_refused(stored, tmp_path):
    with pytest.raises(UnreadableBody, match=r"nothing\.npz: not a stored body .*No such file"):
        load_body(tmp_path / "nothing.npz")
    whole = stored.read_bytes()
    for broken in (b"", b"no zip at all", whole[: len(whole) // 2], whole[:5000] + b"\0" * 2000 + whole[7000:]):
        stored.write_bytes(broken)
        with pytest.raises(UnreadableBody, match=r"made-up\.npz: not a stored body"):
            load_body(stored)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"drop": ("faces",)}, "array 'faces' is missing"),
        ({"drop": ("format",)}, "format None, this version reads 1"),
        ({"format": np.array(2)}, "format 2, this version reads 1"),
        ({"template_joints": np.zeros((23, 3))}, r"template_joints: has shape \(23, 3\)"),
        ({"weight_joints": np.full((150, 24), 99, np.uint8)}, "out of bounds|index"),
        ({"weight_values": np.zeros((150, 24))}, "skin_weights"),
        ({"keypoint_starts": np.zeros(5, np.int32)}, "index pointer"),
    ],
)
def test_a_file_whose_arrays_do_not_fit_is_refused(stored, changes, message):
    with pytest.raises(UnreadableBody, match=message):
        load_body(rewritten(stored, **changes))


def test_a_pickled_array_is_never_loaded(stored):
    """An object array in a .npz is a pickle; reading it would run it."""
    member = io.BytesIO()
    np.save(member, np.array([{"not": "numbers"}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(stored, "a") as archive:
        archive.writestr("extra.npy", member.getvalue())
    with pytest.raises(UnreadableBody, match="allow_pickle=False"):
        load_body(stored)


def test_keypoints_of_vertices_that_do_not_exist_are_refused(stored):
    """SciPy would read outside of the array."""
    with np.load(stored) as archive:
        verts = archive["keypoint_verts"]
    with pytest.raises(UnreadableBody, match="keypoint_regressor: indices must be < 150"):
        load_body(rewritten(stored, keypoint_verts=np.full_like(verts, 10**6)))
