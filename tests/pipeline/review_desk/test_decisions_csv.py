"""Decisions leave as a table and come back as they were; nothing comes in that overrules somebody unasked."""

from __future__ import annotations

import csv
import io
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.decisions import DECISIONS_FILE, Decision, Ruling, add_decision, read_decisions
from pipeline.hand_edits import ContactEdit
from pipeline.handing import seen_by_reviewers
from pipeline.manifest import read_row
from pipeline.review_desk.decisions_csv import COLUMNS, export_csv, import_csv
from pipeline.review_desk.exceptions import NotKept, UnusableTable
from pipeline.store import Dataset

NAME = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
AWKWARD = ["=1+1", "'=x", "'", "12e3", "-2", "\r\n@a", "''+"]
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30) | st.sampled_from(AWKWARD)
SPAN = st.tuples(st.integers(0, 29), st.integers(30, 60))
CONTACT = st.builds(ContactEdit, foot=st.sampled_from(["left", "right"]), frames=SPAN, stands=st.booleans())


@pytest.fixture
def clip(build):
    return build.add("kick", outcome="rejected")


def print_of(build, clip) -> str:
    found = seen_by_reviewers(read_row(build.dataset, clip.id))
    assert found is not None
    return found


def empty_copy(dataset, folder) -> Dataset:
    """The same dataset, about which nobody decided."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(dataset.root, folder, ignore=shutil.ignore_patterns(DECISIONS_FILE, ".*"))
    return Dataset.open(folder)


def kept(dataset, clip):
    return [(str(item.ruling), item.by) for item in read_decisions(dataset, clip.id).items]


def rows_of(content: bytes):
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def table(*rows) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def line(build, of, ruling="accept", by="ann", at="2026-11-22T08:30:00+00:00", **words):
    return {"clip": of.id, "fingerprint": print_of(build, of), "ruling": ruling, "by": by, "at": at, **words}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_leaves_as_a_table_comes_back_as_it_was(build, tmp_path, data):
    """Whatever is in names and notes, edits, disputes and undone rulings included; a second time all is known."""
    clip = build.add("kick")
    (build.dataset.clip_dir(clip.id) / DECISIONS_FILE).unlink(missing_ok=True)
    reviewers = data.draw(st.lists(NAME, min_size=1, max_size=3, unique=True))
    stands: dict[str, int] = {}
    for minute in range(data.draw(st.integers(1, 6))):
        by = data.draw(st.sampled_from(reviewers))
        ruling = data.draw(st.sampled_from(["accept", "reject", *(["undo"] if stands.get(by) else [])]))
        stands[by] = stands.get(by, 0) + (-1 if ruling == "undo" else 1)
        words = {"note": data.draw(TEXT), "reason": data.draw(st.sampled_from(["", "good", "12", "foot-skate"]))}
        if ruling == "accept":
            words["frames"] = data.draw(st.none() | SPAN)
            words["ground_m"] = data.draw(st.floats(-0.2, 0.2))
            words["contacts"] = tuple(data.draw(st.lists(CONTACT, max_size=3)))
        made = Decision(
            clip_id=clip.id,
            fingerprint=print_of(build, clip),
            ruling=Ruling(ruling),
            by=by,
            at=f"2026-11-22T08:{minute:02d}:00+00:00",
            **words,
        )
        add_decision(build.dataset, made)
    content = export_csv(build.dataset)
    other = empty_copy(build.dataset, tmp_path / "copy")
    done = import_csv(other, content)
    assert done.refused == ()
    assert read_decisions(other, clip.id) == read_decisions(build.dataset, clip.id)
    assert export_csv(other) == content
    again = import_csv(other, content)
    assert (again.imported, again.known, again.refused) == (0, done.imported, ())


def test_no_cell_is_a_formula_or_a_number_that_was_a_name(build, clip):
    """A spreadsheet computes the one, and forgets the digits of the other."""
    build.decide(clip, "reject", by="=cmd()", note="@SUM(A1)")
    build.decide(clip, "reject", by="+1", note="\t=1", reason="12345678")
    build.decide(clip, "accept", by="12e45", ground_m=-0.02, note="\uff1d1")
    for row in rows_of(export_csv(build.dataset)):
        for name, cell in row.items():
            assert name == "ground_m" or not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))
        assert row["by"].startswith("'")
    assert [row["ground_m"] for row in rows_of(export_csv(build.dataset))] == ["", "", "-0.02"]


def test_the_table_is_sorted_by_clips_and_holds_those_that_are_no_more(build):
    """Of two exports of the same decisions no byte differs."""
    clips = [build.add(name) for name in ("a", "b", "c")]
    for clip in clips:
        build.decide(clip, "reject", note=clip.name)
    build.decide(clips[0], "accept", stale=True)
    rows = rows_of(export_csv(build.dataset))
    assert len(rows) == 4
    assert [row["clip"].lstrip("'") for row in rows] == sorted(row["clip"].lstrip("'") for row in rows)
    assert [row["clip_name"] for row in rows] == [row["note"] or "a" for row in rows]


def test_each_line_that_cannot_be_kept_is_told_by_its_number(build, clip):
    """And costs only itself; a note of several lines counts by its first."""
    good = line(build, clip, note="two\nlines")
    content = (
        table(
            good,
            line(build, clip, clip="0" * 16),
            line(build, clip, clip="../../etc"),
            line(build, clip, fingerprint="f" * 16),
            line(build, clip, ruling="maybe"),
            line(build, clip, first_frame="3"),
            line(build, clip, first_frame="3", end_frame="x"),
            line(build, clip, first_frame="3", end_frame="61"),
            line(build, clip, ground_m="high"),
            line(build, clip, ground_m="nan"),
            line(build, clip, contacts="left 3 stands"),
            line(build, clip, at="yesterday"),
            line(build, clip, by=""),
            line(build, clip, ruling="undo", by="nobody"),
            line(build, clip, ruling="reject", first_frame="3", end_frame="9"),
            line(build, clip, at="2026-11-22T09:30:00+00:00", first_frame="3", end_frame="9"),
        )
        + b"too,few\r\n"
    )
    done = import_csv(build.dataset, content)
    assert (done.imported, done.known) == (2, 0)
    told = {refused.line: refused.sentence for refused in done.refused}
    assert list(told) == [*range(4, 18), 19]
    for number, said in {
        4: "there is no clip '0000000000000000'",
        5: "clip_id: must be letters and digits",
        6: "solved anew",
        7: "unknown ruling 'maybe'",
        8: "give both first_frame and end_frame",
        9: "end_frame is no number",
        10: "frame 60 is named",
        11: "ground_m is no number",
        12: "raised by -0.2 to 0.2 m, got nan",
        13: "contacts are written as",
        14: "a time in UTC",
        15: "a name on one line",
        16: "nobody has nothing to take back",
        17: "name no frames",
        19: "it has 2 cells, and the first line names 12",
    }.items():
        assert said in told[number]


def test_what_differs_from_another_reviewers_ruling_needs_to_be_said(build, clip):
    """One that the table itself holds was seen by those who decided after it."""
    build.decide(clip, "accept", by="bob")
    content = table(line(build, clip, "reject"))
    done = import_csv(build.dataset, content)
    assert (done.imported, len(done.refused)) == (0, 1)
    assert "it differs from: accept by bob, 2026-11-22" in done.refused[0].sentence
    assert import_csv(build.dataset, table(line(build, clip, "accept"))).imported == 1
    assert import_csv(build.dataset, content, overrule=True).imported == 1
    assert kept(build.dataset, clip) == [("accept", "bob"), ("accept", "ann"), ("reject", "ann")]


def test_a_table_that_holds_the_other_ruling_as_well_overrules_it(build, clip):
    """It was exported where both stood."""
    build.decide(clip, "accept", by="bob")
    done = import_csv(build.dataset, table(line(build, clip, by="bob"), line(build, clip, "reject")))
    assert (done.imported, done.known, done.refused) == (1, 1, ())


def test_an_older_ruling_does_not_overrule_a_newer_one_of_the_same_reviewer(build, clip):
    build.decide(clip, "reject")
    done = import_csv(build.dataset, table(line(build, clip, at="2026-11-21T08:30:00+00:00")))
    assert done.refused[0].sentence == "ann decided on it later, which is not in the table."


def test_an_undo_takes_back_nothing_but_what_the_table_says(build, clip):
    """Where its ruling was refused, or is another than what stands."""
    build.decide(clip, "reject")
    later = "2026-11-22T09:30:00+00:00"
    undo = line(build, clip, "undo", at="2026-11-22T10:30:00+00:00")
    (refused,) = import_csv(build.dataset, table(undo)).refused
    assert "it would take back what is not in the table: reject by ann" in refused.sentence
    stale = line(build, clip, at=later, fingerprint="f" * 16)
    done = import_csv(build.dataset, table(line(build, clip, "reject"), stale, undo))
    assert [refused.line for refused in done.refused] == [3, 4]
    assert kept(build.dataset, clip) == [("reject", "ann")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "its first line does not name clip"),
        (b"clip;by\r\n", "does not name clip, fingerprint, ruling, by, at, separated by commas"),
        (b"\xff\xfe\x00", "it is not text in UTF-8"),
        (",".join([*COLUMNS, "by"]).encode(), "names a column twice"),
        (table() + b'"open', "line 2 cannot be read"),
    ],
)
def test_what_is_no_table_is_one_sentence(build, content, said):
    with pytest.raises(UnusableTable, match=f"no table of decisions: .*{said}"):
        import_csv(build.dataset, content)


def test_an_import_that_the_disk_ends_goes_on_where_it_was(build, clip):
    """What was taken over stays, and is known the next time."""
    other = build.add("other")
    first, second = sorted([clip, other], key=lambda clip: clip.id)
    content = table(line(build, first, "reject"), line(build, second, "reject"))
    path = build.dataset.clip_dir(second.id) / DECISIONS_FILE
    path.mkdir()
    with pytest.raises(NotKept):
        import_csv(build.dataset, content)
    path.rmdir()
    done = import_csv(build.dataset, content)
    assert (done.imported, done.known) == (1, 1)


def test_a_table_that_a_spreadsheet_saved_again_is_still_one(build, clip):
    """Without the mark, with other line ends, and with empty lines behind."""
    build.decide(clip, "reject", note="high")
    content = export_csv(build.dataset).decode("utf-8-sig").replace("\r\n", "\n") + ",,,,,,,,,,,\n\n"
    other = empty_copy(build.dataset, build.dataset.root.parent / "copy")
    assert import_csv(other, content.encode()).imported == 1
