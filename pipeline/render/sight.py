"""Turns a scene and points on its people into who hides each point from the camera: nobody, a person, a thing."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from jaxtyping import Float, Int, Int8

from pipeline.camera import CameraPath
from pipeline.render.exposure import moments, zoomed
from pipeline.render.gl import Renderer
from pipeline.render.hall import add_occluder, set_camera_range
from pipeline.render.person_scene import FilmConfig, Performer, check_lengths, mesh_name, posed
from pipeline.render.skin import PersonMesh, add_person
from robots.arrays import checked_array
from robots.exceptions import InvalidArray

NOBODY = -1
"""Who hides a point that is hidden by nothing but, perhaps, the person's own body."""

_SHRINK = 0.5  # pictures of who is where need no more than every second pixel


def hidden_by(
    performers: Sequence[Performer],
    points_w: Sequence[Float[np.ndarray, "frames points 3"]],
    camera: CameraPath,
    config: FilmConfig,
    *,
    zoom: Float[np.ndarray, " frames"] | None = None,
) -> Int8[np.ndarray, "people frames points"]:
    """Find who stands between the camera and points of each performer's body.

    A point is hidden where the nearest thing at its pixel is another person or an occluder, and no pixel next to it
    shows its own person. What lies outside of the picture is hidden by nobody. The hall's own furniture hides nothing.

    Args:
        performers: Who is there, as filmed.
        points_w: As many points of each of them, such as keypoints [m].
        camera: As filmed.
        config: As filmed.
        zoom: As filmed.

    Returns:
        -1 = nobody; the number of a performer; number of performers + number of an occluder.

    Raises:
        MissingRenderer: No OpenGL on this machine.
        InvalidArray: Something differs in length.
    """
    zoom = check_lengths(performers, camera, zoom)
    if len(points_w) != len(performers):
        raise InvalidArray("points_w", problem=f"is for {len(points_w)} people, filmed are {len(performers)}")
    dims = {"frames": len(zoom)}
    points = [checked_array("points_w", p, ("frames", "points", 3), dims) for p in points_w]
    n_others = len(performers) + len(config.occluders) - 1
    if n_others < 1:  # nobody and nothing is in the way
        return np.full((len(performers), len(zoom), dims.get("points", 0)), NOBODY, dtype=np.int8)
    hidden = np.empty((len(performers), len(zoom), dims["points"]), dtype=np.int8)
    for frame, owner in enumerate(_owners(performers, camera, config, zoom)):
        here = CameraPath(
            K=zoomed(camera.K, zoom[frame]), R_w2c=camera.R_w2c[frame, None], pos_w=camera.pos_w[frame, None]
        )
        for number in range(len(performers)):
            pixels, depth = here.project(points[number][frame, None])
            hidden[number, frame] = _in_front(owner, number, pixels[0] * _SHRINK, depth[0])
    return hidden


def _owners(performers: Sequence[Performer], camera: CameraPath, config: FilmConfig, zoom: np.ndarray):  # noqa: ANN202
    """Yield, frame by frame, whose each pixel of a smaller picture is."""
    width, height = round(config.width * _SHRINK), round(config.height * _SHRINK)
    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
    spec.visual.quality.offsamples = 0
    set_camera_range(spec, size=config.hall.size)
    for number, performer in enumerate(performers):
        add_person(spec, performer.body, performer.colours, name=mesh_name(number))
    for number, occluder in enumerate(config.occluders):
        add_occluder(spec, occluder, f"occluder{number}")
    model = spec.compile()  # nothing else is in it, so geom numbers are those of people and occluders
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    half = np.diag([_SHRINK, _SHRINK, 1.0])
    with Renderer(model, width=width, height=height) as renderer:
        meshes = [PersonMesh(model, who.body, name=mesh_name(number)) for number, who in enumerate(performers)]
        for moment in moments(posed(performers, len(zoom)), camera, zoom):
            for mesh, verts_w in zip(meshes, moment.people, strict=True):
                mesh.show(renderer, verts_w)
            yield renderer.render_geom_ids(data, K=half @ moment.K, R_w2c=moment.R_w2c, pos_w=moment.pos_w)


def _in_front(
    owner: Int[np.ndarray, "height width"],
    person: int,
    pixels: Float[np.ndarray, "points 2"],
    depth: Float[np.ndarray, " points"],
) -> Int[np.ndarray, " points"]:
    """Read off who hides each point of one person."""
    height, width = owner.shape
    inside = (depth > 0) & (pixels >= 0).all(axis=1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
    x, y = np.where(inside[:, None], pixels, 0.0).astype(int).T
    found = owner[y, x]
    near = np.zeros(len(found), dtype=bool)
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            near |= owner[np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)] == person
    return np.where(inside & ~near, found, NOBODY)
