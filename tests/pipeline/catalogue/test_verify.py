"""Whatever byte of a dataset changes, verify names the file; and what it may, it lets the next run make anew."""

from __future__ import annotations

import json
import shutil

import pytest

from pipeline.catalogue.index import rebuild_index, write_catalogue
from pipeline.catalogue.verify import repair, verify
from pipeline.decisions import Decision, Ruling, add_decision
from pipeline.manifest import read_rows
from pipeline.sealed import SEAL, sealed_bytes
from pipeline.store import Dataset


def named(checked, kind="fault"):
    return {finding.path for finding in checked.findings if finding.kind == kind}


def files(dataset):
    """All files of the content, below the root."""
    below = (path.relative_to(dataset.root) for path in sorted(dataset.root.rglob("*")) if path.is_file())
    return [path for path in below if not any(part.startswith(".") for part in path.parts)]


def decide(dataset):
    row = read_rows(dataset)[0]
    decision = Decision(
        clip_id=row.clip.id,
        fingerprint=row.fingerprints["validation"],
        ruling=Ruling.REJECT,
        by="J. Doe",
        at="2026-11-22T08:30:00+00:00",
    )
    add_decision(dataset, decision)


def test_a_dataset_as_it_was_built_is_sound(dataset):
    """And the empty one too."""
    decide(dataset)
    assert verify(dataset).findings == ()
    assert not verify(dataset).in_work
    with dataset.in_use():
        assert verify(dataset).in_work


def test_an_empty_dataset_is_sound(tmp_path):
    """Nothing was promised, nothing is missing."""
    empty = Dataset.open_or_create(tmp_path / "empty")
    assert verify(empty).findings == ()
    write_catalogue(empty)
    assert verify(empty).findings == ()


def test_a_flipped_byte_is_found_wherever_it_is(dataset):
    """In every file of the dataset, one after the other, at its beginning, in its middle and at its end."""
    decide(dataset)
    (dataset.root / "report.html").write_text("<p>page</p>")
    write_catalogue(dataset)
    names = files(dataset)
    kinds = {path.name.partition("-")[0] for path in names}
    assert {"dataset.json", "row.json", "clip.json", "clips.json", "recording", "manifest.parquet"} <= kinds
    assert {"index.json", "README.md", "report.html", "decisions.jsonl"} <= kinds
    assert {path.parts[0] for path in names} >= {"settings", "recipes"} and any(p.suffix == ".csv" for p in names)
    for name in names:
        path = dataset.root / name
        content = path.read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            assert name.as_posix() in named(verify(dataset)), (name, place)
        path.write_bytes(content)
    assert verify(dataset).findings == ()


def test_a_missing_file_is_told_by_who_needs_it(dataset):
    """Every file but an outcome is missed; without that, the index lists a clip that is not there."""
    for name in files(dataset):
        content = (dataset.root / name).read_bytes()
        (dataset.root / name).unlink()
        found = verify(dataset).faults
        clip_id = name.parts[1] if name.parts[0] == "clips" else ""
        assert any(name.stem[:16] in str(finding) or clip_id in str(finding) for finding in found) or (
            name.as_posix() in ("dataset.json", f"clips/{clip_id}/clips.json")
        ), name
        (dataset.root / name).write_bytes(content)


def test_repair_takes_away_what_the_next_run_makes_anew(dataset, studio, film):
    """Afterwards the dataset is what it was, byte for byte, and only what was harmed ran again."""
    before = {name: (dataset.root / name).read_bytes() for name in files(dataset)}
    of_each_kind = {(name.parts[0], name.name.partition("-")[0], name.suffix): name for name in before}
    for name in of_each_kind.values():
        content = before[name]
        (dataset.root / name).write_bytes(content[:-1])
        repair(dataset, verify(dataset))
        studio.build(dataset.root, [film()])
        if left := verify(dataset).faults:  # a recipe that was needed by nothing but itself
            repair(dataset, verify(dataset))
            studio.build(dataset.root, [film()])
            assert not verify(dataset).faults, (name, left)
        assert {name: (dataset.root / name).read_bytes() for name in files(dataset)} == before, name


def test_repair_never_touches_decisions(dataset):
    """What a person said cannot be made anew."""
    decide(dataset)
    (path,) = dataset.root.rglob("decisions.jsonl")
    path.write_bytes(path.read_bytes()[:-9])
    checked = verify(dataset)
    assert [finding.remedy for finding in checked.faults] == ["Decide again"]
    assert repair(dataset, checked) == []
    assert path.exists()
    decide(dataset)
    assert not verify(dataset).findings  # what was cut off is gone with the next
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert verify(dataset).faults
    decide(dataset)
    assert not verify(dataset).faults and named(verify(dataset), "leftover")


def test_strangers_and_leftovers_are_told_and_are_no_faults(dataset):
    """A note that somebody keeps there harms nobody; a killed run's halves go with gc."""
    folder = dataset.clip_dir(read_rows(dataset)[0].clip.id)
    (dataset.root / "notes.txt").write_text("mine")
    (folder / "handoff" / "mine.csv").write_text("1")
    (folder / ".part-x.json").write_text("{")
    (folder / "retarget-0123456789abcdef.npz").write_bytes(b"PK")
    (folder / "log.jsonl").write_text("{}")
    checked = verify(dataset)
    name = f"clips/{folder.name}"
    assert named(checked, "stranger") == {"notes.txt", f"{name}/handoff/mine.csv"}
    assert named(checked, "leftover") == {f"{name}/.part-x.json", f"{name}/retarget-0123456789abcdef.npz"}
    assert not checked.faults


def test_a_hand_off_that_came_back_is_a_fault(dataset, studio, film):
    """What a verdict took away must not be trained on because somebody copied it back."""
    row = read_rows(dataset)[0]
    studio.build(dataset.root, [film()], limit=1.0)
    back = dataset.clip_dir(row.clip.id) / "handoff" / f"{row.clip.id}.csv"
    back.parent.mkdir(exist_ok=True)
    back.write_text("2.0")
    (fault,) = verify(dataset).faults
    assert "was taken away by the last run, and is there again" in str(fault)


def test_a_manifest_row_without_its_folder_and_a_folder_without_its_row_are_told(dataset):
    """The index is never believed against the folders."""
    row = read_rows(dataset)[0]
    path = dataset.clip_dir(row.clip.id) / "row.json"
    content = path.read_bytes()
    path.unlink()
    assert f"lists a clip whose outcome is not there (clips/{row.clip.id})" in str(verify(dataset).faults[0])
    write_catalogue(dataset)
    assert not verify(dataset).faults
    path.write_bytes(content)
    assert f"does not list clips/{row.clip.id}" in str(verify(dataset).faults[0])
    rebuild_index(dataset)
    assert not verify(dataset).faults


def test_a_renamed_result_is_not_believed(dataset):
    """A result is what its name says, or it is nothing."""
    clip_id = read_rows(dataset)[0].clip.id
    (path,) = dataset.clip_dir(clip_id).glob("validation-*.json")
    other = path.with_name("validation-0123456789abcdef.json")
    other.write_bytes(path.read_bytes())
    other.with_suffix(".npz").write_bytes(path.with_suffix(".npz").read_bytes())
    assert [f.problem for f in verify(dataset).faults] == ["was made from something else than its name says"]


def test_a_copy_of_a_clips_folder_is_no_clip(dataset):
    """Under a name of its own it is a stranger; under that of a clip it is damaged, and repair is the end of it."""
    row = read_rows(dataset)[0]
    shutil.copytree(dataset.clip_dir(row.clip.id), dataset.root / "clips" / f"{row.clip.id}.bak")
    assert len(write_catalogue(dataset)) == len(read_rows(dataset)) == 2
    assert named(verify(dataset)) == set() and "keep such things elsewhere" in str(verify(dataset).findings[0])
    (dataset.root / "clips" / f"{row.clip.id}.bak").rename(copy := dataset.root / "clips" / ("0" * 16))
    (damaged,) = read_rows(dataset).damaged
    assert damaged.path == copy / "row.json" and damaged.problem == "is the outcome of another clip"
    assert len(read_rows(dataset)) == len(write_catalogue(dataset)) == 2
    repair(dataset, verify(dataset))
    assert not verify(dataset).faults and not read_rows(dataset).damaged


def test_repair_removes_nothing_behind_a_link(dataset, tmp_path):
    """A dataset from elsewhere must not lead it out of its folder."""
    folder = dataset.clip_dir(read_rows(dataset)[0].clip.id)
    folder.rename(tmp_path / "outside")
    folder.symlink_to(tmp_path / "outside")
    (tmp_path / "outside" / "row.json").write_bytes(b"harmed")
    before = files(Dataset(tmp_path / "outside"))
    assert repair(dataset, verify(dataset)) == []
    assert files(Dataset(tmp_path / "outside")) == before


def test_a_result_that_names_a_file_outside_its_folder_is_a_fault(dataset, tmp_path):
    """A dataset from elsewhere must not make us read, publish or remove what lies beside it."""
    clip_id = read_rows(dataset)[0].clip.id
    (path,) = dataset.clip_dir(clip_id).glob("handoff-*.json")
    document = json.loads(path.read_bytes())
    del document[SEAL]
    document["record"]["sha256"] = {"../../../secret.txt": "0" * 64}
    path.write_bytes(sealed_bytes(document))
    assert "speaks of a file outside its folder" in str(verify(dataset).faults[0])


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all"])
def test_a_corrupt_index_is_told_and_made_anew(dataset, content):
    """Nothing is lost with it."""
    (dataset.root / "manifest.parquet").write_bytes(content)
    (fault,) = verify(dataset).faults
    assert fault.path == "manifest.parquet" and "wushu dataset index" in fault.remedy
    rebuild_index(dataset)
    assert not verify(dataset).faults


def test_results_of_other_settings_are_no_faults(dataset, studio, film):
    """They wait for gc, or for the settings to come back."""
    studio.build(dataset.root, [film()], scale=2.5)
    assert not verify(dataset).findings


def test_repair_keeps_no_damaged_page(dataset):
    """The new index must not vouch for it."""
    (dataset.root / "report.html").write_text("<p>page</p>")
    write_catalogue(dataset)
    (dataset.root / "report.html").write_text("<p>harmed</p>")
    assert repair(dataset, verify(dataset)) == ["report.html"]
    assert not verify(dataset).findings
