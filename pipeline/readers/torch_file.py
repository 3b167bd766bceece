"""Turns a ``.pt`` file of tensors into NumPy arrays without torch and without running anything the file asks for.

``torch.save`` writes a zip of one pickle and one raw file per storage. A pickle names functions and the unpickler calls
them, which is how a hostile one takes over a machine. Here the few names that tensors need stand for functions of this
module, and every other name is refused.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.bounded_unpickler import BoundedUnpickler
from pipeline.readers.exceptions import UnreadableMotion

MAX_STORAGE_BYTES = 2 * 1024**3
"""Most that a file may unpack to [bytes]."""

MAX_REPEATED = 10**7
"""Most numbers that a tensor may have if it repeats a smaller storage."""

SAVE_AGAIN = "Save it again with a present torch: torch.save(dictionary_of_tensors, path)"
"""What helps against a file that cannot be read."""

_DTYPES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "LongStorage": "i8", "IntStorage": "i4",
    "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "b1",
}  # fmt: skip


class _Inert:
    """Stands for a harmless object that no motion needs, such as a device; keeps nothing."""

    def __new__(cls, *_: Any, **__: Any) -> _Inert:
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        pass


_INERT = frozenset({"torch.device", "torch.Size", "torch.float32", "torch.float64", "torch.int64", "torch.bool"})


def read_torch_file(path: Path) -> dict[str, Any]:
    """Return the dictionary in a ``.pt`` file, its tensors as arrays.

    Raises:
        UnreadableMotion: It is damaged, asks for code that tensors do not need, or holds no dictionary.
        OSError: It cannot be opened.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            content = _read(path, archive)
    except (UnreadableMotion, OSError):
        raise
    except Exception as error:  # a broken pickle can fail in any way at all
        problem = f"is damaged, cut short or no torch file ({error})"
        raise UnreadableMotion(path, problem=problem, remedy=SAVE_AGAIN) from error
    if not isinstance(content, dict):
        raise UnreadableMotion(path, problem="holds no dictionary of tensors", remedy=SAVE_AGAIN)
    return content


def _read(path: Path, archive: zipfile.ZipFile) -> Any:
    """Unpickle the archive's one pickle."""
    names = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
    if len(names) != 1:
        raise UnreadableMotion(path, problem="is a zip file but holds no tensors", remedy=SAVE_AGAIN)
    if sum(entry.file_size for entry in archive.infolist()) > MAX_STORAGE_BYTES:
        limit = f"{MAX_STORAGE_BYTES // 1024**3} GiB"
        raise UnreadableMotion(path, problem=f"unpacks to more than {limit}", remedy="Save the motion alone")
    folder = names[0].removesuffix("data.pkl")
    order: Literal["<", ">"] = (
        ">" if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") == b"big" else "<"
    )
    with archive.open(names[0]) as stream:
        return _TensorUnpickler(stream, path, lambda key: archive.read(f"{folder}data/{key}"), order).load()


class _TensorUnpickler(BoundedUnpickler):
    """Makes arrays where the pickle asks for tensors."""

    def __init__(self, stream: Any, path: Path, storage: Callable[[str], bytes], order: Literal["<", ">"]) -> None:
        super().__init__(stream, encoding="utf-8")
        self.path = path
        self.storage = storage
        self.order: Literal["<", ">"] = order

    def find_class(self, module: str, name: str) -> Any:
        """Stand in for an allowed name."""
        origin = f"{module}.{name}"
        if origin == "torch._utils._rebuild_tensor_v2":
            return _tensor
        if origin == "torch._utils._rebuild_parameter":
            return _parameter
        if origin == "collections.OrderedDict":
            return dict
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if origin in _INERT:
            return _Inert
        if module == "torch" and name.endswith("Storage"):
            raise UnreadableMotion(self.path, problem=f"holds tensors of torch.{name}", remedy="Save them as float32")
        problem = f"asks to load '{origin}', which no tensor needs; nothing in it was run"
        raise UnreadableMotion(self.path, problem=problem, remedy="Take it from its source again, or save tensors only")

    def persistent_load(self, pid: Any) -> np.ndarray:
        """Read the raw numbers of a storage."""
        kind, dtype, key, _location, size = pid
        if kind != "storage" or not isinstance(dtype, str):
            raise ValueError(f"an unknown reference, {kind}")
        raw = self.storage(str(key))
        array = np.frombuffer(raw, dtype=np.dtype(dtype).newbyteorder(self.order))
        if len(array) < size:
            raise ValueError(f"storage {key} is cut short")
        return array


def _tensor(storage: np.ndarray, offset: int, size: Any, stride: Any, *_: Any) -> np.ndarray:
    """View a storage as a tensor; nothing outside of it can be reached, and repeats of it end somewhere."""
    size, stride = tuple(int(n) for n in size), tuple(int(n) for n in stride)
    if not isinstance(storage, np.ndarray) or len(size) != len(stride) or min((offset, *size, *stride), default=0) < 0:
        raise ValueError("a tensor with impossible strides")
    count = int(np.prod(size, dtype=object)) if size else 1
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count and (last >= len(storage) or count > max(len(storage), MAX_REPEATED)):
        raise ValueError("a tensor that reaches outside of its storage")
    if not count:
        return np.zeros(size, dtype=storage.dtype)
    steps = tuple(step * storage.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], shape=size, strides=steps, writeable=False).copy()


def _parameter(data: np.ndarray, *_: Any) -> np.ndarray:
    """A parameter is its tensor."""
    return data
