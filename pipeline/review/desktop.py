"""Plays a robot motion in MuJoCo's own viewer."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass

from pipeline.exceptions import PipelineError
from pipeline.render import ViewConfig, staged_robot
from robots.model import RobotModel
from robots.motion import RobotMotion

_CAMERA = (3.5, 150.0, -12.0)  # distance [m], azimuth and elevation [deg]: from ahead, a little aside and above
_KEY_SPACE, _KEY_RIGHT, _KEY_LEFT = 32, 262, 263  # GLFW's key codes


class NoDesktop(PipelineError):
    """A window was asked for on a machine that has no screen."""

    def __init__(self) -> None:
        super().__init__("there is no desktop here (DISPLAY is not set): watch the clip's playback.mp4 instead.")


@dataclass(slots=True)
class Playhead:
    """Which frame is shown, and how the keys move it."""

    n_frames: int
    frame: float = 0.0
    paused: bool = False

    def on_key(self, key: int) -> None:
        """Space pauses or goes on; the arrows step one frame and pause."""
        if key == _KEY_SPACE:
            self.paused = not self.paused
        elif key in (_KEY_LEFT, _KEY_RIGHT):
            self.paused = True
            self.frame = (round(self.frame) + (1 if key == _KEY_RIGHT else -1)) % self.n_frames

    def advance(self, frames: float) -> int:
        """Move on unless paused, round and round; return the frame to show."""
        if not self.paused:
            self.frame = (self.frame + frames) % self.n_frames
        return int(self.frame)


def play_on_desktop(motion: RobotMotion, robot: RobotModel, *, speed: float = 1.0) -> None:
    """Show the motion until the window is closed.

    Raises:
        NoDesktop: There is no screen to open a window on.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise NoDesktop
    import mujoco.viewer  # needs a desktop, so only here

    model = staged_robot(robot, ViewConfig())
    data = mujoco.MjData(model)
    playhead = Playhead(n_frames=len(motion))
    qpos = motion.qpos
    viewing = mujoco.viewer.launch_passive(
        model, data, key_callback=playhead.on_key, show_left_ui=False, show_right_ui=False
    )
    with viewing as viewer:
        viewer.cam.lookat[:] = qpos[:, :3].mean(axis=0)
        viewer.cam.distance, viewer.cam.azimuth, viewer.cam.elevation = _CAMERA
        last = time.monotonic()
        while viewer.is_running():
            now = time.monotonic()
            data.qpos[:] = qpos[playhead.advance((now - last) * motion.fps * speed)]
            last = now
            mujoco.mj_forward(model, data)
            viewer.sync()
            time.sleep(1.0 / 60.0)
