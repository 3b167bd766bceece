"""Laws of ``wushu play``: what is decided by its keys is kept like any other decision."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flows.commands.play import Play, PlayDesk
from flows.exceptions import NoMotion, OptionOutOfRange
from pipeline.clip import Clip, Source
from pipeline.decisions import DECISIONS_FILE, Ruling, read_decisions
from pipeline.manifest import ManifestRow, write_row
from pipeline.store import Dataset

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


def row_of(name: str, fingerprints: dict[str, str], error: str | None = None) -> ManifestRow:
    clip = Clip.of(Source(path=f"{name}.bvh", sha256=name))
    return ManifestRow(clip=clip, fingerprints=fingerprints, metrics={}, licences=(), error=error)


@pytest.fixture
def dataset(tmp_path):
    return Dataset.open_or_create(tmp_path / "set")


@pytest.fixture
def row(dataset):
    """A clip with a motion."""
    row = row_of("kata", {"retarget": "1" * 16})
    dataset.add_clip(row.clip)
    write_row(dataset, row)
    return row


@pytest.fixture
def desks(dataset, row):
    """Two reviewers at the same clip, who have both looked at it."""
    both = [PlayDesk(dataset, [row], by=name, now=lambda: AT) for name in ("ann", "bob")]
    for desk in both:
        assert "nobody decided" in desk.told(0)
    return both


def rulings(dataset, row):
    return [(d.by, d.ruling, d.reason) for d in read_decisions(dataset, row.clip.id).items]


def test_a_ruling_is_kept_and_taken_back(dataset, row, desks):
    """With the login, the time, and the motion that was seen."""
    ann, _ = desks
    assert ann.accept(0, None) == "accepted" and "accept by ann" in ann.told(0)
    assert "taken back" in ann.undo(0) and "nobody decided" in ann.told(0)
    first = read_decisions(dataset, row.clip.id).items[0]
    assert (first.fingerprint, first.at) == ("1" * 16, "2026-11-22T08:30:00+00:00")
    assert "nothing" in ann.undo(0).lower() or "no " in ann.undo(0).lower()
    assert rulings(dataset, row) == [("ann", Ruling.ACCEPT, ""), ("ann", Ruling.UNDO, "")]


def test_nobody_is_overruled_unseen_and_the_same_key_again_overrules(dataset, row, desks):
    """What the other one said is shown first; another key in between asks anew."""
    ann, bob = desks
    ann.accept(0, None)
    assert "accept by ann" in bob.reject(0, "floating")
    assert "accept by ann" in bob.reject(0, "jitter"), "it is another ruling"
    assert rulings(dataset, row) == [("ann", Ruling.ACCEPT, "")]
    assert "accept by ann" in bob.told(0)
    assert bob.reject(0, "jitter") == "rejected: jitter"
    assert rulings(dataset, row)[1:] == [("bob", Ruling.REJECT, "jitter")]


def test_what_cannot_be_kept_is_a_sentence_and_closes_no_window(dataset, row, desks):
    """The motion was solved anew, or the file cannot be written."""
    ann, bob = desks
    write_row(dataset, row_of("kata", {"retarget": "2" * 16}))
    assert "kata" in ann.accept(0, None) and rulings(dataset, row) == []
    write_row(dataset, row)
    (dataset.clip_dir(row.clip.id) / DECISIONS_FILE).mkdir()
    assert DECISIONS_FILE in bob.reject(0, "floating")


def test_a_clip_without_a_motion_cannot_be_played(dataset):
    """Nor can a dataset in which none has one; the sentence says why."""
    with pytest.raises(NoMotion, match="set"):
        Play(dataset=dataset.root)()
    broken = row_of("noise", {}, error="it is no video")
    dataset.add_clip(broken.clip)
    write_row(dataset, broken)
    with pytest.raises(NoMotion, match="it is no video"):
        Play(clip="noise", dataset=dataset.root)()


def test_a_speed_that_is_none_is_refused(dataset):
    """Before a window opens."""
    with pytest.raises(OptionOutOfRange, match="speed"):
        Play(dataset=dataset.root, speed=0.0)()
