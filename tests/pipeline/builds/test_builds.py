"""Laws of what is remembered of builds: only what changed, no time, nothing lost, and a comparison that says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.builds import BUILDS_FILE, add_build, compare, read_history, settings_named
from pipeline.catalogue.gc import gc
from pipeline.catalogue.index import write_catalogue
from pipeline.catalogue.publish import Target, publish
from pipeline.catalogue.verify import repair, verify
from pipeline.clip import Clip, Source
from pipeline.manifest import ManifestRow, Rows, read_rows, write_row
from pipeline.review import write_run_page
from pipeline.store import Dataset
from pipeline.verdict import CheckResult, Verdict


def row(name: str, value: float = 0.0, *, settings: str | None = None, usable_s: float | None = None) -> ManifestRow:
    """A clip whose feet slide so fast; a tenth of a metre a second is allowed."""
    check = CheckResult(
        stage="validation",
        measurement="skate_p95",
        value=value,
        unit="m/s",
        limit=0.1,
        passed=value <= 0.1,
        severity="reject",
        reason=f"skate_p95 is {value} m/s. Feet slide.",
    )
    used = (4.0 if check.passed else 0.0) if usable_s is None else usable_s
    return ManifestRow(
        clip=Clip.of(Source(path=f"{name}.bvh", sha256=name)),
        fingerprints={},
        metrics={},
        licences=(),
        verdict=Verdict(tier="any", checks=(check,), score=1.0 - value),
        duration_s=4.0,
        usable_s=used,
        settings=settings,
    )


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset.open_or_create(tmp_path / "set")


def put(dataset: Dataset, *rows: ManifestRow) -> Rows:
    """Let these be the outcomes that are there."""
    for old in dataset.clip_ids():
        (dataset.clip_dir(old) / "row.json").unlink(missing_ok=True)
    for new in rows:
        dataset.add_clip(new.clip)
        write_row(dataset, new)
    return read_rows(dataset)


def content(dataset: Dataset) -> bytes:
    return (dataset.root / BUILDS_FILE).read_bytes()


def test_a_build_that_changes_nothing_leaves_no_line(dataset):
    """The same build twice is one; so is one that was killed after it had written its line."""
    rows = put(dataset, row("a"), row("b", 0.3))
    assert add_build(dataset, rows)
    before = content(dataset)
    assert not add_build(dataset, rows) and content(dataset) == before
    assert read_history(dataset).n_lines == 1


def test_a_line_names_only_the_clips_that_changed(dataset):
    """A folder that is watched for a year grows by its films, not by their square."""
    add_build(dataset, put(dataset, row("a"), row("b", 0.3)))
    first = content(dataset)
    add_build(dataset, put(dataset, row("a"), row("b", 0.3), row("c")))
    second = content(dataset)
    assert second.startswith(first) and b'"c"' in second[len(first) :] and b'"a"' not in second[len(first) :]
    assert {entry.name for entry in read_history(dataset).last.clips.values()} == {"a", "b", "c"}


def test_an_empty_dataset_and_an_unreadable_outcome_are_not_remembered(dataset):
    """Nothing was built; or what was built is not known."""
    assert not add_build(dataset, put(dataset))
    put(dataset, row("a"), row("b"))
    (dataset.clip_dir(row("a").clip.id) / "row.json").write_text("{")
    assert not add_build(dataset, read_rows(dataset)) and not (dataset.root / BUILDS_FILE).exists()


def test_what_moved_is_told_with_the_check_that_moved_it(dataset):
    """New, gone, other outcomes, other seconds: the largest first."""
    add_build(dataset, put(dataset, row("gone"), row("worse"), row("better", 0.3), row("same"), row("less")))
    rows = put(dataset, row("worse", 0.4), row("better"), row("same"), row("less", usable_s=2.5), row("new"))
    add_build(dataset, rows)
    found = compare(dataset, rows)
    assert found is not None and (found.before, found.after) == (1, 2)
    assert [entry.name for entry in found.gone] == ["gone"] and [entry.name for _, entry in found.new] == ["new"]
    told = {
        move.after.name: (move.after.outcome, move.usable_s, move.fails, move.passes) for move in found.ended_otherwise
    }
    assert told == {
        "worse": ("rejected", -4.0, ("validation.skate_p95",), ()),
        "better": ("accepted", 4.0, (), ("validation.skate_p95",)),
    }
    assert [(move.after.name, move.usable_s) for move in found.moved] == [("less", -1.5)]
    before, after = found.totals
    assert (before.clips, before.usable_s, after.clips, after.usable_s) == (5, 16.0, 5, 14.5)
    assert (before.outcomes["rejected"], after.outcomes["rejected"]) == (1, 1)


def test_the_first_build_is_compared_with_nothing(dataset):
    """There is nothing."""
    rows = put(dataset, row("a"))
    assert compare(dataset, rows) is None
    add_build(dataset, rows)
    assert compare(dataset, rows) is None


def test_what_no_build_has_ended_with_is_compared_with_the_last_that_did(dataset):
    """A run that was stopped on its way says what it has changed so far."""
    add_build(dataset, put(dataset, row("a"), row("b")))
    found = compare(dataset, put(dataset, row("a", 0.5), row("b")))
    assert found is not None and (found.before, found.after) == (1, None)
    assert [move.after.name for move in found.ended_otherwise] == ["a"]


def test_settings_that_changed_are_told_by_their_names(dataset):
    """For how many clips, from what to what."""
    loose, strict = (dataset.add_settings({"limits": name, "fps": 30}) for name in ("loose", "strict"))
    add_build(dataset, put(dataset, row("a", settings=loose), row("b", settings=loose)))
    rows = put(dataset, row("a", settings=strict), row("b", settings=strict))
    add_build(dataset, rows)
    found = compare(dataset, rows)
    assert found is not None
    assert [(new.n_clips, new.changes) for new in found.settings] == [(2, ("limits: 'loose' -> 'strict'",))]
    assert settings_named(dataset) == {loose, strict}


def test_a_harmed_line_is_found_and_costs_no_more_than_what_builds_on_it(dataset):
    """Verify names it; repair takes the file away; the next build begins a new one."""
    for number in range(3):
        add_build(dataset, put(dataset, row("a", 0.01 * number), row("b")))
    write_catalogue(dataset)
    path = dataset.root / BUILDS_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"accepted", b"rejected") + lines[2])
    history = read_history(dataset)
    assert history.last is None and history.n_lines == 3 and "line 2" in history.damaged[0]
    assert compare(dataset, read_rows(dataset)) is None
    rows = put(dataset, row("a", 0.5), row("b"))
    assert add_build(dataset, rows) and read_history(dataset).last.number == 4
    add_build(dataset, put(dataset, row("a"), row("b")))
    assert (read_history(dataset).before.number, read_history(dataset).last.number) == (4, 5)
    write_catalogue(dataset)
    faults = [fault for fault in verify(dataset).faults if fault.path == BUILDS_FILE]
    assert len(faults) == 1 and "line 2" in str(faults[0])
    assert BUILDS_FILE in repair(dataset, verify(dataset))
    assert not [fault for fault in verify(dataset).faults if fault.path == BUILDS_FILE]


@pytest.mark.parametrize("harm", [b"{", b"[]\n", b"null\n", b"\xff\xfe\n", b'{"sha256": 1}\n', b"\n", b"[" * 100_000])
def test_whatever_stands_in_the_file_is_no_crash(dataset, harm):
    """It is told as a line that cannot be read."""
    rows = put(dataset, row("a"))
    (dataset.root / BUILDS_FILE).write_bytes(harm)
    assert read_history(dataset).damaged and compare(dataset, rows) is None
    assert add_build(dataset, rows) and read_history(dataset).last.number == 2


def test_a_build_that_is_cut_off_the_file_is_missed(dataset):
    """The index has the hash of the whole."""
    rows = put(dataset, row("a"))
    write_catalogue(dataset, build_ended=True)
    put(dataset, replace(rows[0], usable_s=1.0))
    write_catalogue(dataset, build_ended=True)
    path = dataset.root / BUILDS_FILE
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert BUILDS_FILE in [fault.path for fault in verify(dataset).faults]


def test_settings_that_a_comparison_needs_outlive_tidying_and_go_along_with_a_copy(dataset, tmp_path):
    """Or nobody could say what changed."""
    loose, strict = (dataset.add_settings({"limits": name}) for name in ("loose", "strict"))
    unused = dataset.add_settings({"limits": "never"})
    for settings in (loose, strict):
        put(dataset, row("a", settings=settings))
        write_catalogue(dataset, build_ended=True)
    gc(dataset)
    left = {path.stem for path in (dataset.root / "settings").iterdir()}
    assert left == {loose, strict} and unused not in left
    publish(dataset, Target.of(str(tmp_path / "copy")))
    assert {path.stem for path in (tmp_path / "copy" / "settings").iterdir()} == {loose, strict}
    assert (tmp_path / "copy" / BUILDS_FILE).read_bytes() == content(dataset)
    copied = Dataset.open(tmp_path / "copy")
    assert compare(copied, read_rows(copied)) == compare(dataset, read_rows(dataset)) is not None


def test_nothing_is_lost_if_the_line_cannot_be_written(dataset):
    """It is one file, put in the old one's place."""
    from pipeline.exceptions import OutputNotWritable

    (dataset.root / BUILDS_FILE).mkdir()
    with pytest.raises(OutputNotWritable, match=BUILDS_FILE):
        add_build(dataset, put(dataset, row("a")))


def test_a_build_that_was_killed_at_its_end_and_repeated_leaves_what_an_undisturbed_one_leaves(tmp_path):
    """Byte for byte: line, index and page."""
    roots = []
    for name, killed in (("peace", False), ("chaos", True)):
        dataset = Dataset.open_or_create(tmp_path / name)
        for rows in ((row("a"), row("b", 0.3)), (row("a", 0.2), row("b"))):
            put(dataset, rows[0]) if killed else None  # a run that was stopped half-way says what is there so far
            write_catalogue(dataset, write_run_page) if killed else None
            found = put(dataset, *rows)
            add_build(dataset, found) if killed else None  # and another just after its line was written
            write_catalogue(dataset, write_run_page, build_ended=True)
        roots.append(dataset.root)
    files = [{path.name: path.read_bytes() for path in root.iterdir() if path.is_file()} for root in roots]
    assert files[0] == files[1] and {BUILDS_FILE, "report.html", "index.json"} <= set(files[0])


def test_the_index_made_anew_adds_no_build(dataset):
    """And leaves the page as it is."""
    put(dataset, row("a"))
    write_catalogue(dataset, write_run_page, build_ended=True)
    before = content(dataset), (dataset.root / "report.html").read_bytes()
    write_catalogue(dataset, write_run_page)
    assert before == (content(dataset), (dataset.root / "report.html").read_bytes())
    put(dataset, row("a", 0.3))
    write_catalogue(dataset, write_run_page)
    assert content(dataset) == before[0]
