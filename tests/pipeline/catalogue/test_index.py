"""The index is made from the outcomes alone, holds all that one chooses by, and equal datasets have equal ones."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.catalogue.index import rebuild_index, write_catalogue
from pipeline.catalogue.verify import verify
from pipeline.manifest import read_rows, write_row
from pipeline.sealed import read_sealed
from pipeline.store import Dataset

MADE = ("manifest.parquet", "README.md", "index.json")


def index(dataset):
    return {row["clip_id"]: row for row in pq.read_table(dataset.root / "manifest.parquet").to_pylist()}


def made(dataset):
    return {name: (dataset.root / name).read_bytes() for name in MADE}


def front_matter(dataset):
    return yaml.safe_load((dataset.root / "README.md").read_text().split("---\n")[1])


def test_a_clip_is_one_row_with_all_that_one_chooses_by(dataset):
    """Numbers as numbers, sentences as sentences, results by their fingerprints."""
    found = index(dataset)
    rows = read_rows(dataset)
    assert list(found) == [row.clip.id for row in rows]
    for row in rows:
        line = found[row.clip.id]
        assert (line["name"], line["outcome"], line["person"]) == (row.clip.name, "accepted", row.clip.person)
        assert (line["score"], line["duration_s"], line["validation.size"]) == (0.5, 2.0, 2.0)
        assert line["handed_off_s.csv"] == 2.0 and line["reasons"] == [] and line["error"] is None
        assert line["licences"] == ["BlazePose: Apache-2.0", "CC BY 4.0, J. Doe"]
        assert line["commercial_use"] == "allowed" and line["settings"] == row.settings
        arrays = f"clips/{line['clip_id']}/validation-{line['fingerprint.validation']}.npz"
        assert np.load(dataset.root / arrays, allow_pickle=False).files == []


def test_a_broken_clip_has_its_sentence_and_no_numbers(dataset, studio, film):
    """Columns that others fill stay empty."""
    studio.build(dataset.root, [film("lost", b"lost")], broken=("lost",))
    line = next(line for line in index(dataset).values() if line["source_name"] == "lost")
    assert (line["outcome"], line["error"]) == ("broken", "this clip cannot be used")
    assert line["score"] is None and line["validation.size"] is None and line["fingerprint.handoff"] is None


def test_the_index_is_made_from_the_outcomes_alone(dataset):
    """Lost or nonsense, it comes back byte for byte."""
    before = made(dataset)
    for name in MADE:
        (dataset.root / name).unlink()
    rebuild_index(dataset)
    assert made(dataset) == before
    (dataset.root / "manifest.parquet").write_bytes(b"nonsense")
    (dataset.root / "index.json").write_text("{}")
    rebuild_index(dataset)
    assert made(dataset) == before


def test_equal_datasets_have_equal_index_and_card_whatever_the_clock_says(dataset, studio, film, tmp_path):
    """Nothing of the day, the machine or the order of the work is in them."""
    assert made(studio.build(tmp_path / "again", [film()])) == made(dataset)
    two = (film("a", b"a"), film("b", b"b"))
    first, second = studio.build(tmp_path / "one", two), studio.build(tmp_path / "two", two[::-1])
    assert made(first) == made(second)


def test_an_empty_dataset_has_an_index_without_rows_and_a_card(tmp_path):
    """And both can be read."""
    empty = Dataset.open_or_create(tmp_path / "empty")
    assert len(write_catalogue(empty)) == 0
    assert index(empty) == {} and front_matter(empty)["license"] == ["unknown"]


def test_a_damaged_outcome_is_left_out_and_counted(dataset):
    """The others are indexed."""
    row = read_rows(dataset)[0]
    (dataset.clip_dir(row.clip.id) / "row.json").write_text("{")
    rows = write_catalogue(dataset)
    assert (len(rows), len(rows.damaged), len(index(dataset))) == (1, 1, 1)
    assert "Outcomes that cannot be read, and are not counted: 1." in (dataset.root / "README.md").read_text()


def test_a_page_written_with_the_index_belongs_to_it(dataset):
    """It is hashed beside the others, and made of the same outcomes."""
    seen = []

    def page(of, rows):
        seen.append(len(rows))
        (of.root / "report.html").write_text("<p>page</p>")

    write_catalogue(dataset, page)
    assert seen == [2] and set(read_sealed(dataset.root / "index.json")["files"]) == {
        "manifest.parquet",
        "README.md",
        "report.html",
    }
    (dataset.root / "report.html").write_text("<p>other</p>")
    assert [finding.path for finding in verify(dataset).faults] == ["report.html"]


def test_the_card_says_what_the_hub_asks_and_what_people_ask(dataset, studio, film):
    """Licences with their seconds, outcomes, funnel, settings."""
    studio.build(dataset.root, [film("nc", b"nc", licence="CC BY-NC-SA 4.0")], scale=3.5)
    front = front_matter(dataset)
    assert front["license"] == ["apache-2.0", "cc-by-4.0", "cc-by-nc-sa-4.0"]
    assert front["size_categories"] == ["n<1K"] and "unitree-g1" in front["tags"]
    text = (dataset.root / "README.md").read_text()
    assert "| accepted | 2 | 4.0 | 0.0 |" in text and "| rejected | 2 | 4.0 | 0.0 |" in text
    assert "| CC BY-NC-SA 4.0 | forbidden | 2 | 0.0 |" in text and "| in files for csv | 2 | 4.0 |" in text
    assert "| `validation.size` | 2 |" in text and '| limits: "any" |' in text


def test_seconds_of_commercial_use_are_those_of_the_worst_licence(dataset):
    """A clip is as free as the least free thing it was made from."""
    first, second = read_rows(dataset)
    write_row(dataset, replace(first, usable_s=2.0))
    write_row(dataset, replace(second, usable_s=5.0, licences=("CC0", "CC BY-NC 4.0")))
    write_catalogue(dataset)
    text = (dataset.root / "README.md").read_text()
    assert "allowed for 2.0 s of what can be used, forbidden for 5.0 s, unknown for 0.0 s" in text


def test_a_licence_of_a_user_cannot_break_the_card(dataset):
    """It is text, whatever is in it."""
    row = read_rows(dataset)[0]
    write_row(dataset, replace(row, licences=("mine | yours\n---\n<script>",)))
    write_catalogue(dataset)
    text = (dataset.root / "README.md").read_text()
    assert "| mine \\| yours --- &lt;script>" in text
    assert front_matter(dataset)["license"] == ["apache-2.0", "cc-by-4.0", "other"]


def test_the_snippet_of_the_card_runs(dataset, monkeypatch, capsys, tmp_path):
    """In a copy elsewhere, as whoever downloads it has it."""
    shutil.copytree(dataset.root, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    (sample,) = re.findall(r"^```python\n(.*?)^```", (tmp_path / "copy" / "README.md").read_text(), re.M | re.S)
    exec(compile(sample, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("kata")


@pytest.mark.parametrize("name", MADE)
def test_what_stands_in_the_way_of_the_index_is_one_sentence(dataset, name):
    """A folder of its name, say."""
    from pipeline.exceptions import OutputNotWritable

    (dataset.root / name).unlink()
    (dataset.root / name / "x").mkdir(parents=True)
    with pytest.raises(OutputNotWritable, match=re.escape(name)):
        write_catalogue(dataset)


def test_the_guide_explains_every_column(dataset):
    """And none that is not there."""
    guide = (Path(__file__).parents[3] / "docs" / "datasets.md").read_text(encoding="utf-8")
    table = guide[guide.index("| column | type | what |") :].split("\n\n")[0]
    told = {name for line in table.splitlines()[2:] for name in re.findall(r"`([^`]+)`", line.split("|")[1])}
    columns = pq.read_schema(dataset.root / "manifest.parquet").names
    fixed = {name for name in columns if "." not in name}
    assert {name for name in told if "<" not in name} == fixed
    assert {name for name in told if "<" in name} == {
        "handed_off_s.<format>",
        "<stage>.<measurement>",
        "fingerprint.<stage>",
    }


def test_several_runs_that_end_at_once_leave_one_index(dataset):
    """Each makes all of it, one after the other."""
    before = made(dataset)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_catalogue, [dataset] * 8))
    assert made(dataset) == before and not verify(dataset).findings
