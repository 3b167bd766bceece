"""Turns a user's own SMPL or SMPL-X model file into a :class:`SkinnedBody`, once, without running what it holds.

Both become 24 joints in SMPL's order. SMPL-X's first 22 joints are SMPL's; its fingers ride on SMPL's two
hands, its jaw and eyes on the head, all at their rest pose (flat hands, closed mouth), where their pose
correctives are zero. Its betas are its own first ten, which are not SMPL's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from pipeline.body.body_file import ARCHIVE_ERRORS, write_body
from pipeline.body.exceptions import NotABodyModel
from pipeline.body.inert_pickle import read_inert_pickle, to_array
from pipeline.body.library import OPEN_BODY
from pipeline.body.skinned_body import KEYPOINT_NAMES, N_BETAS, N_POSE_FEATURES, SkinnedBody
from pipeline.store import atomic_path
from retarget.smpl_skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS
from robots.exceptions import InvalidArray

KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
"""Arrays of a model file that are read; all else in it is left alone."""

LEFT_KNUCKLES = (25, 28, 31, 34)
"""SMPL-X joints index1, middle1, pinky1, ring1 of the left hand; the right hand's are 15 further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What is known of one kind of model file."""

    name: str
    """How users call it."""
    licence: str
    """Terms of its publisher."""
    n_verts: int
    """Vertices of its mesh; the numbers below hold for this mesh only."""
    joint_of: tuple[int, ...]
    """SMPL joint that carries each of its joints."""
    surface_points: dict[str, int]
    """Vertex number of each keypoint that is no joint."""


_TERMS = "non-commercial, not redistributable: the terms of your own {} licence (Max-Planck-Gesellschaft) apply"

SMPL = Family(
    name="SMPL",
    licence=_TERMS.format("SMPL"),
    n_verts=6890,
    joint_of=tuple(range(24)),
    surface_points={
        "nose": 332, "left_eye": 2800, "right_eye": 6260, "left_ear": 583, "right_ear": 4071,
        "left_heel": 3387, "left_toe": 3216, "right_heel": 6787, "right_toe": 6617,
    },
)  # fmt: skip
"""Loper et al., SIGGRAPH Asia 2015."""

SMPLX = Family(
    name="SMPL-X",
    licence=_TERMS.format("SMPL-X"),
    n_verts=10475,
    joint_of=(*range(22), 15, 15, 15, *(22,) * 15, *(23,) * 15),
    surface_points={
        "nose": 9120, "left_eye": 9448, "right_eye": 9929, "left_ear": 6, "right_ear": 616,
        "left_heel": 8846, "left_toe": 5770, "right_heel": 8635, "right_toe": 8463,
    },
)  # fmt: skip
"""Pavlakos et al., CVPR 2019."""


def import_smpl_file(path: Path, out_dir: Path) -> SkinnedBody:
    """Convert a model file and store it as ``out_dir/NAME.npz``, NAME being the file's, in lower case.

    The pose is SMPL's 23 body rotations with the hands at rest, so the stored body equals the model there to
    the precision of float32. Keypoints that are joints are regressed from the posed skin by the model's own
    joint regressor, nose, eyes, ears, heels and big toes are vertices of the family's mesh.

    Args:
        path: SMPL ``.pkl`` (1.0, 1.1) or ``.npz``, SMPL-X ``.pkl`` or ``.npz``.
        out_dir: Folder of imported bodies; made if need be.

    Raises:
        UnsafeModelFile: A pickle names something no model needs.
        NotABodyModel: It is no such file, an array is missing or of the wrong shape, or it is cut short.
        OutputNotWritable: The result cannot be stored.
    """
    name = path.stem.lower()
    if name == OPEN_BODY:
        raise NotABodyModel(path, problem=f"'{OPEN_BODY}' is the name of the built-in body: rename the file")
    body = _body_of(path, name, _read_arrays(path))
    with atomic_path(out_dir / f"{name}.npz") as temporary:
        write_body(body, temporary)
    return body


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays named in ``KEYS``."""
    try:
        if path.suffix == ".npz":
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                return {key: _array(path, archive, key) for key in KEYS}
        if path.suffix == ".pkl":
            content = read_inert_pickle(path)
            return {key: _array(path, content, key) for key in KEYS}
    except ARCHIVE_ERRORS as error:
        raise NotABodyModel(path, problem=f"cannot be read: {error}") from error
    raise NotABodyModel(path, problem=f"its name ends in '{path.suffix}'")


def _array(path: Path, content: Any, key: str) -> np.ndarray:
    """Return one array as numbers."""
    if key not in content:
        raise NotABodyModel(path, problem=f"array '{key}' is missing")
    try:
        return to_array(content[key])
    except ARCHIVE_ERRORS as error:
        raise NotABodyModel(path, problem=f"array '{key}' {error}") from error


def _body_of(path: Path, name: str, arrays: dict[str, np.ndarray]) -> SkinnedBody:
    """Fold a model onto SMPL's 24 joints."""
    family = _family(path, arrays["kintree_table"])
    _check_shapes(path, family, arrays)
    verts = arrays["v_template"].astype(np.float64)
    shape_dirs = arrays["shapedirs"][:, :, :N_BETAS].astype(np.float64)
    regressor = _joint_regressor(family, arrays["J_regressor"].astype(np.float64))
    weights = np.zeros((family.n_verts, 24))
    np.add.at(weights.T, np.array(family.joint_of), arrays["weights"].T)
    pose_dirs = np.zeros((family.n_verts, 3, N_POSE_FEATURES), dtype=np.float32)
    n_shared = 9 * 21 if family is SMPLX else N_POSE_FEATURES  # SMPL-X's joints 22 and 23 are jaw and left eye
    pose_dirs[..., :n_shared] = arrays["posedirs"][..., :n_shared]
    try:
        return SkinnedBody(
            name=name,
            licence=family.licence,
            template_verts=verts,
            faces=arrays["f"].astype(np.int64),
            shape_dirs=shape_dirs,
            template_joints=regressor @ verts,
            joint_shape_dirs=np.einsum("jv,vck->jck", regressor, shape_dirs, optimize=True),
            skin_weights=weights,
            face_material=np.zeros(len(arrays["f"]), dtype=np.uint8),
            keypoint_regressor=_keypoint_regressor(family, regressor),
            pose_dirs=pose_dirs,
        )
    except InvalidArray as error:
        raise NotABodyModel(path, problem=str(error)) from error


def _family(path: Path, kintree: Int[np.ndarray, "2 joints"]) -> Family:
    """Tell SMPL from SMPL-X by the joint tree."""
    for family in (SMPL, SMPLX):
        if kintree.shape == (2, len(family.joint_of)):
            shared = 24 if family is SMPL else 22
            if tuple(int(parent) for parent in kintree[0, 1:shared]) != SMPL_PARENTS[1:shared]:
                raise NotABodyModel(path, problem="'kintree_table' is not SMPL's tree of joints")
            return family
    problem = f"'kintree_table' has shape {kintree.shape}, not SMPL's (2, 24) or SMPL-X's (2, 55)"
    raise NotABodyModel(path, problem=problem)


def _check_shapes(path: Path, family: Family, arrays: dict[str, np.ndarray]) -> None:
    """Refuse arrays of the wrong shape, naming the first."""
    n_verts, n_joints = family.n_verts, len(family.joint_of)
    wanted: dict[str, tuple[int | None, ...]] = {
        "v_template": (n_verts, 3),
        "shapedirs": (n_verts, 3, None),
        "posedirs": (n_verts, 3, 9 * (n_joints - 1)),
        "J_regressor": (n_joints, n_verts),
        "weights": (n_verts, n_joints),
        "f": (None, 3),
    }
    for key, shape in wanted.items():
        found = arrays[key].shape
        fits = len(found) == len(shape) and all(want in (None, have) for want, have in zip(shape, found, strict=True))
        if not fits or (key == "shapedirs" and found[2] < N_BETAS):
            text = ", ".join("any" if size is None else str(size) for size in shape)
            raise NotABodyModel(path, problem=f"array '{key}' has shape {found}, expected ({text}) for {family.name}")


def _joint_regressor(family: Family, regressor: Float[np.ndarray, "joints verts"]) -> Float[np.ndarray, "24 verts"]:
    """Regress SMPL's 24 joints; SMPL-X has no hand joints, the mean of four knuckles stands for them."""
    if family is SMPL:
        return regressor
    left = np.array(LEFT_KNUCKLES)
    hands = np.stack([regressor[left].mean(axis=0), regressor[left + 15].mean(axis=0)])
    return np.concatenate([regressor[:22], hands])


def _keypoint_regressor(family: Family, joint_regressor: Float[np.ndarray, "24 verts"]) -> sparse.csr_array:
    """Weights that make COCO-17 and the foot points of the skin."""
    rows = np.zeros((len(KEYPOINT_NAMES), family.n_verts))
    for row, name in zip(rows, KEYPOINT_NAMES, strict=True):
        if name in family.surface_points:
            row[family.surface_points[name]] = 1.0
        else:
            row[:] = joint_regressor[SMPL_JOINT_NAMES.index(name)]
    return sparse.csr_array(rows)
