"""Checks a PBHC file as PBHC's motion library, reward and viewers take it: each trap they walk into, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.export.motion_check import motion_problems, not_plausible, not_unit, same_turns
from pipeline.export.pickle_check import fps_problems, load_for_check, shape_problem
from pipeline.export.safe_pickle import PathText
from robots.g1 import load_g1

N_JOINTS, N_BODIES = 23, 27
"""Joints, and links that ``pose_aa`` turns: the pelvis, one a joint, both hands and the head."""
_SHAPES: dict[str, tuple[int | None, ...]] = {
    "root_trans_offset": (None, 3),
    "pose_aa": (None, N_BODIES, 3),
    "contact_mask": (None, 2),
    "dof": (None, N_JOINTS),
    "root_rot": (None, 4),
}
_MISSED = {
    "root_trans_offset": "the trainer stops without it",
    "pose_aa": "the trainer stops without it",
    "fps": "the trainer stops without it",
    "contact_mask": "the reward for contacts has no target and stops",
    "dof": "viewers, and the length of an episode, are taken from it",
    "root_rot": "viewers are blind without it",
}
_SINGLE = ("root_trans_offset", "pose_aa")
_SAME = 1e-4


def check_pbhc(path: Path) -> tuple[str, ...]:
    """Return all that is wrong with a file for PBHC, in sentences.

    Raises:
        OSError: It cannot be opened.
    """
    content, problems = load_for_check(path, format_name="pbhc")
    if content is None and problems:
        return tuple(problems)
    if not isinstance(content, dict) or len(content) != 1:
        other = f"no dict, but something of the type '{type(content).__name__}'"
        found = f"{len(content)} motions" if isinstance(content, dict) else other
        return (*problems, f"it holds {found}; PBHC's trainer takes a dict of exactly one motion.")
    ((key, fields),) = content.items()
    problems += _key_problems(key)
    if not isinstance(fields, dict):
        return (*problems, f"its motion is no dict of fields, but of the type '{type(fields).__name__}'.")
    return (*problems, *_field_problems(fields))


def _key_problems(key: Any) -> Iterator[str]:
    if isinstance(key, PathText):
        yield f"its motion is named by a path ('{key}'), not by text, and loads only where such paths exist."
    elif not isinstance(key, str):
        yield f"its motion is named by {key!r:.40}, not by text."


def _field_problems(fields: dict[str, Any]) -> list[str]:
    """Check what is there, then what it says."""
    problems = [f"{name} is missing: {why}." for name, why in _MISSED.items() if fields.get(name) is None]
    fps, wrong_fps = fps_problems(fields["fps"]) if fields.get("fps") is not None else (None, [])
    problems += wrong_fps + _clock_problems(fps)
    arrays = {name: fields[name] for name in _SHAPES if fields.get(name) is not None}
    wrong = {name: problem for name in arrays if (problem := shape_problem(name, arrays[name], _SHAPES[name]))}
    problems += wrong.values()
    arrays = {name: array for name, array in arrays.items() if name not in wrong}
    problems += [
        f"{name} is {arrays[name].dtype}, not float32: the trainer stops at it."
        for name in _SINGLE
        if name in arrays and arrays[name].dtype != np.float32
    ]
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        return [*problems, f"its arrays are of different lengths: {_listed(lengths)} frames."]
    if fps is None or not all(name in arrays for name in _SINGLE):
        return problems
    if lengths["pose_aa"] < 2:
        return [*problems, f"it has {lengths['pose_aa']} frame; a trainer needs two to see any speed."]
    if broken := not_plausible(arrays):
        return problems + broken
    return problems + _content_problems({name: array.astype(float) for name, array in arrays.items()}, fps)


def _clock_problems(fps: float | None) -> list[str]:
    """PBHC keeps the time between frames, and takes the rate back from it."""
    if fps is None or (clock := int(1 / (1 / fps))) == fps:
        return []
    return [f"fps {fps:g} becomes {clock} in PBHC, which takes int(1 / (1 / fps))."]


def _content_problems(arrays: dict[str, np.ndarray], fps: float) -> list[str]:
    pose_aa = arrays["pose_aa"]
    axes = load_g1("23dof").mj_model().jnt_axis[1:]
    joints = pose_aa[:, 1 : 1 + N_JOINTS]
    angles = (joints * axes).sum(axis=-1)
    problems = []
    if pose_aa[:, 1 + N_JOINTS :].any():
        problems.append("the last three links of pose_aa (hands, head) turn; they must stand at zero.")
    if (off := np.abs(joints - angles[..., None] * axes).max(axis=(0, 2))).max() > _SAME:
        name = load_g1("23dof").joint_names[int(off.argmax())]
        problems.append(f"pose_aa turns {name} about another axis than its own: joints or axes in another order.")
    if "dof" in arrays and np.abs(arrays["dof"] - pose_aa[:, 1 : 1 + N_JOINTS].sum(axis=-1)).max() > _SAME:
        problems.append("dof is not the sum of pose_aa: viewers show another motion than is trained.")
    root = Rotation.from_rotvec(pose_aa[:, 0])
    if "root_rot" in arrays:
        problems += _root_problems(arrays["root_rot"], root)
    mask = arrays.get("contact_mask")
    if mask is not None and (mask.min() < 0 or mask.max() > 1):
        problems.append(f"contact_mask holds {mask.min():g} to {mask.max():g}; 0 is air, 1 is floor, 0.5 is 'any'.")
    return problems + motion_problems(
        fps, arrays["root_trans_offset"], root.as_quat(scalar_first=True), angles, "23dof"
    )


def _root_problems(root_rot: np.ndarray, root: Rotation) -> list[str]:
    """Hold the rotation that viewers show against the one that is trained."""
    if wrong := not_unit("root_rot", root_rot):
        return wrong
    if same_turns(Rotation.from_quat(root_rot), root):
        return []
    if same_turns(Rotation.from_quat(root_rot, scalar_first=True), root):
        return ["root_rot is w, x, y, z; PBHC's viewers read x, y, z, w."]
    return ["root_rot and the first link of pose_aa are two different rotations."]


def _listed(lengths: dict[str, int]) -> str:
    return ", ".join(f"{name} {length}" for name, length in lengths.items())
