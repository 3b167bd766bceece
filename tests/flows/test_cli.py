"""The command line says what is wrong in one sentence, ends with the right code, and loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.bad_inputs import write_good_motion
from flows.cli import main
from flows.commands.doctor import examine
from pipeline.home import Home
from pipeline.manifest import Outcome, read_rows
from pipeline.process_clip import process_source
from pipeline.settings import Settings, load_settings
from pipeline.sources import identify
from pipeline.store import Dataset

USABLE = (Outcome.ACCEPTED, Outcome.MENDED)
"""What gives files for a robot; how good a motion the estimator makes of a clip is told by other tests."""

PACKAGES = "pipeline.estimators.gvhmr.packages.PACKAGES"


def run(arguments, capsys) -> tuple[int, str]:
    """Exit code, and everything printed with its line breaks taken out."""
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, " ".join((printed.out + printed.err).split())


@pytest.mark.render
def test_a_bad_video_costs_one_sentence_and_the_others_finish(short_clip, keypoint_models, tmp_path, capsys):
    """Exit code 1, the file named, and the good video has its motion, its verdict, its files and its picture."""
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"this is no film")
    code, printed = run(["run", bad, tmp_path / "gone.mp4", short_clip.video, "--dataset", tmp_path / "set"], capsys)
    assert code == 1
    assert "bad.mp4: is not a video" in printed
    assert "gone.mp4: there is no such file. Check the path." in printed
    rows = {row.clip.name: row for row in read_rows(Dataset.open(tmp_path / "set"))}
    assert rows["bad"].outcome is Outcome.BROKEN
    good = rows["short_clip"]
    assert good.outcome in USABLE, good.reasons
    folder = tmp_path / "set" / "clips" / good.clip.id
    assert (folder / "playback.mp4").stat().st_size > 10_000
    written = {path.name.split(".", 1)[1] for path in (folder / "handoff").iterdir()}
    assert {name for name in written if not name.startswith("refined.")} == {"pbhc.pkl", "mjlab.npz", "unitree-csv.csv"}
    assert (folder / "report.png").stat().st_size > 10_000
    assert "short_clip" in (tmp_path / "set" / "report.html").read_text()
    assert "BlazePose: Apache-2.0" in good.licences


@pytest.mark.render
def test_new_limits_redo_the_verdict_and_take_back_the_hand_off(tmp_path, capsys):
    """A refused clip leaves no file behind that someone could train on; nothing before the verdict is redone."""
    dataset, source = tmp_path / "set", tmp_path / "good.bvh"
    write_good_motion(source)
    assert run(["run", source, "--dataset", dataset], capsys)[0] == 0
    (before,) = read_rows(Dataset.open(dataset))
    strict = tmp_path / "strict.toml"
    strict.write_text('tier = "strict"\n[validation.joint_speed]\nmaximum = 0.001\nadvice = "Stand still."\n')
    code, printed = run(["run", source, "--dataset", dataset, "--limits", strict], capsys)
    (after,) = read_rows(Dataset.open(dataset))
    assert code == 0
    assert "rejected" in printed and "Stand still." in printed
    changed = {name for name in after.fingerprints if after.fingerprints[name] != before.fingerprints[name]}
    assert changed == {"verdict", "verdict_23dof", "repair", "leads", "handoff", "report"}
    handoff = dataset / "clips" / after.clip.id / "handoff"
    assert not handoff.exists()
    # There and back again: the second refusal is found in the dataset, and takes the files back all the same.
    run(["run", source, "--dataset", dataset, "--formats", "pbhc"], capsys)
    assert {path.suffix for path in handoff.iterdir()} == {".pkl"}
    run(["run", source, "--dataset", dataset, "--limits", strict], capsys)
    assert not handoff.exists()


def test_a_motion_file_asks_nothing_of_the_estimator(tmp_path, monkeypatch, capsys):
    """Mocap runs where no network does: without the packages, without weights, and with weights of another body."""
    monkeypatch.setenv("MUJOCO_GL", "disable")
    monkeypatch.setattr(PACKAGES, ("torch_that_is_not_here",))
    kata = tmp_path / "kata.bvh"
    write_good_motion(kata)
    assert run(["run", kata, "--dataset", tmp_path / "set"], capsys)[0] == 0
    (before,) = read_rows(Dataset.open(tmp_path / "set"))
    assert before.outcome is Outcome.ACCEPTED, before.reasons
    monkeypatch.setattr(PACKAGES, ())
    for weights in ("nobody", _weights_of_smplx(tmp_path)):
        assert run(["run", kata, "--dataset", tmp_path / "set", "--gvhmr.weights", weights], capsys)[0] == 0
    (after,) = read_rows(Dataset.open(tmp_path / "set"))
    assert (after.outcome, after.fingerprints) == (before.outcome, before.fingerprints)


@pytest.mark.parametrize(
    ("packages", "weights", "says"),
    [
        (
            ("torch_that_is_not_here",),
            lambda folder: "wushu",
            "the estimator gvhmr needs torch_that_is_not_here, not installed here. Run `pip install 'wushu[gvhmr]'`, "
            "or estimate without it: `--estimator landmark`.",
        ),
        ((), lambda folder: "nobody", "no weights 'nobody' on this machine."),
        ((), lambda folder: _weights_of_smplx(folder), "its betas belong to body 'smplx_neutral', not to 'open'"),
    ],
    ids=["no packages", "no weights", "another body"],
)
def test_a_video_that_no_motion_can_be_made_of_is_refused_unwatched(
    packages, weights, says, tmp_path, monkeypatch, capsys
):
    """Nobody waits for minutes of decoding to be told that the estimator cannot run."""
    monkeypatch.setenv("MUJOCO_GL", "disable")
    monkeypatch.setattr(PACKAGES, packages)
    monkeypatch.setattr("pipeline.front_stages.watch_video", lambda *_: pytest.fail("the video was watched"))
    film = tmp_path / "film.mp4"
    film.write_bytes(b"this is no film, which nobody must find out")
    code, printed = run(["run", film, "--dataset", tmp_path / "set", "--gvhmr.weights", weights(tmp_path)], capsys)
    assert code == 1
    assert says in printed
    assert not (tmp_path / "set").exists()


def _weights_of_smplx(folder):
    """What a file of weights says of itself, and no tensor: all that is read before something is estimated."""
    said = {"format": 1, "kind": "gvhmr", "body": "smplx_neutral", "licence": "research", "source": "a checkpoint"}
    said |= {"source_sha256": "", "trained_on": []}
    header = json.dumps({"__metadata__": {"wushu": json.dumps(said)}}).encode()
    path = folder / "smplx.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


def test_brackets_in_a_name_are_text(tmp_path, capsys):
    """Terminals' markup is written in brackets; people write years and takes in them."""
    bad = tmp_path / "kata [bold] [2024].mp4"
    bad.write_bytes(b"")
    gone = tmp_path / "[" / "bold].mp4"
    code, printed = run(["run", bad, gone, "--dataset", tmp_path / "[red]set"], capsys)
    assert code == 1
    assert "kata [bold] [2024].mp4: is empty" in printed
    assert "[/bold].mp4: there is no such file" in printed
    assert "[red]set/clips" in printed


def test_without_videos_the_command_says_what_to_type(capsys, tmp_path):
    """`wushu run` alone is a question, not a success."""
    code, printed = run(["run", "--dataset", tmp_path / "set"], capsys)
    assert code == 1
    assert "name at least one video" in printed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[retarget]\nspeed_teir = 'soft'\n", "speed_teir"),
        ("limts = 'clean'\n", "limts"),
        ("[clips]\nfps = 'fast'\n", "fps"),
        ("= broken", "line 1"),
        ("[clips]\nfps = -1.0\n", "my.toml: fps: must be positive, got -1.0"),
    ],
)
def test_a_misspelt_setting_is_named(text, expected, tmp_path, capsys):
    """The sentence names the file and the entry."""
    preset = tmp_path / "my.toml"
    preset.write_text(text)
    code, printed = run(["run", "x.mp4", "--preset", preset], capsys)
    assert code == 1
    assert "my.toml" in printed and expected in printed


def test_options_override_the_preset(tmp_path):
    """What the file does not name keeps its default."""
    preset = tmp_path / "my.toml"
    preset.write_text('limits = "clean"\nformats = ["mjlab"]\n[clips]\nfps = 25.0\n')
    settings = load_settings(preset)
    assert (settings.limits, settings.formats, settings.clips.fps) == ("clean", ("mjlab",), 25.0)
    assert settings.landmark == Settings().landmark


@pytest.mark.parametrize("option", [("--limits", "cleen"), ("--formats", "pbch"), ("--body", "smlp")])
def test_an_unknown_choice_is_answered_with_the_known_ones(option, tmp_path, capsys):
    """People mistype; the answer helps."""
    code, printed = run(["run", "x.mp4", "--dataset", tmp_path / "set", *option], capsys)
    assert code == 1
    assert option[1] in printed
    assert "nown" in printed


def test_a_folder_that_is_no_dataset_is_not_shown(tmp_path, capsys):
    """One sentence instead of an empty table."""
    code, printed = run(["dataset", "show", tmp_path], capsys)
    assert code == 1
    assert "holds no readable dataset.json" in printed


def test_a_clip_without_a_motion_cannot_be_played(tmp_path, capsys):
    """The sentence says why it has none."""
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"this is no film")
    run(["run", bad, "--dataset", tmp_path / "set"], capsys)
    code, printed = run(["play", "bad", "--dataset", tmp_path / "set"], capsys)
    assert code == 1
    assert "bad has no robot motion" in printed


def test_the_doctor_names_what_is_missing_and_its_remedy(tmp_path, monkeypatch, capsys):
    """A machine without the networks hears which command fetches them, and that it cannot run without."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    code, printed = run(["doctor"], capsys)
    assert code == 1
    assert "wushu models fetch" in printed


def test_the_doctor_knows_what_the_network_needs_here(tmp_path, monkeypatch):
    """Packages by version and weights by name; without them videos still run, so it is told and not demanded."""
    monkeypatch.setattr(PACKAGES, ("numpy",))
    home = replace(Home.of_user(), bodies_dir=tmp_path / "bodies")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "official.safetensors").touch()
    found = {finding.what: finding for finding in examine(home)}
    assert found["packages of the estimator gvhmr"].found == f"numpy {np.__version__}"
    assert "official" in (found["weights of the estimator gvhmr"].found or "").split(", ")
    monkeypatch.setattr(PACKAGES, ("torch_that_is_not_here",))
    monkeypatch.setattr("flows.commands.doctor.weights_files", lambda folder: {})
    found = {finding.what: finding for finding in examine(home)}
    for what, command in (("packages", "pip install 'wushu[gvhmr]'"), ("weights", "wushu weights import gvhmr FILE")):
        missing = found[f"{what} of the estimator gvhmr"]
        assert (missing.found, missing.needed) == (None, False)
        assert command in missing.remedy and "--estimator landmark" in missing.remedy


def test_neither_run_nor_help_imports_prefect():
    """Prefect takes two seconds to import and half of its users' trouble to install; the chain runs without it."""
    script = "import sys, flows.cli; sys.exit(any(name.split('.')[0] == 'prefect' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_rows_are_plain_json(tmp_path, capsys):
    """Anyone can read the outcome without this program."""
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"this is no film")
    run(["run", bad, "--dataset", tmp_path / "set", "--licence", "CC0"], capsys)
    (row,) = (tmp_path / "set").glob("clips/*/row.json")
    document = json.loads(row.read_text())
    assert document["broken_stage"] == "recording"
    assert document["clip"]["source"]["facts"]["licence"] == "CC0"
    assert "CC0" in document["licences"]


@pytest.mark.parametrize("command", [["models", "fetch"], ["robot", "meshes"], ["body", "import", "x.pkl"]])
def test_commands_of_two_words_are_what_they_are_called(command, capsys):
    """The README, the doctor and the error messages name these words; a typing library must not eat one."""
    with pytest.raises(SystemExit) as done:
        main([*command, "--help"])
    assert done.value.code == 0
    with pytest.raises(SystemExit) as done:
        main([command[0], "nonsense", *command[2:]])
    assert done.value.code == 2


def test_a_setting_out_of_its_range_is_refused_by_name(tmp_path, capsys):
    """Before anything is read or written, from the command line and from a preset, which is named as well."""
    preset = tmp_path / "mine.toml"
    preset.write_text("[retarget.ik]\nsole_weight = nan\n")
    run_it = ["run", "a.mp4", "--dataset", tmp_path / "set"]
    for options in (["--retarget.ik.sole-weight", "nan"], ["--preset", preset]):
        code, printed = run([*run_it, *options], capsys)
        assert code == 1
        assert "sole_weight: must be finite, got nan" in printed
        assert ("mine.toml" in printed) == ("--preset" in options)
    assert not (tmp_path / "set").exists()


def test_a_file_that_is_no_body_is_refused_by_name(tmp_path, capsys):
    """Nothing is stored, and the sentence says what is wanted."""
    file = tmp_path / "body.mp4"
    file.write_bytes(b"no body")
    code, printed = run(["body", "import", file], capsys)
    assert code == 1
    assert "body.mp4: not an SMPL or SMPL-X model" in printed


@pytest.mark.render
def test_without_a_renderer_everything_but_pictures_runs(short_clip, keypoint_models, tmp_path, monkeypatch, capsys):
    """A server without OpenGL makes datasets; the sentence names what brings the pictures back."""
    monkeypatch.setenv("MUJOCO_GL", "disable")
    code, printed = run(["run", short_clip.video, "--dataset", tmp_path / "set"], capsys)
    assert code == 0
    assert "no pictures: Pictures cannot be drawn here" in printed and "MUJOCO_GL" in printed
    (row,) = read_rows(Dataset.open(tmp_path / "set"))
    assert row.outcome in USABLE, row.reasons
    assert "playback" not in row.fingerprints
    assert list((tmp_path / "set" / "clips" / row.clip.id / "handoff").iterdir())


def test_a_bug_in_one_clip_is_shown_whole_after_the_others(tmp_path, monkeypatch, capsys):
    """Nobody waits a night for a dataset that the third video's crash took away."""
    first, second = tmp_path / "a.mp4", tmp_path / "b.mp4"
    first.write_bytes(b"no film")
    second.write_bytes(b"no film either")
    processed = []

    def crash_on_first(source, *rest):
        processed.append(source.name)
        if source.name == "a":
            raise ZeroDivisionError
        return process_source(source, *rest)

    monkeypatch.setattr("flows.commands.run.process_source", crash_on_first)
    with pytest.raises(ExceptionGroup, match="the other sources were processed"):
        main(["run", str(first), str(second), "--dataset", str(tmp_path / "set")])
    assert processed == ["a", "b"]
    assert [row.clip.name for row in read_rows(Dataset.open(tmp_path / "set"))] == ["b"]


def test_a_source_that_goes_away_before_its_turn_costs_one_sentence(tmp_path, monkeypatch, capsys):
    """Exit code 1, and no outcome: it is not the clip's fault, and it may come back."""
    motion = tmp_path / "nod.bvh"
    write_good_motion(motion, 31)

    def found_and_gone(*given):
        known = identify(*given)
        motion.unlink()
        return known

    monkeypatch.setattr("flows.commands.run.identify", found_and_gone)
    code, printed = run(["run", motion, "--dataset", tmp_path / "set"], capsys)
    assert code == 1
    assert "nod.bvh: no such file or directory. Run again when it is there, whole." in printed
    assert not read_rows(Dataset.open(tmp_path / "set"))
