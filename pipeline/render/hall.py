"""Builds the set on which people are filmed: a hall with floor, walls, banners and crates, its light, and what hides.

The default hall is a kung-fu school; :meth:`Hall.varied` paints and furnishes others, which no one takes for it.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import mujoco
import numpy as np

from pipeline.render import textures
from pipeline.render.skin import add_texture
from pipeline.render.textures import Colour
from robots.exceptions import InvalidArray

_RED, _BLACK, _CREAM = (150, 34, 30), (30, 26, 24), (226, 214, 188)
_BANNER_Y = (-3.4, -1.7, -0.55, 0.55, 1.7, 3.4)
_CRATES = (
    (-2.6, -2.3, 0.3, 0.30),
    (-2.6, -1.6, 0.3, 0.30),
    (-2.6, -1.95, 0.85, 0.25),
    (-2.5, 2.5, 0.35, 0.35),
    (-1.7, 3.6, 0.3, 0.30),
    (-1.4, -3.7, 0.4, 0.40),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hall:
    """What a hall looks like, apart from the grain of its surfaces."""

    floor: Colour = (168, 124, 82)
    """Wood of the floor, RGB 0 to 255."""
    wall: Colour = (206, 198, 182)
    """Plaster of the walls."""
    brick: Colour = (150, 92, 74)
    """Bricks of the wall's foot."""
    crate: Colour = (172, 128, 80)
    """Wood of crates and benches."""
    banners: tuple[tuple[Colour, Colour], ...] = (
        (_RED, _CREAM), (_CREAM, _BLACK), (_RED, _CREAM), (_RED, _CREAM), (_CREAM, _BLACK), (_RED, _CREAM),
    )  # fmt: skip
    """Cloth and ink of each banner, from right to left."""
    crates: tuple[tuple[float, float, float, float], ...] = _CRATES
    """Place of each crate's middle and half of its edge [m]."""
    size: float = 1.0
    """How many times larger than 12 x 10 x 4 m it is: a camera far away still needs walls around it."""

    def __post_init__(self) -> None:
        """Check the size.

        Raises:
            InvalidArray: It is not a positive number.
        """
        if not (np.isfinite(self.size) and self.size > 0):
            raise InvalidArray("hall size", problem=f"must be positive, got {self.size}")

    @classmethod
    def varied(cls, seed: int, *, size: float = 1.0) -> Hall:
        """Paint and furnish a hall at random: other colours, other crates, another number of banners."""
        rng = np.random.default_rng(seed)
        hue = rng.uniform()
        banners = tuple(
            (
                _colour(rng.uniform(), 0.75, rng.uniform(0.25, 0.85)),
                _colour(rng.uniform(), 0.4, rng.uniform(0.05, 0.95)),
            )
            for _ in range(rng.integers(2, 7))
        )
        crates = tuple(
            (rng.uniform(-2.7, -1.6), rng.uniform(-4.2, 4.2), half, half) for half in rng.uniform(0.18, 0.5, size=9)
        )
        return cls(
            floor=_colour(rng.uniform(0.0, 0.2), rng.uniform(0.1, 0.55), rng.uniform(0.25, 0.8)),
            wall=_colour(hue, rng.uniform(0.08, 0.45), rng.uniform(0.4, 0.95)),
            brick=_colour(hue + rng.uniform(0.25, 0.75), rng.uniform(0.15, 0.55), rng.uniform(0.2, 0.8)),
            crate=_colour(rng.uniform(), rng.uniform(0.1, 0.5), rng.uniform(0.3, 0.9)),
            banners=banners,
            crates=crates,
            size=size,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Occluder:
    """A thing that stands in the hall and may hide people: a board, a box, a pillar."""

    pos: tuple[float, float, float]
    """Its middle in the world [m]."""
    size: tuple[float, float, float]
    """Its extent along x, y and z [m]; a pillar's along x and y is its diameter."""
    colour: Colour = (120, 104, 84)
    """RGB 0 to 255."""
    round: bool = False
    """An upright pillar instead of a box."""

    def __post_init__(self) -> None:
        """Check place and size.

        Raises:
            InvalidArray: A length is not positive, or a number is not finite.
        """
        if not (np.isfinite([*self.pos, *self.size]).all() and min(self.size) > 0):
            raise InvalidArray("occluder", problem=f"has size {self.size} m at {self.pos} m")


def set_camera_range(spec: mujoco.MjSpec, *, size: float) -> None:
    """Tell MuJoCo how near and how far a camera sees in a hall of this size."""
    spec.visual.map.znear, spec.visual.map.zfar = 0.02, 40.0 * max(size, 1.0)
    spec.visual.map.shadowclip = 1.0
    spec.stat.extent, spec.stat.center = 3.0, [0.0, 0.0, 1.0]


def build_hall(spec: mujoco.MjSpec, hall: Hall, *, seed: int, light: float) -> None:
    """Add the hall and its light.

    Args:
        spec: The scene.
        hall: Colours, furniture, size.
        seed: Which grain, stains and brush strokes its surfaces get.
        light: Brightness; 1 = evenly lit, without a white or black spot.
    """
    rng = np.random.default_rng(seed)
    _build_room(spec, rng, hall)
    _furnish(spec, rng, hall)
    spec.visual.headlight.ambient = [0.38 * light] * 3
    spec.visual.headlight.diffuse = [0.25 * light] * 3
    spec.visual.headlight.specular = [0.0] * 3
    for pos, direction, diffuse, specular, casts in (
        ([3.0, 2.0, 5.0], [-0.48, -0.30, -0.82], [0.55, 0.53, 0.50], 0.1, True),
        ([3.0, -4.0, 3.0], [-0.6, 0.7, -0.4], [0.16, 0.17, 0.20], 0.0, False),
    ):
        spec.worldbody.add_light(
            pos=pos,
            dir=direction,
            diffuse=[light * value for value in diffuse],
            specular=[specular] * 3,
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
            castshadow=casts,
        )


def add_occluder(spec: mujoco.MjSpec, occluder: Occluder, name: str) -> None:
    """Add a thing that hides."""
    half = [extent / 2 for extent in occluder.size]
    kind, size = mujoco.mjtGeom.mjGEOM_BOX, half
    if occluder.round:
        kind, size = mujoco.mjtGeom.mjGEOM_CYLINDER, [half[0], half[2], 0]
    _geom(
        spec, kind, name=name, pos=occluder.pos, size=size, rgba=(*(channel / 255 for channel in occluder.colour), 1.0)
    )


def _build_room(spec: mujoco.MjSpec, rng: np.random.Generator, hall: Hall) -> None:
    add = hall.size
    add_texture(spec, "floor", textures.planks(rng, size=1024, rows=32, colour=hall.floor), repeat=(2 * add, 2 * add))
    add_texture(spec, "wall", textures.plaster(rng, size=1024, colour=hall.wall), repeat=(3 * add, add))
    add_texture(spec, "brick", textures.bricks(rng, size=1024, rows=36, colour=hall.brick), repeat=(4 * add, 0.4 * add))
    _panel(spec, "floor", centre=(0, 0, 0), half=(6, 6), normal="+z", scale=add)
    _panel(spec, "wall", centre=(-3.2, 0, 2.6), half=(6, 1.7), normal="+x", scale=add)
    _panel(spec, "brick", centre=(-3.15, 0, 0.5), half=(6, 0.5), normal="+x", scale=add)
    for side, normal in ((5.0, "-y"), (-5.0, "+y")):
        _panel(spec, "wall", centre=(0, side, 2.6), half=(6, 1.7), normal=normal, scale=add)
        _panel(spec, "brick", centre=(0, side * 0.99, 0.5), half=(6, 0.5), normal=normal, scale=add)


def _furnish(spec: mujoco.MjSpec, rng: np.random.Generator, hall: Hall) -> None:
    for number, (y, (cloth, ink)) in enumerate(zip(_BANNER_Y, hall.banners, strict=False)):
        name = f"banner{number}"
        add_texture(spec, name, textures.banner(rng, height=640, width=220, cloth=cloth, ink=ink))
        _panel(spec, name, centre=(-3.12, y, 2.15), half=(0.32, 0.93), normal="+x", scale=hall.size)
    add_texture(spec, "crate", textures.crate(rng, size=256, colour=hall.crate), cube=True)
    box, far = mujoco.mjtGeom.mjGEOM_BOX, hall.size
    for x, y, z, half in hall.crates:
        _geom(spec, box, pos=(x * far, y * far, z * far), size=(half * far,) * 3, material="crate")
    for y in (-4.2, 4.2):
        place, size = (-2.8 * far, y * far, 2.0 * far), (0.14 * far, 2.0 * far, 0)
        _geom(spec, mujoco.mjtGeom.mjGEOM_CYLINDER, pos=place, size=size, rgba=(0.42, 0.12, 0.1, 1))
    for y in (-0.35, 1.2):  # low benches along the wall
        _geom(spec, box, pos=(-2.8 * far, y * far, 0.36), size=(0.2, 0.6, 0.04), material="crate")
        for end in (-0.5, 0.5):
            _geom(spec, box, pos=(-2.8 * far, y * far + end, 0.16), size=(0.16, 0.04, 0.16), material="crate")


_FACING = {  # quaternions (wxyz) that turn a panel's +z to this direction, with its own y upright
    "+z": (1.0, 0.0, 0.0, 0.0),
    "+x": (0.5, 0.5, 0.5, 0.5),
    "-y": (0.5**0.5, 0.5**0.5, 0.0, 0.0),
    "+y": (0.0, 0.0, 0.5**0.5, 0.5**0.5),
}


def _panel(
    spec: mujoco.MjSpec,
    material: str,
    *,
    centre: tuple[float, float, float],
    half: tuple[float, float],
    normal: str,
    scale: float,
) -> None:
    """Add a flat rectangle; MuJoCo lays a picture over a box along the box's own x and y only."""
    place, size = [scale * value for value in centre], [scale * value for value in half]
    if normal == "+z":
        place[2] -= 0.005  # its upper face is the floor
    geom = _geom(spec, mujoco.mjtGeom.mjGEOM_BOX, pos=place, size=(*size, 0.005), material=material)
    geom.quat = _FACING[normal]


def _geom(spec: mujoco.MjSpec, kind: mujoco.mjtGeom, **fields: object) -> mujoco.MjsGeom:
    return spec.worldbody.add_geom(type=kind, contype=0, conaffinity=0, **fields)


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)
