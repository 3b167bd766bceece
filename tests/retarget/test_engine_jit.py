"""Compiled code is kept between runs, and never outlives the text it was made from."""

import os
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


def test_a_piece_for_compiled_callers_answers_python_too(package):
    """It has no code that unpacks Python's objects; tests call it all the same, and must not crash."""
    (package / "retarget" / "engine" / "callee.py").write_text(CALLEE.format(factor=3.0).replace("compiled", "piece"))
    code = "from retarget.engine.callee import times; from retarget.engine.caller import twice; "
    code += "print(times(1.0), twice(1.0), times(2.0))"
    done = subprocess.run([sys.executable, "-c", code], cwd=package, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3.0", "6.0", "6.0"]


def test_a_kernel_that_allocates_is_refused(package):
    """Room is an argument: what allocates in a loop over frames is slow, and what counts references compiles slowly."""
    text = "import numpy as np\n" + CALLEE.replace("{factor} * x", "np.zeros(3)[0] + x")
    (package / "retarget" / "engine" / "callee.py").write_text(text)
    code = "from retarget.engine.callee import times; times(1.0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=package, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "np.zeros" in done.stderr or "zeros" in done.stderr


@pytest.mark.slow
def test_the_solver_compiles_once_and_whole(tmp_path):
    """After the announced compilation a clip finds everything compiled, each function for one set of types."""
    code = """
import gc
from numba.core.registry import CPUDispatcher
from retarget.compilation import solver_is_compiled
from retarget.retargeter import Retargeter
from robots.g1 import load_g1
first = Retargeter(load_g1())
print(solver_is_compiled(), first.compile() > 0.0, solver_is_compiled(), first.compile())
ours = [o for o in gc.get_objects() if isinstance(o, CPUDispatcher) and o.py_func.__module__.startswith("retarget.")]
print([o.py_func.__qualname__ for o in ours if len(o.overloads) > 1])
"""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False True True 0.0", "[]"]
