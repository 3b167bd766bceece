"""The truth beside a video survives the disk, and nothing in it is executed."""

import numpy as np
import pytest

from pipeline.body import load_body
from pipeline.camera import CameraPath
from pipeline.kfbench import PIECES, InvalidTruth, Truth, load_truth, save_truth, stage_piece
from robots.exceptions import InvalidArray


@pytest.fixture(scope="module")
def truth():
    return stage_piece(PIECES["dance"], load_body("open"))


def test_truth_reads_back_as_it_was_written(truth, tmp_path):
    """To the last bit: it is what everything is measured against."""
    path = tmp_path / "dance.truth.npz"
    save_truth(path, truth)
    again = load_truth(path)
    assert again.image_size == (1280, 720)
    assert (again.motion.fps, again.motion.body) == (30.0, "open")
    for field in ("betas", "rest_joint_pos", "global_orient", "body_pose", "transl", "foot_contact"):
        np.testing.assert_array_equal(getattr(again.motion, field), getattr(truth.motion, field))
    for field in ("K", "R_w2c", "pos_w"):
        np.testing.assert_array_equal(getattr(again.camera, field), getattr(truth.camera, field))


def test_a_pickle_is_refused(tmp_path):
    """A file from the net must not be able to run code."""
    path = tmp_path / "evil.truth.npz"
    np.savez(path, document=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InvalidTruth, match=r"evil\.truth\.npz: holds no truth .*Run `wushu demo`"):
        load_truth(path)


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_a_damaged_or_missing_file_says_so(tmp_path, content):
    """One sentence, not a traceback of the zip reader."""
    path = tmp_path / "x.truth.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidTruth, match=r"x\.truth\.npz: holds no truth of a demo video"):
        load_truth(path)


def test_a_file_cut_off_says_so(truth, tmp_path):
    """As a full disk or a broken download leaves it."""
    path = tmp_path / "x.truth.npz"
    save_truth(path, truth)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InvalidTruth):
        load_truth(path)


def test_camera_and_motion_of_different_lengths_are_refused(truth):
    """Frame k of one is frame k of the other."""
    short = CameraPath(K=truth.camera.K, R_w2c=truth.camera.R_w2c[:5], pos_w=truth.camera.pos_w[:5])
    with pytest.raises(InvalidArray, match="camera: has 5 frames, the motion 205"):
        Truth(motion=truth.motion, camera=short, image_size=(1280, 720))
