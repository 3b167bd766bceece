"""Puts a body's skin into a MuJoCo scene as a mesh whose vertices change with every frame."""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np
from jaxtyping import Float, UInt8
from scipy import sparse

from pipeline.body import SkinnedBody
from pipeline.render.gl import Renderer
from pipeline.render.textures import Colour
from robots.exceptions import UnknownName

DEFAULT_COLOURS: Mapping[str, Colour] = {
    "skin": (222, 172, 140),
    "shirt": (44, 84, 168),
    "pants": (52, 52, 60),
    "shoes": (225, 225, 222),
    "hair": (48, 32, 22),
    "eye": (240, 240, 240),
}
"""Colour of everything that a body of this project may be made of."""

_PERSON = "person"


def add_texture(
    spec: mujoco.MjSpec,
    name: str,
    image: UInt8[np.ndarray, "height width 3"],
    *,
    repeat: tuple[float, float] = (1, 1),
    cube: bool = False,
) -> None:
    """Add a material of that name showing a picture: repeated across a flat face, or on every side of a box."""
    kind = mujoco.mjtTexture.mjTEXTURE_CUBE if cube else mujoco.mjtTexture.mjTEXTURE_2D
    pixels = np.ascontiguousarray(image[::-1])  # MuJoCo counts rows from below
    if cube:
        pixels = np.concatenate([pixels] * 6)
    texture = spec.add_texture(name=name, type=kind, width=pixels.shape[1], height=pixels.shape[0], nchannel=3)
    texture.data = pixels.tobytes()
    material = spec.add_material(name=name, texrepeat=list(repeat), specular=0.05, shininess=0.1)
    textures = list(material.textures)
    textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    material.textures = textures


def add_person(spec: mujoco.MjSpec, body: SkinnedBody, colours: Mapping[str, Colour], *, name: str = _PERSON) -> None:
    """Add a body, coloured by its materials, under a name of its own.

    Raises:
        UnknownName: The body has a material without a colour.
    """
    for material in body.material_names:
        if material not in colours:
            raise UnknownName("material", material, colours)
    n = len(body.material_names)
    palette = np.array([[colours[material] for material in body.material_names]], dtype=np.uint8)
    add_texture(spec, name, palette.repeat(32, axis=0).repeat(32, axis=1))
    swatches = np.stack([(np.arange(n) + 0.5) / n, np.full(n, 0.5)], axis=1)
    spec.add_mesh(
        name=name,
        uservert=body.template_verts.ravel(),
        userface=body.faces.ravel(),
        usertexcoord=swatches.ravel(),
        userfacetexcoord=np.repeat(body.face_material.astype(np.int32), 3),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )
    spec.worldbody.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        material=name,
        contype=0,
        conaffinity=0,
    )


class PersonMesh:
    """The person in a compiled scene: give it world vertices, and it shows them with smooth shading."""

    def __init__(self, model: mujoco.MjModel, body: SkinnedBody, *, name: str = _PERSON) -> None:
        """Find the person that :func:`add_person` added under this name."""
        self._model = model
        self._faces = body.faces
        self._mesh_id = model.mesh(name).id
        start, count = model.mesh_vertadr[self._mesh_id], model.mesh_vertnum[self._mesh_id]
        self._verts = slice(start, start + count)
        start, count = model.mesh_normaladr[self._mesh_id], model.mesh_normalnum[self._mesh_id]
        self._normals = slice(start, start + count)
        # MuJoCo stores a mesh in its own inertial frame; the geom carries the way back.
        rotation = np.empty(9)
        mujoco.mju_quat2Mat(rotation, model.mesh_quat[self._mesh_id])
        self._rotation = rotation.reshape(3, 3)
        self._origin = model.mesh_pos[self._mesh_id].copy()
        if count != len(body.template_verts) or model.mesh_vertnum[self._mesh_id] != count:
            raise RuntimeError(f"MuJoCo made {count} vertices of the {len(body.template_verts)} of body {body.name}")
        corners = body.faces.ravel()
        self._face_of_vertex = sparse.csr_array(
            (np.ones(len(corners)), (corners, np.repeat(np.arange(len(body.faces)), 3))),
            shape=(len(body.template_verts), len(body.faces)),
        )

    def show(self, renderer: Renderer, verts_w: Float[np.ndarray, "verts 3"]) -> None:
        """Put the skin where these vertices are."""
        a, b, c = (verts_w[self._faces[:, corner]] for corner in range(3))
        normals = self._face_of_vertex @ np.cross(b - a, c - a)  # weighted by area
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
        self._model.mesh_vert[self._verts] = (verts_w - self._origin) @ self._rotation
        self._model.mesh_normal[self._normals] = normals @ self._rotation
        renderer.upload_mesh(self._mesh_id)
