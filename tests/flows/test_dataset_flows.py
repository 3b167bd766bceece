"""What flows do with a dataset that is there: other limits move outcomes, and a trainer gets what is accepted."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace

import pytest

from benchmarks.bad_inputs import write_good_motion
from flows.cli import main
from pipeline.manifest import Outcome, read_rows, write_row
from pipeline.store import Dataset

STRICT = 'tier = "strict"\n[validation.joint_speed]\nmaximum = 0.001\nadvice = "Stand still."\n'
ANEW = {"verdict", "repair", "leads", "handoff", "report"}
"""Stages that hang on limits."""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """One accepted clip, whose source is gone."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "nod.bvh"
    write_good_motion(source, 31)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUJOCO_GL", "disable")
        assert main(["run", str(source), "--dataset", str(folder / "set"), "--formats", "mjlab"]) == 0
    source.unlink()
    return folder / "set"


@pytest.fixture
def dataset(built, tmp_path, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "disable")
    return Dataset(shutil.copytree(built, tmp_path / "set"))


def logged(dataset) -> list[str]:
    (log,) = dataset.root.glob("clips/*/log.jsonl")
    return [json.loads(line)["stage"] for line in log.read_text().splitlines()]


def test_stricter_limits_refuse_and_the_old_ones_take_back(dataset, tmp_path, capsys):
    """There and back: files for trainers go and come; only what hangs on limits runs."""
    strict = tmp_path / "strict.toml"
    strict.write_text(STRICT)
    (before,) = read_rows(dataset)
    n_ran = len(logged(dataset))
    assert main(["revalidate", str(dataset.root), "--limits", str(strict)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "nod: accepted -> rejected" in told and "1 -> 0 accepted" in told
    (after,) = read_rows(dataset)
    assert after.outcome is Outcome.REJECTED
    assert after.settings != before.settings
    assert set(logged(dataset)[n_ran:]) == ANEW
    assert not list(dataset.root.glob("clips/*/handoff/*"))
    assert main(["revalidate", str(dataset.root), "--limits", "trainable"]) == 0
    (back,) = read_rows(dataset)
    assert back == before
    assert list(dataset.root.glob("clips/*/handoff/*.npz"))


def test_a_clip_whose_measurements_are_gone_stays_as_it_is(dataset, capsys):
    """Its source would be needed."""
    (row,) = read_rows(dataset)
    for path in dataset.clip_dir(row.clip.id).glob("validation-*.json"):
        path.unlink()
    assert main(["revalidate", str(dataset.root), "--limits", "clean"]) == 1
    printed = capsys.readouterr()
    told = " ".join((printed.out + printed.err).split())
    assert "nod: its validation is missing or of another version. It stays as it is" in told
    assert read_rows(dataset).rows == (row,)


def lose_correspondence(dataset) -> None:
    """As if the clip had been built by a table of the user's own, and the table was deleted."""
    (row,) = read_rows(dataset)
    assert row.settings is not None
    settings = copy.deepcopy(dataset.settings(row.settings))
    settings["retarget"]["correspondence"] = "/none/mine.toml"
    write_row(dataset, replace(row, settings=dataset.add_settings(settings)))


def test_a_clip_whose_settings_name_what_is_gone_stays_as_it_is(dataset, capsys):
    """One such clip does not keep the others from being judged."""
    lose_correspondence(dataset)
    rows = read_rows(dataset).rows
    assert main(["revalidate", str(dataset.root), "--limits", "clean"]) == 1
    printed = capsys.readouterr()
    told = " ".join((printed.out + printed.err).split())
    assert "nod: " in told and "mine.toml" in told and "1 could not be judged anew" in told
    assert read_rows(dataset).rows == rows


def test_unknown_limits_and_a_folder_that_is_no_dataset_are_said(dataset, tmp_path, capsys):
    assert main(["revalidate", str(dataset.root), "--limits", "cleen"]) == 1
    assert "cleen" in capsys.readouterr().err
    assert main(["revalidate", str(tmp_path)]) == 1
    assert "holds no readable dataset.json" in capsys.readouterr().err


@pytest.mark.prefect
@pytest.mark.filterwarnings("ignore")
def test_the_flow_says_what_moved(prefect_server, dataset, tmp_path):
    from flows.revalidate import revalidate

    strict = tmp_path / "strict.toml"
    strict.write_text(STRICT)
    state = revalidate(str(dataset.root), limits=str(strict), runner="threads", workers=1, return_state=True)
    assert state.is_completed(), state.message
    assert "1 -> 0 accepted" in state.message and "0 -> 1 rejected" in state.message
    assert read_rows(dataset)[0].outcome is Outcome.REJECTED
    missing = revalidate(str(tmp_path / "none"), return_state=True)
    assert missing.is_failed() and "holds no readable dataset.json" in missing.message


@pytest.mark.prefect
@pytest.mark.filterwarnings("ignore")
def test_the_flow_fails_by_clips_that_it_must_leave(prefect_server, dataset):
    """Settings that name what is gone, and a damaged outcome."""
    from flows.revalidate import revalidate

    lose_correspondence(dataset)
    damaged = dataset.clip_dir("0123456789abcdef")
    damaged.mkdir()
    for name in ("clip.json", "row.json"):
        (damaged / name).write_text("{")
    state = revalidate(str(dataset.root), limits="clean", runner="threads", workers=1, return_state=True)
    assert state.is_failed() and "2 could not be judged anew" in state.message


@pytest.mark.prefect
@pytest.mark.filterwarnings("ignore")
def test_the_flow_hands_over_or_says_why_not(prefect_server, dataset, tmp_path):
    """The folder is whole, or not there."""
    from flows.hand_over import handoff

    state = handoff(str(dataset.root), "mjlab", str(tmp_path / "out"), val_share=0.0, return_state=True)
    assert state.is_completed(), state.message
    assert "1 in train" in state.message and "commercial use unknown" in state.message
    assert (tmp_path / "out" / "README.md").is_file() and (tmp_path / "out" / "SHA256SUMS").is_file()
    none = handoff(str(dataset.root), "mjlab", str(tmp_path / "free"), commercial=True, return_state=True)
    assert none.is_failed() and not (tmp_path / "free").exists()
