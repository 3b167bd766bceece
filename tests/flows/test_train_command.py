"""``wushu train``: a folder of motion in, weights out that the estimator reads; stopped runs go on."""

from __future__ import annotations

import json
import math
import shutil
import signal

import numpy as np
import pytest

from flows.cli import main
from flows.commands.train import _Mean, _spread
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


def test_a_run_is_not_gone_on_with_once_other_clips_are_held_out(mocap, tmp_path, capsys):
    """What was learned from is not held out by saying so later; and what a run says it learned from is so."""
    assert train(mocap, tmp_path, 1, capsys)[0] == 1
    kept = (tmp_path / "state.pt").read_bytes()
    code, said = train(mocap, tmp_path, 2, capsys, "--hold-out", "dance")
    assert code == 1 and "learned from dance, which would no longer be" in said
    code, said = train(mocap, tmp_path, 2, capsys, "--seed", "5")
    assert code == 1 and "seed 0, not 5" in said
    assert (tmp_path / "state.pt").read_bytes() == kept


def test_a_state_that_names_no_clips_is_gone_on_with_and_the_weights_say_so(mocap, tmp_path, capsys):
    """Nobody can know what it learned from, so nobody may read in the weights that it was this alone."""
    import torch

    from pipeline.estimators.gvhmr.weights import read_weights

    train(mocap, tmp_path, 1, capsys)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    torch.save({name: value for name, value in state.items() if name not in ("clips", "past_is_known")},
               tmp_path / "state.pt")  # fmt: skip
    _, said = train(mocap, tmp_path, 2, capsys)
    assert "does not say from which clips" in said
    assert "may have seen others too" in read_weights(tmp_path / "weights.safetensors").source


def test_files_of_one_name_are_two_clips(mocap, tmp_path, capsys):
    """Databases number their takes folder by folder; one would have been learned from under the other's name."""
    from pipeline.estimators.gvhmr.weights import read_weights

    for folder, piece in (("a", "dance"), ("b", "kungfu_form")):
        (tmp_path / "mocap" / folder).mkdir(parents=True)
        shutil.copy(mocap / f"{piece}.npz", tmp_path / "mocap" / folder / "01.npz")
    code, said = train(tmp_path / "mocap", tmp_path / "out", 1, capsys)
    weights = read_weights(tmp_path / "out" / "weights.safetensors")
    assert code == 0 and "2 clips" in said and weights.trained_on == ("a/01.npz", "b/01.npz")
    command = "wushu train gvhmr --steps 1 --cooldown-steps 14800 --batch 1 --learning-rate 0.0015 --seed 0 --share 1.0"
    assert weights.source == command
    code, said = train(tmp_path / "mocap", tmp_path / "less", 1, capsys, "--hold-out", "A/01", "--share", "0.9")
    weights = read_weights(tmp_path / "less" / "weights.safetensors")
    assert "1 held out" in said and weights.trained_on == ("b/01.npz",)
    assert weights.source.endswith("--share 0.9 --hold-out A/01")


def test_holding_out_what_is_not_there_is_refused_with_what_is_near(mocap, tmp_path, capsys):
    """A slip of the pen would be learned from, and the errors on it believed."""
    code, said = train(mocap, tmp_path / "out", 1, capsys, "--hold-out", "kungfu_from", "Dance", "094_08")
    assert code == 1 and "no clip is called kungfu_from (near: kungfu_form), 094_08." in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--share=0", "--share=1.01", "--share=nan", "--share=-0.5", "--learning-rate=0"])
def test_options_that_no_training_can_have_are_refused(mocap, tmp_path, capsys, option):
    """A share of three halves silently was the whole; none at all was a division by zero."""
    code, said = train(mocap, tmp_path / "out", 1, capsys, option)
    assert code == 1 and option.partition("=")[0] in said and not (tmp_path / "out").exists()


@pytest.mark.parametrize(("share", "taken"), [(1.0, 10), (0.7, 7), (0.3, 3), (0.6, 6), (0.1, 1), (0.25, 3), (1e-6, 1)])
def test_a_share_is_what_it_says_and_comes_from_everywhere(share, taken):
    """Every second of three means two thirds and 0.7 used to mean all; a curve over that has wrong places."""
    names = [str(number) for number in range(10)]
    chosen = _spread(names, share)
    assert len(chosen) == taken and chosen[0] == "0"
    gaps = np.diff([int(name) for name in chosen])
    assert all(gap in (math.floor(1 / share), math.ceil(1 / share)) for gap in gaps)


def test_ctrl_c_lets_the_step_at_work_end_and_the_run_goes_on(mocap, tmp_path, capsys, monkeypatch):
    """Half a step saved would give other weights than a run in one piece."""
    import torch

    from pipeline.estimators.gvhmr.training import trainer as trainer_module

    whole = trainer_module.objective
    done = 0

    def pressed(*given):
        nonlocal done
        done += 1
        if done == 2:
            signal.raise_signal(signal.SIGINT)
        return whole(*given)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(trainer_module, "objective", pressed)
    code, said = train(mocap, tmp_path / "a", 4, capsys)
    assert code == 130 and "stopped at step 2" in said and signal.getsignal(signal.SIGINT) is before
    assert not (tmp_path / "a" / "weights.safetensors").exists()
    train(mocap, tmp_path / "a", 4, capsys)
    train(mocap, tmp_path / "b", 4, capsys)
    a, b = (torch.load(tmp_path / run / "state.pt", weights_only=True) for run in "ab")
    assert a["step"] == b["step"] == 4
    assert all(torch.equal(a["averaged"][name], tensor) for name, tensor in b["averaged"].items())


def test_a_second_ctrl_c_leaves_the_last_whole_state(mocap, tmp_path, capsys, monkeypatch):
    """Who presses twice wants out at once; what was saved before stays."""
    from pipeline.estimators.gvhmr.training import trainer as trainer_module

    train(mocap, tmp_path, 1, capsys)
    kept = (tmp_path / "state.pt").read_bytes()

    def pressed_twice(*_):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(trainer_module, "objective", pressed_twice)
    assert train(mocap, tmp_path, 2, capsys)[0] == 130
    assert (tmp_path / "state.pt").read_bytes() == kept


def test_means_are_those_of_the_steps_that_learned():
    """After a stop a line sums fewer than a hundred steps; steps without a finite gradient are counted, not summed."""
    from pipeline.estimators.gvhmr.training import StepLog

    mean = _Mean()
    for step, (norm, code) in enumerate([(1.0, 2.0), (math.inf, math.nan), (2.0, 4.0)]):
        mean.add(StepLog(step=step, learning_rate=0.1, gradient_norm=norm, terms={"code": code}))
    assert mean.take() == {"code": 3.0, "skipped_steps": 1}
    assert mean.take() == {"skipped_steps": 0}


def test_a_folder_without_motion_is_said_to_be_one(tmp_path, capsys):
    """Training on nothing would end in weights of nothing."""
    code = main(["train", "gvhmr", str(tmp_path), "--out", str(tmp_path / "out"), "--licence", "ours"])
    assert code == 1
    assert "no motion file to learn from" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
