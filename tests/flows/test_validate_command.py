"""``wushu validate`` on whatever lies about: one clear sentence and exit code 1, or a verdict; JSON for programs."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.validation.exact import standing
from benchmarks.validation.good_motion import clips_of
from flows.cli import main
from pipeline.export import FORMATS
from robots.g1 import load_g1

GOOD = {"pbhc": "good.pkl", "mjlab": "good.npz", "unitree-csv": "good.csv", "gmr": "good.gmr.pkl"}
"""A good file of each format; two formats have one ending."""


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    """Folder with a robot that stands, in all three formats."""
    folder = tmp_path_factory.mktemp("good")
    for name, file in GOOD.items():
        robot = load_g1(FORMATS[name].variant)
        FORMATS[name].write(standing(robot, 2.0), robot, folder / file)
    return folder


class RunsCode:
    """Pickled, it asks for a program."""

    def __reduce__(self):
        return os.system, ("touch was_run",)


def knot(depth: int) -> list:
    """Return lists that each name the one before twice: few bytes, endless once they are unfolded."""
    tied: list = []
    for _ in range(depth):
        tied = [tied, tied]
    return tied


def rows(good: Path) -> np.ndarray:
    return np.loadtxt(good / "good.csv", delimiter=",")


def csv_with(change):
    """Make a CSV of the good one's numbers."""

    def make(good: Path, path: Path) -> None:
        np.savetxt(path, change(rows(good)), delimiter=",", fmt="%.6f")

    return make


def text_with(change):
    """Make a CSV of the good one's text."""
    return lambda good, path: path.write_text(change((good / "good.csv").read_text()))


def npz_with(**changes):
    """Make an npz of the good one's arrays, some of them changed; None leaves one out."""

    def make(good: Path, path: Path) -> None:
        with np.load(good / "good.npz") as archive:
            arrays = {name: changes.get(name, lambda a: a)(archive[name]) for name in archive.files}
        np.savez(path, allow_pickle=True, **{name: a for name, a in arrays.items() if a is not None})

    return make


def pkl_with(**changes):
    """Make a pickle of the good one's motion, some fields changed."""

    def make(good: Path, path: Path) -> None:
        (motion,) = pickle.loads((good / "good.pkl").read_bytes()).values()
        path.write_bytes(pickle.dumps({"x": {**motion, **changes}}))

    return make


def cut(name: str):
    return lambda good, path: path.write_bytes((good / name).read_bytes()[:1500])


def content(raw: bytes):
    return lambda good, path: path.write_bytes(raw)


def with_nan(numbers: np.ndarray) -> np.ndarray:
    numbers[5, 10] = np.nan
    return numbers


def with_quaternion(numbers: np.ndarray, quaternion: list[float]) -> np.ndarray:
    numbers[:, 3:7] = quaternion
    return numbers


SHUFFLED = np.random.default_rng(0).permutation(29)

UNREADABLE = {
    "gone.csv": (lambda good, path: None, "cannot be opened (no such file or directory)"),
    "folder.pkl": (lambda good, path: path.mkdir(), "cannot be opened (is a directory)"),
    "folder": (lambda good, path: path.mkdir(), "no kind of motion file"),
    "letter.txt": (content(b"Dear Sir"), "no kind of motion file"),
    "empty.csv": (content(b""), "needs 36 columns"),
    "empty.pkl": (content(b""), "it ends too early"),
    "empty.npz": (content(b""), "no archive of arrays"),
    "noise.csv": (content(bytes(range(128, 256)) * 9), "codec can't decode"),
    "text.csv": (content(b"time,x\n0,1\n"), "line 1: 'time' is no number"),
    "semicolons.csv": (text_with(lambda text: text.replace(",", ";")), "line 1: '0.000000;0.000000;0.' is no number"),
    "ragged.csv": (text_with(lambda text: text[:5000]), "columns, the first has 36"),
    "narrow.csv": (csv_with(lambda r: r[:, :30]), "needs 36 columns"),
    "nan.csv": (csv_with(with_nan), "joint_pos: holds NaN or infinity"),
    "zero.csv": (csv_with(lambda r: with_quaternion(r, [0, 0, 0, 0])), "not made of unit quaternions (a norm of 0)"),
    "long.csv": (csv_with(lambda r: with_quaternion(r, [0, 0, 0, 2])), "not made of unit quaternions (a norm of 2)"),
    "far.csv": (csv_with(lambda r: r + 1e9 * np.eye(1, 36)), "root_pos_w: holds 1e+09, beyond 100000: give metres"),
    "cut.pkl": (cut("good.pkl"), "exhausted before end of frame"),
    "cut.npz": (cut("good.npz"), "no archive of arrays"),
    "code.pkl": (content(pickle.dumps({"x": RunsCode()})), "nothing of it was run"),
    "knot.pkl": (content(pickle.dumps({"x": knot(60)})), "a motion needs"),
    "deep.pkl": (content(b"\x80\x04" + b"]" * 200_000 + b"a" * 199_999 + b"."), "recursion"),
    "list.pkl": (content(pickle.dumps([1, 2])), "exactly one motion"),
    "rate.pkl": (pkl_with(fps=10**400), "too large"),
    "still.pkl": (pkl_with(fps=0), "fps: must be positive"),
    "fast.pkl": (pkl_with(fps=1e9), "fps: must be positive"),
    "labels.pkl": (pkl_with(contact_mask=np.full((60, 2), 2.0)), "a probability outside [0, 1]"),
    "objects.npz": (npz_with(joint_pos=lambda a: np.full(a.shape, {}, dtype=object)), "Object arrays"),
    "rate.npz": (npz_with(fps=lambda a: a - 20), "made at 30 fps, which mjlab would play at 50"),
    "less.npz": (npz_with(joint_pos=lambda a: None), "joint_pos: is missing"),
    "short.npz": (npz_with(joint_vel=lambda a: a[:-1]), "joint_vel: has shape"),
    "beyondmimic.npz": (npz_with(joint_pos=lambda a: a[:, SHUFFLED]), "as BeyondMimic's do"),
}
"""File -> how it is made, and what is said of it."""

REFUSED = {
    "one.csv": csv_with(lambda r: r[:1]),
    "two.csv": csv_with(lambda r: r[:2]),
    "upside_down.csv": csv_with(lambda r: with_quaternion(r, [1, 0, 0, 0]) + 0.6 * np.eye(1, 36, 2)),
    "in_the_air.csv": csv_with(lambda r: r + 5.0 * np.eye(1, 36, 2)),
    "millimetres.csv": csv_with(lambda r: np.hstack([1000.0 * r[:, :3], r[:, 3:]])),
    "degrees.csv": csv_with(lambda r: np.hstack([r[:, :7], np.degrees(r[:, 7:])])),
    "other_order.csv": csv_with(lambda r: np.hstack([r[:, :7], r[:, 7 + SHUFFLED]])),
    "unlabelled.pkl": pkl_with(contact_mask=np.zeros((60, 2))),
    "slow.pkl": pkl_with(fps=1),
}
"""File -> how it is made; it can be read, and no robot should learn it."""


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_costs_one_sentence(name, good, tmp_path, monkeypatch, capsys):
    """File, cause and remedy; exit code 1; nothing on standard output, which a program may read."""
    monkeypatch.chdir(tmp_path)
    make, says = UNREADABLE[name]
    make(good, tmp_path / name)
    assert main(["validate", str(tmp_path / name), "--json"]) == 1
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert errors.startswith("error: ") and errors.count("\n") == 1
    assert name in errors and says in errors
    assert not Path("was_run").exists()


@pytest.mark.parametrize("tier", ["trainable", "clean"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_nobody_should_learn_is_refused(name, tier, good, tmp_path, capsys):
    REFUSED[name](good, tmp_path / name)
    assert main(["validate", str(tmp_path / name), "--tier", tier, "--no-repair"]) == 1
    printed, _ = capsys.readouterr()
    assert printed.startswith("rejected ")
    assert "- validation: " in printed


@pytest.mark.parametrize("tier", ["trainable", "clean"])
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_good_file_of_each_format_is_accepted(name, tier, good, capsys):
    assert main(["validate", str(good / GOOD[name]), "--tier", tier, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["accepted"] is True
    assert document["verdict"]["tier"] == tier
    assert all(np.isfinite(item["value"]) for item in document["measurements"].values())


def test_json_is_whole_on_a_narrow_terminal_and_has_no_colour_in_a_pipe(good, tmp_path):
    """A reason is longer than any line; broken or shortened it would be no JSON, or another sentence."""
    path = tmp_path / "two.csv"
    REFUSED["two.csv"](good, path)
    command = [sys.executable, "-m", "flows.cli", "validate", str(path), "--json"]
    environment = {**os.environ, "COLUMNS": "60", "MUJOCO_GL": "disable"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert done.returncode == 1, done.stderr
    assert "\x1b" not in done.stdout
    document = json.loads(done.stdout)
    failed = [check["reason"] for check in document["verdict"]["checks"] if not check["passed"]]
    assert any(reason.endswith("Give a longer clip: in so short a time nothing can be shown.") for reason in failed)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tier = [", "Invalid value"),
        ("", "it holds no limit"),
        ("[validation.nonsense]\nmaximum = 1", "[validation.nonsense]: unknown measurement"),
        ("[plausibility.skate_mean]\nmaximum = 1", "has no limit on validation"),
        ("[validation.duration]\nminimum = nan", "must be a finite number"),
    ],
)
def test_limits_that_cannot_be_used_cost_one_sentence(text, says, good, tmp_path, capsys):
    """Limits that judge nothing would accept everything."""
    limits = tmp_path / "mine.toml"
    limits.write_text(text)
    assert main(["validate", str(good / "good.csv"), "--tier", str(limits)]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("error: ") and errors.count("\n") == 1
    assert "mine" in errors and says in errors


def test_an_unknown_tier_names_those_there_are(good, capsys):
    assert main(["validate", str(good / "good.csv"), "--tier", "claen"]) == 1
    assert "'claen'. Did you mean 'clean'? Known: clean, trainable." in capsys.readouterr().err


def test_bad_files_of_a_folder_are_told_and_the_others_are_read(good, tmp_path):
    """The benchmark takes any folder; each bad file costs one sentence that names it."""
    for name in GOOD.values():
        (tmp_path / name).write_bytes((good / name).read_bytes())
    unread = [name for name in UNREADABLE if name.endswith((".pkl", ".csv")) and "folder" not in name]
    for name in unread:
        UNREADABLE[name][0](good, tmp_path / name)
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    (tmp_path / "letter.txt").write_text("Dear Sir")
    clips, refusals = clips_of(tmp_path)
    assert sorted(clip.source for clip in clips) == sorted(FORMATS)
    told = [name for name in unread if name != "gone.csv"]
    assert len(refusals) == len(told)
    assert all(any(f"{name}: " in refusal for refusal in refusals) for name in told)
