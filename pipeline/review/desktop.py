"""Plays robot motions in MuJoCo's own viewer, and takes decisions on them by its keys."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from textwrap import wrap
from typing import Any, Protocol

import mujoco
import numpy as np
from jaxtyping import Float

from pipeline.exceptions import CorruptArtefact, PipelineError
from pipeline.render import ViewConfig, staged_robot
from pipeline.review.desk_keys import Controls, Desk, Playhead
from retarget.smpl_skeleton import SMPL_PARENTS
from robots.kinematics import qpos_in_order
from robots.model import RobotModel
from robots.motion import RobotMotion

_CAMERA = (3.5, 150.0, -12.0)  # distance [m], azimuth and elevation [deg]: from ahead, a little aside and above
_GHOST_RGBA = np.array([0.93, 0.42, 0.10, 0.75], dtype=np.float32)
_BONE_M = 0.018
"""Half as thick are the human's bones."""
_SHOWN_CHARACTERS = 90
"""Of a line over the picture; the rest goes into the next."""


class NoDesktop(PipelineError):
    """A window was asked for on a machine that has no screen."""

    def __init__(self) -> None:
        super().__init__("there is no desktop here (DISPLAY is not set): watch the clip's playback.mp4 instead.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownClip:
    """What the window shows of a clip."""

    name: str
    motion: RobotMotion
    human_w: Float[np.ndarray, "frames 24 3"] | None
    """The human's joints where retargeting put them over the robot [m]; None if that is not known."""


class ClipDesk(Desk, Protocol):
    """Holds the clips of one robot, and takes decisions on them."""

    def clip(self, number: int) -> ShownClip:
        """Read a clip."""
        ...

    def told(self, number: int) -> str:
        """Say how it ended, and what is decided of it."""
        ...


def play_on_desktop(desk: ClipDesk, robot: RobotModel, *, first: int = 0, speed: float = 1.0) -> None:
    """Show clips until the window is closed.

    Args:
        desk: Holds them.
        robot: Which all of them move.
        first: Number of the clip to begin with.
        speed: 1 = real time.

    Raises:
        NoDesktop: There is no screen to open a window on.
        CorruptArtefact: A clip cannot be read.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise NoDesktop
    import mujoco.viewer  # needs a desktop, so only here

    model = staged_robot(robot, ViewConfig())
    data = mujoco.MjData(model)
    pressed: SimpleQueue[int] = SimpleQueue()
    others = set(threading.enumerate())
    viewing = mujoco.viewer.launch_passive(
        model, data, key_callback=pressed.put, show_left_ui=False, show_right_ui=False
    )
    with viewing as viewer:
        _show(viewer, data, desk, robot, Controls(desk, Playhead(n_frames=1), clip=first, speed=speed), pressed)
    for thread in set(threading.enumerate()) - others:
        thread.join(10.0)  # the window draws in one of its own, and must be gone before the program is


def _show(
    viewer: Any, data: mujoco.MjData, desk: ClipDesk, robot: RobotModel, controls: Controls, pressed: SimpleQueue[int]
) -> None:
    """Draw frame after frame, and do what the keys say."""
    as_begun = _Looks(viewer)
    last, problem, before = time.monotonic(), "", -1
    while viewer.is_running():
        number = controls.clip
        try:
            clip = desk.clip(number)
        except CorruptArtefact as error:
            if before < 0:
                raise
            controls.clip, problem = before, str(error)
            continue
        controls.begin(len(clip.motion))
        controls.message, problem, before = problem, "", number
        qpos, told = qpos_in_order(robot, clip.motion), desk.told(number)
        _aim(viewer, qpos)
        while viewer.is_running() and controls.clip == number:
            if _press_all(controls, pressed):
                told = desk.told(number)
            now = time.monotonic()
            frame = controls.playhead.advance((now - last) * clip.motion.fps * controls.speed)
            last = now
            with viewer.lock():
                data.qpos[:] = qpos[frame]
                mujoco.mj_forward(viewer.m, data)
                as_begun.restore(viewer)
                _draw_human(
                    viewer.user_scn, clip.human_w[frame] if controls.ghost and clip.human_w is not None else None
                )
            _write(viewer, f"{clip.name}  ({number + 1} of {desk.n_clips})", told, controls)
            viewer.sync()
            time.sleep(1.0 / 60.0)


def _press_all(controls: Controls, pressed: SimpleQueue[int]) -> bool:
    """Do what the keys say that were pressed since; return whether there were any."""
    any_pressed = False
    while True:
        try:
            controls.press(pressed.get_nowait())
        except Empty:
            return any_pressed
        any_pressed = True


class _Looks:
    """How the viewer drew at the beginning: its own keys, which are letters and digits too, would change that."""

    def __init__(self, viewer: Any) -> None:
        self._opt = {name: np.array(getattr(viewer.opt, name)) for name in ("flags", "geomgroup", "sitegroup")}
        self._label, self._frame = viewer.opt.label, viewer.opt.frame
        self._flags = np.array(viewer.user_scn.flags)

    def restore(self, viewer: Any) -> None:
        for name, value in self._opt.items():
            getattr(viewer.opt, name)[:] = value
        viewer.opt.label, viewer.opt.frame = self._label, self._frame
        viewer.user_scn.flags[:] = self._flags
        if viewer.cam.type == mujoco.mjtCamera.mjCAMERA_FIXED:
            viewer.cam.type = mujoco.mjtCamera.mjCAMERA_FREE


def _aim(viewer: Any, qpos: Float[np.ndarray, "frames nq"]) -> None:
    with viewer.lock():
        viewer.cam.lookat[:] = qpos[:, :3].mean(axis=0)
        viewer.cam.distance, viewer.cam.azimuth, viewer.cam.elevation = _CAMERA


def _draw_human(scene: mujoco.MjvScene, joints_w: Float[np.ndarray, "24 3"] | None) -> None:
    """Put the human's bones into the scene, or nothing."""
    scene.ngeom = 0
    if joints_w is None or not np.isfinite(joints_w).all():
        return
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent < 0:
            continue
        geom = scene.geoms[scene.ngeom]
        capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
        mujoco.mjv_initGeom(geom, capsule, np.zeros(3), np.zeros(3), np.eye(3).ravel(), _GHOST_RGBA)
        ends = (joints_w[parent].astype(float), joints_w[joint].astype(float))
        mujoco.mjv_connector(geom, capsule, _BONE_M, *ends)
        scene.ngeom += 1


def _write(viewer: Any, name: str, told: str, controls: Controls) -> None:
    """Put the text over the picture."""
    left, right = zip(*controls.told(), strict=True)
    font, grid = mujoco.mjtFontScale.mjFONTSCALE_150, mujoco.mjtGridPos
    said = f"\n> {controls.message}" if controls.message else ""
    texts = [
        (font, grid.mjGRID_TOPLEFT, _shown(f"{name}\n{told}{said}"), ""),
        (font, grid.mjGRID_BOTTOMLEFT, "\n".join(left), "\n".join(right)),
    ]
    viewer.set_texts(texts)


def _shown(text: str) -> str:
    """Keep lines within the window, and to characters that its font has."""
    known = text.encode("latin-1", "replace").decode("latin-1").splitlines()
    return "\n".join(part for line in known for part in wrap(line, _SHOWN_CHARACTERS))
