"""A good hand-off file of each format, and what the check says of one with a fault."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.export import FORMATS, check_handoff
from robots.g1 import load_g1
from robots.motion import RobotMotion


def swaying(name, frames=120):
    """A robot that stands, sways its arms and turns its waist, in the joints and at the rate of a format."""
    form = FORMATS[name]
    g1 = load_g1(form.variant)
    time = np.arange(frames)[:, None] / form.fps
    joints = np.tile(g1.default_joint_pos, (frames, 1))
    for number, joint in enumerate(g1.joint_names):
        if "shoulder" in joint or "elbow" in joint or joint == "waist_yaw_joint":
            joints[:, number] += 0.3 * np.sin(3.0 * time[:, 0] + number) - 0.3 * np.sin(number)
    turn = Rotation.from_rotvec(np.hstack([0.05 * np.sin(time), 0 * time, 0.5 * time + 0.3]))
    return g1, RobotMotion(
        fps=form.fps,
        joint_names=g1.joint_names,
        root_pos_w=np.hstack([0.1 * time, 0 * time, np.full_like(time, g1.default_root_height)]),
        root_quat_wxyz=turn.as_quat(scalar_first=True),
        joint_pos=joints,
        foot_contact=np.ones((frames, 2)),
    )


@pytest.fixture
def good(tmp_path):
    """Write a good file of a format."""

    def write(name, **motion):
        path = tmp_path / f"kata.{name}{FORMATS[name].suffix}"
        robot, swayed = swaying(name, **motion)
        FORMATS[name].write(swayed, robot, path)
        return path

    return write


@pytest.fixture
def told():
    """Check that exactly one thing is said of a file with one fault."""

    def check(path, name, sentence):
        problems = check_handoff(path, name)
        assert len(problems) == 1, problems
        assert sentence in problems[0]
        assert problems[0].endswith((".", "?"))

    return check
