"""Errors of drawing: no OpenGL on this machine."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.exceptions import PipelineError

DEBIAN_PACKAGES = ("libegl1", "libegl-mesa0", "libgl1", "libgl1-mesa-dri", "libgles2", "libosmesa6")
"""What gives a machine without a screen both EGL and OSMesa; the names hold for Debian 12, Ubuntu 22.04 and 24.04."""


class MissingRenderer(PipelineError):
    """No OpenGL context can be made, so nothing can be drawn."""

    def __init__(self, tried: Iterable[str], *, asked: str = "") -> None:
        self.tried = tuple(tried)
        self.asked = asked
        because = f" (MUJOCO_GL={asked})" if asked else ""
        what = " or ".join(self.tried) or "no backend"
        super().__init__(
            f"Pictures cannot be drawn here, {what} gives no OpenGL context{because}: run "
            f"`apt-get install {' '.join(DEBIAN_PACKAGES)}`; everything but pictures still runs."
        )
