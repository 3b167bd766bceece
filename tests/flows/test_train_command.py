"""``wushu train``: a folder of motion in, weights out that the estimator reads; stopped runs go on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from flows.cli import main
from pipeline.body import load_body
from pipeline.kfbench import PIECES, stage_piece

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def mocap(tmp_path_factory):
    """Two pieces as AMASS would keep them, and a file that is broken."""
    folder = tmp_path_factory.mktemp("mocap")
    for name, piece in PIECES.items():
        motion = stage_piece(piece, load_body()).motion.frames(0, 90)
        pose = np.concatenate([motion.global_orient[:, None], motion.body_pose, np.zeros((90, 30, 3))], axis=1)
        np.savez(folder / f"{name}.npz", poses=pose.reshape(90, -1), trans=motion.transl, mocap_framerate=30.0)
    (folder / "broken.npz").write_bytes(b"PK\x03\x04")
    return folder


def train(mocap, out, steps, capsys, *more):
    options = ["--licence", "ours", "--steps", str(steps), "--batch", "1", "--threads", "1", *more]
    code = main(["train", "gvhmr", str(mocap), "--out", str(out), *options])
    printed = capsys.readouterr()
    return code, " ".join((printed.out + printed.err).split())


def test_weights_come_out_and_a_broken_file_costs_one_sentence(mocap, tmp_path, capsys):
    """What was readable is learned from; the exit code tells that not all of it was."""
    from pipeline.estimators.gvhmr.weights import read_weights

    code, said = train(mocap, tmp_path, 2, capsys, "--hold-out", "dance")
    assert code == 1 and "broken.npz" in said and "1 held out" in said
    weights = read_weights(tmp_path / "weights.safetensors")
    assert (weights.trained_on, weights.licence, weights.body) == (("kungfu_form",), "ours", "open")
    code, said = train(mocap, tmp_path, 100, capsys, "--hold-out", "dance")
    assert "going on at step 2" in said
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 100 and np.isfinite(last["joints"])


def test_a_folder_without_motion_is_said_to_be_one(tmp_path, capsys):
    """Training on nothing would end in weights of nothing."""
    code = main(["train", "gvhmr", str(tmp_path), "--out", str(tmp_path / "out"), "--licence", "ours"])
    assert code == 1
    assert "no motion file to learn from" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
