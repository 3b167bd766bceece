"""Turns any motion file that is known into a motion of a given body: the door of this room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.body import SkinnedBody
from pipeline.readers.bvh_motion import read_bvh_motion
from pipeline.readers.exceptions import UnreadableMotion
from pipeline.readers.gvhmr_file import read_gvhmr
from pipeline.readers.motion_file import UNKNOWN_LICENCE, MotionFile
from pipeline.readers.npz_file import read_npz
from pipeline.readers.parameters import Parameters, fit
from pipeline.readers.smpl_clip import make_motion
from pipeline.readers.torch_file import SAVE_AGAIN
from robots.exceptions import InvalidArray

MOTION_SUFFIXES = (".npz", ".pt", ".bvh", ".bvh.gz")
"""How the name of a motion file may end."""

NATIVE_FPS = (1.0, 2000.0)
"""Rates that a motion can have been recorded at [1/s]."""

MOVED_FLOOR_M = 0.03
"""A floor that was off by more than this is mentioned [m]."""


def read_motion(
    path: Path,
    body: SkinnedBody,
    *,
    fps: float = 30.0,
    native_fps: float | None = None,
    up: str | None = None,
    unit_m: float | None = None,
    height_m: float | None = None,
) -> MotionFile:
    """Read a motion that exists already: AMASS or plain ``.npz``, GVHMR result ``.pt``, ``.bvh``, ``.bvh.gz``.

    Args:
        path: The file.
        body: Body to put the motion on.
        fps: Rate of the result [1/s]; the file is resampled by time.
        native_fps: Rate of the file where it does not say, or says wrongly [1/s].
        up: Axis of the file's world that points up, ``y`` or ``z``; known or inferred if not given.
        unit_m: Unit of length of a BVH file [m]; inferred if not given.
        height_m: Stature of the person [m], if known: the body gets it, unless the file's own shape fits the body.

    Raises:
        UnreadableMotion: The file is missing, damaged, of another kind, or lacks what a motion needs.
        InvalidArray: ``fps``, ``native_fps``, ``unit_m``, ``height_m`` or ``up`` make no sense.
    """
    _check_options(fps=fps, native_fps=native_fps, unit_m=unit_m, height_m=height_m, up=up)
    betas = np.zeros(10) if height_m is None else body.betas_for_height(height_m)
    try:
        if _kind(path) == "bvh":
            return _read_bvh(path, body, betas, fps, native_fps, unit_m, up)
        reader = read_npz if _kind(path) == "npz" else read_gvhmr
        return _from_parameters(path, reader(path, native_fps, up), body, betas, height_m, fps)
    except IsADirectoryError as error:
        raise UnreadableMotion(path, problem="is a folder", remedy="Name the files in it") from error
    except FileNotFoundError as error:
        raise UnreadableMotion(path, problem="is not there", remedy="Check the name") from error
    except OSError as error:
        problem = f"cannot be opened ({error.strerror or error})"
        raise UnreadableMotion(path, problem=problem, remedy="Check the file and its permissions") from error


def _check_rate(path: Path, native_fps: float) -> None:
    """Refuse rates that no capture has: they are a unit mistaken."""
    low, high = NATIVE_FPS
    if not low <= native_fps <= high:
        problem = f"has a rate of {native_fps:.4g} frames/s"
        raise UnreadableMotion(path, problem=problem, remedy="Give the true one as native_fps")


def _check_options(*, up: str | None, **numbers: float | None) -> None:
    """Refuse options that make no sense."""
    for name, value in numbers.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InvalidArray(name, problem=f"must be a positive number, got {value}")
    if up not in (None, "y", "z"):
        raise InvalidArray("up", problem=f"must be y or z, got {up}")


def _kind(path: Path) -> str:
    """Tell the kind of file by its first bytes, and by its name where they leave it open."""
    with path.open("rb") as stream:
        head = stream.read(64)
    if not head.strip():
        raise UnreadableMotion(path, problem="is empty", remedy="Copy or export it again")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:9].upper() == b"HIERARCHY" or head[:2] == b"\x1f\x8b":
        return "bvh"
    name = path.name.lower()
    if head[:2] == b"PK":
        return "pt" if name.endswith((".pt", ".pth")) else "npz"
    for suffix in MOTION_SUFFIXES:
        if name.endswith(suffix):
            problem = f"is called {suffix} but does not hold what such a file begins with"
            remedy = SAVE_AGAIN if suffix == ".pt" else "Check what the file is; videos are called otherwise"
            raise UnreadableMotion(path, problem=problem, remedy=remedy)
    known = ", ".join(MOTION_SUFFIXES)
    problem = f"is no motion file that can be read (known: {known})"
    raise UnreadableMotion(path, problem=problem, remedy="Convert it to one of these; ASF/AMC and C3D are not read")


def _read_bvh(
    path: Path,
    body: SkinnedBody,
    betas: Float[np.ndarray, " 10"],
    fps: float,
    native_fps: float | None,
    unit_m: float | None,
    up: str | None,
) -> MotionFile:
    """Read a BVH file; its floor is not said anywhere, so that it moved is no remark."""
    read = read_bvh_motion(path, body, betas, native_fps=native_fps, unit_m=unit_m, up=up)
    _check_rate(path, read.clip.fps)
    motion, _ = make_motion(read.clip, body, betas, fps)
    return MotionFile(
        motion=motion,
        native_fps=read.clip.fps,
        source_format="bvh",
        licence=UNKNOWN_LICENCE,
        remarks=read.remarks,
    )


def _from_parameters(
    path: Path,
    parameters: Parameters,
    body: SkinnedBody,
    betas: Float[np.ndarray, " 10"],
    height_m: float | None,
    fps: float,
) -> MotionFile:
    """Put SMPL parameters on a body, with their own shape where it is the body's."""
    _check_rate(path, parameters.fps)
    fitted = fit(path, parameters, body, betas, has_height=height_m is not None)
    motion, lifted_m = make_motion(fitted.clip, body, fitted.betas, fps)
    remarks = (*parameters.remarks, *fitted.remarks)
    if fitted.own_shape and abs(lifted_m) > MOVED_FLOOR_M:
        way = "up" if lifted_m > 0 else "down"
        remarks = (*remarks, f"It was moved {way} by {abs(lifted_m):.2f} m to stand on the floor.")
    return MotionFile(
        motion=motion,
        native_fps=parameters.fps,
        source_format=parameters.source_format,
        licence=parameters.licence,
        remarks=remarks,
    )
