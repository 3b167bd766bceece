"""What a hand-over says of its motions, and of those that it leaves out: metadata, README, one sentence."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from pipeline.exceptions import CorruptArtefact
from pipeline.export import FORMATS
from pipeline.handing import HandoffOptions, Why, hand_over
from pipeline.handing.exceptions import NothingToHandOver
from pipeline.handing.readme import COMMANDS
from pipeline.sealed import read_sealed
from robots.exceptions import UnknownName
from robots.g1 import load_g1

REPOSITORY = Path(__file__).parents[3]


def test_the_metadata_says_where_a_motion_comes_from_and_what_it_may_be_used_for(build, tmp_path):
    """A person's decision, a difficulty, the versions that made it; JSON that is sealed, and a table."""
    nc = build.add("kick", outcome="rejected", licences=("CC BY-NC 4.0",), cap=1.4, score=0.4)
    build.decide(nc, "accept", frames=(10, 40), reason="good-kick")
    build.add("=form()", cap=0.25)
    bad = build.add("bad", outcome="rejected")
    out = tmp_path / "out"
    hand_over(build.dataset, out, HandoffOptions(to="unitree-csv", val_share=0.0))
    document = read_sealed(out / "metadata.json")
    kept, form = sorted(document["files"], key=lambda entry: entry["source"], reverse=True)
    assert (kept["clip"], kept["frames"], kept["kind"], kept["accepted_by"]) == (nc.id, [10, 40], "part", "decision")
    assert kept["decision"]["reason"] == "good-kick"
    assert not kept["rejections"]  # what refused the clip is not in these frames
    assert kept["score"] > 0.4
    assert kept["edits"] == ["frames 10 to 39 were kept, by ann"]
    assert (kept["difficulty"], form["difficulty"], form["follows_without_help"]) == (1.0, 0.25, True)
    assert (kept["commercial_use"], form["commercial_use"], document["commercial_use"]) == (
        "forbidden",
        "allowed",
        "forbidden",
    )
    assert form["stages"]["retarget"]["version"] == 7
    assert document["stage_versions"]["leads"] == [7]
    assert document["settings"] == [build.settings]
    assert document["joint_order"] == list(load_g1("29dof").joint_names)
    assert [item["name"] for item in document["left_out"]] == [bad.id]
    first, *rows = csv.reader((out / "metadata.csv").read_text(encoding="utf-8").splitlines())
    assert first[:2] == ["file", "split"]
    assert {row[first.index("source")] for row in rows} == {"kick", "'=form()"}
    (out / "metadata.json").write_bytes((out / "metadata.json").read_bytes().replace(b'"allowed"', b'"alloweD"'))
    with pytest.raises(CorruptArtefact, match="has changed since it was written"):
        read_sealed(out / "metadata.json")


def test_what_reviewers_differ_on_goes_with_a_note(build, tmp_path):
    """To whoever hands over, and to whoever trains."""
    clip = build.add("kick")
    build.decide(clip, "reject", by="bob", reason="jitter")
    build.decide(clip, "accept")
    bundle = hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="unitree-csv"))
    told = "reviewers differ on it: accept by ann, 2026-11-22 is the last word, against reject by bob"
    (note,) = [note for note in bundle.notes if clip.id in note]
    assert told in note
    assert told in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert note in read_sealed(tmp_path / "out" / "metadata.json")["notes"]


def test_nothing_accepted_is_one_sentence_and_no_folder(build, tmp_path):
    """It counts what stands in the way, and says what to do."""
    options = HandoffOptions(to="pbhc")
    with pytest.raises(NothingToHandOver, match=r"set: holds no clip to hand over as pbhc\. Make some with"):
        hand_over(build.dataset, tmp_path / "out", options)
    for name in ("a", "b"):
        build.add(name, outcome="rejected")
    build.add("c", outcome="broken")
    build.add("d", variants=("29dof",))
    said = (
        r"nothing can be handed over as pbhc: 2 refused by the checks, .*1 without a motion of this robot.*The first: "
    )
    with pytest.raises(NothingToHandOver, match=said) as told:
        hand_over(build.dataset, tmp_path / "out", options)
    assert told.value.counts[Why.BROKEN] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_an_unknown_format_is_named_with_those_that_are(build, tmp_path):
    """Before anything is read or written."""
    with pytest.raises(
        UnknownName, match=r"unknown hand-off format 'mjlb'\. Did you mean 'mjlab'\? Known: pbhc, mjlab"
    ):
        hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="mjlb"))
    assert not (tmp_path / "out").exists()


def test_the_readme_says_how_training_starts_as_it_was_checked(five, tmp_path):
    """The commands are those of the page that is held against the consumers, with a file that is there."""
    page = (REPOSITORY / "docs" / "handoff-consumers.md").read_text(encoding="utf-8")
    words = re.compile(r"(?<= )[-+]+[a-z][\w.-]+(?:=[\w/]+)?|scripts/\S+\.py|-m \S+")
    known = set(words.findall(page))
    for to in FORMATS:
        out = tmp_path / to
        hand_over(five.dataset, out, HandoffOptions(to=to, val_share=0.2))
        text = (out / "README.md").read_text(encoding="utf-8")
        command = re.search(r"\n    (python (?:.*\\\n)*.*)\n", text)
        assert command is not None
        asked = set(words.findall(command[1].replace("\\\n", " ")))
        assert len(asked) >= 2
        assert asked <= known, asked - known
        named = re.search(r"train/[\w.-]+", command[1])
        assert named is not None
        assert (out / named[0]).is_file()
        assert "CC BY 4.0, J. Doe" in text
        assert "All of it may be used commercially" in text
    assert "BeyondMimic is served by this CSV" in COMMANDS["unitree-csv"]


def test_what_users_wrote_stays_text(build, tmp_path):
    """A licence with markup in it, or with braces, is shown as it is and breaks nothing."""
    build.add("kick", licences=("<script>{0}{first}</script>\n# MIT",))
    hand_over(build.dataset, tmp_path / "out", HandoffOptions(to="gmr"))
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "- &lt;script>{0}{first}&lt;/script> # MIT\n" in text
    assert "Not known to be free for commercial use" in text
    assert json.loads((tmp_path / "out" / "metadata.json").read_text())["commercial_use"] == "unknown"
