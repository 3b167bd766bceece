"""Says where two documents of JSON types differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_SHOWN_TEXT = 60


def changed_keys(old: Any, new: Any, prefix: str = "") -> Iterator[str]:
    """Say where two documents of JSON types differ: ``dotted.path: old -> new``."""
    keys: list[tuple[str, Any, Any]] = []
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [(str(key), old.get(key, _ABSENT), new.get(key, _ABSENT)) for key in sorted({*old, *new}, key=str)]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        keys = [(str(i), a, b) for i, (a, b) in enumerate(zip(old, new, strict=True))]
    if not keys and old != new:
        yield f"{prefix}{': ' if prefix else ''}{_short(old)} -> {_short(new)}"
    for key, a, b in keys:
        if a != b:
            yield from changed_keys(a, b, f"{prefix}.{key}" if prefix else key)


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


_ABSENT = _Absent()


def _short(value: Any) -> str:
    text = repr(value)
    if len(text) > _SHOWN_TEXT and isinstance(value, list | dict):
        return f"{len(value)} entries"
    return text if len(text) <= _SHOWN_TEXT else f"{text[: _SHOWN_TEXT - 4]} ..."
