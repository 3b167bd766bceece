"""Validation never sees what training saw, and what stood on one side stays there when clips come."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.handing.split import split_sources

sources = st.dictionaries(st.text("0123456789abcdef", min_size=4, max_size=8), st.floats(0.5, 100.0), max_size=40)
shares = st.floats(0.0, 0.99)


def many(n, seed=0):
    rng = random.Random(seed)
    return {hashlib.sha256(f"{seed} {i}".encode()).hexdigest(): rng.uniform(2.0, 20.0) for i in range(n)}


@given(sources, shares, st.integers(0, 5))
def test_every_source_stands_on_one_side(seconds, share, seed):
    """None on both, none on neither; either side has one where there are two and a share was asked for."""
    split = split_sources(seconds, val_share=share, seed=seed)
    assert split.train | split.val == set(seconds)
    assert not split.train & split.val
    if len(seconds) >= 2 and share > 0:
        assert split.train
        assert split.val
    else:
        assert not split.val


@given(sources, shares, st.integers(0, 5), st.randoms())
@settings(max_examples=50)
def test_the_order_in_which_clips_are_found_decides_nothing(seconds, share, seed, rng):
    """A folder is listed in any order."""
    shuffled = list(seconds.items())
    rng.shuffle(shuffled)
    assert split_sources(seconds, val_share=share, seed=seed) == split_sources(
        dict(shuffled), val_share=share, seed=seed
    )


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3, 0.7])
def test_validation_gets_the_share_of_seconds_that_was_asked_for(share):
    """As near as whole sources allow: half of a source."""
    seconds = many(100)
    val = sum(seconds[source] for source in split_sources(seconds, val_share=share, seed=0).val)
    assert abs(val - share * sum(seconds.values())) <= max(seconds.values()) / 2


def test_a_new_source_moves_hardly_any_across():
    """A policy is compared with last week's on what neither was trained on."""
    moved = 0
    for seed in range(50):
        before = many(60, seed)
        new = {hashlib.sha256(f"new {seed}".encode()).hexdigest(): 9.0}
        old, now = (split_sources(known, val_share=0.2, seed=1) for known in (before, before | new))
        moved += len((old.val ^ now.val) & set(before))
    assert moved / 50 < 1.0


def test_another_seed_gives_another_split():
    """And the same seed the same."""
    seconds = many(40)
    found = [split_sources(seconds, val_share=0.2, seed=seed).val for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_a_single_source_is_trained_on_and_that_is_told():
    """Its clips on both sides would be no test."""
    split = split_sources({"a": 5.0}, val_share=0.5, seed=0)
    assert (split.train, split.val) == ({"a"}, set())
    assert "one source only" in split.notes[0]
