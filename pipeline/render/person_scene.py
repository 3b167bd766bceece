"""Films a person on a set: a body's motion and a camera's path become RGB frames that pass for a video.

BlazePose sees a shaded, clothed body, and not a figure of capsules; a camera's rotation can only be recovered
before a background full of corners. Hence the trouble taken here.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

import mujoco
import numpy as np
from jaxtyping import UInt8

from pipeline.body import SkinnedBody
from pipeline.camera import CameraPath
from pipeline.render import textures
from pipeline.render.gl import Renderer
from pipeline.render.skin import DEFAULT_COLOURS, PersonMesh, add_person, add_texture
from pipeline.render.textures import Colour
from retarget.smpl_motion import SmplMotion
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmConfig:
    """How a person is filmed."""

    width: int = 1280
    """Frame width [px]."""
    height: int = 720
    """Frame height [px]."""
    shadows: bool = True
    """Draw the shadow of the person, which also tells the eye where the feet are."""
    samples: int = 4
    """Samples a pixel against stair-stepped edges; 0 turns them off."""
    colours: Mapping[str, Colour] = field(default_factory=lambda: dict(DEFAULT_COLOURS))
    """Colour of each material of the body, RGB 0 to 255."""
    seed: int = 0
    """Which textures the set is painted with."""


def film_person(
    body: SkinnedBody, motion: SmplMotion, camera: CameraPath, config: FilmConfig | None = None
) -> Generator[UInt8[np.ndarray, "height width 3"], None, None]:
    """Yield one RGB frame for each frame of the motion; close the generator if it is left half-way.

    The set is a training hall about the world's origin: the camera should stand in front of it, at x > 0.

    Args:
        body: Skin of the person; the motion must be its own.
        motion: What the person does.
        camera: Where the camera is, frame by frame.
        config: Size, quality, colours.

    Raises:
        MissingRenderer: No OpenGL on this machine.
        InvalidArray: Camera and motion differ in length.
    """
    config = FilmConfig() if config is None else config
    if len(camera.pos_w) != len(motion):
        raise InvalidArray("camera", problem=f"has {len(camera.pos_w)} frames, the motion {len(motion)}")
    model = _training_hall(body, config)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with Renderer(model, width=config.width, height=config.height, shadows=config.shadows) as renderer:
        person = PersonMesh(model, body)
        frame = 0
        for verts in body.iter_verts(motion):
            for verts_w in verts:
                person.show(renderer, verts_w)
                yield renderer.render(data, K=camera.K, R_w2c=camera.R_w2c[frame], pos_w=camera.pos_w[frame])
                frame += 1


def _training_hall(body: SkinnedBody, config: FilmConfig) -> mujoco.MjModel:
    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth, spec.visual.global_.offheight = config.width, config.height
    spec.visual.quality.offsamples = config.samples
    spec.visual.quality.shadowsize = 1024
    spec.visual.map.znear, spec.visual.map.zfar = 0.02, 40.0
    spec.visual.map.shadowclip = 1.0
    spec.stat.extent, spec.stat.center = 3.0, [0.0, 0.0, 1.0]
    spec.visual.headlight.ambient = [0.38] * 3
    spec.visual.headlight.diffuse = [0.25] * 3
    spec.visual.headlight.specular = [0.0] * 3
    rng = np.random.default_rng(config.seed)
    _build_room(spec, rng)
    _furnish(spec, rng)
    add_person(spec, body, config.colours)
    world = spec.worldbody
    world.add_light(
        pos=[3.0, 2.0, 5.0],
        dir=[-0.48, -0.30, -0.82],
        diffuse=[0.55, 0.53, 0.50],
        specular=[0.1] * 3,
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        castshadow=True,
    )
    world.add_light(
        pos=[3.0, -4.0, 3.0],
        dir=[-0.6, 0.7, -0.4],
        diffuse=[0.16, 0.17, 0.20],
        specular=[0.0] * 3,
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        castshadow=False,
    )
    return spec.compile()


def _build_room(spec: mujoco.MjSpec, rng: np.random.Generator) -> None:
    add_texture(spec, "floor", textures.planks(rng, size=1024, rows=32, colour=(168, 124, 82)), repeat=(2, 2))
    add_texture(spec, "wall", textures.plaster(rng, size=1024, colour=(206, 198, 182)), repeat=(3, 1))
    add_texture(spec, "brick", textures.bricks(rng, size=1024, rows=36, colour=(150, 92, 74)), repeat=(4, 0.4))
    _panel(spec, "floor", centre=(0, 0, 0), half=(6, 6), normal="+z")
    _panel(spec, "wall", centre=(-3.2, 0, 2.6), half=(6, 1.7), normal="+x")
    _panel(spec, "brick", centre=(-3.15, 0, 0.5), half=(6, 0.5), normal="+x")
    for side, normal in ((5.0, "-y"), (-5.0, "+y")):
        _panel(spec, "wall", centre=(0, side, 2.6), half=(6, 1.7), normal=normal)
        _panel(spec, "brick", centre=(0, side * 0.99, 0.5), half=(6, 0.5), normal=normal)


def _furnish(spec: mujoco.MjSpec, rng: np.random.Generator) -> None:
    red, black, cream = (150, 34, 30), (30, 26, 24), (226, 214, 188)
    for number, (y, cloth, ink) in enumerate(
        (
            (-3.4, red, cream),
            (-1.7, cream, black),
            (-0.55, red, cream),
            (0.55, red, cream),
            (1.7, cream, black),
            (3.4, red, cream),
        )
    ):
        name = f"banner{number}"
        add_texture(spec, name, textures.banner(rng, height=640, width=220, cloth=cloth, ink=ink))
        _panel(spec, name, centre=(-3.12, y, 2.15), half=(0.32, 0.93), normal="+x")
    add_texture(spec, "crate", textures.crate(rng, size=256, colour=(172, 128, 80)), cube=True)
    for x, y, z, half in (
        (-2.6, -2.3, 0.3, 0.30),
        (-2.6, -1.6, 0.3, 0.30),
        (-2.6, -1.95, 0.85, 0.25),
        (-2.5, 2.5, 0.35, 0.35),
        (-1.7, 3.6, 0.3, 0.30),
        (-1.4, -3.7, 0.4, 0.40),
    ):
        _geom(spec, mujoco.mjtGeom.mjGEOM_BOX, pos=(x, y, z), size=(half, half, half), material="crate")
    for y in (-4.2, 4.2):
        _geom(spec, mujoco.mjtGeom.mjGEOM_CYLINDER, pos=(-2.8, y, 2.0), size=(0.14, 2.0, 0), rgba=(0.42, 0.12, 0.1, 1))
    for y in (-0.35, 1.2):  # low benches along the wall
        _geom(spec, mujoco.mjtGeom.mjGEOM_BOX, pos=(-2.8, y, 0.36), size=(0.2, 0.6, 0.04), material="crate")
        for end in (-0.5, 0.5):
            _geom(spec, mujoco.mjtGeom.mjGEOM_BOX, pos=(-2.8, y + end, 0.16), size=(0.16, 0.04, 0.16), material="crate")


_FACING = {  # quaternions (wxyz) that turn a panel's +z to this direction, with its own y upright
    "+z": (1.0, 0.0, 0.0, 0.0),
    "+x": (0.5, 0.5, 0.5, 0.5),
    "-y": (0.5**0.5, 0.5**0.5, 0.0, 0.0),
    "+y": (0.0, 0.0, 0.5**0.5, 0.5**0.5),
}


def _panel(
    spec: mujoco.MjSpec, material: str, *, centre: tuple[float, float, float], half: tuple[float, float], normal: str
) -> None:
    """Add a flat rectangle; MuJoCo lays a picture over a box along the box's own x and y only."""
    geom = _geom(spec, mujoco.mjtGeom.mjGEOM_BOX, pos=centre, size=(*half, 0.005), material=material)
    geom.quat = _FACING[normal]
    if normal == "+z":
        geom.pos = [centre[0], centre[1], centre[2] - 0.005]  # its upper face is the floor


def _geom(spec: mujoco.MjSpec, kind: mujoco.mjtGeom, **fields: object) -> mujoco.MjsGeom:
    return spec.worldbody.add_geom(type=kind, contype=0, conaffinity=0, **fields)
