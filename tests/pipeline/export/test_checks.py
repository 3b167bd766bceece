"""A good file is blamed for nothing, and a broken one is told in sentences, whatever its format."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.export import FORMATS, check_handoff
from pipeline.export.exceptions import HandoffNotOpened
from robots.exceptions import UnknownName

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "pbhc_motions"


@pytest.mark.parametrize("name", FORMATS)
def test_a_good_file_is_blamed_for_nothing(good, name):
    assert check_handoff(good(name), name) == ()


def test_pbhcs_own_motions_are_blamed_for_nothing():
    """They are what the trainer was made with."""
    files = sorted(SHARED.glob("*.pkl"))
    if not files:
        pytest.skip("PBHC's own motions are not on this machine; they may not be redistributed")
    assert {path.name: check_handoff(path, "pbhc") for path in files} == {path.name: () for path in files}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04", b"PK\x03\x04 broken", b"\xff\xfe\x00", b"I7\n."])
def test_a_file_of_something_else_is_told_in_one_sentence(name, content, tmp_path):
    path = tmp_path / "kata"
    path.write_bytes(content)
    assert len(check_handoff(path, name)) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_told_and_never_an_accident(good, name):
    """Whatever a flipped bit makes of it, the answer is sentences."""
    path = good(name, frames=12)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        harmed = bytearray(whole)
        place = int(rng.integers(len(harmed) if rng.random() < 0.5 else min(len(harmed), 400)))
        harmed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(harmed)
        assert all(isinstance(sentence, str) for sentence in check_handoff(path, name))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(HandoffNotOpened, match=r"kata\.pkl: cannot be opened \(no such file or directory\)"):
        check_handoff(tmp_path / "kata.pkl", "pbhc")
    with pytest.raises(UnknownName, match="unknown hand-off format 'lerobot'"):
        check_handoff(tmp_path / "kata.pkl", "lerobot")
