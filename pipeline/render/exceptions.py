"""Errors of drawing: no OpenGL on this machine."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.exceptions import PipelineError

RENDERER_PACKAGES = "libegl1 libegl-mesa0 libgl1 libgl1-mesa-dri libgles2 libosmesa6"
"""What gives a machine without a screen both EGL and OSMesa; the names hold for Debian 12, Ubuntu 22.04 and 24.04."""


class MissingRenderer(PipelineError):
    """No OpenGL context can be made, so nothing can be drawn."""

    def __init__(self, tried: Iterable[str], *, asked: str = "") -> None:
        self.tried = tuple(tried)
        self.asked = asked
        where = f" (MUJOCO_GL={asked})" if asked else ""
        if self.tried:
            problem = f"{' and '.join(self.tried)} gave no OpenGL context{where}"
            remedy = f"run `apt-get install {RENDERER_PACKAGES}`"
        else:
            problem, remedy = f"drawing is switched off{where}", "unset it"
        super().__init__(f"Pictures cannot be drawn here, {problem}: {remedy}; everything but pictures still runs.")
