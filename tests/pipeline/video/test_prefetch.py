"""Working ahead in a thread changes nothing but the time it takes."""

from __future__ import annotations

import threading

import pytest

from pipeline.video.prefetch import prefetch


def _counting(n, closed=None, fail_at=None):
    try:
        for i in range(n):
            if i == fail_at:
                raise ValueError("the source broke")
            yield i
    finally:
        if closed is not None:
            closed.append(True)


@pytest.mark.parametrize("depth", [1, 4, 100])
def test_order_and_number_are_kept(depth):
    assert list(prefetch(_counting(50), depth)) == list(range(50))


def test_stages_can_be_chained():
    doubled = (2 * x for x in prefetch(_counting(20), 2))
    assert list(prefetch(doubled, 2)) == [2 * x for x in range(20)]


def test_what_the_source_raises_is_raised_after_what_it_yielded():
    got = []
    with pytest.raises(ValueError, match="the source broke"):
        for item in prefetch(_counting(10, fail_at=3), 2):
            got.append(item)
    assert got == [0, 1, 2]


def test_stopping_early_closes_the_source_and_ends_the_thread():
    """An aborted run must not leave a decoder open behind it."""
    closed = []
    ahead = prefetch(_counting(10**9, closed), 2)
    assert next(ahead) == 0
    ahead.close()
    assert closed == [True]
    assert not [t for t in threading.enumerate() if t.name == "prefetch"]
