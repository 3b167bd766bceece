"""Checks an ``.npz`` as mjlab's motion loader takes it: by key and column, asking nothing, at 50 frames a second."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.export.exceptions import UnreadableHandoff
from pipeline.export.motion_check import motion_problems, not_plausible, not_unit, sign_flips
from pipeline.export.pickle_check import shape_problem
from pipeline.export.safe_archive import load_archive
from robots.g1 import load_g1
from robots.kinematics import link_poses

FPS = 50
N_JOINTS, N_LINKS = 29, 30
LEAST_FRAMES = 100
"""Adaptive sampling chooses among bins of 50 frames; of fewer than two there is no choice."""
APART_M = 0.02
"""Models of the G1 differ by less; links in another order lie farther apart [m]."""
_SHAPES: dict[str, tuple[int | None, ...]] = {
    "joint_pos": (None, N_JOINTS),
    "joint_vel": (None, N_JOINTS),
    "body_pos_w": (None, N_LINKS, 3),
    "body_quat_w": (None, N_LINKS, 4),
    "body_lin_vel_w": (None, N_LINKS, 3),
    "body_ang_vel_w": (None, N_LINKS, 3),
}
_VELOCITY_SHARE, _VELOCITY_SLACK = 0.15, 0.02
"""Differences of positions smooth what they are taken of; a speed at another rate, or of another point, is off by more
[1, m/s or rad/s]."""
_POSED = 100
_Arrays = dict[str, np.ndarray]


def check_mjlab(path: Path) -> tuple[str, ...]:
    """Return all that is wrong with a file for mjlab, in sentences.

    Raises:
        OSError: It cannot be opened.
    """
    try:
        found = load_archive(path, ("fps", *_SHAPES), format_name="mjlab")
    except UnreadableHandoff as error:
        return (f"it cannot be loaded: {error.problem}.",)
    problems = [*_rate_problems(found), *_layout_problems(found)]
    if any(name not in found or shape_problem(name, found[name], shape) for name, shape in _SHAPES.items()):
        return tuple(problems)
    arrays = {name: found[name].astype(float) for name in _SHAPES}
    lengths = sorted({len(array) for array in arrays.values()})
    if len(lengths) > 1:
        return (*problems, f"its arrays are of different lengths: {', '.join(map(str, lengths))} frames.")
    if lengths[0] < LEAST_FRAMES:
        problems.append(f"it has {lengths[0]} frames; mjlab samples from bins of 50, so give {LEAST_FRAMES} or more.")
    if lengths[0] < 3:
        return tuple(problems)
    if broken := not_plausible(arrays):
        return (*problems, *broken)
    return (*problems, *_content_problems(arrays))


def _rate_problems(found: _Arrays) -> list[str]:
    """The loader never reads the rate, so a wrong one changes the speed and nothing else."""
    if "fps" not in found:
        return ["fps is missing."]
    if problem := shape_problem("fps", found["fps"], (1,)):
        return [problem]
    fps = float(found["fps"][0])
    return [] if fps == FPS else [f"fps is {fps:g}: mjlab shows a frame every 20 ms whatever it says; resample to 50."]


def _layout_problems(found: _Arrays) -> Iterator[str]:
    """Say what is missing, of another shape or in double precision."""
    for name, shape in _SHAPES.items():
        if name not in found:
            yield f"{name} is missing."
        elif problem := shape_problem(name, found[name], shape):
            yield problem + _of_the_world(found[name])
        elif found[name].dtype != np.float32:
            yield f"{name} is {found[name].dtype}, not float32."


def _of_the_world(array: np.ndarray) -> str:
    if array.ndim == 3 and array.shape[1] == N_LINKS + 1:
        return " The world is among the links, and mjlab picks links by their number."
    return ""


def _content_problems(arrays: _Arrays) -> list[str]:
    quat = arrays["body_quat_w"]
    if problems := not_unit("body_quat_w", quat):
        return problems
    problems = sign_flips("body_quat_w", quat)
    if wrong := _order_problem(arrays):
        return [*problems, wrong]  # whatever else it says would be of other joints
    problems += _velocity_problems(arrays)
    root = (arrays["body_pos_w"][:, 0], quat[:, 0])
    return problems + motion_problems(FPS, *root, arrays["joint_pos"], "29dof")


def _order_problem(arrays: _Arrays) -> str | None:
    """Hold the links against where the joints put them, and find out what was mistaken."""
    if _apart(arrays) < APART_M:
        turned = _turned(arrays)
        return None if turned < 1e-2 else f"body_quat_w is up to {turned:.2g} rad from where the joints turn the links."
    if not arrays["body_pos_w"][:, 0].any():
        return "the first link never moves: the world is among the links, and all columns are one too far."
    joints, links = _breadth_first()
    depth_first = {
        "joint_pos": arrays["joint_pos"][:, joints],
        "body_pos_w": arrays["body_pos_w"][:, links],
        "body_quat_w": arrays["body_quat_w"][:, links],
    }
    if _apart(depth_first) < APART_M:
        return "joints and links stand breadth-first, as in Isaac Lab and BeyondMimic; mjlab takes them depth-first."
    if _apart({**arrays, "joint_pos": depth_first["joint_pos"]}) < APART_M:
        return "joints stand breadth-first, as in Isaac Lab and BeyondMimic; mjlab takes them depth-first."
    if _apart({**arrays, "body_quat_w": arrays["body_quat_w"][..., [3, 0, 1, 2]]}) < APART_M:
        return "body_quat_w is x, y, z, w; mjlab reads w, x, y, z."
    return (
        f"the links are up to {_apart(arrays):.2g} m from where the joints put them: another order, or another robot."
    )


def _some(arrays: _Arrays) -> np.ndarray:
    return np.unique(np.linspace(0, len(arrays["joint_pos"]) - 1, _POSED).astype(int))


def _posed(arrays: _Arrays) -> tuple[Float[np.ndarray, "some 30 3"], Float[np.ndarray, "some 30 4"]]:
    """Put the links of some frames where root and joints have them."""
    qpos = np.hstack([arrays["body_pos_w"][:, 0], arrays["body_quat_w"][:, 0], arrays["joint_pos"]])
    return link_poses(load_g1("29dof"), qpos[_some(arrays)])


def _apart(arrays: _Arrays) -> float:
    """Largest distance of a link from where root and joints put it [m]."""
    return float(np.linalg.norm(_posed(arrays)[0] - arrays["body_pos_w"][_some(arrays)], axis=-1).max())


def _turned(arrays: _Arrays) -> float:
    """Largest angle of a link from how root and joints turn it [rad]."""
    same = np.abs((_posed(arrays)[1] * arrays["body_quat_w"][_some(arrays)]).sum(axis=-1)).clip(max=1.0)
    return float(2 * np.arccos(same).max())


@cache
def _breadth_first() -> tuple[np.ndarray, np.ndarray]:
    """Return where joints and links of a breadth-first file stand, in depth-first order."""
    model = load_g1("29dof").mj_model()
    depth = np.zeros(model.nbody, dtype=int)
    for body in range(1, model.nbody):
        depth[body] = depth[model.body_parentid[body]] + 1
    order = np.argsort(depth[1:], kind="stable")  # depth-first number of each link of a breadth-first file
    places = np.argsort(order)
    return places[1:] - 1, places


def _velocity_problems(arrays: _Arrays) -> Iterator[str]:
    """Hold each velocity against the differences of what it is the velocity of, the ends left out."""
    within = slice(1, -1)
    for name, position in (("joint_vel", "joint_pos"), ("body_lin_vel_w", "body_pos_w")):
        expected = (arrays[position][2:] - arrays[position][:-2]) * FPS / 2
        if _differ(arrays[name][within], expected):
            yield f"{name} is not the derivative of {position} at {FPS} Hz{_hint(arrays[name][within], expected)}."
    before, after = (_rotations(arrays["body_quat_w"][s]) for s in (slice(None, -2), slice(2, None)))
    turns = (after * before.inv()).as_rotvec().reshape(-1, N_LINKS, 3) * FPS / 2
    stated = arrays["body_ang_vel_w"][within]
    if _differ(stated, turns):
        own = _rotations(arrays["body_quat_w"][within]).apply(stated.reshape(-1, 3)).reshape(turns.shape)
        hint = _hint(stated, turns) if _differ(own, turns) else ": it is in the links' own frames, not the world's"
        yield f"body_ang_vel_w is not the derivative of body_quat_w at {FPS} Hz{hint}."


def _differ(stated: np.ndarray, expected: np.ndarray) -> bool:
    return _size(stated - expected) > _VELOCITY_SHARE * _size(expected) + _VELOCITY_SLACK


def _size(speeds: np.ndarray) -> float:
    return float(np.sqrt(np.mean(speeds**2)))


def _hint(stated: np.ndarray, expected: np.ndarray) -> str:
    """Say by which factor it would be, as speeds of another frame rate are."""
    if not stated.any():
        return ": it is zero"
    factor = float((stated * expected).sum() / (stated * stated).sum())
    same = factor > 0 and not _differ(factor * stated, expected)
    return f": it would be at {FPS / factor:.3g} Hz" if same else ""


def _rotations(quat_wxyz: np.ndarray) -> Rotation:
    return Rotation.from_quat(quat_wxyz.reshape(-1, 4), scalar_first=True)
