"""Body and robot are shown by cameras that follow calmly, and a lifted foot is seen to be lifted."""

import numpy as np
import pytest

from pipeline.body import load_body
from pipeline.kfbench import PIECES, perform
from pipeline.render import ViewConfig, body_frames, follow_camera, robot_frames
from pipeline.render.stage import look_at
from robots.exceptions import InvalidArray, JointsDoNotMatch
from robots.g1 import load_g1
from robots.motion import RobotMotion

CONFIG = ViewConfig(width=240, height=270)


def robot_motion(robot, n_frames, *, lift=0.0, names=None):
    qpos = np.tile(robot.default_qpos, (n_frames, 1))
    qpos[:, 2] += lift
    return RobotMotion.from_qpos(
        qpos, fps=30.0, joint_names=names or robot.joint_names, foot_contact=np.ones((n_frames, 2))
    )


def follow(root, **changes):
    given = {"heading": 0.0, "stature": 1.7, "fps": 30.0, "config": CONFIG}
    return follow_camera(root, **{**given, **changes})


@pytest.mark.parametrize("n_frames", [1, 2, 200])
def test_subject_stays_near_the_middle(n_frames):
    """A walk of 1.2 m/s leaves the frame of a fixed camera; the following one may lag, not lose."""
    root = np.column_stack([np.linspace(0, 1.2 * n_frames / 30, n_frames), np.zeros(n_frames), np.full(n_frames, 0.9)])
    pixels, depth = follow(root).project(root[:, None])
    assert (depth > 0).all()
    assert np.abs(pixels[:, 0, 0] - CONFIG.width / 2).max() < 0.15 * CONFIG.width


def test_camera_does_not_shake_with_the_subject():
    """A camera that bobs or jerks would hide skating and jumping."""
    t = np.arange(150) / 30
    root = np.column_stack([0.02 * np.sin(40 * t), np.zeros(150), 0.9 + 0.3 * np.abs(np.sin(5 * t))])
    camera = follow(root)
    assert np.ptp(camera.pos_w[:, 2]) == 0.0
    assert np.linalg.norm(np.diff(camera.pos_w, axis=0), axis=1).max() * 30 < 0.1
    assert np.ptp(camera.R_w2c, axis=0).max() == 0.0


def test_camera_turns_with_the_first_heading():
    """A clip is seen from the front whichever way its world is turned."""
    root = np.array([[2.0, 1.0, 0.9]])
    ahead, turned = follow(root), follow(root, heading=np.pi / 2)
    offset, rotated = (camera.pos_w[0] - root[0] for camera in (ahead, turned))
    np.testing.assert_allclose(rotated[:2], [-offset[1], offset[0]], atol=1e-12)


def test_look_at_is_an_upright_rotation_along_the_line():
    """Third row forward, second row down, and no mirror."""
    direction = np.array([-1.0, 2.0, -0.5])
    R = look_at(direction)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.isclose(np.linalg.det(R), 1.0)
    np.testing.assert_allclose(R @ direction / np.linalg.norm(direction), [0, 0, 1], atol=1e-12)
    assert R[0, 2] == 0.0 and R[1, 2] < 0.0


def subject_rows(frame, empty):
    return np.nonzero((np.abs(frame.astype(int) - empty).sum(axis=2) > 60).any(axis=1))[0]


@pytest.mark.render
def test_robot_lifted_off_the_floor_is_drawn_higher():
    """The camera keeps its height, so that floating shows."""
    robot = load_g1()
    frames = {lift: next(robot_frames(robot, robot_motion(robot, 1, lift=lift), CONFIG)) for lift in (0.0, 0.2, 30.0)}
    down, up = (subject_rows(frames[lift], frames[30.0]) for lift in (0.0, 0.2))
    assert down.min() - up.min() > 10 and down.max() - up.max() > 10
    assert down.min() > 0 and down.max() < CONFIG.height - 1
    assert len(down) > 0.5 * CONFIG.height


@pytest.mark.render
def test_one_frame_for_each_frame_of_the_motion():
    """The side-by-side video is in step only if every view has the motion's frames."""
    body, robot = load_body("open"), load_g1()
    motion = perform(PIECES["dance"], body)
    short = body.motion(30.0, motion.betas, *(x[:5] for x in (motion.global_orient, motion.body_pose, motion.transl)))
    people, robots = list(body_frames(body, short, CONFIG)), list(robot_frames(robot, robot_motion(robot, 5), CONFIG))
    assert len(people) == len(robots) == 5
    assert {(frame.shape, frame.dtype) for frame in people + robots} == {((270, 240, 3), np.dtype(np.uint8))}


def test_motion_of_another_robot_is_refused():
    """Index by name, never by number."""
    robot = load_g1()
    names = ("left_tail_joint", *robot.joint_names[1:])
    with pytest.raises(JointsDoNotMatch, match="left_tail_joint"):
        next(robot_frames(robot, robot_motion(robot, 1, names=names)))


def test_a_view_without_pixels_is_refused():
    """Zero would crash inside OpenGL."""
    with pytest.raises(InvalidArray, match="frame size: is 0 x 270"):
        ViewConfig(width=0, height=270)
