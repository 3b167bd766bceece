"""Finds an OpenGL backend that works without a screen, and turns a MuJoCo scene into RGB frames with it.

MuJoCo's own ``Renderer`` fixes its backend when ``mujoco`` is first imported, from an environment variable.
Here the backend is chosen later and the context made directly, so it does not matter who imported MuJoCo first.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from importlib import import_module
from types import TracebackType

import mujoco
import numpy as np
from jaxtyping import Float, Int, UInt8

from pipeline.render.exceptions import MissingRenderer
from robots.exceptions import InvalidArray

_OFF = ("disable", "disabled", "off", "false", "0")
_UNSET = ("", "enable", "enabled", "on", "true", "1")
_PROBE = """
import sys, numpy, mujoco
from importlib import import_module
context = import_module("mujoco." + sys.argv[1]).GLContext(8, 8)
context.make_current()
model = mujoco.MjModel.from_xml_string("<mujoco/>")
mjr = mujoco.MjrContext(model, 100)
mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, mjr)
mujoco.mjr_readPixels(numpy.empty((8, 8, 3), numpy.uint8), None, mujoco.MjrRect(0, 0, 8, 8), mjr)
sys.stdout.write("ready")
sys.stdout.flush()
"""


def candidate_backends() -> tuple[str, ...]:
    """Names of the backends worth trying here, best first; ``MUJOCO_GL`` narrows them to one or none."""
    asked = os.environ.get("MUJOCO_GL", "").lower().strip()
    if asked in _OFF:
        return ()
    if asked not in _UNSET:
        return (asked,)
    return {"linux": ("egl", "osmesa"), "darwin": ("cgl",)}.get(sys.platform, ("glfw",))


def available_renderer() -> str | None:
    """Name of the first backend that draws, or None. It is tried in another process: a bad driver kills only that."""
    return _first_that_draws(candidate_backends())


def why_no_pictures() -> MissingRenderer | None:
    """Say why nothing can be drawn here and what to install, or None where it can."""
    tried = candidate_backends()
    if _first_that_draws(tried) is not None:
        return None
    return MissingRenderer(tried, asked=os.environ.get("MUJOCO_GL", ""))


@cache
def _first_that_draws(backends: tuple[str, ...]) -> str | None:
    return next((backend for backend in backends if _draws(backend)), None)


def _draws(backend: str) -> bool:
    # PyOpenGL binds one platform per process, at import: a failed try here would spoil the next one too.
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE, backend],
            capture_output=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return b"ready" in probe.stdout


class Renderer:
    """Draws one MuJoCo model off screen. Use as a context manager; one thread at a time."""

    def __init__(self, model: mujoco.MjModel, *, width: int, height: int, shadows: bool = False) -> None:
        """Make a context and upload the model.

        Args:
            model: What to draw; its ``visual.global`` off-screen size must hold the frame.
            width: Frame width [px].
            height: Frame height [px].
            shadows: Draw shadows (a second pass over the scene for each light that casts them).

        Raises:
            MissingRenderer: No backend works on this machine.
            InvalidArray: The frame is larger than the model's off-screen buffer.
        """
        limit = (model.vis.global_.offwidth, model.vis.global_.offheight)
        if not (0 < width <= limit[0] and 0 < height <= limit[1]):
            raise InvalidArray("frame size", problem=f"is {width} x {height}, allowed up to {limit[0]} x {limit[1]}")
        self.model = model
        self.width, self.height = width, height
        self._gl = _make_context(width, height)
        self._mjr = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._mjr)
        self.scene = mujoco.MjvScene(model=model, maxgeom=2000)
        self.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._rect = mujoco.MjrRect(0, 0, width, height)

    def upload_mesh(self, mesh_id: int) -> None:
        """Send a mesh whose vertices were changed in the model to the graphics memory."""
        self._gl.make_current()
        mujoco.mjr_uploadMesh(self.model, self._mjr, mesh_id)

    def render(
        self,
        data: mujoco.MjData,
        *,
        K: Float[np.ndarray, "3 3"],
        R_w2c: Float[np.ndarray, "3 3"],
        pos_w: Float[np.ndarray, " 3"],
    ) -> UInt8[np.ndarray, "height width 3"]:
        """Draw the scene as a pinhole camera sees it (OpenCV axes: x right, y down, z forward).

        Args:
            data: State of the model after ``mj_forward`` or ``mj_kinematics``.
            K: Intrinsics with square pixels [px]; the principal point may lie off centre.
            R_w2c: Rotation from world to camera axes.
            pos_w: Optical centre [m].
        """
        self._gl.make_current()
        mujoco.mjv_updateScene(
            self.model, data, self._option, None, self._camera, mujoco.mjtCatBit.mjCAT_ALL.value, self.scene
        )
        self._aim(K, R_w2c, pos_w)
        mujoco.mjr_render(self._rect, self.scene, self._mjr)
        frame = np.empty((self.height, self.width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(frame, None, self._rect, self._mjr)
        return np.ascontiguousarray(frame[::-1])  # OpenGL's first row is the lowest

    def render_geom_ids(
        self,
        data: mujoco.MjData,
        *,
        K: Float[np.ndarray, "3 3"],
        R_w2c: Float[np.ndarray, "3 3"],
        pos_w: Float[np.ndarray, " 3"],
    ) -> Int[np.ndarray, "height width"]:
        """Return which geom each pixel shows, -1 where there is none; the model must have no ``offsamples``.

        Args:
            data: As for :meth:`render`.
            K: As for :meth:`render`.
            R_w2c: As for :meth:`render`.
            pos_w: As for :meth:`render`.

        Raises:
            InvalidArray: The model asks for several samples a pixel: a mean of numbers names another geom.
        """
        if self.model.vis.quality.offsamples != 0:
            raise InvalidArray("offsamples", problem=f"is {self.model.vis.quality.offsamples}, must be 0 for geom ids")
        flags = [int(mujoco.mjtRndFlag.mjRND_SEGMENT), int(mujoco.mjtRndFlag.mjRND_IDCOLOR)]
        self.scene.flags[flags] = True
        try:
            colour = self.render(data, K=K, R_w2c=R_w2c, pos_w=pos_w).astype(np.int32) @ (1, 1 << 8, 1 << 16)
        finally:
            self.scene.flags[flags] = False
        geom_of = np.full(self.scene.ngeom + 1, -1)
        for geom in self.scene.geoms[: self.scene.ngeom]:
            if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                geom_of[geom.segid + 1] = geom.objid
        return geom_of[colour]

    def _aim(self, K: np.ndarray, R_w2c: np.ndarray, pos_w: np.ndarray) -> None:
        if not np.isclose(K[0, 0], K[1, 1]):
            raise InvalidArray("K", problem=f"has pixels that are not square (fx {K[0, 0]:.4g}, fy {K[1, 1]:.4g})")
        for camera in self.scene.camera:  # one for each eye
            camera.pos, camera.forward, camera.up = pos_w, R_w2c[2], -R_w2c[1]
            per_px = camera.frustum_near / K[0, 0]
            camera.frustum_top = K[1, 2] * per_px
            camera.frustum_bottom = (K[1, 2] - self.height) * per_px
            camera.frustum_center = (self.width / 2 - K[0, 2]) * per_px
            camera.frustum_width = 0.0  # from the frame's aspect ratio

    def close(self) -> None:
        """Give the graphics memory back; the renderer draws no more."""
        if self._mjr is not None:
            self._gl.make_current()
            self._mjr.free()
            self._gl.free()
        self._mjr = None

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _make_context(width: int, height: int):  # noqa: ANN202  (three classes of MuJoCo without a common base)
    candidates = candidate_backends()
    backend = _first_that_draws(candidates)
    if backend is None:
        raise MissingRenderer(candidates, asked=os.environ.get("MUJOCO_GL", ""))
    context = import_module(f"mujoco.{backend}").GLContext(width, height)
    context.make_current()
    return context
