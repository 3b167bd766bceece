"""Turns Python functions into machine code, all with the same options.

The code is cached beside the sources, so only the first call after an installation compiles. Numba renews the cache of
a function when its own file changes, not when a file that it calls does, and would go on with the old code of its
callees. Here the cache's key has the text of all kernels in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numba.core.caching import FunctionCache
from numba.core.registry import CPUDispatcher

_Function = TypeVar("_Function", bound=Callable)

# Sums may be reordered and fused, which is what lets loops use vector instructions; but NaN stays NaN, so that a
# bad number shows instead of turning into a pose. Without numba's runtime nothing can be allocated, and no references
# to arrays are counted, which a record of some tens of arrays would have to be at every call.
_OPTIONS = {
    "nopython": True,
    "fastmath": {"nsz", "contract", "reassoc", "arcp"},
    "error_model": "numpy",
    "_nrt": False,
    "no_cfunc_wrapper": True,
}


@cache
def _kernels_digest() -> str:
    """Hash of all sources of this package that compile something: whatever a compiled function calls is among them."""
    sources = [path.read_bytes() for path in sorted(Path(__file__).parents[1].rglob("*.py"))]
    return hashlib.sha256(b"".join(text for text in sources if b"retarget.engine.jit" in text)).hexdigest()


class _KernelCache(FunctionCache):
    """Numba's cache of one function, which also forgets when another kernel changes."""

    def _index_key(self, sig: Any, codegen: Any) -> tuple:
        return (*super()._index_key(sig, codegen), _kernels_digest())

    def has_code(self, codegen: Any) -> bool:
        """Tell whether there is code for this processor, made from the kernels as they are."""
        keys = self._cache_file._load_index()
        return any(key[1] == codegen.magic_tuple() and key[-1] == _kernels_digest() for key in keys)


class _Piece(CPUDispatcher):
    """A function for compiled callers, which needs nothing to unpack Python's objects; that often is most of the code.

    Called from Python, as tests do, it is compiled once more inside a function that has it.
    """

    def add_overload(self, cres: Any) -> None:
        """Keep compiled code from Python, which could not call it."""
        self.overloads[tuple(cres.signature.args)] = cres

    def __call__(self, *args: Any) -> Any:
        """Call from Python."""
        return self._for_python(*args)

    @cached_property
    def _for_python(self) -> Any:
        piece = self

        def call(*args):  # noqa: ANN002, ANN202
            return piece(*args)

        return CPUDispatcher(call, targetoptions=_OPTIONS)


def _cached(dispatcher: Any) -> Any:
    dispatcher._cache = _KernelCache(dispatcher.py_func)
    return dispatcher


def compiled(function: _Function) -> _Function:
    """Compile a function that Python calls, for the types it is first called with."""
    return cast("_Function", _cached(CPUDispatcher(function, targetoptions=_OPTIONS)))


def piece(function: _Function) -> _Function:
    """Compile a function that compiled code calls."""
    return cast("_Function", _cached(_Piece(function, targetoptions=_OPTIONS | {"no_cpython_wrapper": True})))


def inlined(function: _Function) -> _Function:
    """Like :func:`piece`, but copied into every caller: for small pieces, whose calls would cost more than they do.

    A record of arrays is handed to a function number by number, some hundreds of them.
    """
    options = _OPTIONS | {"no_cpython_wrapper": True, "forceinline": True}
    return cast("_Function", _cached(_Piece(function, targetoptions=options)))


def is_cached(function: Callable) -> bool:
    """Tell whether a function that Python calls has been compiled on this machine, for whatever types."""
    dispatcher = cast("Any", function)
    return bool(dispatcher.overloads) or dispatcher._cache.has_code(dispatcher.targetctx.codegen())


def plain(array: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    """Return ``array`` contiguous and writeable, copied only if it is not; other layouts would compile anew."""
    return np.require(array, dtype=dtype, requirements=["C", "W"])
