"""A build that is killed again and again ends as one that nothing disturbed. Minutes long: `make test-slow`."""

from __future__ import annotations

import pytest

from benchmarks.flows.chaos import survive

pytestmark = [pytest.mark.slow, pytest.mark.prefect, pytest.mark.timeout(2400)]


def test_a_disturbed_build_gives_the_dataset_of_an_undisturbed_one(tmp_path):
    """Byte for byte, films too; nothing is done twice and nothing left half-written, after thirty kills."""
    log: list[str] = []
    came = survive(tmp_path, n_kills=30, seed=0, n_clips=48, log=log.append)
    told = "\n".join(log)
    assert came.kills.total() >= 30, told
    assert not came.differences, told + "\n".join(came.differences)
    assert not came.half_written, told
    assert not came.done_twice, told
    full, flipped, cut, gone = came.events
    if "needs root" not in full:
        assert "FAILED" in full and "cannot be written" in full, told
    assert "flipped a byte" in flipped and "did not answer" in cut, told
    assert "FAILED" in gone, told
