"""An unpickler that asks for no more memory than its file has bytes, for pickles of unknown origin.

C's own fills a table as long as the highest number that a pickle gives an object, and a buffer as long as a pickle
promises: some ten bytes are enough to end the process. Which names may be asked for is left to who derives from it.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any, BinaryIO, ClassVar

_PIECE = 2**20


class BoundedUnpickler(pickle._Unpickler):
    """Python's own unpickler, which numbers objects in a dict, made to read no buffer that the file does not hold."""

    def __init__(self, file: BinaryIO, *, encoding: str = "ASCII") -> None:
        """Read from an open file, from where it stands; Python 2's texts are in this encoding."""
        super().__init__(_InPieces(file), encoding=encoding)

    def _load_bytearray(self) -> None:
        (promised,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(promised)))

    dispatch: ClassVar[Any] = {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: _load_bytearray}


class _InPieces:
    """A file that makes room for bytes as it finds them."""

    def __init__(self, file: BinaryIO) -> None:
        self.readline = file.readline
        self._read = file.read

    def read(self, size: int) -> bytes:
        pieces = []
        while size > 0 and (piece := self._read(min(size, _PIECE))):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)
