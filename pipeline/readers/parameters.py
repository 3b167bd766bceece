"""Turns SMPL parameters of a file into those of the body they shall be put on: its shape, its size, z up.

SMPL, SMPL-H and SMPL-X share their 22 body joints and their pose space, so poses are taken as they are. Shapes are not:
betas are used only where the body is the very model they belong to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.body import SkinnedBody
from pipeline.readers.exceptions import UnreadableMotion
from pipeline.readers.smpl_clip import SmplClip, upright
from pipeline.readers.stance_scale import stance_scale
from retarget.smpl_skeleton import SMPL_JOINT_NAMES, forward_kinematics

MODEL_NAMES = {"smpl": "SMPL", "smplh": "SMPL-H", "smplx": "SMPL-X"}
"""How users call the models."""

MODEL_VERTS = {"smpl": 6890, "smplh": 6890, "smplx": 10475}
"""Vertices of each model; SMPL-H is SMPL's mesh and shape space with fingers."""

LARGEST = 1e6
"""Largest number that is believed of metres, radians and betas."""

CLEAR_UP = 0.5
"""Mean height of a unit trunk along an axis that makes it clear which one is up."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parameters:
    """What a file of SMPL parameters holds."""

    fps: float
    """Rate of the file [1/s]."""
    rotvec: Float[np.ndarray, "frames 22 3"]
    """Axis-angle of the pelvis in the file's world and of 21 joints [rad]."""
    transl: Float[np.ndarray, "frames 3"]
    """SMPL translation in the file's world [m]."""
    betas: Float[np.ndarray, " 10"] | None
    """Shape, if the file has one."""
    model: str
    """Model that the betas belong to, a key of ``MODEL_NAMES``."""
    gender: str
    """``neutral``, ``male``, ``female`` or empty."""
    up: str | None
    """Axis that points up; None where neither format nor user says."""
    source_format: str
    """As in ``MotionFile``."""
    licence: str
    """As in ``MotionFile``."""
    remarks: tuple[str, ...] = ()
    """What the reader noticed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """Parameters on the body they were put on."""

    clip: SmplClip
    """Pose parameters, z up."""
    betas: Float[np.ndarray, " 10"]
    """Shape of the body."""
    own_shape: bool
    """Whether that is the file's own shape, so that the floor of the file is this body's floor too."""
    remarks: tuple[str, ...]
    """What was inferred."""


def fit(
    path: Path, given: Parameters, body: SkinnedBody, betas: Float[np.ndarray, " 10"], *, has_height: bool
) -> Fitted:
    """Put parameters on a body.

    Args:
        path: The file, for messages.
        given: What it holds.
        body: Body to put it on.
        betas: Shape to give the body if the file's own does not belong to it.
        has_height: Whether ``betas`` have the stature of the person, so that the path needs no scaling.

    Raises:
        UnreadableMotion: Nothing shows which axis is up.
    """
    local = Rotation.from_rotvec(given.rotvec.reshape(-1, 3)).as_matrix().reshape(-1, 22, 3, 3)
    up, remarks = _up_axis(path, given, local, body)
    W = upright(up)
    local[:, 0] = W @ local[:, 0]
    if own_shape := given.betas is not None and belongs_to(body, given.model, given.gender):
        betas = np.asarray(given.betas)
    path_w = (given.transl + body.rest_joints(betas)[0]) @ W.T
    if not own_shape:
        scale = 1.0 if has_height else stance_scale(local, path_w, body.rest_joints(betas), given.fps)
        path_w = scale * path_w
        remarks.append(_shape_remark(given, body, scale, has_height=has_height))
    clip = SmplClip(fps=given.fps, local_rotation=local, pelvis_path_w=path_w)
    return Fitted(clip=clip, betas=betas, own_shape=own_shape, remarks=tuple(remarks))


def absurd_numbers(values: np.ndarray) -> np.ndarray:
    """Tell which numbers no motion holds: NaN, infinity, and what is beyond ``LARGEST``."""
    return ~(np.abs(values) <= LARGEST)


def belongs_to(body: SkinnedBody, model: str, gender: str) -> bool:
    """Tell whether betas of a model and gender are betas of this body, by its mesh and its name."""
    if len(body.template_verts) != MODEL_VERTS.get(model) or not gender:
        return False
    words = re.findall(r"female|male|neutral|(?<![a-z])[fmn](?![a-z])", body.name.lower())
    return {word[0] for word in words} == {gender[0]}


def _shape_remark(given: Parameters, body: SkinnedBody, scale: float, *, has_height: bool) -> str:
    """Say which shape the body got, and how the path was scaled."""
    whose = f"Its shape is of {MODEL_NAMES[given.model]}{f' ({given.gender})' if given.gender else ''}, not of the body"
    if given.betas is None:
        whose = "It has no shape of its own; the body"
    else:
        whose += f" '{body.name}', which"
    if has_height:
        return f"{whose} was given the stature instead."
    stays = f"{whose} keeps its mean shape"
    if scale == 1.0:
        return f"{stays}; the path was not scaled, since no standing foot shows by how much."
    return f"{stays}; the path was scaled by {scale:.3f}, with which the standing feet slide least."


def _up_axis(
    path: Path, given: Parameters, local: Float[np.ndarray, "frames 22 3 3"], body: SkinnedBody
) -> tuple[str, list[str]]:
    """Return which axis is up; where nothing says so, the one along which trunk and legs stand on average."""
    standing = _standing(local, body)
    mean = {axis: float(standing[:, "xyz".index(axis)].mean()) for axis in "yz"}
    likelier = "y" if mean["y"] > mean["z"] else "z"
    if given.up is not None:
        if likelier != given.up and mean[likelier] > CLEAR_UP:
            share = float((standing[:, "xyz".index(likelier)] > np.cos(np.radians(45.0))).mean())
            text = f"The person stands along {likelier} in {share:.0%} of the frames, yet {given.up} is taken as up"
            return given.up, [f"{text}: if the file is {likelier}-up, give up='{likelier}'."]
        return given.up, []
    if mean[likelier] < CLEAR_UP:
        problem = "does not say which axis is up, and the person stands along none of them"
        raise UnreadableMotion(path, problem=problem, remedy="Give up='y' or up='z'")
    return likelier, [f"Up was taken to be {likelier}: along it the person stands."]


def _standing(local: Float[np.ndarray, "frames 22 3 3"], body: SkinnedBody) -> Float[np.ndarray, "frames 3"]:
    """Mean of the directions ankles to hips and hips to neck, in the file's world."""
    n_frames = len(local)
    hands = np.tile(np.eye(3), (n_frames, 2, 1, 1))
    rotations = np.concatenate([local, hands], axis=1)
    pos, _ = forward_kinematics(rotations, np.asarray(body.template_joints), np.zeros((n_frames, 3)))
    hips = _mid(pos, "hip")
    return 0.5 * (_unit(pos[:, SMPL_JOINT_NAMES.index("neck")] - hips) + _unit(hips - _mid(pos, "ankle")))


def _mid(pos: Float[np.ndarray, "frames 24 3"], joint: str) -> Float[np.ndarray, "frames 3"]:
    return pos[:, [SMPL_JOINT_NAMES.index(f"{side}_{joint}") for side in ("left", "right")]].mean(axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
