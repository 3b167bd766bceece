"""Turns the text of a table and newly fitted offsets into the text of a new table, comments and order kept."""

from __future__ import annotations

import re
from dataclasses import replace

from retarget.correspondence import BodyMatch, Correspondence, parse_correspondence
from retarget.exceptions import InvalidCorrespondence

_BODY = re.compile(r"^\[\[bodies\]\][^\n]*\n", re.MULTILINE)
_HEADER = re.compile(r"^\[", re.MULTILINE)
_OFFSET = re.compile(r"^offset_m\s*=[^\n]*\n", re.MULTILINE)
_NAME = re.compile(r"^name\s*=[^\n]*$", re.MULTILINE)
_ENTRY = re.compile(r"^\w+\s*=[^\n]*\n", re.MULTILINE)


def with_offsets_written(text: str, table: Correspondence, *, name: str) -> str:
    """Return the text of ``table``, under a new name.

    Args:
        text: Text of a table that differs from ``table`` in its offsets and its name only.
        table: The table with its new offsets.
        name: What the new table is to be called.

    Raises:
        InvalidCorrespondence: The text is laid out in a way that is valid, but cannot be edited line by line.
    """
    head, *blocks = _BODY.split(text)
    if len(blocks) == len(table.bodies):
        edited = [_edited(block, body) for block, body in zip(blocks, table.bodies, strict=True)]
        new = "[[bodies]]\n".join([_NAME.sub(f'name = "{name}"', head, count=1), *edited])
        if parse_correspondence(new, source=name) == replace(table, name=name):
            return new
    raise InvalidCorrespondence(
        table.name, problem="bodies must stand one below the other as [[bodies]], one key a line, to be edited"
    )


def _edited(block: str, body: BodyMatch) -> str:
    """Return the lines of one body, its offset set, and left out where it is zero."""
    header = _HEADER.search(block)
    end = header.start() if header else len(block)
    entries, rest = _OFFSET.sub("", block[:end]), block[end:]
    if not any(body.offset_m):
        return entries + rest
    if not entries.endswith("\n"):
        entries += "\n"
    last = max((match.end() for match in _ENTRY.finditer(entries)), default=0)
    numbers = ", ".join(repr(float(value)) for value in body.offset_m)
    return f"{entries[:last]}offset_m = [{numbers}]\n{entries[last:]}{rest}"
