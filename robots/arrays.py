"""Turns what a caller hands over into the read-only, finite, right-shaped array a record keeps; checks settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from robots.exceptions import InvalidArray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def checked_array(
    name: str,
    value: ArrayLike,
    shape: tuple[int | str, ...],
    dims: dict[str, int] | None = None,
    *,
    dtype: DTypeLike = np.float64,
    finite: bool = True,
) -> np.ndarray:
    """Return a read-only copy of ``value`` after checking shape and finiteness.

    Args:
        name: How the array is called in an error message.
        value: Anything NumPy can read as an array.
        shape: Expected shape; a string is a named dimension, equal wherever it is named again.
        dims: Sizes of named dimensions seen so far; grows with each call.
        dtype: Type of the result.
        finite: Refuse NaN and infinity.

    Raises:
        InvalidArray: Shape or content is not as promised.
    """
    array = _converted(name, value, np.dtype(dtype))
    dims = {} if dims is None else dims
    matches = len(array.shape) == len(shape) and all(
        size == (dims.setdefault(dim, size) if isinstance(dim, str) else dim)
        for size, dim in zip(array.shape, shape, strict=True)
    )
    if not matches:
        wanted = ", ".join(f"{d}={dims[d]}" if d in dims else str(d) for d in shape)
        raise InvalidArray(name, problem=f"has shape {array.shape}, expected ({wanted})")
    if finite and np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))[0]
        raise InvalidArray(name, problem=f"holds NaN or infinity, first at index {tuple(bad.tolist())}")
    array.setflags(write=False)
    return array


def _converted(name: str, value: ArrayLike, dtype: np.dtype) -> np.ndarray:
    """Return a copy of that type; what an integer type cannot hold is refused, not wrapped around."""
    try:
        given = np.asarray(value)
        if np.iscomplexobj(given):
            raise TypeError("it is complex")  # NumPy would drop the imaginary part
        if np.issubdtype(dtype, np.integer) and given.size and np.issubdtype(given.dtype, np.number):
            bounds = np.iinfo(dtype)
            if not np.all((given == np.floor(given)) & (given >= bounds.min) & (given <= bounds.max)):
                raise ValueError(f"it holds other values than whole numbers from {bounds.min} to {bounds.max}")
        return np.array(given, dtype=dtype, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArray(name, problem=f"cannot be read as {dtype}: {error}") from error


def freeze_fields(record: object, checked: Mapping[str, Any]) -> None:
    """Set fields of a frozen dataclass from its ``__post_init__``."""
    for name, value in checked.items():
        object.__setattr__(record, name, value)


def checked_unit_quat(name: str, value: ArrayLike, shape: tuple[int | str, ...], dims: dict[str, int]) -> np.ndarray:
    """Like :func:`checked_array` for unit quaternions: off by more than 1e-3 is refused, less is renormalised.

    Raises:
        InvalidArray: Shape, content or norm is not as promised.
    """
    quat = checked_array(name, value, shape, dims)
    norm = np.linalg.norm(quat, axis=-1, keepdims=True)
    if quat.size and np.abs(norm - 1.0).max() > 1e-3:
        worst = float(norm.flat[np.abs(norm - 1.0).argmax()])
        raise InvalidArray(name, problem=f"is not made of unit quaternions (a norm of {worst:.4g})")
    quat = quat / norm
    quat.setflags(write=False)
    return quat


def check_settings(
    record: DataclassInstance,
    *,
    positive: Collection[str] = (),
    below_one: Collection[str] = (),
    at_most_one: Collection[str] = (),
    signed: Collection[str] = (),
) -> None:
    """Check the numbers of a settings record, single or in tuples, from its ``__post_init__``.

    Every number must be finite and, unless told otherwise, not negative. NaN passes no comparison, so that a solver
    with a NaN among its prices refuses every step and hands back its start without a word.

    Args:
        record: Settings. What is no number (a text, a switch, None, another record) is left alone.
        positive: Fields that may not be zero, as something is divided by them or nothing happens without them.
        below_one: Fields that must be smaller than 1.
        at_most_one: Fields that must not be greater than 1.
        signed: Fields that may be negative.

    Raises:
        InvalidArray: A number is outside its range.
    """
    for field in fields(record):
        name, value = field.name, getattr(record, field.name)
        for number in value if isinstance(value, tuple) else (value,):
            if not isinstance(number, int | float | np.number) or isinstance(number, bool):
                continue
            wanted = {
                "finite": -np.inf < number < np.inf,
                "positive": name not in positive or number > 0,
                "zero or positive": name in signed or number >= 0,
                "smaller than 1": name not in below_one or number < 1,
                "at most 1": name not in at_most_one or number <= 1,
            }
            for what, kept in wanted.items():
                if not kept:
                    raise InvalidArray(name, problem=f"must be {what}, got {number}")
