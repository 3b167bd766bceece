"""Turns a model pickle into plain arrays without running anything it asks for.

SMPL's ``.pkl`` files hold NumPy arrays, SciPy sparse matrices and chumpy nodes, pickled by Python 2. A pickle
names functions and the unpickler calls them, which is how a hostile one takes over a machine. Here every name
on a short list stands for a record of what was asked (:class:`Asked`), never for the thing itself, and every
other name is refused; the arrays are then read out of the records' bytes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import sparse

from pipeline.body.exceptions import NotABodyModel, UnsafeModelFile
from pipeline.bounded_unpickler import BoundedUnpickler

_MODULES = {
    "numpy.core.multiarray": ("_reconstruct", "scalar"),
    "numpy._core.multiarray": ("_reconstruct", "scalar"),
    "numpy.core.numeric": ("_frombuffer",),
    "numpy._core.numeric": ("_frombuffer",),
    "numpy": ("ndarray", "dtype"),
    "scipy.sparse.csc": ("csc_matrix",),
    "scipy.sparse._csc": ("csc_matrix", "csc_array"),
    "scipy.sparse.csr": ("csr_matrix",),
    "scipy.sparse._csr": ("csr_matrix", "csr_array"),
    "chumpy.ch": ("Ch",),
    "chumpy.reordering": ("Select",),
    "copy_reg": ("_reconstructor",),
    "copyreg": ("_reconstructor",),
    "__builtin__": ("object", "set", "bytes"),
    "builtins": ("object", "set", "bytes"),
    "_codecs": ("encode",),
}
ALLOWED = frozenset(f"{module}.{name}" for module, names in _MODULES.items() for name in names)
"""Names that files of SMPL and SMPL-X contain, under Python 2 and 3, old and new NumPy and SciPy."""


class Asked:
    """What a pickle asked to be made: of which name, with which arguments and state. Nothing was called."""

    origin = ""
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> Asked:
        """Record the arguments."""
        self = object.__new__(cls)
        self.args = args
        self.state = None
        return self

    def __init__(self, *args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        """Record the state."""
        self.state = state


class _InertUnpickler(BoundedUnpickler):
    """Reads Python 2 and 3 pickles and makes :class:`Asked` of every object."""

    def __init__(self, stream: Any, path: Path) -> None:
        super().__init__(stream, encoding="latin1")
        self.path = path

    def find_class(self, module: str, name: str) -> type[Asked]:
        """Stand in for an allowed name; a new class each time, so that no file can leave a trace on the next."""
        origin = f"{module}.{name}"
        if origin not in ALLOWED:
            raise UnsafeModelFile(self.path, wanted=origin)
        return type(name, (Asked,), {"origin": origin})


def read_inert_pickle(path: Path) -> dict[str, Any]:
    """Load the dictionary in a pickle; its values are plain or :class:`Asked`, see :func:`to_array`.

    Raises:
        UnsafeModelFile: It names something that is not on the list.
        NotABodyModel: It is no pickle, is cut short, or holds no dictionary.
        OSError: The file cannot be opened.
    """
    with path.open("rb") as stream:
        try:
            content = _InertUnpickler(stream, path).load()
        except UnsafeModelFile:
            raise
        except Exception as error:  # a broken pickle can fail in any way at all
            raise NotABodyModel(path, problem=f"damaged or cut short: {error}") from error
    if not isinstance(content, dict):
        raise NotABodyModel(path, problem="the pickle holds no dictionary of arrays")
    return content


def to_array(value: Any) -> np.ndarray:
    """Read a numeric array out of what a pickle held; sparse matrices become dense.

    Raises:
        ValueError: It is nothing of the kind, or its parts do not fit together.
    """
    if not isinstance(value, Asked):
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"is {type(value).__name__}, not numbers")
        return array
    old_style = value.origin.endswith("._reconstructor") and value.args
    origin = str(getattr(value.args[0] if old_style else value, "origin", "object"))
    reader = _READERS.get(origin.rpartition(".")[2])
    if reader is None:
        raise ValueError(f"is a {origin}, not numbers")
    try:
        return reader(value)
    except (TypeError, LookupError, AttributeError, MemoryError, RecursionError) as error:
        raise ValueError(f"is a damaged {origin}: {error}") from error


def _dtype(asked: Any) -> np.dtype:
    """Build a numeric dtype of its code and byte order."""
    code = _text(asked.args[0])
    if asked.origin != "numpy.dtype" or not re.fullmatch(r"[biuf][1248]", code):
        raise ValueError(f"has elements of type '{code}', not plain numbers")
    order = _text(asked.state[1]) if asked.state else "="
    return np.dtype(code).newbyteorder(">" if order == ">" else "<")


def _text(value: Any) -> str:
    """Text, whether Python 2 or 3 wrote it."""
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _bytes(value: Any) -> bytes:
    """Raw bytes, as Python 2 (text), Python 3, or Python 3 in protocol 2 (asks for ``encode``, ``bytes``) wrote."""
    if getattr(value, "origin", "") in ("_codecs.encode", "__builtin__.bytes", "builtins.bytes"):
        value = value.args[0] if value.args else b""
    return value.encode("latin1") if isinstance(value, str) else bytes(memoryview(value))


def _numbers(raw: Any, dtype: Any, shape: Any, order: Literal["C", "F"]) -> np.ndarray:
    """Read an array out of its bytes."""
    kind = _dtype(dtype)
    return np.frombuffer(_bytes(raw), dtype=kind).reshape(tuple(shape), order=order)


def _read_ndarray(asked: Asked) -> np.ndarray:
    _, shape, dtype, is_fortran, raw = asked.state
    return _numbers(raw, dtype, shape, "F" if is_fortran else "C")


def _read_buffer(asked: Asked) -> np.ndarray:
    raw, dtype, shape, order = asked.args
    return _numbers(raw, dtype, shape, "F" if order == "F" else "C")


def _read_scalar(asked: Asked) -> np.ndarray:
    dtype, raw = asked.args
    return _numbers(raw, dtype, (), "C")


def _read_columns(asked: Asked) -> np.ndarray:
    return _dense(sparse.csc_array(_sparse_parts(asked), shape=tuple(asked.state["_shape"])))


def _read_rows(asked: Asked) -> np.ndarray:
    return _dense(sparse.csr_array(_sparse_parts(asked), shape=tuple(asked.state["_shape"])))


def _sparse_parts(asked: Asked) -> tuple[np.ndarray, ...]:
    return tuple(to_array(asked.state[name]) for name in ("data", "indices", "indptr"))


def _dense(matrix: sparse.csc_array | sparse.csr_array) -> np.ndarray:
    matrix.check_format(full_check=True)  # indices outside of the matrix would write outside of the array
    return matrix.toarray()


def _read_chumpy(asked: Asked) -> np.ndarray:
    return to_array(asked.state["x"])


def _read_selection(asked: Asked) -> np.ndarray:
    chosen = to_array(asked.state["a"]).ravel()[to_array(asked.state["idxs"]).ravel()]
    return chosen.reshape(tuple(asked.state.get("preferred_shape", chosen.shape)))


_READERS = {
    "_reconstruct": _read_ndarray,
    "_frombuffer": _read_buffer,
    "scalar": _read_scalar,
    "csc_matrix": _read_columns,
    "csc_array": _read_columns,
    "csr_matrix": _read_rows,
    "csr_array": _read_rows,
    "Ch": _read_chumpy,
    "Select": _read_selection,
}
