"""Reads SMPL parameters from ``.npz``: AMASS in its three layouts, and plain ``poses``, ``trans``, ``fps``.

AMASS (Mahmood et al., "AMASS: Archive of Motion Capture As Surface Shapes", ICCV 2019) is z up. Its SMPL-H files have
156 pose values a frame, its SMPL-X files ("stageii") 165, also split into ``root_orient``, ``pose_body`` and others;
plain SMPL has 72. The first 66 of them are the same 22 joints everywhere, all that a robot can follow.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.body.body_file import ARCHIVE_ERRORS
from pipeline.readers.exceptions import UnreadableMotion
from pipeline.readers.motion_file import UNKNOWN_LICENCE
from pipeline.readers.parameters import Parameters, absurd_numbers

AMASS_LICENCE = "AMASS: non-commercial scientific research only (amass.is.tue.mpg.de), if this file is of AMASS"
"""What the archive asks of its users."""

RATE_KEYS = ("mocap_framerate", "mocap_frame_rate", "fps", "framerate", "frame_rate")
"""What the rate may be called; the first two are AMASS's."""

MODEL_OF_WIDTH = {66: "smplh", 72: "smpl", 156: "smplh", 165: "smplx"}
"""Which model has that many pose values a frame."""

MAX_ARRAY_BYTES = 2 * 1024**3
"""Largest array that is read [bytes]."""

_LAYOUT = "Give AMASS's arrays (poses, trans, betas, gender, mocap_framerate) or poses, trans, fps"


def read_npz(path: Path, native_fps: float | None, up: str | None) -> Parameters:
    """Read an ``.npz`` of SMPL parameters.

    Args:
        path: The file.
        native_fps: Rate to use instead of the file's [1/s].
        up: Axis that points up, instead of the format's.

    Raises:
        UnreadableMotion: It is damaged, holds pickled objects, or its arrays are not those of a motion.
        OSError: It cannot be opened.
    """
    arrays = _Arrays(path)
    poses = _poses(arrays)
    n_frames = len(poses)
    if n_frames < 2:
        problem = f"holds {n_frames} frame(s): a motion has at least two"
        raise UnreadableMotion(path, problem=problem, remedy="Export all frames")
    is_amass = any(key in arrays.names for key in RATE_KEYS[:2])
    betas = arrays.optional("betas")
    return Parameters(
        fps=native_fps or _rate(arrays),
        rotvec=poses[:, :66].reshape(-1, 22, 3),
        transl=arrays.numbers(("trans", "transl"), (n_frames, 3)),
        betas=None if betas is None else _ten(arrays, betas),
        model=_model(arrays, poses.shape[1]),
        gender=_gender(arrays),
        up=up or ("z" if is_amass else None),
        source_format="amass" if is_amass else "smpl_npz",
        licence=AMASS_LICENCE if is_amass else UNKNOWN_LICENCE,
    )


class _Arrays:
    """The arrays of a file, each read when it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                self.names = tuple(archive.files)
                sizes = {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.zip.infolist()}
                self.raw: dict[str, np.ndarray | Exception] = {}
                for name in set(_WANTED) & set(self.names):
                    self.raw[name] = self._load(archive, name, sizes.get(name, 0))
        except (*ARCHIVE_ERRORS, KeyError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # missing, a folder, not allowed: told apart by the caller
            problem = f"is damaged or cut short ({error})"
            raise UnreadableMotion(path, problem=problem, remedy="Copy or export it again") from error

    def _load(self, archive: np.lib.npyio.NpzFile, name: str, size: int) -> np.ndarray | Exception:
        """Read one array; pickled objects are kept as the refusal they are."""
        if size > MAX_ARRAY_BYTES:
            return ValueError(f"is larger than {MAX_ARRAY_BYTES // 1024**3} GiB")
        try:
            return archive[name]
        except MemoryError as error:
            return error
        except ValueError as error:
            if "allow_pickle" in str(error) or "Object arrays" in str(error):
                return ValueError("holds pickled objects, which can run code when they are read")
            raise

    def numbers(self, names: tuple[str, ...], shape: tuple[int | None, ...]) -> np.ndarray:
        """Return the first of these arrays that is there, as finite numbers of this shape."""
        name = next((name for name in names if name in self.names), None)
        if name is None:
            shown = ", ".join(self.names[:12]) or "nothing"
            problem = f"has no array '{names[0]}' (it holds {shown})"
            raise UnreadableMotion(self.path, problem=problem, remedy=_LAYOUT)
        value = self.raw[name]
        if isinstance(value, Exception):
            problem = f"array '{name}' {value}"
            raise UnreadableMotion(self.path, problem=problem, remedy="Save it again as plain numbers")
        fits = len(value.shape) == len(shape) and all(w in (None, n) for w, n in zip(shape, value.shape, strict=True))
        if not fits or value.dtype.kind not in "iuf":
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            problem = f"array '{name}' is {value.dtype} of shape {value.shape}, expected numbers of shape ({wanted})"
            raise UnreadableMotion(self.path, problem=problem, remedy=_LAYOUT)
        value = value.astype(np.float64)
        if (absurd := absurd_numbers(value)).any():
            where = tuple(int(i) for i in np.argwhere(absurd)[0])
            problem = f"array '{name}' holds {value[where]:g}, first at {where}"
            raise UnreadableMotion(self.path, problem=problem, remedy="Cut the motion before it, or export it again")
        return value

    def optional(self, name: str) -> np.ndarray | None:
        """Return a readable array, or None."""
        value = self.raw.get(name)
        return value if isinstance(value, np.ndarray) else None


_WANTED = (
    "poses", "root_orient", "pose_body", "global_orient", "body_pose", "trans", "transl", "betas", "gender",
    "surface_model_type", *RATE_KEYS,
)  # fmt: skip


def _poses(arrays: _Arrays) -> np.ndarray:
    """Pose values a frame, (frames, 66 or more)."""
    if "poses" in arrays.names:
        given = arrays.raw["poses"]
        if isinstance(given, np.ndarray) and given.ndim == 3:
            joints = arrays.numbers(("poses",), (None, None, 3))
            poses = joints.reshape(len(joints), -1)
        else:
            poses = arrays.numbers(("poses",), (None, None))
        if poses.shape[1] not in MODEL_OF_WIDTH:
            widths = ", ".join(map(str, MODEL_OF_WIDTH))
            problem = f"array 'poses' has {poses.shape[1]} values a frame, SMPL models have {widths}"
            raise UnreadableMotion(arrays.path, problem=problem, remedy=_LAYOUT)
        return poses
    if not {"root_orient", "global_orient"} & set(arrays.names):
        arrays.numbers(("poses",), (None, None))  # refuses: neither layout is there
    root = arrays.numbers(("root_orient", "global_orient"), (None, 3))
    body = arrays.numbers(("pose_body", "body_pose"), (len(root), None))
    if body.shape[1] not in (63, 69):
        problem = f"array 'pose_body' has {body.shape[1]} values a frame, expected 63"
        raise UnreadableMotion(arrays.path, problem=problem, remedy=_LAYOUT)
    return np.concatenate([root, body], axis=1)[:, :66]


def _rate(arrays: _Arrays) -> float:
    """Frames per second."""
    if not set(RATE_KEYS) & set(arrays.names):
        raise UnreadableMotion(arrays.path, problem="does not say its rate", remedy="Give it as native_fps")
    given = arrays.raw[next(key for key in RATE_KEYS if key in arrays.names)]
    shape = (1,) if isinstance(given, np.ndarray) and given.ndim else ()
    rate = float(arrays.numbers(RATE_KEYS, shape).reshape(()))
    if rate <= 0:
        problem = f"says a rate of {rate:g} frames/s"
        raise UnreadableMotion(arrays.path, problem=problem, remedy="Give the true one as native_fps")
    return rate


def _ten(arrays: _Arrays, betas: np.ndarray) -> np.ndarray | None:
    """First ten betas; a row per frame is averaged; fewer are filled up with zeros."""
    betas = arrays.numbers(("betas",), tuple(None for _ in betas.shape))
    flat = betas.reshape(-1, betas.shape[-1]).mean(axis=0) if betas.ndim else np.zeros(0)
    return np.concatenate([flat[:10], np.zeros(max(0, 10 - len(flat)))])


def _model(arrays: _Arrays, width: int) -> str:
    """Model the file says it is of, or the one with that many pose values."""
    said = _word(arrays, "surface_model_type").replace("-", "").replace("_", "").replace("+", "")
    is_stageii = "root_orient" in arrays.names and "poses" not in arrays.names
    return said if said in MODEL_OF_WIDTH.values() else "smplx" if is_stageii else MODEL_OF_WIDTH[width]


def _gender(arrays: _Arrays) -> str:
    """Gender of the model, or nothing."""
    said = _word(arrays, "gender")
    return said if said in ("neutral", "male", "female") else ""


def _word(arrays: _Arrays, name: str) -> str:
    """Text of an array, in lower case; nothing if there is none."""
    value = arrays.optional(name)
    if value is None or value.dtype.kind not in "US" or value.size != 1:
        return ""
    text = value.reshape(-1)[0]
    return (text.decode("latin1") if isinstance(text, bytes) else str(text)).strip().lower()
