"""Films people on a set: motions of bodies and a camera's path become RGB frames that pass for a video.

BlazePose sees a shaded, clothed body, and not a figure of capsules; a camera's rotation can only be recovered
before a background full of corners. Hence the trouble taken here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import mujoco
import numpy as np
from jaxtyping import Float, UInt8

from pipeline.body import SkinnedBody
from pipeline.camera import CameraPath
from pipeline.render.exposure import Moment, exposures, moments
from pipeline.render.gl import Renderer
from pipeline.render.hall import Hall, Occluder, add_occluder, build_hall, set_camera_range
from pipeline.render.skin import DEFAULT_COLOURS, PersonMesh, add_person
from pipeline.render.textures import Colour
from retarget.smpl_motion import SmplMotion
from robots.arrays import checked_array
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmConfig:
    """How people are filmed, and where."""

    width: int = 1280
    """Frame width [px]."""
    height: int = 720
    """Frame height [px]."""
    shadows: bool = True
    """Draw the shadow of the person, which also tells the eye where the feet are."""
    samples: int = 4
    """Samples a pixel against stair-stepped edges; 0 turns them off."""
    colours: Mapping[str, Colour] = field(default_factory=lambda: dict(DEFAULT_COLOURS))
    """Colour of each material of the body, RGB 0 to 255; several performers bring their own."""
    seed: int = 0
    """Which grain, stains and brush strokes the set is painted with."""
    hall: Hall = field(default_factory=Hall)
    """Colours, furniture and size of the set."""
    light: float = 1.0
    """Brightness of the light; 1 = evenly lit."""
    occluders: tuple[Occluder, ...] = ()
    """What else stands in the hall and may hide people."""
    shutter: float = 0.0
    """Share of the time from frame to frame during which the shutter is open: what moves is smeared by as much."""

    def __post_init__(self) -> None:
        """Check light and shutter.

        Raises:
            InvalidArray: One is outside of its range.
        """
        if not (np.isfinite(self.light) and self.light >= 0):
            raise InvalidArray("light", problem=f"must be 0 or more, got {self.light}")
        if not 0 <= self.shutter <= 1:
            raise InvalidArray("shutter", problem=f"must be a share from 0 to 1, got {self.shutter}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """One of the people in a scene."""

    body: SkinnedBody
    """Skin; the motion must be its own."""
    motion: SmplMotion
    """What the person does."""
    colours: Mapping[str, Colour] = field(default_factory=lambda: dict(DEFAULT_COLOURS))
    """Colour of each material of the body, RGB 0 to 255."""


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
    yield from film_people([Performer(body=body, motion=motion, colours=config.colours)], camera, config)


def film_people(
    performers: Sequence[Performer],
    camera: CameraPath,
    config: FilmConfig | None = None,
    *,
    zoom: Float[np.ndarray, " frames"] | None = None,
) -> Generator[UInt8[np.ndarray, "height width 3"], None, None]:
    """Yield one RGB frame for each frame of the camera's path, like :func:`film_person` with any number of people.

    Args:
        performers: Who is there; nobody leaves the hall empty.
        camera: Where the camera is, frame by frame.
        config: Size, quality, set, shutter.
        zoom: Focal length of each frame in units of the camera's; not given is 1.

    Raises:
        MissingRenderer: No OpenGL on this machine.
        InvalidArray: Camera, zoom and a motion differ in length, or the zoom is not positive.
    """
    config = FilmConfig() if config is None else config
    zoom = check_lengths(performers, camera, zoom)
    model = _scene(performers, config)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with Renderer(model, width=config.width, height=config.height, shadows=config.shadows) as renderer:
        meshes = [
            PersonMesh(model, performer.body, name=mesh_name(number)) for number, performer in enumerate(performers)
        ]

        def picture(moment: Moment) -> UInt8[np.ndarray, "height width 3"]:
            for mesh, verts_w in zip(meshes, moment.people, strict=True):
                mesh.show(renderer, verts_w)
            return renderer.render(data, K=moment.K, R_w2c=moment.R_w2c, pos_w=moment.pos_w)

        for exposure in exposures(moments(posed(performers, len(zoom)), camera, zoom), config.shutter):
            yield picture(exposure[0]) if len(exposure) == 1 else _averaged([picture(m) for m in exposure])


def check_lengths(
    performers: Sequence[Performer], camera: CameraPath, zoom: Float[np.ndarray, " frames"] | None
) -> Float[np.ndarray, " frames"]:
    """Return the zoom of each frame, once everything is known to be equally long.

    Raises:
        InvalidArray: It is not, or the zoom is not positive.
    """
    n_frames = len(camera.pos_w)
    for performer in performers:
        if len(performer.motion) != n_frames:
            raise InvalidArray("camera", problem=f"has {n_frames} frames, the motion {len(performer.motion)}")
    zoom = checked_array("zoom", np.ones(n_frames) if zoom is None else zoom, (n_frames,))
    if (zoom <= 0).any():
        raise InvalidArray("zoom", problem=f"must be positive, got {zoom.min():.4g}")
    return zoom


def posed(performers: Sequence[Performer], n_frames: int) -> Iterator[tuple[Float[np.ndarray, "verts 3"], ...]]:
    """Yield the skins of all performers, frame by frame [m]."""
    skins = [chain.from_iterable(performer.body.iter_verts(performer.motion)) for performer in performers]
    return (tuple(next(skin) for skin in skins) for _ in range(n_frames))


def mesh_name(number: int) -> str:
    """Name of a performer's skin in the scene."""
    return f"person{number}"


def _averaged(pictures: list[UInt8[np.ndarray, "height width 3"]]) -> UInt8[np.ndarray, "height width 3"]:
    total = np.full(pictures[0].shape, len(pictures) // 2, dtype=np.uint16)  # at most 256 pictures fit
    for picture in pictures:
        total += picture
    total //= len(pictures)
    return total.astype(np.uint8)


def _scene(performers: Sequence[Performer], config: FilmConfig) -> mujoco.MjModel:
    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth, spec.visual.global_.offheight = config.width, config.height
    spec.visual.quality.offsamples = config.samples
    spec.visual.quality.shadowsize = 1024
    set_camera_range(spec, size=config.hall.size)
    build_hall(spec, config.hall, seed=config.seed, light=config.light)
    for number, performer in enumerate(performers):
        add_person(spec, performer.body, performer.colours, name=mesh_name(number))
    for number, occluder in enumerate(config.occluders):
        add_occluder(spec, occluder, f"occluder{number}")
    return spec.compile()
