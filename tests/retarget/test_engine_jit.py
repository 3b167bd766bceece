"""Compiled code is kept between runs, and never outlives the text it was made from."""

import subprocess
import sys
from pathlib import Path

import pytest

CALLEE = "from retarget.engine.jit import compiled\n\n\n@compiled\ndef times(x):\n    return {factor} * x\n"
CALLER = (
    "from retarget.engine.callee import times\nfrom retarget.engine.jit import compiled\n\n\n"
    "@compiled\ndef twice(x):\n    return times(x) + times(x)\n"
)


@pytest.fixture
def package(tmp_path):
    """A package ``retarget`` with our decorator, one kernel and one that calls it."""
    engine = tmp_path / "retarget" / "engine"
    engine.mkdir(parents=True)
    (tmp_path / "retarget" / "__init__.py").touch()
    (engine / "__init__.py").touch()
    source = Path(__file__).parents[2] / "retarget" / "engine" / "jit.py"
    (engine / "jit.py").write_bytes(source.read_bytes())
    (engine / "callee.py").write_text(CALLEE.format(factor=3.0))
    (engine / "caller.py").write_text(CALLER)
    return tmp_path


def called(package):
    """What the caller answers in a new process, and how often it was found in the cache."""
    code = "from retarget.engine.caller import twice; print(twice(1.0), sum(twice.stats.cache_hits.values()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=package, capture_output=True, text=True, check=True)
    answer, hits = done.stdout.split()
    return float(answer), int(hits)


def test_a_second_process_compiles_nothing(package):
    assert called(package) == (6.0, 0)
    assert called(package) == (6.0, 1)


def test_a_changed_callee_changes_its_callers(package):
    """Numba alone would go on with the old callee inside the cached caller: wrong poses, and nobody told."""
    assert called(package) == (6.0, 0)
    (package / "retarget" / "engine" / "callee.py").write_text(CALLEE.format(factor=5.0))
    assert called(package) == (10.0, 0)
