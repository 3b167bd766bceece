"""Whatever is thrown at ``wushu run`` costs one clear sentence, and the other sources are finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from benchmarks.bad_inputs import CASES, BadInput, noise_pictures, react, write_good_motion, write_video
from pipeline.manifest import Outcome, read_rows
from pipeline.store import Dataset

NO_PICTURES = {**os.environ, "MUJOCO_GL": "disable"}

_COSTS_ITSELF = [case for case in CASES if case.good_finishes]
_STOPS_THE_RUN = [case for case in CASES if not case.good_finishes]


def wushu(*arguments) -> subprocess.Popen:
    command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=NO_PICTURES)


def test_bad_files_in_one_run_are_each_answered_in_a_sentence(keypoint_models, tmp_path):
    """Each file, cause and remedy; exit code 1; no traceback; nothing half-written; the good file is finished."""

    def make(folder):
        places = [folder / str(index) for index in range(len(_COSTS_ITSELF))]
        for place in places:
            place.mkdir()
        return [argument for case, place in zip(_COSTS_ITSELF, places, strict=True) for argument in case.make(place)]

    says = tuple(part for case in _COSTS_ITSELF for part in case.says)
    reaction = react(BadInput(name="all at once", make=make, says=says), tmp_path)
    assert not reaction.problems, reaction.text


@pytest.mark.parametrize("case", _STOPS_THE_RUN, ids=lambda case: case.name)
def test_what_stops_a_run_is_said_in_a_sentence(case, keypoint_models, tmp_path):
    """File, cause and remedy; exit code 1; no traceback; nothing half-written."""
    reaction = react(case, tmp_path)
    assert not reaction.problems, reaction.text


@pytest.mark.slow
@pytest.mark.parametrize("case", _COSTS_ITSELF, ids=lambda case: case.name)
def test_a_bad_file_alone_is_answered_in_a_sentence(case, keypoint_models, tmp_path):
    """The same without the company of others."""
    reaction = react(case, tmp_path)
    assert not reaction.problems, reaction.text


def test_two_runs_on_one_dataset_leave_what_one_leaves(tmp_path):
    """Both write the same bytes under the same names, each at once as a whole; only the clip's log holds clocks."""
    source = tmp_path / "good.bvh"
    write_good_motion(source)
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    runs = [wushu("run", source, "--dataset", folder) for folder in (alone, shared, shared)]
    errors = [run.communicate(timeout=120)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], errors
    left = [
        {p.relative_to(d): p.read_bytes() for p in d.rglob("*") if p.is_file() and p.name != "log.jsonl"}
        for d in (alone, shared)
    ]
    assert left[0] == left[1]


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(keypoint_models, tmp_path):
    """The first source is done, the second is being watched when the user has had enough."""
    good, film, dataset = tmp_path / "a.bvh", tmp_path / "b.mp4", tmp_path / "set"
    write_good_motion(good)
    write_video(film, noise_pictures(2000))
    run = wushu("run", good, film, "--dataset", dataset)
    deadline = time.monotonic() + 60
    while not list(dataset.glob("clips/*/row.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    run.send_signal(signal.SIGINT)
    printed, errors = run.communicate(timeout=60)
    assert run.returncode == 130, errors
    assert "what is finished is kept; run the same command again to go on" in printed
    assert "Traceback" not in errors
    assert [row.outcome for row in read_rows(Dataset.open(dataset))] == [Outcome.ACCEPTED]
    assert not list(dataset.rglob(".part-*"))
