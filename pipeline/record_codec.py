"""Turns a frozen record into a JSON document plus named arrays, and back, without pickle."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from cattrs import Converter

Record = TypeVar("Record")

_ARRAY_KEY = "npz"


def encode(record: object) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Split a dataclass into what JSON can hold and the arrays, which the document names by key."""
    arrays: dict[str, np.ndarray] = {}
    return _lift_arrays(_encoder().unstructure(record), "", arrays), arrays


def decode(cls: type[Record], document: dict[str, Any], arrays: dict[str, np.ndarray]) -> Record:
    """Rebuild a dataclass; its own ``__post_init__`` checks what the arrays hold.

    Raises:
        Exception: The document does not fit ``cls`` (KeyError, or an exception group of cattrs).
    """
    return _decoder().structure(_put_back(document, "", arrays), cls)


def plain(record: object) -> Any:
    """Return a record without arrays (a config, a verdict) as JSON types."""
    document, arrays = encode(record)
    if arrays:
        raise TypeError(f"{type(record).__name__} holds arrays; use encode()")
    return document


def from_plain(cls: type[Record], document: Any) -> Record:
    """Rebuild a record without arrays; unknown keys are refused."""
    return _plain_decoder().structure(document, cls)


def digest(document: Any) -> str:
    """Hash JSON types independently of key order: the first 16 hex digits of sha256."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _encoder() -> Converter:
    """Return what takes records apart; it learns each class once, which takes longer than the records do."""
    converter = Converter()
    converter.register_unstructure_hook_func(_is_array_type, lambda array: array)
    converter.register_unstructure_hook(Path, str)
    return converter


@cache
def _decoder() -> Converter:
    """Return what puts records together whose arrays are back in place; it learns each class once."""
    converter = _strict_converter()
    converter.register_structure_hook_func(_is_array_type, lambda value, _: _an_array(value))
    return converter


@cache
def _plain_decoder() -> Converter:
    """Return what puts records without arrays together; it learns each class once."""
    return _strict_converter()


def _strict_converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(Path, lambda value, _: Path(value))
    return converter


def _lift_arrays(node: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """Replace arrays in nested dicts and lists by a reference to the field they came from."""
    if isinstance(node, np.ndarray):
        arrays[path] = node
        return {_ARRAY_KEY: path}
    prefix = f"{path}." if path else ""
    if isinstance(node, dict):
        return {key: _lift_arrays(value, f"{prefix}{key}", arrays) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_lift_arrays(value, f"{prefix}{i}", arrays) for i, value in enumerate(node)]
    return node


def _put_back(node: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """Undo what :func:`_lift_arrays` did: an array is named by where it was."""
    prefix = f"{path}." if path else ""
    if isinstance(node, dict):
        if node == {_ARRAY_KEY: path} and path in arrays:
            return arrays[path]
        return {key: _put_back(value, f"{prefix}{key}", arrays) for key, value in node.items()}
    if isinstance(node, list):
        return [_put_back(value, f"{prefix}{i}", arrays) for i, value in enumerate(node)]
    return node


def _an_array(value: Any) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise ValueError(f"no array: {value!r:.80}")
    return value


def _is_array_type(cls: Any) -> bool:
    return cls is np.ndarray or getattr(cls, "array_type", None) is np.ndarray
