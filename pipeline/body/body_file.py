"""Turns a body into one ``.npz`` without pickles, and such a file into a body again.

A whole-number array has a companion ``<name>_scale`` along its last axis: value = stored * scale. The
open body keeps its shape directions so, in 16 bits; imported bodies keep float32. Skin weights are stored
for the joints of each vertex that have any.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy import sparse

from pipeline.body.exceptions import UnreadableBody
from pipeline.body.skinned_body import KEYPOINT_NAMES, SkinnedBody
from robots.exceptions import InvalidArray

FORMAT = 1
"""Version of the layout; a reader refuses what it does not know."""

ARCHIVE_ERRORS = (OSError, EOFError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises on a damaged ``.npz``."""


def write_body(body: SkinnedBody, path: Path, *, compact: bool = False) -> None:
    """Store a body.

    Args:
        body: What to store.
        path: Where to; ends in ``.npz``.
        compact: Keep the shape directions in 16 bits (for the open body: error below 10 micrometres).
    """
    weights = np.asarray(body.skin_weights)
    per_vert = int((weights > 0).sum(axis=1).max())
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :per_vert]
    arrays: dict[str, np.ndarray] = {
        "format": np.array(FORMAT),
        "name": np.array(body.name),
        "licence": np.array(body.licence),
        "template_verts": body.template_verts.astype(np.float32),
        "template_joints": body.template_joints.round(9),  # to a nanometre: below that, bytes depend on the machine
        "joint_shape_dirs": body.joint_shape_dirs.round(9),
        "faces": body.faces.astype(np.uint16 if len(body.template_verts) <= 2**16 else np.int32),
        "weight_joints": joints.astype(np.uint8),
        "weight_values": np.take_along_axis(weights, joints, axis=1),
        "face_material": body.face_material,
        "material_names": np.array(body.material_names),
        "keypoint_values": body.keypoint_regressor.data.astype(np.float32),
        "keypoint_verts": body.keypoint_regressor.indices.astype(np.int32),
        "keypoint_starts": body.keypoint_regressor.indptr.astype(np.int32),
    }
    if compact:
        scale = (np.abs(body.shape_dirs).max(axis=(0, 1)) / np.iinfo(np.int16).max).astype(np.float32)
        arrays["shape_dirs"] = np.round(body.shape_dirs / scale).astype(np.int16)
        arrays["shape_dirs_scale"] = scale
        arrays["weight_values"] = np.round(arrays["weight_values"] * np.iinfo(np.uint16).max).astype(np.uint16)
    else:
        arrays["shape_dirs"] = body.shape_dirs.astype(np.float32)
    if body.pose_dirs is not None:
        arrays["pose_dirs"] = body.pose_dirs
    with path.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def read_body(path: Path) -> SkinnedBody:
    """Load a stored body.

    Raises:
        UnreadableBody: The file is missing, damaged, of another format, or its arrays do not fit together.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except ARCHIVE_ERRORS as error:
        raise UnreadableBody(path, problem=str(error)) from error
    if arrays.get("format") != FORMAT:
        raise UnreadableBody(path, problem=f"format {arrays.get('format')}, this version reads {FORMAT}")
    try:
        return _body_of(arrays)
    except KeyError as error:
        raise UnreadableBody(path, problem=f"array {error} is missing") from error
    except (InvalidArray, ValueError, IndexError) as error:
        raise UnreadableBody(path, problem=str(error)) from error


def _body_of(arrays: dict[str, np.ndarray]) -> SkinnedBody:
    """Put a body together from the arrays of its file."""
    shape_dirs = arrays["shape_dirs"].astype(np.float64)
    if "shape_dirs_scale" in arrays:
        shape_dirs = shape_dirs * arrays["shape_dirs_scale"]
    n_verts = len(arrays["template_verts"])
    keypoints = (arrays["keypoint_values"], arrays["keypoint_verts"], arrays["keypoint_starts"])
    return SkinnedBody(
        name=str(arrays["name"]),
        licence=str(arrays["licence"]),
        template_verts=arrays["template_verts"],
        faces=arrays["faces"],
        shape_dirs=shape_dirs,
        template_joints=arrays["template_joints"],
        joint_shape_dirs=arrays["joint_shape_dirs"],
        skin_weights=_dense_weights(arrays["weight_joints"], arrays["weight_values"]),
        face_material=arrays["face_material"],
        material_names=tuple(str(name) for name in arrays["material_names"]),
        keypoint_regressor=sparse.csr_array(keypoints, shape=(len(KEYPOINT_NAMES), n_verts)),
        pose_dirs=arrays.get("pose_dirs"),
    )


def _dense_weights(joints: np.ndarray, values: np.ndarray) -> Float[np.ndarray, "verts 24"]:
    """Spread the stored weights over 24 columns; rows sum to one again after rounding."""
    weights = np.zeros((len(joints), 24), dtype=np.float64)
    np.put_along_axis(weights, joints.astype(np.intp), values.astype(np.float64), axis=1)
    sums = weights.sum(axis=1, keepdims=True)
    return (weights / np.where(sums > 0, sums, 1.0)).astype(np.float32)
