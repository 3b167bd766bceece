"""Turns a pickle of arrays, plain or as joblib writes it, into arrays and containers; nothing it names is ever called.

A pickle is a program. The handful of names that an array needs are replaced here by stand-ins that only read bytes;
any other name ends the reading.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.bounded_unpickler import BoundedUnpickler
from pipeline.export.exceptions import UnreadableHandoff, UnsafePickle

_PLAIN_NUMBER = re.compile(r"[<>|=]?[biuf][1248]")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PickledArrays:
    """What a pickle holds, and what it takes to load it."""

    content: Any
    """Arrays, numbers and text in dicts, lists and tuples; a path is a :class:`PathText`."""
    protocol: int
    """Of the pickle; each Python has a newest one."""
    names: frozenset[str]
    """Modules' names that it asks for."""


class PathText(str):
    """A path, as its text."""

    __slots__ = ()


def load_arrays(path: Path, *, format_name: str) -> Any:
    """Read a pickle that holds arrays, numbers and text in dicts, lists and tuples.

    Args:
        path: The file; as written by ``pickle.dump`` or, uncompressed, by ``joblib.dump``.
        format_name: What the file should be, for messages.

    Raises:
        UnsafePickle: It asks for anything else.
        UnreadableHandoff: It is no pickle, is cut short, or is compressed.
        OSError: It cannot be opened.
    """
    return load_pickle(path, format_name=format_name).content


def load_pickle(path: Path, *, format_name: str) -> PickledArrays:
    """Like :func:`load_arrays`, with what the pickle asks of whoever loads it."""
    raw = path.read_bytes()
    unpickler = _ArrayUnpickler(io.BytesIO(raw), path)
    try:
        content = _resolved(unpickler.load())
    except UnsafePickle:
        raise
    except Exception as error:  # a broken pickle can fail in any way at all
        reason = " ".join(str(error).split()).rstrip(".") or "it ends too early"
        problem = f"no pickle of plain arrays, cut short, or compressed: {reason}"
        raise UnreadableHandoff(path, format_name=format_name, problem=problem) from error
    protocol = raw[1] if raw[:1] == pickle.PROTO else 0
    return PickledArrays(content=content, protocol=protocol, names=frozenset(unpickler.asked))


class _ArrayUnpickler(BoundedUnpickler):
    """Knows the names that arrays and paths are pickled under, by old and new NumPy, and joblib's wrapper."""

    def __init__(self, stream: io.BytesIO, path: Path) -> None:
        super().__init__(stream, encoding="latin1")
        self._path = path
        self.asked: set[str] = set()
        self._stand_ins: dict[str, Callable[..., Any]] = {
            "numpy.ndarray": _array_of_buffer,
            "numpy.dtype": _Dtype,
            "_codecs.encode": _text_to_bytes,
            "builtins.bytearray": _copy_of_bytes,
            "joblib.numpy_pickle.NumpyArrayWrapper": _joblib_array_type(stream),
        }
        for module in ("numpy.core", "numpy._core"):
            self._stand_ins[f"{module}.multiarray._reconstruct"] = _PickledArray
            self._stand_ins[f"{module}.multiarray.scalar"] = _scalar
            self._stand_ins[f"{module}.numeric._frombuffer"] = _array_of_bytes
        for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"):
            self._stand_ins[f"pathlib.{name}"] = _path_text

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """Give a new stand-in for a name, or refuse it; new, so that no file can leave a trace on the next."""
        wanted = f"{module}.{name}"
        if wanted not in self._stand_ins:
            raise UnsafePickle(self._path, wanted=wanted)
        self.asked.add(wanted)
        stand_in = self._stand_ins[wanted]
        return type(name, (stand_in,), {}) if isinstance(stand_in, type) else lambda *args: stand_in(*args)


class _Dtype:
    """A number type as pickles spell it: a code, then a state with the byte order."""

    def __init__(self, code: str, *_: Any) -> None:
        self.dtype = _checked_dtype(code)

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        self.dtype = self.dtype.newbyteorder(order if order in ("<", ">") else "|")


class _PickledArray:
    """An array as NumPy pickles it: made empty, then given shape, type and bytes."""

    array: np.ndarray

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, is_fortran, raw = state
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        self.array = np.frombuffer(raw, dtype=dtype.dtype).reshape(shape, order="F" if is_fortran else "C")


def _joblib_array_type(stream: io.BytesIO) -> type:
    """Return the stand-in for joblib's wrapper, whose array follows it in the file, outside of the pickle."""

    class JoblibArray:
        array: np.ndarray

        def __setstate__(self, state: dict[str, Any]) -> None:
            if state.get("numpy_array_alignment_bytes") is not None:
                stream.read(stream.read(1)[0])  # padding, and before it its length
            dtype, shape = state["dtype"].dtype, tuple(state["shape"])
            n_bytes = dtype.itemsize * int(np.prod(shape, dtype=object))
            raw = stream.read(n_bytes) if n_bytes <= stream.getbuffer().nbytes else b""
            self.array = np.frombuffer(raw, dtype=dtype).reshape(shape, order=state["order"])

    return JoblibArray


def _checked_dtype(code: str) -> np.dtype:
    if not isinstance(code, str) or not _PLAIN_NUMBER.fullmatch(code):
        raise ValueError(f"elements of type '{code}', not plain numbers")
    return np.dtype(code)


def _array_of_buffer(shape: tuple[int, ...], code: str, raw: bytes | bytearray) -> np.ndarray:
    return np.frombuffer(raw, dtype=_checked_dtype(code)).reshape(shape)


def _array_of_bytes(raw: Any, dtype: _Dtype, shape: tuple[int, ...], order: Literal["C", "F"]) -> np.ndarray:
    return np.frombuffer(raw, dtype=dtype.dtype).reshape(shape, order=order)


def _scalar(dtype: _Dtype, raw: bytes | str) -> Any:
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    return np.frombuffer(raw, dtype=dtype.dtype)[0]


def _text_to_bytes(text: str, *_: Any) -> bytes:
    return text.encode("latin1")


def _copy_of_bytes(raw: bytes = b"", *_: Any) -> bytes:
    if not isinstance(raw, bytes):  # a number would ask for that much memory
        raise ValueError("a bytearray made of something else than bytes")
    return raw


def _path_text(*parts: str) -> PathText:
    return PathText("/".join(map(str, parts)))


def _resolved(value: Any, known: dict[int, Any] | None = None) -> Any:
    """Put arrays in the place of their stand-ins; what is named twice is resolved once, so that no knot can grow."""
    known = {} if known is None else known
    if isinstance(value, dict | list | tuple):
        if id(value) not in known:
            if isinstance(value, dict):
                known[id(value)] = {key: _resolved(item, known) for key, item in value.items()}
            else:
                known[id(value)] = type(value)(_resolved(item, known) for item in value)
        return known[id(value)]
    return getattr(value, "array", value)
