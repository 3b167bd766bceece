"""Extra: the desktop's window itself, with keys from a real keyboard of a screen that nobody sees."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_NEEDED = ("xvfb-run", "xdotool", "bash")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(shutil.which, _NEEDED)), reason="xvfb and xdotool are not here: apt-get install xvfb xdotool"
    ),
]

_PLAY = """
import sys
import numpy as np
from pipeline.review import ShownClip, play_on_desktop
from robots.g1 import load_g1
from robots.motion import RobotMotion

robot = load_g1("29dof")
motion = RobotMotion.from_qpos(
    np.tile(robot.default_qpos, (60, 1)), fps=30.0, joint_names=robot.joint_names, foot_contact=np.ones((60, 2))
)

class Desk:
    n_clips = 2
    def clip(self, number):
        return ShownClip(name=f"clip {number} \\u6b66 <b>", motion=motion, human_w=np.zeros((60, 24, 3)))
    def told(self, number):
        return "nobody decided"
    def accept(self, clip, frames):
        return self.tell(f"accept {clip} {frames}")
    def reject(self, clip, reason):
        return self.tell(f"reject {clip} {reason}")
    def undo(self, clip):
        return self.tell(f"undo {clip}")
    def tell(self, said):
        print(said, flush=True)
        return said

play_on_desktop(Desk(), robot)
"""
_TYPE = """
"$PYTHON" play.py & PLAY=$!
for i in $(seq 60); do
    WINDOW=$(xdotool search --onlyvisible --name MuJoCo | head -1)
    [ -n "$WINDOW" ] && break
    sleep 0.5
done
sleep 2
xdotool windowfocus $WINDOW
for key in space g h bracketleft Right Right bracketright a j r 2 u ctrl+q; do xdotool key $key; sleep 0.4; done
wait $PLAY
"""


def test_keys_typed_into_the_window_decide(tmp_path: Path) -> None:
    """And the window closes without a crash."""
    (tmp_path / "play.py").write_text(_PLAY, encoding="utf-8")
    (tmp_path / "type.sh").write_text(_TYPE, encoding="utf-8")
    around = {**os.environ, "LIBGL_ALWAYS_SOFTWARE": "1", "PYTHON": sys.executable}
    around["PYTHONPATH"] = str(Path(__file__).parents[3])
    command = ["xvfb-run", "-a", "-s", "-screen 0 1024x768x24", "bash", "type.sh"]
    done = subprocess.run(command, cwd=tmp_path, env=around, capture_output=True, text=True, timeout=120, check=False)
    said = done.stdout.splitlines()
    assert len(said) == 3, done.stderr
    first, last = said[0].removeprefix("accept 0 (").removesuffix(")").split(", ")
    assert int(last) - int(first) == 3 and said[1:] == ["reject 1 floating", "undo 1"]
    assert done.returncode == 0, done.stderr
