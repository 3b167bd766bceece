"""Turns Python functions into machine code, all with the same options.

The code is cached beside the sources, so only the first call after an installation compiles. Numba renews the cache of
a function when its own file changes, not when a file that it calls does, and would go on with the old code of its
callees. Here the cache's key has the text of all kernels in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core.caching import FunctionCache

_Function = TypeVar("_Function", bound=Callable)

# Sums may be reordered and fused, which is what lets loops use vector instructions; but NaN stays NaN, so that a
# bad number shows instead of turning into a pose.
_OPTIONS = {"fastmath": {"nsz", "contract", "reassoc", "arcp"}, "error_model": "numpy"}
_compile = numba.njit(**_OPTIONS)
_compile_inlined = numba.njit(**_OPTIONS, forceinline=True)


@cache
def _kernels_digest() -> str:
    """Hash of all sources of this package that compile something: whatever a compiled function calls is among them."""
    sources = [path.read_bytes() for path in sorted(Path(__file__).parents[1].rglob("*.py"))]
    return hashlib.sha256(b"".join(text for text in sources if b"retarget.engine.jit" in text)).hexdigest()


class _KernelCache(FunctionCache):
    """Numba's cache of one function, which also forgets when another kernel changes."""

    def _index_key(self, sig: Any, codegen: Any) -> tuple:
        return (*super()._index_key(sig, codegen), _kernels_digest())


def _cached(dispatcher: Any) -> Any:
    dispatcher._cache = _KernelCache(dispatcher.py_func)
    return dispatcher


def compiled(function: _Function) -> _Function:
    """Compile a function for the types it is first called with."""
    return cast("_Function", _cached(_compile(function)))


def inlined(function: _Function) -> _Function:
    """Like :func:`compiled`, but copied into every caller: for small pieces, whose calls would cost more than they do.

    A record of arrays is handed to a function number by number, some hundreds of them.
    """
    return cast("_Function", _cached(_compile_inlined(function)))


def plain(array: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    """Return ``array`` contiguous and writeable, copied only if it is not; other layouts would compile anew."""
    return np.require(array, dtype=dtype, requirements=["C", "W"])
