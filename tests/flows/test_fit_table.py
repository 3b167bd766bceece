"""``wushu fit-table``: a new table on the disk, never over an old one, and one clear sentence for what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from flows.cli import main
from retarget.correspondence import load_correspondence


@pytest.fixture(scope="module")
def motions(tmp_path_factory):
    """Two plain SMPL files: a person that waves its arms and bends its knees."""
    folder = tmp_path_factory.mktemp("motions")
    paths = []
    for number in (1, 2):
        time = np.linspace(0.0, 2.0 * np.pi, 40)
        poses = np.zeros((40, 24, 3))
        poses[:, 0] = [np.pi / 2, 0.0, 0.0]
        poses[:, 4, 0] = poses[:, 5, 0] = 0.4 + 0.3 * np.sin(number * time)
        poses[:, 1, 0] = poses[:, 2, 0] = -0.5 * poses[:, 4, 0]
        poses[:, 16, 2], poses[:, 17, 2] = -0.8 + 0.5 * np.sin(time), 0.8 - 0.5 * np.sin(number * time)
        poses[:, 18, 1], poses[:, 19, 1] = -0.6 + 0.4 * np.cos(time), 0.6 - 0.4 * np.cos(time)
        path = folder / f"wave{number}.npz"
        trans = np.tile([0.0, 0.0, 0.95], (40, 1))
        np.savez(path, poses=poses.reshape(40, 72), trans=trans, betas=np.zeros(10), mocap_framerate=30.0)
        paths.append(path)
    return paths


def run(arguments, capsys) -> tuple[int, str]:
    """Exit code, and everything printed with its line breaks taken out."""
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, " ".join((printed.out + printed.err).split())


def test_a_fitted_table_is_written_and_can_be_used(motions, tmp_path, capsys):
    out = tmp_path / "mine.toml"
    code, printed = run(["fit-table", "smpl_to_g1", *motions, "--out", out], capsys)
    assert code == 0, printed
    assert "on motions left out:" in printed and "left_elbow" in printed
    table, shipped = load_correspondence(out), load_correspondence("smpl_to_g1")
    assert table.name == "mine"
    elbow = table.index("left_elbow")
    assert table.bodies[elbow].offset_m != shipped.bodies[elbow].offset_m
    assert [b.position_weight for b in table.bodies] == [b.position_weight for b in shipped.bodies]


def test_one_motion_is_said_to_prove_nothing(motions, tmp_path, capsys):
    out = tmp_path / "mine.toml"
    code, printed = run(["fit-table", "smpl_to_g1", motions[0], "--out", out, "--hold", "left_knee"], capsys)
    assert code == 0, printed
    assert "with one motion nothing tells whether the offsets hold for others" in printed
    table, shipped = load_correspondence(out), load_correspondence("smpl_to_g1")
    knee = table.index("left_knee")
    assert table.bodies[knee] == shipped.bodies[knee]


def test_a_table_that_is_there_is_not_overwritten_unasked(motions, tmp_path, capsys):
    out = tmp_path / "mine.toml"
    out.write_text("precious")
    code, printed = run(["fit-table", "smpl_to_g1", *motions, "--out", out], capsys)
    assert code == 1
    assert "is there already. Name another --out, or add --overwrite." in printed
    assert out.read_text() == "precious"
    assert run(["fit-table", "smpl_to_g1", motions[0], "--out", out, "--overwrite"], capsys)[0] == 0
    assert load_correspondence(out).name == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense", "MOTION", "--out", "new.toml"], "no such file; known tables: smpl_to_g1"),
        (["smpl_to_g1", "gone.bvh", "--out", "new.toml"], "gone.bvh"),
        (["smpl_to_g1", "MOTION", "--out", "new.txt"], "a table's name ends in .toml. Say --out new.txt.toml."),
        (["smpl_to_g1", "MOTION", "--out", "no/new.toml"], "its folder is not there"),
        (["smpl_to_g1", "MOTION", "--out", "new.toml", "--hold", "left_kne"], "Did you mean 'left_knee'?"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(motions, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, printed = run(["fit-table", *(motions[0] if a == "MOTION" else a for a in arguments)], capsys)
    assert code == 1
    assert message in printed
    assert not (tmp_path / "new.toml").exists()
