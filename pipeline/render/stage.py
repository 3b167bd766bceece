"""The plain stage on which body and robot are shown: a checker floor, light, and a camera that follows smoothly.

Both views use the same stage, so that what differs between the pictures is the motion. The squares of the floor
are half a metre: a foot that skates or floats is seen against them.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from pipeline.camera import CameraPath
from pipeline.render.skin import add_texture
from pipeline.render.textures import checker
from robots.exceptions import InvalidArray

FLOOR = "floor"
"""Name of the floor's geom; a model may bring its own."""

_FOCAL = 1.45  # focal length in frame heights: a mild telephoto, so that near limbs are not swollen
_FILL = 0.64  # share of the frame's height that the upright subject takes
_FOLLOW_S = 0.5  # how calmly the camera follows: it must not hide what the feet do


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewConfig:
    """How a motion is shown."""

    width: int = 480
    """Frame width [px]."""
    height: int = 540
    """Frame height [px]."""
    azimuth_deg: float = 35.0
    """Where the camera stands, to the subject's left of straight ahead at the first frame [deg]."""
    shadows: bool = False
    """Draw shadows; without a GPU this costs about as much again as the rest."""
    samples: int = 0
    """Samples a pixel against stair-stepped edges, 4 or 0; without a GPU 4 costs as much again as the rest."""

    def __post_init__(self) -> None:
        """Check the size.

        Raises:
            InvalidArray: A side is not positive.
        """
        if self.width < 1 or self.height < 1:
            raise InvalidArray("frame size", problem=f"is {self.width} x {self.height}")


def set_stage(spec: mujoco.MjSpec, config: ViewConfig) -> None:
    """Give a model the stage's floor, light and sky."""
    spec.visual.global_.offwidth, spec.visual.global_.offheight = config.width, config.height
    spec.visual.quality.offsamples = config.samples
    spec.visual.quality.shadowsize = 1024
    spec.visual.map.znear, spec.visual.map.zfar = 0.01, 40.0
    spec.visual.map.shadowclip = 1.0
    spec.stat.extent, spec.stat.center = 3.0, [0.0, 0.0, 0.7]
    spec.visual.rgba.haze = [0.66, 0.71, 0.77, 1.0]  # between floor and sky, or the horizon glows
    spec.visual.headlight.ambient = [0.42] * 3
    spec.visual.headlight.diffuse = [0.3] * 3
    spec.visual.headlight.specular = [0.0] * 3
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.80, 0.84, 0.88],
        rgb2=[0.52, 0.58, 0.66],
        width=64,
        height=384,
    )
    add_texture(spec, "stage_floor", checker(squares=2, cell=64, light=(176, 182, 188), dark=(142, 149, 157)))
    spec.material("stage_floor").texuniform = True  # the picture of 2 x 2 squares covers one metre
    floor = spec.geom(FLOOR) or spec.worldbody.add_geom(name=FLOOR, type=mujoco.mjtGeom.mjGEOM_PLANE)
    floor.size = [0.0, 0.0, 0.05]
    floor.rgba = [1.0, 1.0, 1.0, 1.0]
    floor.material = "stage_floor"
    spec.worldbody.add_light(
        pos=[2.0, 1.5, 5.0],
        dir=[-0.4, -0.3, -0.86],
        diffuse=[0.5, 0.49, 0.47],
        specular=[0.1] * 3,
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        castshadow=True,
    )


def follow_camera(
    root_pos_w: Float[np.ndarray, "frames 3"],
    *,
    heading: float,
    stature: float,
    fps: float,
    config: ViewConfig,
) -> CameraPath:
    """Aim a camera at a moving subject, at a constant height and distance.

    Args:
        root_pos_w: Where the subject is [m].
        heading: Direction it faces at the first frame, about +z from +x [rad].
        stature: Its height when upright [m].
        fps: Frames per second [1/s].
        config: Frame size and viewing angle.
    """
    azimuth = heading + np.radians(config.azimuth_deg)
    focal = _FOCAL * config.height
    distance = _FOCAL * stature / _FILL
    aim = np.column_stack([root_pos_w[:, :2], np.full(len(root_pos_w), 0.52 * stature)])
    aim[:, :2] = gaussian_filter1d(aim[:, :2], _FOLLOW_S * fps, axis=0, mode="nearest")
    offset = distance * np.array([np.cos(azimuth), np.sin(azimuth), 0.22])
    return CameraPath(
        K=np.array([[focal, 0.0, config.width / 2], [0.0, focal, config.height / 2], [0.0, 0.0, 1.0]]),
        R_w2c=np.tile(look_at(-offset), (len(aim), 1, 1)),
        pos_w=aim + offset,
    )


def look_at(direction: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    """Rotation from the world to an upright camera (OpenCV axes) that looks along ``direction``, not straight down."""
    forward = direction / np.linalg.norm(direction)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])
