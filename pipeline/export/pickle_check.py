"""Tells what stands between a pickle and the old Python of its consumer, and reads what is in it, running nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.export.exceptions import UnreadableHandoff, UnsafePickle
from pipeline.export.safe_pickle import PickledArrays, load_pickle
from robots.motion import RATES

NEWEST_PROTOCOL = 5
"""Of Python 3.8, on which PBHC runs."""


def load_for_check(path: Path, *, format_name: str) -> tuple[Any, list[str]]:
    """Return what a pickle holds and what is wrong with it as a pickle; None if it cannot be read at all.

    Raises:
        OSError: It cannot be opened.
    """
    try:
        pickled = load_pickle(path, format_name=format_name)
    except UnreadableHandoff as error:
        return None, [f"it cannot be loaded: {error.problem}."]
    except UnsafePickle as error:
        return None, [f"it asks for '{error.wanted}', which is no array: it could run anything."]
    return pickled.content, _loading_problems(pickled)


def fps_problems(fps: Any) -> tuple[float | None, list[str]]:
    """Return the frame rate, None if it is none, and what is wrong with it; trainers want a whole Python number."""
    value = fps.item() if isinstance(fps, np.ndarray) and fps.ndim == 0 else fps
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not RATES[0] <= value <= RATES[1]:
        return None, [f"fps is no frame rate: {value!r:.40}."]
    if type(fps) is not int:
        kind = "array without dimensions" if isinstance(fps, np.ndarray) else type(fps).__name__
        return float(value), [f"fps is not a Python int but of the type '{kind}': {value}."]
    return float(value), []


def shape_problem(name: str, array: Any, shape: tuple[int | None, ...]) -> str | None:
    """Say whether something is no array of numbers of this shape; None in it stands for any size."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        return f"{name} is no array of numbers."
    fits = len(array.shape) == len(shape) and all(w in (None, n) for n, w in zip(array.shape, shape, strict=True))
    wanted = ", ".join("frames" if size is None else str(size) for size in shape)
    return None if fits else f"{name} has the shape {array.shape}, not ({wanted})."


def _loading_problems(pickled: PickledArrays) -> list[str]:
    problems = []
    if pickled.protocol > NEWEST_PROTOCOL:
        problems.append(f"it is of pickle protocol {pickled.protocol}; Python 3.8 reads up to {NEWEST_PROTOCOL}.")
    if new := sorted(name for name in pickled.names if name.startswith("numpy._core")):
        problems.append(f"it asks for {new[0]}, which NumPy 1 does not have: its trainer could not load it.")
    return problems
