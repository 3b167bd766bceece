"""No source is seen most of the time, and what is left out is the worst of it."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from pipeline.clip import Clip, Source
from pipeline.handing.balance import balance
from pipeline.handing.candidate import Candidate, Why
from pipeline.licences import Use
from pipeline.manifest import ManifestRow

described = st.tuples(st.sampled_from("abcd"), st.floats(1.0, 20.0), st.floats(0.0, 1.0))


def candidates(described):
    """Motions as source, seconds and score."""
    rows = {
        s: ManifestRow(clip=Clip.of(Source(path=s, sha256=s)), fingerprints={}, metrics={}, licences=()) for s in "abcd"
    }
    return [
        Candidate(
            name=f"{number}",
            row=rows[source],
            kind="whole",
            variant="29dof",
            frames=(0, 1),
            duration_s=seconds,
            score=score,
            use=Use.ALLOWED,
        )
        for number, (source, seconds, score) in enumerate(described)
    ]


def by_source(items):
    found = defaultdict(list)
    for item in items:
        found[item.source].append(item)
    return found


@given(st.lists(described, max_size=25))
def test_no_source_gives_more_than_the_median_source(described):
    """But a source whose every motion is longer: of it the shortest stays, since nothing is cut."""
    given_ = candidates(described)
    kept, left_out, notes = balance(given_)
    assert [item.name for item in given_ if item in kept] == [item.name for item in kept]
    assert sorted(item.name for item in (*kept, *left_out)) == sorted(item.name for item in given_)
    assert all(item.why is Why.BALANCE for item in left_out)
    sources = by_source(given_)
    assert set(by_source(kept)) == set(sources)
    limit = median(sum(i.duration_s for i in items) for items in sources.values()) if sources else 0.0
    beyond = 0
    for source, items in by_source(kept).items():
        total = sum(item.duration_s for item in items)
        shortest = min(item.duration_s for item in sources[source])
        assert total <= limit + 1e-6 or (len(items) == 1 and total == shortest > limit)
        beyond += total > limit + 1e-6
    assert len(notes) == beyond


def test_the_lowest_scores_are_left_out_first():
    """Of three that are equally long, where the median has room for two."""
    kept, left_out, _ = balance(
        candidates([("a", 5, 0.3), ("a", 5, 0.9), ("a", 5, 0.6), ("b", 10, 0.1), ("c", 2, 0.5)])
    )
    assert [item.score for item in kept] == [0.9, 0.6, 0.1, 0.5]
    (one,) = left_out
    assert (one.name, "10.0 s" in one.sentence) == ("0", True)


def test_a_source_that_still_gives_more_is_told():
    """Its only motion is long: it stays, and the user may cut it."""
    kept, left_out, (note,) = balance(candidates([("a", 5, 0.3), ("b", 5, 0.9), ("c", 30, 0.6)]))
    assert (len(kept), left_out) == (3, [])
    assert note.startswith("c: still gives 30.0 s, more than the median source's 5.0 s")


def test_nothing_is_balanced_where_nothing_is():
    """An empty choice stays one."""
    assert balance([]) == ([], [], [])
