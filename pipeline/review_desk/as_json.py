"""Turns what the desk tells into JSON types: arrays to lists, numbers to as many digits as a reader needs, NaN to null.

``pipeline.record_codec`` keeps every digit of what a dataset holds; a page needs five of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from math import isfinite
from typing import Any

import numpy as np

_DIGITS = 5

_POWERS = np.array([float(f"1e{power}") for power in range(23)])
"""All powers of ten that a double holds exactly."""


def as_json(value: Any) -> Any:
    """Return a record, or what is in it, as JSON types.

    Raises:
        TypeError: It holds something that JSON has no word for.
    """
    if value is None or isinstance(value, bool | int | str):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, float):
        return _rounded(value)
    if isinstance(value, np.ndarray):
        return _listed(value)
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _rounded(value: float) -> float | None:
    if not isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}") if abs(value) < 10 ** (_DIGITS - 1) else round(value, 1)


def _listed(array: np.ndarray) -> list[Any]:
    if array.ndim > 1:
        return [_listed(row) for row in array]
    if array.dtype.kind in "biu":
        return array.tolist()
    known = np.isfinite(array)
    size = np.abs(np.where(known & (array != 0), array, 1.0)).astype(float)
    scale = _POWERS[np.clip(_DIGITS - 1 - np.floor(np.log10(size)), 1, len(_POWERS) - 1).astype(int)]
    rounded = np.rint(np.where(known, array, 0.0) * scale) / scale  # of two exact numbers: as short as it can be
    if known.all():
        return rounded.tolist()
    return [number if ok else None for number, ok in zip(rounded.tolist(), known.tolist(), strict=True)]
