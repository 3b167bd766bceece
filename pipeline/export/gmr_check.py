"""Checks a GMR file as GMR's loader and viewer take it: six keys, doubles, a root of x, y, z, w."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.export.motion_check import motion_problems, not_plausible, not_unit, scalar_first_instead
from pipeline.export.pickle_check import fps_problems, load_for_check, shape_problem

_SHAPES: dict[str, tuple[int | None, ...]] = {"root_pos": (None, 3), "root_rot": (None, 4), "dof_pos": (None, 29)}
_KEYS = ("fps", *_SHAPES, "local_body_pos", "link_body_list")


def check_gmr(path: Path) -> tuple[str, ...]:
    """Return all that is wrong with a file for GMR, in sentences.

    Raises:
        OSError: It cannot be opened.
    """
    content, problems = load_for_check(path, format_name="gmr")
    if content is None and problems:
        return tuple(problems)
    if not isinstance(content, dict):
        return (*problems, f"it holds no dict, but something of the type '{type(content).__name__}'.")
    problems += [f"{name} is missing: GMR's loader asks for it by name." for name in _KEYS if name not in content]
    fps, wrong_fps = fps_problems(content["fps"]) if "fps" in content else (None, [])
    problems += wrong_fps
    arrays = {name: content[name] for name in _SHAPES if name in content}
    wrong = [problem for name, array in arrays.items() if (problem := shape_problem(name, array, _SHAPES[name]))]
    if wrong or len(arrays) < len(_SHAPES) or fps is None:
        return (*problems, *wrong)
    return (*problems, *_content_problems(arrays, fps))


def _content_problems(arrays: dict[str, Any], fps: float) -> list[str]:
    problems = [
        f"{name} is {array.dtype}, not float64 as in GMR's own files."
        for name, array in arrays.items()
        if array.dtype != np.float64
    ]
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        return [*problems, f"its arrays are of different lengths: {told} frames."]
    if lengths["dof_pos"] < 2:
        return [*problems, f"it has {lengths['dof_pos']} frame; a trainer needs two to see any speed."]
    if broken := not_plausible(arrays):
        return problems + broken
    pos, quat_xyzw, joints = (arrays[name].astype(float) for name in _SHAPES)
    if wrong := not_unit("root_rot", quat_xyzw):
        return problems + wrong
    if wrong := scalar_first_instead("root_rot", quat_xyzw):
        return problems + wrong
    return problems + motion_problems(fps, pos, quat_xyzw[:, [3, 0, 1, 2]], joints, "29dof")
