"""mjlab itself, in its own environment, takes our files: its loader, its resets, its rewards, its training."""

import os
import re
import shlex
import subprocess

import numpy as np
import pytest

from benchmarks.mjlab import NoMjlab, mjlab_python, run_check, write_motions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # the environment is made on first use


@pytest.fixture(scope="module")
def python():
    try:
        return mjlab_python()
    except NoMjlab as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def files(tmp_path_factory, example):
    """Squats, the kung-fu form, both and the squats again as one, and squats whose links stand in another order."""
    folder = tmp_path_factory.mktemp("mjlab")
    squats, form = write_motions(folder)
    join = example("join_for_mjlab")
    join.main(folder / "joined.npz", [squats, form, squats])
    shifted = dict(np.load(squats))
    for name in shifted:
        if name.startswith("body_"):
            shifted[name] = np.concatenate([shifted[name][:, :1], shifted[name][:, :-1]], axis=1)
    np.savez(folder / "shifted.npz", **shifted)
    return {name: folder / f"{name}.npz" for name in ("squats", "kungfu_form", "joined", "shifted")}


@pytest.fixture(scope="module")
def found(python, files, tmp_path_factory):
    return run_check(python, list(files.values()), tmp_path_factory.mktemp("found") / "found.json")


@pytest.fixture(scope="module", params=["squats", "kungfu_form", "joined"])
def of_file(request, found, files):
    return found["motions"][str(files[request.param])]


def test_its_loader_holds_every_number_as_written(of_file):
    assert of_file["loader_max_diff"] == 0


def test_a_reset_puts_every_link_where_the_file_has_it(of_file):
    """In every frame; what is left beyond rounding is mjlab's clipping to its soft joint limits."""
    assert of_file["reset_err_m"] < 0.01
    assert of_file["reset_err_random_m"] < 0.01
    assert of_file["reset_err_unclipped_m"] < 1e-5
    assert of_file["turn_err_rad"] < 1e-4
    assert of_file["speed_err_m_s"] < 1e-3


def test_it_rewards_with_finite_numbers_and_learns_a_finite_policy(of_file):
    assert of_file["steps"] == 50 and of_file["rewards_finite"]
    assert of_file["ppo_iterations"] == 1 and of_file["policy_finite"]
    assert of_file["complaints"] == []


def test_links_in_another_order_do_not_pass_the_check(found, files):
    """The check would be worthless if it could not fail."""
    shifted = found["motions"][str(files["shifted"])]
    assert shifted["reset_err_m"] > 0.05
    assert any("from where the file has it" in complaint for complaint in shifted["complaints"])


def test_one_run_takes_one_file(found):
    """Why clips are joined; where this fails, mjlab has learnt it and the page on consumers is out of date."""
    assert found["takes_several_files"] is False


def test_the_command_of_the_page_trains(python, files, handoff_page, tmp_path):
    """With our file in the place of the reader's, few environments and one iteration."""
    command = re.search(r"python -m mjlab\.scripts\.train [^\n\\]*(?:\\\n[^\n\\]*)*", handoff_page)
    assert command is not None
    words = shlex.split(command[0].replace("\\\n", " ").replace("MOTION.npz", str(files["squats"])))
    assert str(files["squats"]) in words
    words += ["--env.scene.num-envs", "4", "--agent.max-iterations", "1"]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "WANDB_MODE": "disabled", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [str(python), *words[1:]], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert list(tmp_path.rglob("model_0.pt"))
