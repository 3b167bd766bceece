"""A dataset to hand over."""

from __future__ import annotations

import pytest


@pytest.fixture
def five(build):
    """Five sources, one of them with two clips."""
    for name in ("a", "b", "c", "d"):
        build.add(name)
    for part in (0, 1):
        build.add("e", part=part)
    return build
