"""``wushu bench estimate``: tables for people, a flat file for programs, one sentence for what is wrong."""

from __future__ import annotations

import json
import math

import pytest

from flows.cli import main

QUICK = ["--estimators", "landmark", "--clips", "1", "--seconds", "1", "--no-robot"]


def run(arguments, capsys) -> tuple[int, str]:
    """Exit code, and everything printed with its line breaks taken out."""
    code = main(["bench", "estimate", *(str(argument) for argument in arguments)])
    printed = capsys.readouterr()
    return code, " ".join((printed.out + printed.err).split())


def test_figures_are_shown_and_written(tmp_path, capsys):
    """Numbers only, finite, under the promised names; what they stand on is said."""
    out = tmp_path / "figures.json"
    code, printed = run([*QUICK, "--level", "keypoint", "--seed", "5", "--json", out], capsys)
    assert code == 0, printed
    figures = json.loads(out.read_text())
    assert all(isinstance(value, float) and math.isfinite(value) for value in figures.values())
    names = ("pa_mpjpe_mm", "mpjpe_mm", "wa_mpjpe_mm", "w_mpjpe_mm", "jitter_x_truth", "accel", "tilt_deg")
    for name in names:
        assert figures[f"landmark_all_{name}"] > 0 and figures[f"landmark_static_camera_{name}"] > 0
    for said in ("pa_mpjpe_mm", "static_camera: 1 clips", "airborne: no clip", "built-in", "seed 5;", "numpy", "cores"):
        assert said in printed, said


def test_an_unknown_estimator_is_answered_with_the_known_ones(capsys):
    code, printed = run(["--estimators", "landmark,landmrk"], capsys)
    assert code == 1
    assert "unknown estimator 'landmrk'. Did you mean 'landmark'? Known: landmark" in printed


def test_a_folder_without_clips_is_said(tmp_path, capsys):
    code, printed = run([*QUICK, "--mocap", tmp_path], capsys)
    assert code == 1 and "holds no file that ends in .bvh or .bvh.gz" in printed
    code, printed = run([*QUICK, "--mocap", tmp_path / "nowhere"], capsys)
    assert code == 1 and "is no folder" in printed


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path, capsys):
    code, printed = run([*QUICK, "--json", tmp_path / "nowhere" / "x.json"], capsys)
    assert code == 1 and "its folder is not there" in printed


@pytest.mark.parametrize("arguments", [["--level", "voxel"], ["--seed", "many"]])
def test_options_that_do_not_exist_are_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        run(arguments, capsys)
