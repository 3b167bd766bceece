"""What the checks measure has a name that people read."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pipeline

ROOT = Path(pipeline.__file__).parent
NAMES = ROOT / "review_desk" / "page" / "clip" / "measurements.js"
LONGEST = 28
"""Letters that fit beside the timeline."""


def test_all_that_limits_speak_of_has_a_plain_name_that_fits():
    """A new limit gets a name on the page, or this fails."""
    named = dict(re.findall(r'^  (\w+): "(.+)",$', NAMES.read_text(encoding="utf-8"), re.M))
    asked = set()
    for path in (ROOT / "limits").glob("*.toml"):
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        asked |= {name for stage in document.values() if isinstance(stage, dict) for name in stage}
    assert asked - set(named) == set()
    assert [text for text in named.values() if len(text) > LONGEST] == []
