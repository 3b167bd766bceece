"""``wushu dataset``: every job on one small dataset of a motion file, by its output and its exit code."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.bad_inputs import write_good_motion
from flows.cli import main
from pipeline.manifest import Outcome, read_rows, write_row
from pipeline.sealed import sealed_bytes
from pipeline.store import Dataset


def run(arguments, capsys) -> tuple[int, str]:
    """Exit code, and everything printed with its line breaks taken out."""
    code = main(["dataset", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, " ".join((printed.out + printed.err).split())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """One kata, taken through the whole chain once."""
    folder = tmp_path_factory.mktemp("dataset_command")
    write_good_motion(folder / "kata.bvh")
    before = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "disable"
    try:
        code = main(["run", str(folder / "kata.bvh"), "--dataset", str(folder / "set"), "--licence", "CC0"])
    finally:
        os.environ.pop("MUJOCO_GL") if before is None else os.environ.update(MUJOCO_GL=before)
    assert code == 0
    return folder / "set"


@pytest.fixture
def dataset(built, tmp_path):
    """A copy that a test may harm."""
    return Path(shutil.copytree(built, tmp_path / "set"))


def clip_id(dataset):
    (row,) = read_rows(Dataset.open(dataset))
    return row.clip.id


def test_a_real_run_leaves_a_sound_dataset_with_nothing_left_over(dataset, capsys):
    """All stages' results say what they were made from, and the index agrees."""
    code, printed = run(["verify", dataset], capsys)
    assert (code, printed) == (0, "1 folders read, 0 faults")
    code, printed = run(["gc", dataset], capsys)
    assert (code, printed) == (0, "0 files removed, 0.0 MB")


def test_clips_are_listed_for_people_and_for_programs(dataset, capsys):
    """By outcome, if asked for."""
    code, printed = run(["ls", dataset], capsys)
    assert code == 0 and clip_id(dataset) in printed and "accepted" in printed
    main(["dataset", "ls", str(dataset), "--json", "--outcome", "accepted"])
    (line,) = json.loads(capsys.readouterr().out)
    assert (line["name"], line["outcome"]) == ("kata", Outcome.ACCEPTED.value) and line["usable_s"] > 1.0
    code, printed = run(["ls", dataset, "--outcome", "broken"], capsys)
    assert (code, printed) == (0, "no clips that are broken")


def test_one_clip_is_shown_with_its_stages_in_order_and_its_log_alone(dataset, capsys):
    """From the source's hash to the files that a trainer takes."""
    code, printed = run(["show", dataset, "kata"], capsys)
    assert code == 0 and f"kata ({clip_id(dataset)})" in printed and "commercial use" in printed
    table = printed[printed.index("fingerprint") :]
    assert table.index("reading") < table.index("retarget") < table.index("verdict") < table.index("handoff")
    assert f"{clip_id(dataset)}.mjlab.npz" in printed
    code, printed = run(["show", dataset, "kata", "--log"], capsys)
    assert code == 0 and printed.index(" retarget ") < printed.index(" handoff ") and " s" in printed
    code, printed = run(["show", dataset], capsys)
    assert code == 0 and "usable: " in printed and "report.html" in printed
    code, printed = run(["show", dataset, "katta"], capsys)
    assert code == 1 and "unknown clip 'katta'" in printed


def test_a_damaged_outcome_is_told_and_the_rest_shown(dataset, capsys):
    """Exit code 1, from every command that reads outcomes."""
    name = clip_id(dataset)
    (dataset / "clips" / name / "row.json").write_text("{")
    for arguments in (["ls", dataset], ["show", dataset], ["show", dataset, name[:6]], ["index", dataset]):
        code, printed = run(arguments, capsys)
        assert code == 1 and "row.json: is damaged or cut off. Delete the file and run again" in printed
    code, printed = run(["diff", dataset, dataset], capsys)
    assert code == 1 and "row.json: is damaged" in printed


def test_a_clip_is_shown_by_its_name_though_the_id_of_a_damaged_one_begins_so(dataset, capsys):
    """What can be read is not hidden by what cannot."""
    row = read_rows(Dataset.open(dataset))[0]
    named = replace(row.clip, id="0" * 16, source=replace(row.clip.source, path=f"/films/{row.clip.id[:3]}.bvh"))
    Dataset.open(dataset).add_clip(named)
    write_row(Dataset.open(dataset), replace(row, clip=named))
    (dataset / "clips" / row.clip.id / "row.json").write_text("{")
    code, printed = run(["show", dataset, row.clip.id[:3]], capsys)
    assert code == 0 and "0" * 16 in printed
    code, printed = run(["show", dataset, row.clip.id[:4]], capsys)
    assert code == 1 and "row.json: is damaged" in printed


def test_names_are_shown_as_they_are(dataset, capsys):
    """No markup, no pictures in place of words, and JSON that says the same."""
    row = read_rows(Dataset.open(dataset))[0]
    source = replace(row.clip.source, path="/films/a:fire:[red].bvh")
    write_row(Dataset.open(dataset), replace(row, clip=replace(row.clip, source=source)))
    for arguments, shown in ((["ls", dataset], "a:fire"), (["show", dataset, row.clip.id], "a:fire:[red]")):
        assert shown in run(arguments, capsys)[1]  # a narrow table folds names
    main(["dataset", "ls", str(dataset), "--json"])
    assert json.loads(capsys.readouterr().out)[0]["name"] == "a:fire:[red]"


def test_harm_is_named_with_its_remedy_and_repaired(dataset, capsys):
    """A flipped byte in a hand-off file: exit 1, until it is repaired and, by the next run, made anew."""
    (path,) = dataset.glob(f"clips/*/handoff/{clip_id(dataset)}.unitree-csv.csv")
    path.write_bytes(b"9" + path.read_bytes()[1:])
    code, printed = run(["verify", dataset], capsys)
    assert code == 1 and f"handoff/{path.name}: its content has changed since it was written. Delete it" in printed
    code, printed = run(["verify", dataset, "--repair"], capsys)
    assert (
        code == 1 and "3 damaged files removed, index made anew. Run the build again" in printed and not path.exists()
    )


def test_a_marker_that_cannot_be_read_is_found_and_repaired(dataset, capsys):
    """It holds nothing but the layout's number."""
    before = (dataset / "dataset.json").read_bytes()
    (dataset / "dataset.json").write_bytes(b"}" + before[1:])
    code, printed = run(["verify", dataset, "--repair"], capsys)
    assert code == 1 and "dataset.json: is damaged or cut off. Add --repair, which writes it anew." in printed
    assert "dataset.json written anew, index made anew. Verify again." in printed
    assert (dataset / "dataset.json").read_bytes() == before
    assert run(["verify", dataset], capsys)[0] == 0


def test_strangers_are_told_and_are_no_fault(dataset, capsys):
    """Exit code 0."""
    (dataset / "mine.txt").write_text("mine")
    code, printed = run(["verify", dataset], capsys)
    assert code == 0 and "note: mine.txt: is no part of the dataset." in printed


def test_a_dataset_in_work_is_not_tidied_and_verify_says_so(dataset, capsys):
    """One sentence, exit code 1."""
    (dataset / "mine.txt").write_text("mine")
    with Dataset.open(dataset).in_use():
        code, printed = run(["gc", dataset], capsys)
        assert code == 1 and "a build is running on it" in printed
        assert "a build is running on it: what it is writing may be among these" in run(["verify", dataset], capsys)[1]


def test_tidying_says_what_would_go(dataset, capsys):
    """And with what it was superfluous."""
    (dataset / "clips" / clip_id(dataset) / ".part-x.json").write_text("half")
    code, printed = run(["gc", dataset, "--dry-run"], capsys)
    assert code == 0 and ".part-x.json: was left half-written by a killed run 1 files would go, 0.0 MB" in printed


def test_two_datasets_are_compared_like_files(built, dataset, tmp_path, capsys):
    """0: no difference, 1: they differ, 2: trouble."""
    assert run(["diff", built, dataset], capsys) == (0, "no difference")
    empty = Dataset.open_or_create(tmp_path / "empty").root
    code, printed = run(["diff", dataset, empty], capsys)
    assert code == 1 and f"only in the old one (1) kata ({clip_id(dataset)})" in printed
    code, printed = run(["diff", dataset, tmp_path / "nothing"], capsys)
    assert code == 2 and "holds no readable dataset.json" in printed


def test_a_dataset_is_published_and_what_arrives_is_one(dataset, tmp_path, capsys):
    """It verifies there, and hands off from there."""
    url = f"file://{tmp_path}/there"
    code, printed = run(["publish", dataset, url], capsys)
    assert code == 0 and " files sent, 0 were there, 0 deleted" in printed
    assert run(["verify", tmp_path / "there"], capsys) == (0, "1 folders read, 0 faults")
    code, printed = run(["publish", dataset, url, "--option", "auto_mkdir=true"], capsys)
    assert code == 0 and printed.startswith("0 files sent")
    code, printed = run(["publish", dataset, url, "--option", "nonsense"], capsys)
    assert code == 1 and "--option is nonsense. Name a key and a value" in printed
    code, printed = run(["publish", dataset, "abfs://box/motions"], capsys)
    assert code == 1 and "Run `pip install adlfs`" in printed


@pytest.mark.parametrize("job", ["ls", "show", "verify", "gc", "index"])
@pytest.mark.parametrize("what", ["nothing there", "a file", "no dataset", "another layout"])
def test_what_is_no_dataset_is_one_sentence(job, what, tmp_path, capsys):
    """And nothing is written into it."""
    root = tmp_path / "set"
    if what == "a file":
        root.write_text("no dataset")
    elif what != "nothing there":
        (root / "clips").mkdir(parents=True)
    if what == "another layout":
        (root / "dataset.json").write_bytes(sealed_bytes({"layout": 2}))
    before = sorted(tmp_path.rglob("*"))
    code, printed = run([job, root], capsys)
    says = "has layout 2, this program reads and writes layout 3" if what == "another layout" else "no readable dataset"
    assert code == 1 and says in printed
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_dataset_is_no_trouble(tmp_path, capsys):
    """Every command ends well on it."""
    root = Dataset.open_or_create(tmp_path / "set").root
    assert run(["ls", root], capsys) == (0, "no clips")
    for job in ("show", "verify", "gc", "index", "verify"):
        assert run([job, root], capsys)[0] == 0
