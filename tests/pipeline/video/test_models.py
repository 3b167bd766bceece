"""The networks are the published files, or nothing."""

from __future__ import annotations

import shutil

import pytest

from pipeline.exceptions import MissingModelFile
from pipeline.video import BlazePoseModels, fetch_models, find_models


def test_absent_networks_are_named_with_the_command_that_fetches_them(tmp_path):
    with pytest.raises(MissingModelFile, match=r"person detector is not on this machine .*`wushu models fetch` once"):
        find_models(tmp_path)


def test_a_damaged_network_is_not_loaded(tmp_path, keypoint_models):
    """A file cut off by a full disk would crash the interpreter, or worse, run."""
    for path in (keypoint_models.detector, keypoint_models.landmarker):
        shutil.copy(path, tmp_path)
    damaged = tmp_path / keypoint_models.landmarker.name
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(MissingModelFile, match="intact copy of BlazePose's landmark network"):
        find_models(tmp_path)


def test_networks_that_are_there_are_not_fetched_again(keypoint_models):
    """Needs no network: offline machines must keep working."""
    assert fetch_models(keypoint_models.detector.parent) == keypoint_models


def test_models_cannot_exist_without_their_files(tmp_path):
    """Whoever holds this record may load the networks without looking again."""
    with pytest.raises(MissingModelFile):
        BlazePoseModels(detector=tmp_path / "a.tflite", landmarker=tmp_path / "b.tflite")
