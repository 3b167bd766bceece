from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeline.review import draw_residuals, write_picture
from retarget.result import InfeasibleStance, RetargetResult
from robots.g1 import load_g1
from robots.motion import RobotMotion

RED = (205, 60, 50)
BLUE = (60, 110, 200)


@pytest.fixture
def result():
    robot, frames = load_g1(), 3000
    qpos = np.tile(robot.default_qpos, (frames, 1))
    motion = RobotMotion.from_qpos(qpos, fps=30.0, joint_names=robot.joint_names, foot_contact=np.zeros((frames, 2)))
    nowhere = np.zeros((frames, 29), dtype=bool)
    return RetargetResult(
        motion=motion,
        body_names=("pelvis", "left_ankle"),
        pos_residual_m=np.zeros((frames, 2)),
        rot_residual_rad=np.zeros((frames, 2)),
        scale=0.8,
        contact_regions=("left_foot", "right_foot"),
        stance_spans=(((0, 1000),), ()),
        infeasible_stances=(),
        flight_spans=(),
        at_position_limit=nowhere,
        at_speed_limit=nowhere,
    )


def has(picture, colour):
    return bool((picture == colour).all(axis=-1).any())


def test_a_stance_that_was_let_go_is_red_and_only_then(result):
    gone = InfeasibleStance(region="left_foot", start=0, stop=1000, reason="slid", error_m=0.2)
    assert not has(draw_residuals(result, "clip"), RED)
    assert has(draw_residuals(replace(result, infeasible_stances=(gone,)), "clip"), RED)


def test_one_frame_at_a_limit_among_thousands_is_seen(result):
    """A picture has fewer columns than a clip has frames: the worst of each column must survive."""
    at_limit = np.zeros((3000, 29), dtype=bool)
    at_limit[1234, 5] = True
    assert has(draw_residuals(replace(result, at_speed_limit=at_limit), "clip"), BLUE)


def test_worse_is_darker(result):
    residual = np.array(result.pos_residual_m)
    residual[1500, 1] = 0.1
    fine, bad = draw_residuals(result, "clip"), draw_residuals(replace(result, pos_residual_m=residual), "clip")
    changed = (fine != bad).any(axis=-1)
    assert changed.any() and bad[changed].mean() < fine[changed].mean()


def test_a_written_picture_is_the_drawn_one(result, tmp_path):
    picture = draw_residuals(result, "clip")
    write_picture(tmp_path / "retarget.png", picture)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "retarget.png"))[..., ::-1], picture)
