"""Tidying frees what no outcome uses, and costs no finished work."""

from __future__ import annotations

import pytest

from pipeline.catalogue.gc import gc
from pipeline.catalogue.index import write_catalogue
from pipeline.catalogue.verify import verify
from pipeline.clip import Clip
from pipeline.decisions import Decision, Ruling, add_decision
from pipeline.exceptions import InUse
from pipeline.manifest import read_rows, withdraw_row
from pipeline.process_clip import cut_source, prepare_clip


def listing(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def content(root):
    return {name for name in listing(root) if "/." not in f"/{name}"}


def decided(clip_id):
    return Decision(
        clip_id=clip_id, fingerprint="f" * 16, ruling=Ruling.REJECT, by="J. Doe", at="2026-11-22T08:30:00+00:00"
    )


def test_nothing_goes_from_a_dataset_of_one_build(dataset):
    """All of it is used."""
    before = content(dataset.root)
    assert gc(dataset).removals == ()
    assert content(dataset.root) == before


def test_results_of_other_settings_go_and_a_rerun_reuses_everything(dataset, studio, film):
    """What goes is what the outcomes do not name, with its recipes and settings; nothing finished is lost."""
    once = content(dataset.root)
    studio.build(dataset.root, [film()], scale=2.5)
    both = content(dataset.root)
    told = gc(dataset, dry_run=True)
    assert content(dataset.root) == both and told.n_bytes > 0
    assert {removal.path for removal in gc(dataset).removals} == {removal.path for removal in told.removals}
    left = content(dataset.root)
    assert len(left) == len(once) and both - left == {removal.path for removal in told.removals}
    assert {name.split("/")[0] for name in both - left} == {"clips", "recipes", "settings"}
    assert not verify(dataset).findings
    studio.ran.clear()
    studio.build(dataset.root, [film()], scale=2.5)
    assert studio.ran == [] and content(dataset.root) == left


def test_a_hand_off_that_only_old_results_name_goes(dataset, studio, film):
    """A file of other settings that is no part of the outcome is left by nobody."""
    clip_id = read_rows(dataset)[0].clip.id
    studio.build(dataset.root, [film()], limit=1.0)
    old = dataset.clip_dir(clip_id) / "handoff" / f"{clip_id}.csv"
    assert not old.exists()
    studio.build(dataset.root, [film()], broken=("kata",), versions={"plausibility": 2})
    old.parent.mkdir(exist_ok=True)
    old.write_text("2.0")  # as a program that was killed left it
    assert f"clips/{clip_id}/handoff/{clip_id}.csv" in {removal.path for removal in gc(dataset).removals}
    assert not old.parent.exists()


def test_halves_that_a_killed_run_left_go(dataset):
    """Wherever they lie."""
    folder = dataset.clip_dir(read_rows(dataset)[0].clip.id)
    halves = [
        dataset.root / ".part-a.json",
        dataset.root / "recipes" / ".part-b.json",
        folder / ".part-c.npz",
        folder / "handoff" / ".part-d.csv",
        folder / "retarget-0123456789abcdef.npz",
    ]
    for half in halves:
        half.write_bytes(b"half")
    removed = gc(dataset)
    assert {removal.path for removal in removed.removals} == {h.relative_to(dataset.root).as_posix() for h in halves}
    assert removed.n_bytes == 4 * len(halves)
    assert not any(half.exists() for half in halves)


def test_a_withdrawn_clip_goes_with_its_folder_and_what_its_siblings_share_stays(dataset, studio, film, whole):
    """The recording lies in the folder of the source as a whole."""
    studio.build(dataset.root, [film()], people="main")
    (row,) = read_rows(dataset)
    gone = {path.name for path in (dataset.root / "clips").iterdir()} - {row.clip.id, whole.id}
    gc(dataset)
    assert len(gone) == 1 and not dataset.clip_dir(gone.pop()).exists()
    assert list(dataset.clip_dir(whole.id).glob("recording-*.npz"))
    studio.ran.clear()
    studio.build(dataset.root, [film()], people="main")
    assert studio.ran == [] and not verify(dataset).findings


def test_a_withdrawn_clip_that_somebody_decided_about_stays_and_is_told(dataset, studio, film):
    """A person's work is never removed silently."""
    (row,) = (row for row in read_rows(dataset) if row.clip.person == 1)
    add_decision(dataset, decided(row.clip.id))
    studio.build(dataset.root, [film()], people="main")
    kept = {read_rows(dataset)[0].clip.id, row.clip.id}
    (sentence,) = gc(dataset).kept
    assert "kept, as somebody decided about it" in sentence
    assert kept <= {path.name for path in (dataset.root / "clips").iterdir()}


def test_what_an_unfinished_run_made_stays(dataset, studio, film):
    """A clip without an outcome, that its source is cut into, goes on where it was stopped."""
    source, stages = film("other", b"other"), studio.stages()
    cut = cut_source(Clip.of(source), stages, dataset)
    before = content(dataset.root)
    assert gc(dataset).removals == ()
    assert [finding.kind for finding in verify(dataset).findings] == ["leftover"] * 2  # clips that were not begun
    prepare_clip(cut.clips[0], stages.of(cut.clips[0]), dataset, upto="validation")
    gc(dataset)
    assert before < content(dataset.root)
    studio.ran.clear()
    studio.build(dataset.root, [source])
    assert sorted(studio.ran) == ["handoff", "handoff", "plausibility", "validation", "verdict", "verdict"]


def test_a_clip_whose_outcome_cannot_be_read_keeps_everything(dataset):
    """What it was made of is not known, so nothing may go."""
    row = read_rows(dataset)[0]
    (dataset.clip_dir(row.clip.id) / "row.json").write_text("{}")
    before = content(dataset.root)
    tidied = gc(dataset)
    assert tidied.removals == () and content(dataset.root) == before
    assert "everything in it is kept, as row.json cannot be read" in tidied.kept[0]


def test_logs_decisions_and_strangers_stay(dataset):
    """They belong to somebody."""
    row = read_rows(dataset)[0]
    folder = dataset.clip_dir(row.clip.id)
    add_decision(dataset, decided(row.clip.id))
    (folder / "log.jsonl").write_text("{}\n")
    (folder / "mine.txt").write_text("mine")
    before = content(dataset.root)
    assert gc(dataset).removals == () and content(dataset.root) == before


def test_a_dataset_in_work_is_not_tidied(dataset):
    """Files would go from under those who write them."""
    with dataset.in_use(), pytest.raises(InUse, match=r"a build is running on it\. Wait until it is done"):
        gc(dataset)
    write_catalogue(dataset)
    gc(dataset)


def test_what_lies_behind_a_link_stays(dataset, studio, film, tmp_path):
    """Neither gc nor the withdrawal of a clip goes out of the dataset: others may need what is there."""
    studio.build(dataset.root, [film()], scale=2.5)
    linked, other = (dataset.clip_dir(row.clip.id) for row in read_rows(dataset))
    for path in (linked, other / "handoff"):
        (outside := tmp_path / f"outside {path.name}").mkdir()
        path.rename(outside / path.name)
        path.symlink_to(outside / path.name)
        (outside / path.name / ".part-abc.csv").touch()
    before = listing(tmp_path / f"outside {linked.name}") | listing(tmp_path / "outside handoff")
    tidied = gc(dataset)
    assert [sentence.split(":")[0] for sentence in tidied.kept] == [
        f"clips/{linked.name}",
        f"clips/{other.name}/handoff",
    ]
    assert {removal.path.split("/")[1] for removal in tidied.removals if "clips/" in removal.path} == {other.name}
    for folder in (linked, other):
        withdraw_row(dataset, folder.name)
        with dataset.clip_lock(folder.name):
            pass
    assert listing(tmp_path / f"outside {linked.name}") | listing(tmp_path / "outside handoff") == before
