"""Reads SMPL-X parameters from a result file of GVHMR: its world-grounded half, y up, at 30 frames/s.

Shen et al., "World-Grounded Human Motion Recovery via Gravity-View Coordinates", SIGGRAPH Asia 2024. The file's
in-camera half and its intrinsics are left alone. No torch is needed, see :mod:`.torch_file`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.readers.exceptions import UnreadableMotion
from pipeline.readers.parameters import Parameters, absurd_numbers
from pipeline.readers.torch_file import read_torch_file

GVHMR_FPS = 30.0
"""Rate that GVHMR brings every video to [1/s]; its files do not repeat it."""

GVHMR_LICENCE = "GVHMR: non-commercial research only, as are the SMPL-X model and the data it was trained on"
"""What its authors ask of users."""

_WRITTEN_BY = "Give the hmr4d_results.pt that GVHMR's demo writes"


def read_gvhmr(path: Path, native_fps: float | None, up: str | None) -> Parameters:
    """Read a ``.pt`` result file of GVHMR.

    Args:
        path: The file.
        native_fps: Rate to use instead of 30 [1/s].
        up: Axis that points up, instead of y.

    Raises:
        UnreadableMotion: It is damaged, asks for code, or is not GVHMR's.
        OSError: It cannot be opened.
    """
    content = read_torch_file(path)
    if not isinstance(content.get("smpl_params_global"), dict):
        shown = ", ".join(map(str, list(content)[:8])) or "nothing"
        raise UnreadableMotion(path, problem=f"has no 'smpl_params_global' (it holds {shown})", remedy=_WRITTEN_BY)
    params = content["smpl_params_global"]
    root = _numbers(path, params, "global_orient", (None, 3))
    n_frames = len(root)
    if n_frames < 2:
        raise UnreadableMotion(path, problem=f"holds {n_frames} frame(s)", remedy="A motion has at least two")
    pose = _numbers(path, params, "body_pose", (n_frames, 63))
    return Parameters(
        fps=native_fps or GVHMR_FPS,
        rotvec=np.concatenate([root, pose], axis=1).reshape(n_frames, 22, 3),
        transl=_numbers(path, params, "transl", (n_frames, 3)),
        betas=_numbers(path, params, "betas", (None, 10)).mean(axis=0),
        model="smplx",
        gender="neutral",
        up=up or "y",
        source_format="gvhmr",
        licence=GVHMR_LICENCE,
        remarks=() if native_fps else (f"Its rate was taken to be GVHMR's {GVHMR_FPS:g} frames/s.",),
    )


def _numbers(path: Path, params: dict[str, Any], name: str, shape: tuple[int | None, int]) -> np.ndarray:
    """Return one tensor as finite numbers of this shape."""
    value = params.get(name)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf":
        raise UnreadableMotion(path, problem=f"has no tensor smpl_params_global.{name}", remedy=_WRITTEN_BY)
    fits = value.ndim == 2 and all(wanted in (None, size) for wanted, size in zip(shape, value.shape, strict=True))
    if not fits or not len(value):
        wanted = f"({'any' if shape[0] is None else shape[0]}, {shape[1]})"
        problem = f"smpl_params_global.{name} has shape {value.shape}, expected {wanted}"
        raise UnreadableMotion(path, problem=problem, remedy=_WRITTEN_BY)
    if (absurd := absurd_numbers(value)).any():
        frame, column = (int(n) for n in np.argwhere(absurd)[0])
        problem = f"smpl_params_global.{name} holds {value[frame, column]:g}, first in frame {frame}"
        raise UnreadableMotion(path, problem=problem, remedy="Run GVHMR again on this video")
    return value.astype(np.float64)
