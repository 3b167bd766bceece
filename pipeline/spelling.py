"""Finds names in a user's TOML that no setting has, and says which one was probably meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

_SURE, _SURER = 0.6, 0.7
"""How alike two names must be for one to be offered, from the same record and from elsewhere, as ``difflib`` counts."""


def misspelt(cls: type, document: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each name in a document that the record does not have.

    Args:
        cls: A dataclass; its fields may be dataclasses.
        document: As read from TOML.
    """
    return [_sentence(cls, *found) for found in _unknown(cls, document, "")]


def _unknown(cls: type, document: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, type]]:
    """Yield prefix, name and record of each name that its record does not have."""
    types = _field_types(cls)
    for name, value in document.items():
        if name not in types:
            yield prefix, name, cls
        elif (inner := types[name]) is not None and isinstance(value, Mapping):
            yield from _unknown(inner, value, f"{prefix}{name}.")


def _sentence(whole: type, prefix: str, name: str, cls: type) -> str:
    said = f"{prefix}{name}: there is no such setting"
    known = list(_field_types(cls))
    if near := get_close_matches(name, known, n=1, cutoff=_SURE):
        return f"{said}; did you mean {prefix}{near[0]}?"
    elsewhere = {path.rsplit(".", 1)[-1]: path for path in reversed(list(_paths(whole, "")))}
    if near := get_close_matches(name, list(elsewhere), n=1, cutoff=_SURER):
        return f"{said}; did you mean {elsewhere[near[0]]}?"
    return f"{said}; there are {', '.join(prefix + other for other in known)}"


def _paths(cls: type, prefix: str) -> Iterator[str]:
    """Yield all names, with dots between."""
    for name, inner in _field_types(cls).items():
        yield prefix + name
        if inner is not None:
            yield from _paths(inner, f"{prefix}{name}.")


@cache
def _field_types(cls: type) -> dict[str, type | None]:
    """Return the fields of a dataclass, and of which dataclass each is; None if of none."""
    hints = get_type_hints(cls)
    return {field.name: _record_in(hints[field.name]) for field in fields(cls)}


def _record_in(hint: Any) -> type | None:
    """Return the dataclass that a type is, alone or beside None."""
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return next((member for member in members if isinstance(member, type) and is_dataclass(member)), None)
