"""Turns a body's skin weights into a table of its parts: which skin is theirs, and their volume.

Every triangle belongs to the part whose joints move it most. A part's skin is an open surface; its
rims are closed by fans from their centres, so that the divergence theorem gives its volume, and two
parts that meet in one rim share one cap: nothing is counted twice or left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from pipeline.body import SkinnedBody
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

PART_JOINTS: dict[str, tuple[str, ...]] = {
    "head": ("neck", "head"),
    "torso": ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar"),
    **{
        f"{side}_{part}": tuple(f"{side}_{joint}" for joint in joints)
        for side in ("left", "right")
        for part, joints in {
            "upper_arm": ("shoulder",),
            "forearm": ("elbow",),
            "hand": ("wrist", "hand"),
            "thigh": ("hip",),
            "shank": ("knee",),
            "foot": ("ankle", "foot"),
        }.items()
    },
}
"""Which of SMPL's joints move which part."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyParts:
    """The parts of one shaped body, measured in its rest pose."""

    names: tuple[str, ...]
    face_part: Int[np.ndarray, " faces"]
    """Which part each triangle belongs to."""
    volume: Float[np.ndarray, " parts"]
    """Volume of each closed part [m^3]."""
    area: Float[np.ndarray, "parts verts"]
    """Skin area that each vertex stands for in each part [m^2]: a third of its triangles."""

    @property
    def pressure_com_weights(self) -> Float[np.ndarray, " verts"]:
        """Weights of the centre of mass in PBHC's stability rule: area samples, each weighted by its part's volume.

        Tripathi et al., "3D Human Pose Estimation via Intuitive Physics" (IPMAN), CVPR 2023, eq. 1. A large
        skin counts once more than its volume does: it is the published rule, not the body's true centre.
        """
        weights = self.volume @ self.area
        return weights / weights.sum()

    @property
    def com_weights(self) -> Float[np.ndarray, " verts"]:
        """Weights of the centre of mass of a body of uniform density: each part at the centre of its skin."""
        weights = (self.volume / self.area.sum(axis=1)) @ self.area
        return weights / weights.sum()


def body_parts(body: SkinnedBody, betas: Float[np.ndarray, " 10"]) -> BodyParts:
    """Cut the shaped body into parts."""
    verts, faces = body.rest_verts(betas), np.asarray(body.faces)
    part_of_joint = np.empty(len(SMPL_JOINT_NAMES), dtype=int)
    for index, joints in enumerate(PART_JOINTS.values()):
        part_of_joint[[SMPL_JOINT_NAMES.index(joint) for joint in joints]] = index
    pull = np.zeros((len(verts), len(PART_JOINTS)))
    for joint, part in enumerate(part_of_joint):
        pull[:, part] += body.skin_weights[:, joint]
    face_part = pull[faces].sum(axis=1).argmax(axis=1)
    corners = verts[faces]
    face_area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    area = np.zeros((len(PART_JOINTS), len(verts)))
    for corner in range(3):
        np.add.at(area, (face_part, faces[:, corner]), face_area / 3)
    return BodyParts(
        names=tuple(PART_JOINTS),
        face_part=face_part,
        volume=np.array([closed_volume(verts, faces[face_part == part]) for part in range(len(PART_JOINTS))]),
        area=area,
    )


def closed_volume(verts: Float[np.ndarray, "verts 3"], faces: Int[np.ndarray, "faces 3"]) -> float:
    """Volume inside a surface [m^3] whose rims are closed by fans from their centres."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    key = edges[:, 0].astype(np.int64) * len(verts) + edges[:, 1]
    twin = edges[:, 1].astype(np.int64) * len(verts) + edges[:, 0]
    rim = edges[~np.isin(twin, key)]
    volume = _signed_volume(verts[faces])
    if len(rim) == 0:
        return volume
    links = sparse.coo_array((np.ones(len(rim)), (rim[:, 0], rim[:, 1])), shape=(len(verts), len(verts)))
    _, loop_of_vert = connected_components(links, directed=False)
    for loop in np.unique(loop_of_vert[rim[:, 0]]):
        loop_rim = rim[loop_of_vert[rim[:, 0]] == loop]
        centre = np.broadcast_to(verts[loop_rim[:, 0]].mean(axis=0), (len(loop_rim), 3))
        # The cap runs along each rim edge the other way round, as a neighbouring triangle would.
        volume += _signed_volume(np.stack([centre, verts[loop_rim[:, 1]], verts[loop_rim[:, 0]]], axis=1))
    return volume


def _signed_volume(triangles: Float[np.ndarray, "faces 3 3"]) -> float:
    """Sum of the tetrahedra from the origin to each triangle [m^3]."""
    return float(np.linalg.det(triangles).sum() / 6)
