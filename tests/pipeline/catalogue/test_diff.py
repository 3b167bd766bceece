"""Two builds differ for a reason, and it is named: version, setting, fact, source, or the machine."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pipeline.builds import changed_keys
from pipeline.catalogue.diff import diff
from pipeline.clip import Clip
from pipeline.manifest import read_rows
from pipeline.measurement import Measurements
from pipeline.process_clip import process_clip


@pytest.fixture
def other(studio, film, tmp_path):
    """Builds another dataset of the same film."""

    def build(sources=None, **how):
        return studio.build(tmp_path / "other", sources or [film()], **how)

    return build


def test_equal_builds_do_not_differ(dataset, other):
    """Built twice, it is the same."""
    assert diff(dataset, other()).is_none


def test_a_setting_is_named_by_its_path_and_values_once_for_all_clips(dataset, other):
    """What follows from it is not told again."""
    found = diff(dataset, other(scale=2.5))
    assert list(found.causes) == ["validation: settings.model.scale: 2.0 -> 2.5"]
    ((_, clips),) = found.causes.items()
    assert len(clips) == 2
    assert all("score 0.5 -> 0.4" in sentence for sentence in found.outcomes) and len(found.outcomes) == 2


def test_a_version_is_named(dataset, other):
    """Results of another version may be the same; they are told apart all the same."""
    found = diff(dataset, other(versions={"verdict": 3}))
    assert list(found.causes) == ["verdict: version 1 -> 3"]
    assert found.outcomes == ()


def test_every_cause_is_named_where_it_works_first(dataset, other):
    """Not only the very first: what follows from another difference may have one of its own."""
    found = diff(dataset, other(limit=1.0, versions={"plausibility": 2, "handoff": 4}))
    assert set(found.causes) == {
        "plausibility: version 1 -> 2",
        "verdict: settings.limit: 3.0 -> 1.0",
        "handoff: version 1 -> 4",
    }
    assert "accepted -> rejected" in found.outcomes[0]


def test_a_setting_of_several_stages_is_told_once(dataset, other, studio, monkeypatch):
    """Of the first that has it."""
    whole = studio.stages

    def with_limits_at_the_end(**how):
        stages = whole(**how)
        *rest, last = stages.video
        return replace(stages, video=(*rest, replace(last, config=[{"limits": {"limit": how.get("limit", 3.0)}}])))

    monkeypatch.setattr(studio, "stages", with_limits_at_the_end)
    studio.build(dataset.root, [row.clip.source for row in read_rows(dataset)][:1])
    assert list(diff(dataset, other(limit=2.5)).causes) == ["verdict: settings.limit: 3.0 -> 2.5"]


def test_what_the_user_said_of_the_source_is_named(dataset, other, film):
    """By its path, with both values."""
    found = diff(dataset, other([film(notes="outdoors")]))
    assert list(found.causes) == ["plausibility: of the source: notes: '' -> 'outdoors'"]


def test_a_replaced_video_is_told_by_its_name(dataset, other, film):
    """Its clips are others, although it is called the same."""
    found = diff(dataset, other([film(content=b"another film")]))
    assert found.replaced and found.replaced[0].startswith("kata: another file of the same name (sha256 ")
    assert (len(found.gone), len(found.new)) == (2, 2)


def test_clips_of_one_side_are_listed(dataset, other):
    """By name and id."""
    found = diff(dataset, other(people="main"))
    assert len(found.gone) == 1 and found.gone[0].startswith("kata person 2") and found.new == ()


def test_other_bytes_from_the_same_recipe_are_laid_to_the_machine(dataset, other, studio, whole):
    """Same clip, version, settings, and another number: no setting explains that."""
    elsewhere = other()
    for row in read_rows(elsewhere):
        name = row.fingerprints["plausibility"]
        origin = elsewhere.origin(row.clip.id, "plausibility", name)
        record = elsewhere.load(row.clip.id, "plausibility", name, Measurements)
        item = replace(record.items[0], value=float(np.nextafter(1.0, 2.0)))
        elsewhere.save(row.clip.id, "plausibility", name, replace(record, items=(item,)), origin)
    ((cause, clips),) = diff(dataset, elsewhere).causes.items()
    assert cause == (
        "plausibility: same input, version and settings, other bytes: made by other libraries or on another machine"
    )
    assert len(clips) == 2


def test_a_damaged_outcome_stops_nothing_and_is_told(dataset, other):
    """The rest is compared."""
    elsewhere = other()
    row = read_rows(elsewhere)[0]
    (elsewhere.clip_dir(row.clip.id) / "row.json").write_text("{")
    found = diff(dataset, elsewhere)
    assert "row.json: is damaged or cut off" in found.damaged[0] and len(found.gone) == 1


def test_a_broken_clip_says_what_broke(dataset, other):
    """An error is an outcome like others."""
    found = diff(dataset, other(broken=("kata",), versions={"plausibility": 2}))
    assert "accepted -> broken" in found.outcomes[0] and "this clip cannot be used" in found.outcomes[0]


def test_dotted_paths_lead_to_what_changed():
    """In objects and in lists; what is only on one side says so."""
    old, new = json.loads('{"a": {"b": [1, 2]}, "c": 1}'), json.loads('{"a": {"b": [1, 3]}, "d": 1}')
    assert list(changed_keys(old, new)) == ["a.b.1: 2 -> 3", "c: 1 -> nothing", "d: nothing -> 1"]


def test_a_clip_alone_can_be_compared_too(studio, dataset, film):
    """A dataset is equal to itself, whatever lies in it beside its outcomes."""
    clip = Clip.of(film("solo", b"solo"), span_s=(0.0, 3.9))
    process_clip(clip, studio.stages().of(clip), dataset)
    assert diff(dataset, dataset).is_none
