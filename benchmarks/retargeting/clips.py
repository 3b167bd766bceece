"""Turns a folder of bench files into clips: human bodies with known stances, and GMR's targets and output on them.

A file ``NAME.npz`` holds ``fps``, ``human_height`` [m], ``human_body_names``, ``human_pos_w`` [m, z up],
``human_quat_wxyz``, ``stance`` (left, right), and of GMR on the same input ``gmr_qpos`` (root position, root wxyz,
joints in MuJoCo's order), ``gmr_target_body_names`` beside ``gmr_robot_body_names``, ``gmr_weight_pos`` [1/m],
``gmr_weight_rot`` [1/rad], ``gmr_target_pos_w`` [m] and ``gmr_target_rot``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from benchmarks.retargeting.exceptions import InvalidBenchFile, NoBenchClips
from retarget.body_trajectory import BodyTrajectory

BENCH_DIR = Path(__file__).parents[2].parent / "shared" / "data" / "retarget_bench"
"""Where the clips lie, on machines that have them."""

_KEYS = (
    "fps",
    "human_height",
    "human_body_names",
    "human_pos_w",
    "human_quat_wxyz",
    "stance",
    "gmr_qpos",
    "gmr_target_body_names",
    "gmr_robot_body_names",
    "gmr_weight_pos",
    "gmr_weight_rot",
    "gmr_target_pos_w",
    "gmr_target_rot",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchClip:
    """One human motion with true stances, and what GMR asked of the robot and got."""

    name: str
    """File name without its ending."""
    fps: float
    """Frames per second [1/s]."""
    human_height: float
    """Stature [m]."""
    human_names: tuple[str, ...]
    """Human bodies: columns of ``human_pos_w``."""
    human_pos_w: Float[np.ndarray, "frames humans 3"]
    """Origins of the human's bodies [m]."""
    human_quat_wxyz_w: Float[np.ndarray, "frames humans 4"]
    """Orientations of the human's bodies."""
    stance: Bool[np.ndarray, "frames 2"]
    """Whether the left and the right foot stands."""
    target_human: tuple[str, ...]
    """Human body of each target."""
    target_robot: tuple[str, ...]
    """Robot body of each target, as GMR names it: ``*_toe_link`` is a point of the ankle-roll link."""
    weight_pos: Float[np.ndarray, " targets"]
    """GMR's stage-2 price of distance [1/m]."""
    weight_rot: Float[np.ndarray, " targets"]
    """GMR's stage-2 price of the angle [1/rad]."""
    target_pos_w: Float[np.ndarray, "frames targets 3"]
    """Where GMR wants each robot body [m]."""
    target_rot_w: Float[np.ndarray, "frames targets 3 3"]
    """How GMR wants each robot body turned."""
    gmr_qpos: Float[np.ndarray, "frames 7+joints"]
    """GMR's output."""

    trajectory: BodyTrajectory = field(init=False)
    """The human alone, starting at x = y = 0: what a retargeter may see, nothing of stances or of GMR."""
    origin_w: Float[np.ndarray, " 3"] = field(init=False)
    """Where GMR's targets put the origin of ``trajectory`` [m]. GMR shrinks the world about its origin, others about
    where the human starts: a start at the origin is where all agree."""

    def __post_init__(self) -> None:
        """Make the input of the retargeters, before any clock runs."""
        root, target = self.human_pos_w[:, self.human_names.index(self.target_human[0])], self.target_pos_w[:, 0]
        start = root[0] * [1.0, 1.0, 0.0]
        seen = BodyTrajectory(
            fps=self.fps,
            names=self.human_names,
            pos_w=self.human_pos_w - start,
            quat_wxyz_w=self.human_quat_wxyz_w,
        )
        object.__setattr__(self, "trajectory", seen)
        object.__setattr__(self, "origin_w", start * float((root * target).sum() / (root * root).sum()))

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.human_pos_w)

    def part(self, start: int, stop: int) -> BenchClip:
        """Return some of the frames."""
        return replace(self, **{name: getattr(self, name)[start:stop] for name in _FRAME_FIELDS})

    def turned(self, angle: float) -> BenchClip:
        """Return the same clip in a world turned about z [rad]."""
        turn = Rotation.from_euler("z", angle)
        matrix = turn.as_matrix()
        quat = turn * Rotation.from_quat(self.human_quat_wxyz_w.reshape(-1, 4), scalar_first=True)
        root = turn * Rotation.from_quat(self.gmr_qpos[:, 3:7], scalar_first=True)
        qpos = np.hstack([self.gmr_qpos[:, :3] @ matrix.T, root.as_quat(scalar_first=True), self.gmr_qpos[:, 7:]])
        return replace(
            self,
            human_pos_w=self.human_pos_w @ matrix.T,
            human_quat_wxyz_w=quat.as_quat(scalar_first=True).reshape(self.human_quat_wxyz_w.shape),
            target_pos_w=self.target_pos_w @ matrix.T,
            target_rot_w=matrix @ self.target_rot_w,
            gmr_qpos=qpos,
        )


_FRAME_FIELDS = ("human_pos_w", "human_quat_wxyz_w", "stance", "target_pos_w", "target_rot_w", "gmr_qpos")


def load_clips(folder: Path) -> tuple[BenchClip, ...]:
    """Read all clips of a folder, by name.

    Raises:
        NoBenchClips: There is no such folder, or no bench file in it.
        InvalidBenchFile: A file lacks an array, or one has another shape or other numbers than it should.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise NoBenchClips(folder)
    return tuple(load_clip(path) for path in paths)


def load_clip(path: Path) -> BenchClip:
    """Read one bench file.

    Raises:
        InvalidBenchFile: It lacks an array, or one has another shape or other numbers than it should.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidBenchFile(path, problem=f"cannot be read ({error})") from error
    missing = [key for key in _KEYS if key not in arrays]
    if missing:
        raise InvalidBenchFile(path, problem=f"lacks {', '.join(missing)}")
    _check(path, arrays)
    numbers = {key: value.astype(float) for key, value in arrays.items() if value.dtype.kind == "f"}
    return BenchClip(
        name=path.stem,
        fps=float(arrays["fps"]),
        human_height=float(arrays["human_height"]),
        human_names=tuple(arrays["human_body_names"].tolist()),
        human_pos_w=numbers["human_pos_w"],
        human_quat_wxyz_w=_unit(numbers["human_quat_wxyz"]),
        stance=arrays["stance"].astype(bool),
        target_human=tuple(arrays["gmr_target_body_names"].tolist()),
        target_robot=tuple(arrays["gmr_robot_body_names"].tolist()),
        weight_pos=numbers["gmr_weight_pos"],
        weight_rot=numbers["gmr_weight_rot"],
        target_pos_w=numbers["gmr_target_pos_w"],
        # Stored in single precision: an angle near zero would otherwise be one of rounding.
        target_rot_w=Rotation.from_matrix(numbers["gmr_target_rot"].reshape(-1, 3, 3))
        .as_matrix()
        .reshape(numbers["gmr_target_rot"].shape),
        gmr_qpos=np.hstack(
            [numbers["gmr_qpos"][:, :3], _unit(numbers["gmr_qpos"][:, 3:7]), numbers["gmr_qpos"][:, 7:]]
        ),
    )


def _unit(quat: np.ndarray) -> np.ndarray:
    return quat / np.linalg.norm(quat, axis=-1, keepdims=True)


def _check(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse arrays that do not agree with each other, or hold what is no number."""
    frames, humans = len(np.atleast_1d(arrays["human_pos_w"])), arrays["human_body_names"].size
    targets = arrays["gmr_target_body_names"].size
    shapes: dict[str, tuple[int, ...]] = {
        "fps": (),
        "human_height": (),
        "human_body_names": (humans,),
        "human_pos_w": (frames, humans, 3),
        "human_quat_wxyz": (frames, humans, 4),
        "stance": (frames, 2),
        "gmr_qpos": (frames, arrays["gmr_qpos"].shape[-1] if arrays["gmr_qpos"].ndim else 0),
        "gmr_target_body_names": (targets,),
        "gmr_robot_body_names": (targets,),
        "gmr_weight_pos": (targets,),
        "gmr_weight_rot": (targets,),
        "gmr_target_pos_w": (frames, targets, 3),
        "gmr_target_rot": (frames, targets, 3, 3),
    }
    for key, shape in shapes.items():
        value = arrays[key]
        if value.shape != shape:
            raise InvalidBenchFile(path, problem=f"{key} has the shape {value.shape}, not {shape}")
        if (
            key != "stance"
            and not key.endswith("names")
            and not (value.dtype.kind in "fiu" and np.isfinite(value).all())
        ):
            raise InvalidBenchFile(path, problem=f"{key} holds something that is no finite number")
    if frames == 0 or arrays["fps"] <= 0:
        raise InvalidBenchFile(path, problem="has no frames" if frames == 0 else "has no positive fps")
    if arrays["stance"].dtype != bool:
        raise InvalidBenchFile(path, problem="stance is not true or false")
    unknown = set(arrays["gmr_target_body_names"].tolist()) - set(arrays["human_body_names"].tolist())
    if unknown:
        raise InvalidBenchFile(
            path, problem=f"GMR's targets name bodies that the human lacks: {', '.join(sorted(unknown))}"
        )
