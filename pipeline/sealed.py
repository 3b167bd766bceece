"""Turns JSON types into bytes that tell when one of them was changed, and back.

A sealed document is an object that holds, beside its own keys, the hash of all of them. It is written in one way only
(sorted keys, fixed spacing), so that equal content gives equal bytes and a file that says the same in another way is
not taken for the one that was written.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.exceptions import CorruptArtefact

SEAL = "sha256"
"""Key of the hash over all other keys."""

_SEAL_LINE = b'\n "sha256": "'
_SEAL_DIGITS = 64


def sealed_bytes(document: Mapping[str, Any]) -> bytes:
    """Return the only bytes under which a document is stored.

    Raises:
        ValueError: A number in it is not finite, or it has a key of the seal's name.
    """
    if SEAL in document:
        raise ValueError(f"'{SEAL}' is the name of the seal")
    return _dumped({**document, SEAL: hashlib.sha256(_dumped(document)).hexdigest()})


def read_sealed(path: Path) -> dict[str, Any]:
    """Read a sealed document, without its seal.

    Raises:
        CorruptArtefact: The file is missing, is no sealed document, or is not as it was written.
    """
    return parse_sealed(read_plain_file(path), path)


def read_plain_file(path: Path) -> bytes:
    """Read a file of a dataset; a pipe or a device, from which bytes may come for ever or never, is told at once.

    Raises:
        CorruptArtefact: It is missing, cannot be read, or is no file.
    """
    try:
        with open(path, "rb", opener=_opened_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CorruptArtefact(path, problem="is no file")
            return file.read()
    except OSError as error:
        raise CorruptArtefact(path, problem=(error.strerror or str(error)).lower()) from error


def _opened_at_once(path: str, flags: int) -> int:
    """Open a file; where it is a pipe, nobody is waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def parse_sealed(content: bytes, path: Path) -> dict[str, Any]:
    """Read the bytes of a sealed document, without its seal; ``path`` is what an error calls it.

    Raises:
        CorruptArtefact: It is no sealed document, or not as it was written.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CorruptArtefact(path, problem="is damaged or cut off") from error
    if not isinstance(document, dict) or document.pop(SEAL, None) is None:
        raise CorruptArtefact(path, problem="holds nothing that this program wrote")
    if _is_as_sealed(content):
        return document
    try:
        unchanged = sealed_bytes(document) == content
    except (ValueError, RecursionError):
        unchanged = False
    if not unchanged:
        raise CorruptArtefact(path, problem="its content has changed since it was written")
    return document


def _is_as_sealed(content: bytes) -> bool:
    """Tell whether the bytes are those that were sealed, without writing them once more, which takes most of the time.

    Lines further in begin with more spaces, and no string holds the end of a line: the seal's is found by its start.
    """
    start = content.find(_SEAL_LINE)
    if start < 0 or content.find(_SEAL_LINE, start + 1) >= 0:
        return False
    end = start + len(_SEAL_LINE) + _SEAL_DIGITS
    seal = content[start + len(_SEAL_LINE) : end]
    if content[end : end + 2] == b'",':
        rest = content[:start] + content[end + 2 :]
    elif content[end : end + 1] == b'"' and content[start - 1 : start] == b",":  # the last key has its comma before it
        rest = content[: start - 1] + content[end + 1 :]
    else:
        return False
    return hashlib.sha256(rest).hexdigest().encode() == seal


def _dumped(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
