"""Turns Python functions into machine code, all with the same options.

The code is cached beside the sources, so only the first call after an installation compiles. Numba renews the cache of
a function when its own file changes, not when a file that it calls does: after editing a kernel, delete ``*.nbi``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np

_Function = TypeVar("_Function", bound=Callable)

# Sums may be reordered and fused, which is what lets loops use vector instructions; but NaN stays NaN, so that a
# bad number shows instead of turning into a pose.
_OPTIONS = {"cache": True, "fastmath": {"nsz", "contract", "reassoc", "arcp"}, "error_model": "numpy"}
_compile = numba.njit(**_OPTIONS)
_compile_inlined = numba.njit(**_OPTIONS, forceinline=True)


def compiled(function: _Function) -> _Function:
    """Compile a function for the types it is first called with."""
    return cast("_Function", _compile(function))


def inlined(function: _Function) -> _Function:
    """Like :func:`compiled`, but copied into every caller: for small pieces, whose calls would cost more than they do.

    A record of arrays is handed to a function number by number, some hundreds of them.
    """
    return cast("_Function", _compile_inlined(function))


def plain(array: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    """Return ``array`` contiguous and writeable, copied only if it is not; other layouts would compile anew."""
    return np.require(array, dtype=dtype, requirements=["C", "W"])
