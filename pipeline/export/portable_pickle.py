"""Pickles arrays so that old and new NumPy on Python 3.8 and later load them."""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO

import numpy as np

PROTOCOL = 4
"""PBHC runs on Python 3.8, whose newest is 5."""


def dump_arrays(content: Any, file: BinaryIO) -> None:
    """Pickle dicts, lists, numbers, text and arrays of numbers into an open file."""
    _PortablePickler(file, protocol=PROTOCOL).dump(content)


class _PortablePickler(pickle.Pickler):
    """Pickles arrays under a name that every NumPy has.

    NumPy 2 pickles its arrays as ``numpy._core...``, which the NumPy 1.23 of PBHC's environment cannot import.
    A bytearray, not bytes, because arrays on bytes are read-only and PyTorch warns of them.
    """

    def reducer_override(self, obj: Any) -> Any:
        """Reduce an array to its shape, type and bytes."""
        if isinstance(obj, np.ndarray):
            return np.ndarray, (obj.shape, obj.dtype.str, bytearray(np.ascontiguousarray(obj).tobytes()))
        return NotImplemented
